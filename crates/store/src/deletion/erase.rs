//! The erasing commit, and what goes with it: by an operator at once, by the job when it is due.

use oubliette_crypto::Handle;
use oubliette_keyring::{
    DeletionRequest, Erasure, ErasureOutcome as Keys, Intent, JobId, Reason, ReceiptSalt, UserId,
    receipt_binding,
};

use crate::subjects::user_id;
use crate::vault::Inner;
use crate::{ErasureOutcome, Vault, VaultError};

impl Vault {
    /// Erases at once: when this returns, the keys are gone from every current store, readers and writers are cancelled, and
    /// what is left of the content, wherever it was copied, is noise. Rows and blobs are removed by [`Vault::sweep`]. One outcome
    /// for each user, in order. Takes the same time whatever the person stored. No cooling-off period and no legal minimum is waited for:
    /// whoever has the vault in hand answers for it. A deletion that was asked for before is the one that is carried out.
    ///
    /// # Errors
    /// [`VaultError::Busy`] if a reader does not let go: of whoever they read, the deletion is durable; call again to wait for its end.
    /// [`VaultError::OldCellWaits`], and then nothing was done: whoever is blocked is not told the salt again.
    pub fn erase(&self, users: &[&str]) -> Result<Vec<ErasureOutcome>, VaultError> {
        if self.inner.wipe_old_cells()? {
            return Err(VaultError::OldCellWaits);
        }
        let mut people = Vec::with_capacity(users.len());
        let mut salts = Vec::with_capacity(users.len());
        for user in users {
            let user = user_id(user)?;
            let now = self.inner.keyring.due_time();
            let (request, salt) = new_request(&user, Reason::UNASKED, now, now, true)?;
            salts.push((request.job, salt));
            people.push(Erasure { user, request, kept_until: 0, at_once: true });
        }
        let outcomes = self.inner.leave(&people)?;
        if outcomes.iter().any(|outcome| matches!(outcome, Keys::InUse(_))) {
            return Err(VaultError::Busy);
        }
        let told = outcomes.into_iter().zip(salts).map(|(outcome, (job, salt))| {
            let receipt = self.inner.erasure_receipt(&outcome)?;
            let ours = matches!(&outcome, Keys::Erased(record) if record.job == Some(job));
            let mut outcome = ErasureOutcome::from(outcome);
            if let ErasureOutcome::Erased(record) | ErasureOutcome::AlreadyErased(record) = &mut outcome {
                record.receipt = receipt;
                record.salt = ours.then_some(salt);
            }
            Ok(outcome)
        });
        told.collect()
    }
}

/// A request with a fresh job, and the salt that its receipt is opened with.
pub(super) fn new_request(
    user: &UserId,
    reason: Reason,
    requested: i64,
    due: i64,
    by_operator: bool,
) -> Result<(DeletionRequest, ReceiptSalt), VaultError> {
    let (job, salt) = (JobId::random()?, ReceiptSalt::generate()?);
    let request = DeletionRequest {
        job,
        binding: receipt_binding(&salt, user.as_bytes(), &job),
        requested,
        due,
        reason,
        by_operator,
        shortened: false,
        blocked: None,
        kept_until: 0,
        overriding: None,
    };
    Ok((request, salt))
}

/// Erasures that were promised durably and whose time has come, by whomever they were begun.
pub(crate) fn unfinished(intents: Vec<Intent>, now: i64) -> Result<Vec<Erasure>, VaultError> {
    let mut people = Vec::new();
    for intent in intents.into_iter().filter(|intent| !intent.held) {
        let request = match intent.request {
            Some(request) if request.kept_until > now => continue,
            Some(request) => request,
            // Damage hides what was asked for. That they are to be erased stands in the key tree.
            None => new_request(&intent.user, Reason::UNASKED, now, now, false)?.0,
        };
        people.push(Erasure { user: intent.user, request, kept_until: 0, at_once: false });
    }
    Ok(people)
}

impl Inner {
    /// Erases, and drops what is kept of these people for speed. While an old cell waits to be wiped they are blocked.
    pub(super) fn leave(&self, people: &[Erasure]) -> Result<Vec<Keys>, VaultError> {
        self.wipe_old_cells()?;
        let mut handles: Vec<_> = people
            .iter()
            .filter_map(|person| self.keyring.even_leaving(&person.user).ok())
            .map(|keys| keys.handle())
            .collect();
        let outcomes = self.keyring.erase_all(people);
        // Whoever was blocked before this call has no subject, but an operation that an earlier call did not wait for may have kept
        // something since.
        handles.extend(outcomes.iter().flatten().filter_map(|outcome| match outcome {
            Keys::Erased(record) | Keys::AlreadyErased(record) => Some(record.handle),
            _ => None,
        }));
        // Also after an error: it may have come after the erasure was durable, and what was kept is only kept for speed.
        for handle in handles {
            self.names.forget_person(handle);
            self.conversations.forget_person(handle);
            self.usages.forget_person(handle);
        }
        // Nobody is told of an erasure before its receipt is durable.
        self.issue_receipts()?;
        Ok(outcomes?)
    }

    /// Takes people off the sweep queue whose rows are gone, and issues the final receipts that can be.
    pub(crate) fn leave_queue(&self, swept: &[Handle]) -> Result<(), VaultError> {
        // Whoever leaves the queue has a receipt, and beside an old cell none is issued.
        if !swept.is_empty() && !self.old_cells_wait() {
            self.issue_receipts()?;
            self.keyring.swept(swept)?;
        }
        self.issue_final_receipts().map(drop)
    }
}
