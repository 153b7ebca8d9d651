//! The stored form (docs/formats.md, section 4).

use std::collections::{BTreeMap, BTreeSet};

use oubliette_crypto::{Handle, Path};
use zeroize::Zeroizing;

use super::Restrictions;
use crate::codec::{Malformed, Reader};
use crate::person::{DeletionRequest, Hold};

const VERSION: u8 = 1;
const FOLLOW_PLAY_OFF: u8 = 1;
const FOREIGN: u8 = 2;
/// Bits of the shortest path: a class.
const SHORTEST: u8 = 8;

impl Restrictions {
    /// The stored form; empty when nothing is restricted.
    pub(in crate::person) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let mut bytes = Zeroizing::new(Vec::new());
        if *self == Self::default() {
            return Ok(bytes);
        }
        let flags = (u8::from(self.follow_play_off) * FOLLOW_PLAY_OFF) | (u8::from(self.foreign) * FOREIGN);
        bytes.extend_from_slice(&[VERSION, flags]);
        bytes.extend_from_slice(&self.birth_year.unwrap_or(0).to_be_bytes());
        bytes.extend_from_slice(&short(self.withdrawn.len())?);
        for purpose in &self.withdrawn {
            bytes.push(byte(purpose.len())?);
            bytes.extend_from_slice(purpose.as_bytes());
        }
        let peers = u32::try_from(self.blocked_peers.len()).map_err(|_| Malformed)?;
        bytes.extend_from_slice(&peers.to_be_bytes());
        self.blocked_peers.iter().for_each(|peer| bytes.extend_from_slice(peer.as_bytes()));
        bytes.push(byte(self.holds.len())?);
        for (id, hold) in &self.holds {
            bytes.push(byte(id.len())?);
            bytes.extend_from_slice(id.as_bytes());
            bytes.extend_from_slice(&hold.since.to_be_bytes());
            bytes.extend_from_slice(&hold.expires.unwrap_or(i64::MAX).to_be_bytes());
            bytes.extend_from_slice(&short(hold.reason.len())?);
            bytes.extend_from_slice(hold.reason.as_bytes());
        }
        bytes.extend_from_slice(&short(self.waiting.len())?);
        for (path, due) in self.waiting.iter() {
            bytes.extend_from_slice(&due.to_be_bytes());
            bytes.push(byte(path.len())?);
            bytes.extend_from_slice(path.packed());
        }
        bytes.push(self.deletion.is_some().into());
        if let Some(deletion) = &self.deletion {
            deletion.put(&mut bytes);
        }
        Ok(bytes)
    }

    pub(in crate::person) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut fields = Reader::new(bytes);
        let (VERSION, flags @ 0..=3) = (fields.u8()?, fields.u8()?) else {
            return Err(Malformed);
        };
        let birth_year = Some(fields.u16()?).filter(|year| *year != 0);
        let mut restrictions = Self {
            follow_play_off: flags & FOLLOW_PLAY_OFF != 0,
            foreign: flags & FOREIGN != 0,
            birth_year,
            ..Self::default()
        };
        for _ in 0..fields.u16()? {
            let length = fields.u8()?;
            ascending(&mut restrictions.withdrawn, text(&mut fields, length.into())?)?;
        }
        for _ in 0..fields.u32()? {
            ascending(&mut restrictions.blocked_peers, Handle(fields.array()?))?;
        }
        for _ in 0..fields.u8()? {
            let length = fields.u8()?;
            let id = text(&mut fields, length.into())?;
            let (since, expires) = (fields.i64()?, fields.i64()?);
            let length = fields.u16()?;
            let reason = text(&mut fields, length.into())?;
            let hold = Hold { reason, since, expires: (expires != i64::MAX).then_some(expires) };
            ascending_key(&mut restrictions.holds, id, hold)?;
        }
        for _ in 0..fields.u16()? {
            let due = fields.i64()?;
            let bits = fields.u8()?;
            let packed = fields.take(usize::from(bits).div_ceil(8))?;
            let path = Path::unpack(bits, packed).filter(|_| bits >= SHORTEST).ok_or(Malformed)?;
            ascending_key(&mut restrictions.waiting.0, path, due)?;
        }
        restrictions.deletion = match fields.u8()? {
            0 => None,
            1 => Some(DeletionRequest::take(&mut fields)?),
            _ => return Err(Malformed),
        };
        fields.end()?;
        if restrictions == Self::default() { Err(Malformed) } else { Ok(restrictions) }
    }
}

fn byte(n: usize) -> Result<u8, Malformed> {
    u8::try_from(n).map_err(|_| Malformed)
}

fn short(n: usize) -> Result<[u8; 2], Malformed> {
    u16::try_from(n).map(u16::to_be_bytes).map_err(|_| Malformed)
}

fn text(fields: &mut Reader<'_>, length: usize) -> Result<String, Malformed> {
    std::str::from_utf8(fields.take(length)?).map(str::to_owned).map_err(|_| Malformed)
}

fn ascending<T: Ord>(set: &mut BTreeSet<T>, item: T) -> Result<(), Malformed> {
    if set.last().is_some_and(|last| *last >= item) {
        return Err(Malformed);
    }
    set.insert(item);
    Ok(())
}

fn ascending_key<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) -> Result<(), Malformed> {
    if map.last_key_value().is_some_and(|(last, _)| *last >= key) {
        return Err(Malformed);
    }
    map.insert(key, value);
    Ok(())
}
