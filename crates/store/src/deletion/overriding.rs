//! What a deletion overrides takes two people: one asks, another one says yes to exactly that.

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use oubliette_crypto::labels::DELETION_OVERRIDE;
use oubliette_keyring::{Deletion as Found, JobId, Overriding, UserId};
use sha2::{Digest, Sha256};

use super::DeletionInfo;
use crate::subjects::user_id;
use crate::times::micros;
use crate::{Vault, VaultError};

/// How long the second person has, in seconds.
pub(super) const APPROVAL: i64 = 24 * 3600;

/// What is overridden. Times are microseconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Override {
    /// The cooling-off period.
    pub cooling_off: bool,
    /// Legal holds.
    pub holds: bool,
    /// When the deletion is due once approved.
    pub due: u64,
    /// When it was asked for.
    pub asked: u64,
    /// From when on nobody may approve it any more.
    pub expires: u64,
    /// What the second person approves, in hexadecimal: it changes with anything of this, with the job and the person.
    pub digest: String,
    /// Whether they did.
    pub approved: bool,
}

/// The second person's yes.
#[derive(Debug, Clone)]
pub struct Approval {
    /// The job, in hexadecimal.
    pub job: String,
    /// [`Override::digest`].
    pub digest: String,
    /// Who says so, by whatever name nobody else has.
    pub by: String,
}

impl Override {
    pub(super) fn of(user: &UserId, job: &JobId, what: &Overriding) -> Self {
        Self {
            cooling_off: what.cooling_off,
            holds: what.holds,
            due: micros(what.due),
            asked: micros(what.asked),
            expires: micros(what.expires),
            digest: HEXLOWER.encode(&digest(user, job, what)),
            approved: what.approved.is_some(),
        }
    }
}

/// All that is approved (docs/deletion.md, "Overriding").
fn digest(user: &UserId, job: &JobId, what: &Overriding) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(DELETION_OVERRIDE);
    hash.update(job.as_bytes());
    hash.update((user.as_bytes().len() as u64).to_be_bytes());
    hash.update(user.as_bytes());
    hash.update([u8::from(what.cooling_off), u8::from(what.holds)]);
    for moment in [what.due, what.asked, what.expires] {
        hash.update(moment.to_be_bytes());
    }
    hash.update(what.by);
    hash.finalize().into()
}

/// A person's name as it stands in the state.
pub(super) fn digest_of_person(name: &str) -> [u8; 16] {
    let hash: [u8; 32] =
        Sha256::new_with_prefix(DELETION_OVERRIDE).chain_update(b"/by").chain_update(name).finalize().into();
    hash.first_chunk().copied().unwrap_or_default()
}

impl Vault {
    /// A deletion with what waits for a second person's yes, so that they see what they approve.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if nothing waits; [`VaultError::SubjectUnknown`].
    pub fn deletion_to_approve(&self, user: &str) -> Result<DeletionInfo, VaultError> {
        let now = micros(self.inner.keyring.due_time());
        let none = VaultError::NotFound { what: "deletion that waits for approval" };
        let waits = |what: &Override| !what.approved && now < what.expires;
        match self.deletion(user) {
            Ok(info) if info.overriding.as_ref().is_some_and(waits) => Ok(info),
            Ok(_) | Err(VaultError::NotFound { .. }) => Err(none),
            Err(error) => Err(error),
        }
    }

    /// The second person says yes: the deletion is due as it was asked for, and carried out in this call if it is due now.
    ///
    /// # Errors
    /// [`VaultError::ApprovalMismatch`] if something else waits for approval, or too long; [`VaultError::SecondPersonRequired`]; [`VaultError::NotFound`].
    pub fn approve_deletion(&self, user: &str, approval: &Approval) -> Result<DeletionInfo, VaultError> {
        let user = user_id(user)?;
        let keyring = &self.inner.keyring;
        let none = VaultError::NotFound { what: "deletion that waits for approval" };
        let Found::Requested(requested) = keyring.deletion(&user)? else { return Err(none) };
        let (job, Some(what)) = (requested.request.job, requested.request.overriding) else {
            return Err(none);
        };
        if what.approved.is_some() {
            return Err(none);
        }
        let said = HEXLOWER_PERMISSIVE.decode(approval.digest.as_bytes()).unwrap_or_default();
        let expired = what.expires <= keyring.due_time();
        if approval.job != job.to_string() || said != digest(&user, &job, &what) || expired {
            return Err(VaultError::ApprovalMismatch);
        }
        let by = digest_of_person(&approval.by);
        if approval.by.is_empty() || by == what.by {
            return Err(VaultError::SecondPersonRequired);
        }
        if !keyring.approve_deletion(&keyring.even_leaving(&user)?, job, &what, by)? {
            return Err(VaultError::ApprovalMismatch);
        }
        self.inner.deletions.look_again();
        self.delete_one(&user)?;
        self.deletion(user.as_str())
    }
}
