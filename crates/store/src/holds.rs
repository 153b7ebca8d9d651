//! Legal holds: while one stands, nothing of the person's tree is cut, whoever asks for it.

use oubliette_keyring::{Hold, MAX_HOLD_ID, MAX_HOLD_REASON, RestrictionChange};

use crate::person::Person;
use crate::subjects::user_id;
use crate::{Vault, VaultError, check};

/// One person's legal holds.
#[derive(Clone)]
pub struct Holds {
    pub(crate) person: Person,
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
    /// The legal holds of a person, also of one whose deletion is due and waits for just them.
    ///
    /// # Errors
    /// [`VaultError::SubjectUnknown`], [`VaultError::SubjectBlocked`], [`VaultError::SubjectErased`].
    pub fn holds(&self, user: &str) -> Result<Holds, VaultError> {
        let keys = self.inner.keyring.even_leaving(&user_id(user)?)?;
        Ok(Holds { person: Person { vault: self.inner.clone(), keys } })
    }
}

impl Holds {
    /// Places a hold, or changes the one of this name; true if it is new. Durable when it returns: no deletion that comes later cuts anything.
    ///
    /// # Errors
    /// [`VaultError::Invalid`]; [`VaultError::TooLarge`] for more than 64 holds.
    pub fn place(&self, id: &str, hold: &NewHold) -> Result<(HoldInfo, bool), VaultError> {
        check::length("hold", id, 1, MAX_HOLD_ID)?;
        check::short("reason", hold.reason.as_deref(), MAX_HOLD_REASON)?;
        let now = self.person.vault.due_time();
        if hold.expires.is_some_and(|expires| expires <= now) {
            return Err(VaultError::invalid("expires", "must be in the future"));
        }
        let standing =
            self.person.keys.restrictions().holds.get(id).filter(|hold| hold.stands(seconds(now))).cloned();
        let placed = Hold {
            reason: hold.reason.clone().unwrap_or_default(),
            since: standing.as_ref().map_or(seconds(now), |hold| hold.since),
            // Up to the end of the second: it must not end early.
            expires: hold.expires.map(|expires| seconds(expires.saturating_add(999_999))),
        };
        let info = info(id, &placed);
        self.person.restrict(RestrictionChange::PlaceHold(id.to_owned(), placed))?;
        self.person.vault.deletions.look_again();
        Ok((info, standing.is_none()))
    }

    /// Lifts a hold. If it was the last one, what was deleted meanwhile is cut when this returns.
    ///
    /// # Errors
    /// [`VaultError::NotFound`].
    pub fn lift(&self, id: &str) -> Result<(), VaultError> {
        let before = self.person.keys.restrictions();
        if !before.holds.contains_key(id) {
            return Err(VaultError::NotFound { what: "hold" });
        }
        let lifted = self.person.restrict(RestrictionChange::LiftHold(id.to_owned()));
        self.person.vault.deletions.look_again();
        lifted?;
        if !before.waiting.is_empty() {
            self.person.vault.tidied.begin_again();
        }
        Ok(())
    }

    /// The holds that stand, by name.
    ///
    /// # Errors
    /// [`VaultError::SubjectErased`] and its like.
    pub fn list(&self) -> Result<Vec<HoldInfo>, VaultError> {
        self.person.keys.check()?;
        let now = seconds(self.person.vault.due_time());
        let restrictions = self.person.keys.restrictions();
        Ok(restrictions
            .holds
            .iter()
            .filter(|(_, hold)| hold.stands(now))
            .map(|(id, hold)| info(id, hold))
            .collect())
    }
}

fn info(id: &str, hold: &Hold) -> HoldInfo {
    let micros = |seconds: i64| u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000);
    HoldInfo {
        id: id.to_owned(),
        reason: Some(hold.reason.clone()).filter(|reason| !reason.is_empty()),
        since: micros(hold.since),
        expires: hold.expires.map(micros),
    }
}

fn seconds(micros: u64) -> i64 {
    i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX)
}
