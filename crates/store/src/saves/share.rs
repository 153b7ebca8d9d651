//! Follow play, the owner's half: which slots others may continue from. A share permits, so it is an item of the profile: its cut revokes it in every
//! copy, and ends whoever reads by it. Its audience are handles, so that nobody's name stands in another's tree, and whoever comes back
//! after an erasure is somebody else.

use oubliette_crypto::Handle;
use oubliette_keyring::{KeyringError, RestrictionChange};
use serde::{Deserialize, Serialize};

use super::{Saves, slot_name};
use crate::person::Person;
use crate::profile::slot_share;
use crate::subjects::{Subject, user_id};
use crate::{Deletion, VaultError};

/// Most people that one share names.
const MAX_USERS: usize = 256;
const NO_SHARE: VaultError = VaultError::NotFound { what: "share" };

/// Who may follow.
#[derive(Clone, PartialEq, Eq)]
pub enum Audience {
    /// Everybody in the vault.
    Everyone,
    /// These people, by user id; 1 to 256.
    Users(Vec<String>),
}

/// How many, not who.
impl std::fmt::Debug for Audience {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Everyone => f.write_str("Everyone"),
            Self::Users(users) => write!(f, "Users({})", users.len()),
        }
    }
}

/// A slot that others may continue from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Share {
    /// Who may.
    pub audience: Audience,
    /// Until when, in microseconds since 1970.
    pub expires: Option<u64>,
}

/// A share as it stands.
#[derive(Debug, Clone)]
pub struct ShareInfo {
    /// Who may, those who have left omitted; and until when.
    pub share: Share,
    /// When it was given, in microseconds since 1970.
    pub created: u64,
    /// False while the person's own switch is off, and once the time is over.
    pub open: bool,
}

/// The facts of a share (docs/formats.md, section 8).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// Handles in hexadecimal; everybody if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) users: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) expires: Option<u64>,
}

impl Stored {
    pub(super) fn includes(&self, follower: Handle) -> bool {
        self.users.as_ref().is_none_or(|users| users.contains(&follower.to_string()))
    }

    /// Whether its time has come. The time is asked for only where there is one.
    pub(super) fn is_over(&self, now: impl FnOnce() -> u64) -> bool {
        self.expires.is_some_and(|expires| expires <= now())
    }
}

impl Saves {
    /// Lets others continue from the newest version of this slot, in place of an earlier share. True in the answer's second half if there
    /// was none.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] without such a slot; [`VaultError::PeerUnknown`], [`VaultError::PeerGone`] for somebody who is not there;
    /// [`VaultError::Invalid`].
    pub fn share(&self, game: &str, slot: &str, share: &Share) -> Result<(ShareInfo, bool), VaultError> {
        let name = slot_name(game, slot)?;
        let now = self.person.vault.latest_time();
        if share.expires.is_some_and(|expires| expires <= now) {
            return Err(VaultError::invalid("expires", "lies in the past"));
        }
        let users = match &share.audience {
            Audience::Everyone => None,
            Audience::Users(users) if (1..=MAX_USERS).contains(&users.len()) => {
                let handles = users.iter().map(|user| self.audience_of(user));
                let mut handles = handles.collect::<Result<Vec<_>, _>>()?;
                handles.sort_unstable();
                handles.dedup();
                Some(handles.iter().map(Handle::to_string).collect())
            }
            Audience::Users(_) => {
                return Err(VaultError::invalid("users", format!("must name 1 to {MAX_USERS} people")));
            }
        };
        let run = slot_share(self.slot(&name)?.compartment)?;
        let before = self.person.one::<Stored>(run)?.is_some();
        self.person.put_one(run, &Stored { users, expires: share.expires })?;
        Ok((self.shared(game, slot)?, !before))
    }

    /// Who may continue from this slot.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if it is not shared.
    pub fn shared(&self, game: &str, slot: &str) -> Result<ShareInfo, VaultError> {
        let name = slot_name(game, slot)?;
        let run = slot_share(self.slot(&name)?.compartment)?;
        let (stored, opened) = self.person.one::<Stored>(run)?.ok_or(NO_SHARE)?;
        let over = stored.is_over(|| self.person.vault.latest_time());
        let audience = match stored.users {
            None => Audience::Everyone,
            Some(handles) => {
                let users = handles.iter().map(|handle| self.person.user_of(handle));
                let mut users: Vec<String> =
                    users.collect::<Result<Vec<_>, _>>()?.into_iter().flatten().collect();
                users.sort_unstable();
                Audience::Users(users)
            }
        };
        let open = !over && !self.person.keys.restrictions().follow_play_off;
        Ok(ShareInfo { share: Share { audience, expires: stored.expires }, created: opened.created, open })
    }

    /// Ends a share: when this returns nobody reads by it any more.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if the slot is not shared; [`VaultError::Busy`] if a follower's reader does not let go, the share being over
    /// all the same.
    pub fn unshare(&self, game: &str, slot: &str) -> Result<Deletion, VaultError> {
        let name = slot_name(game, slot)?;
        let run = slot_share(self.slot(&name)?.compartment)?;
        self.person.forget_one(run)?.ok_or(NO_SHARE)
    }

    fn audience_of(&self, user: &str) -> Result<Handle, VaultError> {
        let handle = match self.person.vault.keyring.subject(&user_id(user)?) {
            Ok(keys) => keys.handle(),
            Err(KeyringError::Unknown) => return Err(VaultError::PeerUnknown),
            Err(KeyringError::Blocked | KeyringError::Erased { .. }) => return Err(VaultError::PeerGone),
            Err(other) => return Err(other.into()),
        };
        if handle == self.person.handle() {
            return Err(VaultError::invalid("users", "names the person themselves"));
        }
        Ok(handle)
    }
}

impl Person {
    /// The user id behind a handle in hexadecimal; `None` for those who have left.
    fn user_of(&self, handle: &str) -> Result<Option<String>, VaultError> {
        let bytes = data_encoding::HEXLOWER.decode(handle.as_bytes()).ok();
        let Some(handle) = bytes.and_then(|bytes| bytes.try_into().ok()).map(Handle) else { return Ok(None) };
        match self.vault.keyring.subject_by_handle(&handle) {
            Ok(keys) => Ok(Some(keys.user_id().as_str().to_owned())),
            Err(KeyringError::Unknown | KeyringError::Blocked | KeyringError::Erased { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }
}

impl Subject {
    /// The person's own switch: off hides every share at once, and on shows them again. It stands in the person's state, so that no
    /// restored backup turns it on.
    ///
    /// # Errors
    /// Those of the key plane.
    pub fn set_follow_play(&self, on: bool) -> Result<(), VaultError> {
        self.person.restrict(RestrictionChange::FollowPlay(on))
    }

    /// Whether the switch is on, as it is at first.
    ///
    /// # Errors
    /// [`VaultError::SubjectErased`] and its like.
    pub fn follow_play(&self) -> Result<bool, VaultError> {
        let _operation = self.person.enter()?;
        Ok(!self.person.keys.restrictions().follow_play_off)
    }
}
