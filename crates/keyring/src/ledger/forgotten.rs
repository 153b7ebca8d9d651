//! One record of what a deletion forgot (docs/formats.md, section 15): handles and paths, so that whoever brings an older root back
//! forgets the same again before anything is read. A handle is random, and a path is made of numbers: nobody is named.

use oubliette_crypto::{Handle, Path, Tag, VaultId};
use sha2::{Digest, Sha256};

use crate::codec::{Malformed, Reader};

const MAGIC: &[u8; 4] = b"OUBF";
const VERSION: u8 = 1;
/// Bytes before the lists.
const HEAD: usize = 44;
/// Check and length at the end.
const TAIL: usize = 20;

/// What one deletion forgot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Forgotten {
    /// The vault.
    pub vault: VaultId,
    /// The first generation that cannot open it.
    pub generation: u64,
    /// Seconds since the Unix epoch.
    pub time: i64,
    /// People who were erased.
    pub erased: Vec<Handle>,
    /// Of erased people whose state was lost, so that nobody knew their handle any more: where it stands in the key tree.
    pub erased_at: Vec<Tag>,
    /// What was cut from the trees of others.
    pub cuts: Vec<(Handle, Vec<Path>)>,
}

impl Forgotten {
    /// The length of the shortest record.
    pub(super) const SHORTEST: usize = HEAD + 3 * 4 + TAIL;

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        // More than 2^32 of anything stands in no commit.
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX).to_be_bytes();
        let mut bytes = [
            MAGIC.as_slice(),
            &[0; 4],
            &[VERSION, 0, 0, 0],
            self.vault.as_bytes(),
            &self.generation.to_be_bytes(),
            &self.time.to_be_bytes(),
        ]
        .concat();
        bytes.extend(count(self.erased.len()));
        self.erased.iter().for_each(|handle| bytes.extend(handle.as_bytes()));
        bytes.extend(count(self.erased_at.len()));
        self.erased_at.iter().for_each(|tag| bytes.extend(tag.0));
        bytes.extend(count(self.cuts.len()));
        for (handle, paths) in &self.cuts {
            bytes.extend(handle.as_bytes());
            bytes.extend(count(paths.len()));
            for path in paths {
                bytes.push(u8::try_from(path.len()).unwrap_or(u8::MAX));
                bytes.extend(path.packed());
            }
        }
        let length = count(bytes.len() + TAIL);
        bytes.iter_mut().skip(4).zip(length).for_each(|(to, from)| *to = from);
        let check = Sha256::digest(&bytes);
        bytes.extend(check.iter().take(16));
        bytes.extend(length);
        bytes
    }

    /// The record that these bytes are, all of them.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let length = u32::try_from(bytes.len()).map_err(|_| Malformed)?;
        let (checked, tail) = bytes.split_at_checked(bytes.len().wrapping_sub(TAIL)).ok_or(Malformed)?;
        let mut tail = Reader::new(tail);
        if Sha256::digest(checked).get(..16).ok_or(Malformed)? != tail.take(16)? || tail.u32()? != length {
            return Err(Malformed);
        }
        let mut fields = Reader::new(checked);
        if fields.array()? != *MAGIC || fields.u32()? != length || fields.u8()? != VERSION {
            return Err(Malformed);
        }
        fields.zeros(3)?;
        let mut record = Self {
            vault: VaultId(fields.array()?),
            generation: fields.u64()?,
            time: fields.i64()?,
            erased: Vec::new(),
            erased_at: Vec::new(),
            cuts: Vec::new(),
        };
        for _ in 0..fields.u32()? {
            record.erased.push(Handle(fields.array()?));
        }
        for _ in 0..fields.u32()? {
            record.erased_at.push(Tag(fields.array()?));
        }
        for _ in 0..fields.u32()? {
            let handle = Handle(fields.array()?);
            let mut paths = Vec::new();
            for _ in 0..fields.u32()? {
                let bits = fields.u8()?;
                let packed = fields.take(usize::from(bits).div_ceil(8))?;
                paths.push(Path::unpack(bits, packed).ok_or(Malformed)?);
            }
            record.cuts.push((handle, paths));
        }
        fields.end()?;
        Ok(record)
    }

    /// The record at the beginning of these bytes, and its length.
    pub(super) fn first(bytes: &[u8]) -> Result<(Self, usize), Malformed> {
        let mut head = Reader::new(bytes);
        if head.array()? != *MAGIC {
            return Err(Malformed);
        }
        let length = head.u32()? as usize;
        Ok((Self::decode(bytes.get(..length).ok_or(Malformed)?)?, length))
    }

    /// Where the next record may begin, at or after a place.
    pub(super) fn next_place(bytes: &[u8], from: usize) -> Option<usize> {
        let rest = bytes.get(from..)?;
        rest.windows(MAGIC.len()).position(|at| at == MAGIC).map(|at| from + at)
    }
}
