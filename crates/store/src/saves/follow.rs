//! Follow play, the follower's half: reading the newest version of a slot that its owner shares.
//!
//! Whoever asks in vain learns nothing: one answer for an owner who does not exist, left, blocks the asker or switched follow play off, for a
//! slot that does not exist and for one that is not shared. The same look-ups are made in each of these cases: where there is no owner, in the asker's
//! own names.

use oubliette_crypto::Class;
use oubliette_keyring::KeyLease;

use super::share::Stored;
use super::{SaveReader, Saves, forgotten_is_absent, slot_name};
use crate::VaultError;
use crate::names::Name;
use crate::person::Person;
use crate::profile::slot_share;
use crate::rows::Run;
use crate::subjects::user_id;

const NOT_SHARED: VaultError = VaultError::NotFound { what: "shared save" };

/// By what a follower reads. Asked again at every piece.
pub(super) struct Permit {
    owner: Person,
    follower: Person,
    /// Of the share itself: its cut waits until the reader let go.
    lease: KeyLease,
    share: Stored,
}

impl Permit {
    pub(super) fn stands(&self) -> bool {
        !self.lease.cancelled()
            && !self.share.is_over(|| self.owner.vault.latest_time())
            && self.owner.keys.check().is_ok()
            && self.follower.keys.check().is_ok()
            && self.owner.lets_follow(&self.follower)
    }
}

impl Saves {
    /// The newest version of a slot that `owner` shares with this person. Nothing of the owner's is changed by it. The reader ends when the share
    /// does: by revocation, expiry, the owner's switch, a block, or the erasure of either. What the owner noted with the version
    /// ([`SaveInfo::meta`](super::SaveInfo::meta)) is not shown: it may name their devices.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] in every case in which it is not shared with this person.
    pub fn follow(&self, owner: &str, game: &str, slot: &str) -> Result<SaveReader, VaultError> {
        let name = slot_name(game, slot)?;
        let owner = user_id(owner)?;
        self.person.keys.check()?;
        let owner = self.person.vault.keyring.subject(&owner).ok();
        let owner = owner.map(|keys| Person { vault: self.person.vault.clone(), keys });
        let permit = self.permit(owner.as_ref().unwrap_or(&self.person), &name);
        let (Some(owner), Some((permit, compartment))) = (owner, permit?) else { return Err(NOT_SHARED) };
        let theirs = Self { person: owner };
        let found = forgotten_is_absent((|| {
            let run = Run::items(Class::Saves, compartment);
            let (place, row) = theirs.person.newest(run)?.ok_or(NOT_SHARED)?;
            let (mut info, opened) = theirs.open(&name, place, &row)?;
            info.meta = None;
            Ok(SaveReader { info, content: opened.into_content()?, permit: Some(permit) })
        })());
        match found {
            Ok(reader) if reader.cancelled() => Err(NOT_SHARED),
            Err(
                VaultError::NotFound { .. } | VaultError::SubjectErased { .. } | VaultError::SubjectBlocked,
            ) => Err(NOT_SHARED),
            other => other,
        }
    }

    /// By what this person may read the owner's slot of this name, and which compartment that is.
    fn permit(&self, owner: &Person, name: &Name) -> Result<Option<(Permit, u32)>, VaultError> {
        let found = unseen(owner.named(Class::Saves, name))?.flatten();
        let compartment = found.map_or(1, |entry| entry.compartment);
        let run = slot_share(compartment)?;
        let shared = match unseen(owner.one::<Stored>(run))?.flatten() {
            Some((share, opened)) => Some((share, opened.into_lease())),
            // As much work as to open one.
            None => {
                unseen(owner.key(run.at(1)).map(drop))?;
                None
            }
        };
        let lets = owner.lets_follow(&self.person);
        let Some((share, lease)) = shared.filter(|_| found.is_some() && lets) else { return Ok(None) };
        if !share.includes(self.person.handle()) {
            return Ok(None);
        }
        let (owner, follower) = (owner.clone(), self.person.clone());
        Ok(Some((Permit { owner, follower, lease, share }, compartment)))
    }
}

/// What goes wrong with the owner's data before the asker is known to be let in must not show.
fn unseen<T>(looked: Result<T, VaultError>) -> Result<Option<T>, VaultError> {
    match looked {
        Ok(found) => Ok(Some(found)),
        Err(VaultError::Corrupt { what }) => {
            tracing::warn!(what, "a share could not be looked up; run fsck");
            Ok(None)
        }
        Err(VaultError::Forgotten | VaultError::SubjectErased { .. } | VaultError::SubjectBlocked) => {
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

impl Person {
    /// Whether the owner's switch and block list let this person follow.
    fn lets_follow(&self, follower: &Self) -> bool {
        let restrictions = self.keys.restrictions();
        !restrictions.follow_play_off && !restrictions.blocked_peers.contains(&follower.handle())
    }
}
