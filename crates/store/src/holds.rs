//! Legal holds: while one stands, nothing of the person's tree is cut, whoever asks for it.

use std::collections::BTreeMap;
use std::sync::Arc;

use oubliette_keyring::{
    Deletion, Hold, Intent, KeyringError, MAX_HOLD_ID, MAX_HOLD_REASON, RestrictionChange,
};

use crate::person::Person;
use crate::subjects::user_id;
use crate::times::{micros, seconds};
use crate::vault::Inner;
use crate::{Vault, VaultError, check};

/// One person's legal holds.
#[derive(Clone)]
pub struct Holds {
    of: Of,
}

#[derive(Clone)]
enum Of {
    Living(Person),
    /// Somebody whose content the law has kept although their deletion has begun.
    Blocked(Arc<Inner>, Box<Intent>),
}

/// A hold to be placed.
#[derive(Clone, Default)]
pub struct NewHold {
    /// Why, at most 1,024 bytes. Kept in the person's state alone.
    pub reason: Option<String>,
    /// When it ends by itself, in microseconds since 1970; never if not said.
    pub expires: Option<u64>,
}

/// Not why.
impl std::fmt::Debug for NewHold {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewHold").field("expires", &self.expires).finish_non_exhaustive()
    }
}

/// A hold.
#[derive(Clone, PartialEq, Eq)]
pub struct HoldInfo {
    /// Its name.
    pub id: String,
    /// See [`NewHold::reason`].
    pub reason: Option<String>,
    /// When it was placed, in microseconds since 1970.
    pub since: u64,
    /// See [`NewHold::expires`].
    pub expires: Option<u64>,
}

/// Not why.
impl std::fmt::Debug for HoldInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HoldInfo")
            .field("since", &self.since)
            .field("expires", &self.expires)
            .finish_non_exhaustive()
    }
}

impl Vault {
    /// The legal holds of a person, also of one whose deletion is due or has begun: a hold may still come while the law has their content kept.
    ///
    /// # Errors
    /// [`VaultError::SubjectUnknown`], [`VaultError::SubjectErased`].
    pub fn holds(&self, user: &str) -> Result<Holds, VaultError> {
        let user = user_id(user)?;
        match self.inner.keyring.even_leaving(&user) {
            Ok(keys) => Ok(Holds::of(Person { vault: self.inner.clone(), keys })),
            Err(KeyringError::Blocked) => match self.inner.keyring.deletion(&user)? {
                Deletion::Blocked(intent) => {
                    Ok(Holds { of: Of::Blocked(self.inner.clone(), Box::new(intent)) })
                }
                _ => Err(VaultError::SubjectBlocked),
            },
            Err(error) => Err(error.into()),
        }
    }
}

impl Holds {
    pub(crate) fn of(person: Person) -> Self {
        Self { of: Of::Living(person) }
    }

    /// Places a hold, or changes the one of this name; true if it is new. Durable when it returns: no deletion that comes later cuts anything.
    ///
    /// # Errors
    /// [`VaultError::Invalid`]; [`VaultError::TooLarge`] for more than 64 holds.
    pub fn place(&self, id: &str, hold: &NewHold) -> Result<(HoldInfo, bool), VaultError> {
        check::length("hold", id, 1, MAX_HOLD_ID)?;
        check::short("reason", hold.reason.as_deref(), MAX_HOLD_REASON)?;
        let now = self.vault().due_time();
        if hold.expires.is_some_and(|expires| expires <= now) {
            return Err(VaultError::invalid("expires", "must be in the future"));
        }
        let standing = self.all()?.remove(id).filter(|hold| hold.stands(seconds(now)));
        let placed = Hold {
            reason: hold.reason.clone().unwrap_or_default(),
            since: standing.as_ref().map_or(seconds(now), |hold| hold.since),
            // Up to the end of the second: it must not end early.
            expires: hold.expires.map(|expires| seconds(expires.saturating_add(999_999))),
        };
        let info = info(id, &placed);
        self.change(RestrictionChange::PlaceHold(id.to_owned(), placed))?;
        Ok((info, standing.is_none()))
    }

    /// Lifts a hold. If it was the last one, what was deleted meanwhile is cut when this returns.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Busy`] if somebody still reads what is cut.
    pub fn lift(&self, id: &str) -> Result<(), VaultError> {
        if !self.all()?.contains_key(id) {
            return Err(VaultError::NotFound { what: "hold" });
        }
        let anything_waits = match &self.of {
            Of::Living(person) => !person.keys.restrictions().waiting.is_empty(),
            Of::Blocked(..) => false,
        };
        self.change(RestrictionChange::LiftHold(id.to_owned()))?;
        if anything_waits {
            self.vault().tidied.begin_again();
        }
        Ok(())
    }

    /// The holds that stand, by name.
    ///
    /// # Errors
    /// [`VaultError::SubjectErased`] and its like.
    pub fn list(&self) -> Result<Vec<HoldInfo>, VaultError> {
        let now = seconds(self.vault().due_time());
        let standing = self.all()?.into_iter().filter(|(_, hold)| hold.stands(now));
        Ok(standing.map(|(id, hold)| info(&id, &hold)).collect())
    }

    fn vault(&self) -> &Arc<Inner> {
        match &self.of {
            Of::Living(person) => &person.vault,
            Of::Blocked(vault, _) => vault,
        }
    }

    /// Those that are over may be among them.
    fn all(&self) -> Result<BTreeMap<String, Hold>, VaultError> {
        match &self.of {
            Of::Living(person) => {
                person.keys.check()?;
                Ok(person.keys.restrictions().holds.clone())
            }
            Of::Blocked(vault, intent) => match vault.keyring.deletion(&intent.user)? {
                Deletion::Blocked(intent) => Ok(intent.holds),
                Deletion::Erased { fence, .. } => {
                    Err(VaultError::SubjectErased { erased_at: micros(fence.erased_at) })
                }
                Deletion::Requested(_) | Deletion::None => Err(VaultError::SubjectUnknown),
            },
        }
    }

    fn change(&self, change: RestrictionChange) -> Result<(), VaultError> {
        let changed = match &self.of {
            Of::Living(person) => person.restrict(change),
            Of::Blocked(vault, intent) => {
                vault.keyring.hold_blocked(intent, change).map_err(VaultError::from)
            }
        };
        // Whoever leaves may be kept by it, or free to go now.
        self.vault().deletions.look_again();
        changed
    }
}

fn info(id: &str, hold: &Hold) -> HoldInfo {
    HoldInfo {
        id: id.to_owned(),
        reason: Some(hold.reason.clone()).filter(|reason| !reason.is_empty()),
        since: micros(hold.since),
        expires: hold.expires.map(micros),
    }
}
