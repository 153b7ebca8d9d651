//! Asking for a deletion, and taking it back.

use oubliette_keyring::{Deletion as Found, MAX_DELETION_REASON, Overriding, Reason, ReceiptSalt};

use super::erase::new_request;
use super::overriding::{APPROVAL, digest_of_person};
use super::{DAY, DeletionInfo};
use crate::subjects::user_id;
use crate::times::micros;
use crate::{Vault, VaultError};

/// Most days for which somebody may cool off.
const MAX_DAYS: u32 = 366;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct NewDeletion {
    /// Why, as a word of 1 to 26 bytes of `a-z`, `0-9`, `_`, `-` and `.`: nothing about the person.
    pub reason: String,
    /// Days for which it can be taken back; the vault's own if not said. Fewer than these take a second person's approval.
    pub cooling_off_days: Option<u32>,
    /// Also over legal holds: takes a second person's approval.
    pub override_holds: bool,
    /// Who asks, by whatever name nobody else has (a token's, say). Needed where something is overridden, so that somebody else approves.
    pub by: String,
}

/// The deletion that stands.
#[derive(Debug, Clone)]
pub struct Asked {
    /// How far it has come.
    pub deletion: DeletionInfo,
    /// Told once, by the call that made it: with it, the user id and the job a receipt is shown to be this person's.
    pub salt: Option<ReceiptSalt>,
}

impl Vault {
    /// Whether a request overrides something, and so takes two people.
    pub fn overrides(&self, new: &NewDeletion) -> bool {
        new.override_holds
            || new.cooling_off_days.is_some_and(|days| days < self.inner.settings.deletion.cooling_off_days)
    }

    /// Asks for a person's deletion; durable when it returns. Asked again, the same deletion is answered, without the salt; what the second request
    /// wants overridden is added to it.
    ///
    /// # Errors
    /// [`VaultError::Invalid`]; [`VaultError::SubjectUnknown`].
    pub fn request_deletion(&self, user: &str, new: &NewDeletion) -> Result<Asked, VaultError> {
        let inner = &self.inner;
        let user = user_id(user)?;
        let reason = Reason::new(&new.reason).ok_or_else(|| {
            let allowed =
                format!("must be a word of 1 to {MAX_DELETION_REASON} bytes of a-z, 0-9, `_`, `-` and `.`");
            VaultError::invalid("reason", allowed)
        })?;
        let usual = inner.settings.deletion.cooling_off_days;
        let days = new.cooling_off_days.unwrap_or(usual);
        if days > MAX_DAYS {
            return Err(VaultError::invalid("cooling_off", format!("must be at most {MAX_DAYS} days")));
        }
        let overrides = self.overrides(new);
        if overrides && new.by.is_empty() {
            return Err(VaultError::invalid("by", "must say who asks for something to be overridden"));
        }
        let found = inner.keyring.deletion(&user)?;
        if matches!(found, Found::Blocked(_) | Found::Erased { .. }) {
            let deletion = inner.deletion_info(&user, found).ok_or(VaultError::SubjectUnknown)?;
            return Ok(Asked { deletion, salt: None });
        }
        let keys = inner.keyring.even_leaving(&user)?;
        let now = inner.keyring.due_time();
        let due = now + i64::from(days.max(usual)) * DAY;
        let (mut request, salt) = new_request(&user, reason, now, due, false)?;
        let overriding = |since: i64, due: i64| Overriding {
            cooling_off: days < usual,
            holds: new.override_holds,
            // An override of holds alone leaves the person the time that they asked for.
            due: if days < usual { due.min(since + i64::from(days) * DAY) } else { due },
            asked: now,
            expires: now + APPROVAL,
            by: digest_of_person(&new.by),
            approved: None,
        };
        request.overriding = overrides.then(|| overriding(now, due));
        let job = request.job;
        let standing = inner.keyring.request_deletion(&keys, request)?;
        let ours = standing.job == job;
        if !ours && overrides && standing.approved().is_none_or(|stands| new.override_holds && !stands.holds)
        {
            let wanted = overriding(standing.requested, standing.due);
            let waits = standing.overriding.filter(|waits| {
                waits.approved.is_none()
                    && now < waits.expires
                    && (waits.cooling_off, waits.holds, waits.due)
                        == (wanted.cooling_off, wanted.holds, wanted.due)
            });
            if waits.is_none() {
                inner.keyring.override_deletion(&keys, standing.job, wanted)?;
            }
        }
        inner.deletions.look_at(standing.due);
        Ok(Asked { deletion: self.deletion(user.as_str())?, salt: ours.then_some(salt) })
    }

    /// Takes a deletion back; answers which one. That it was asked for is forgotten.
    ///
    /// # Errors
    /// [`VaultError::DeletionDue`] once the cooling-off period is over; [`VaultError::NotFound`] if none stands; [`VaultError::SubjectErased`].
    pub fn cancel_deletion(&self, user: &str) -> Result<String, VaultError> {
        let user = user_id(user)?;
        let keyring = &self.inner.keyring;
        let job = match keyring.deletion(&user)? {
            Found::Requested(requested) => requested.request.job,
            Found::Blocked(_) => return Err(VaultError::DeletionDue),
            Found::Erased { fence, .. } => {
                return Err(VaultError::SubjectErased { erased_at: micros(fence.erased_at) });
            }
            Found::None => return Err(VaultError::NotFound { what: "deletion" }),
        };
        if keyring.cancel_deletion(&keyring.even_leaving(&user)?, job)? {
            Ok(job.to_string())
        } else {
            Err(VaultError::NotFound { what: "deletion" })
        }
    }
}
