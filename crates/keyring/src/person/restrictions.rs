//! What restricts a person stands in their state, which no backup of rows can roll back.

use std::collections::BTreeSet;

use oubliette_crypto::Handle;
use zeroize::Zeroizing;

use crate::codec::{Malformed, Reader};
use crate::error::KeyringError;

const VERSION: u8 = 1;
const FOLLOW_PLAY_OFF: u8 = 1;
/// Most bytes in the name of a consent purpose.
const MAX_PURPOSE: usize = 255;
/// Most withdrawn purposes.
const MAX_WITHDRAWN: usize = 4096;
/// Most blocked peers.
const MAX_BLOCKED: usize = 100_000;

/// A person's restrictions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// The person switched follow play off.
    pub follow_play_off: bool,
    /// Purposes whose consent was withdrawn.
    pub withdrawn: BTreeSet<String>,
    /// Handles of blocked peers.
    pub blocked_peers: BTreeSet<Handle>,
}

/// One change of a person's restrictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestrictionChange {
    /// Follow play on (`true`) or off.
    FollowPlay(bool),
    /// Refuse this peer.
    BlockPeer(Handle),
    /// Accept this peer again.
    UnblockPeer(Handle),
    /// Consent for this purpose was withdrawn.
    WithdrawConsent(String),
    /// Consent for this purpose was given (again).
    GiveConsent(String),
}

impl Restrictions {
    /// Applies a change; false if nothing changed.
    pub(crate) fn apply(&mut self, change: RestrictionChange) -> Result<bool, KeyringError> {
        let changed = match change {
            RestrictionChange::FollowPlay(on) => std::mem::replace(&mut self.follow_play_off, !on) == on,
            RestrictionChange::BlockPeer(peer) => self.blocked_peers.insert(peer),
            RestrictionChange::UnblockPeer(peer) => self.blocked_peers.remove(&peer),
            RestrictionChange::WithdrawConsent(purpose) => {
                limit("a purpose in bytes", purpose.len(), MAX_PURPOSE)?;
                self.withdrawn.insert(purpose)
            }
            RestrictionChange::GiveConsent(purpose) => self.withdrawn.remove(&purpose),
        };
        limit("the number of withdrawn purposes", self.withdrawn.len(), MAX_WITHDRAWN)?;
        limit("the number of blocked peers", self.blocked_peers.len(), MAX_BLOCKED)?;
        Ok(changed)
    }

    /// The stored form; empty when nothing is restricted.
    pub(super) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, Malformed> {
        let mut bytes = Zeroizing::new(Vec::new());
        if *self == Self::default() {
            return Ok(bytes);
        }
        let purposes = u16::try_from(self.withdrawn.len()).map_err(|_| Malformed)?;
        let peers = u32::try_from(self.blocked_peers.len()).map_err(|_| Malformed)?;
        bytes.push(VERSION);
        bytes.push(if self.follow_play_off { FOLLOW_PLAY_OFF } else { 0 });
        bytes.extend_from_slice(&purposes.to_be_bytes());
        for purpose in &self.withdrawn {
            bytes.push(u8::try_from(purpose.len()).map_err(|_| Malformed)?);
            bytes.extend_from_slice(purpose.as_bytes());
        }
        bytes.extend_from_slice(&peers.to_be_bytes());
        self.blocked_peers.iter().for_each(|peer| bytes.extend_from_slice(peer.as_bytes()));
        Ok(bytes)
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        if bytes.is_empty() {
            return Ok(Self::default());
        }
        let mut fields = Reader::new(bytes);
        let (VERSION, flags @ (0 | FOLLOW_PLAY_OFF)) = (fields.u8()?, fields.u8()?) else {
            return Err(Malformed);
        };
        let mut restrictions = Self { follow_play_off: flags == FOLLOW_PLAY_OFF, ..Self::default() };
        for _ in 0..fields.u16()? {
            let length = fields.u8()?;
            let purpose = std::str::from_utf8(fields.take(length.into())?).map_err(|_| Malformed)?;
            ascending(&mut restrictions.withdrawn, purpose.to_owned())?;
        }
        for _ in 0..fields.u32()? {
            ascending(&mut restrictions.blocked_peers, Handle(fields.array()?))?;
        }
        fields.end()?;
        if restrictions == Self::default() { Err(Malformed) } else { Ok(restrictions) }
    }
}

fn ascending<T: Ord>(set: &mut BTreeSet<T>, item: T) -> Result<(), Malformed> {
    if set.last().is_some_and(|last| *last >= item) {
        return Err(Malformed);
    }
    set.insert(item);
    Ok(())
}

fn limit(what: &'static str, got: usize, allowed: usize) -> Result<(), KeyringError> {
    if got > allowed { Err(KeyringError::TooLarge { what, got, allowed }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn one_set_has_one_encoding(
            follow_play_off: bool,
            withdrawn in prop::collection::btree_set("[a-z]{0,20}", 0..5),
            peers in prop::collection::btree_set(any::<[u8; 16]>(), 0..5),
            at: prop::sample::Index,
            flip in 1u8..,
        ) {
            let blocked_peers = peers.into_iter().map(Handle).collect();
            let restrictions = Restrictions { follow_play_off, withdrawn, blocked_peers };
            let mut bytes = restrictions.encode().unwrap().to_vec();
            prop_assert_eq!(Restrictions::decode(&bytes), Ok(restrictions.clone()));
            if !bytes.is_empty() {
                prop_assert_eq!(Restrictions::decode(&bytes[..bytes.len() - 1]), Err(Malformed));
                let at = at.index(bytes.len());
                bytes[at] ^= flip;
                if let Ok(other) = Restrictions::decode(&bytes) {
                    prop_assert_eq!(other.encode().unwrap().to_vec(), bytes);
                }
            }
        }
    }

    #[test]
    fn changes_say_whether_they_changed_anything() {
        let mut restrictions = Restrictions::default();
        let peer = Handle([1; 16]);
        for (change, changed) in [
            (RestrictionChange::FollowPlay(true), false),
            (RestrictionChange::FollowPlay(false), true),
            (RestrictionChange::FollowPlay(false), false),
            (RestrictionChange::BlockPeer(peer), true),
            (RestrictionChange::BlockPeer(peer), false),
            (RestrictionChange::UnblockPeer(peer), true),
            (RestrictionChange::WithdrawConsent("steam".into()), true),
            (RestrictionChange::GiveConsent("steam".into()), true),
            (RestrictionChange::FollowPlay(true), true),
        ] {
            assert_eq!(restrictions.apply(change).unwrap(), changed);
        }
        assert_eq!(restrictions, Restrictions::default());
        let long = RestrictionChange::WithdrawConsent("x".repeat(256));
        assert!(matches!(restrictions.apply(long), Err(KeyringError::TooLarge { got: 256, .. })));
    }
}
