//! The vault's doors to its receipts and its log.

use std::collections::HashSet;

use data_encoding::HEXLOWER;
use oubliette_keyring::{ErasureOutcome, Intent, SweepEntry};

use super::{ErasedFacts, LogStatus, ReceiptId, ReceiptState};
use crate::subjects::user_id;
use crate::translog::{ConsistencyProof, InclusionProof, Note};
use crate::vault::Inner;
use crate::{Vault, VaultError};

impl Vault {
    /// A receipt, as the signed note it is.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Corrupt`] if it is damaged.
    pub fn receipt(&self, id: &ReceiptId) -> Result<String, VaultError> {
        self.inner.receipts.get(id)?.ok_or(VaultError::NotFound { what: "receipt" })
    }

    /// The receipts that a deletion job has so far, by its number in hexadecimal.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] for what is no number.
    pub fn receipts_of_job(&self, job: &str) -> Result<Vec<(ReceiptState, String)>, VaultError> {
        let id = HEXLOWER.decode(job.as_bytes()).ok().and_then(|id| id.try_into().ok());
        let id = id.ok_or_else(|| VaultError::invalid("job", "must be 32 hexadecimal digits"))?;
        Ok(self.inner.receipts.of_job(&id).into_iter().map(|(state, id)| (state, id.to_string())).collect())
    }

    /// The receipts of somebody who was erased, for as long as the fence tells the user id from one that never was.
    ///
    /// # Errors
    /// Those of the key plane and the ledger.
    pub fn receipts_of_user(&self, user: &str) -> Result<Vec<(ReceiptState, String)>, VaultError> {
        let fence = self.inner.keyring.fence(&user_id(user)?)?;
        let receipts = fence.map(|fence| self.inner.receipts.of_handle(&fence.handle)).transpose()?;
        Ok(receipts.unwrap_or_default().into_iter().map(|(state, id)| (state, id.to_string())).collect())
    }

    /// The newest checkpoint of the log of deletions, with the signatures that witnesses added.
    ///
    /// # Errors
    /// Those of the ledger.
    pub fn log_checkpoint(&self) -> Result<Note, VaultError> {
        self.inner.receipts.checkpoint(&self.inner.keyring)
    }

    /// That the deletion of a receipt stands in the log: as a witness saw it, if one did, else as it is now. It goes through the whole log.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] for no such receipt, or one of state `blocked`; [`VaultError::Corrupt`] if the ledger lost entries.
    pub fn log_proof(&self, id: &ReceiptId) -> Result<InclusionProof, VaultError> {
        let proof = self.inner.receipts.inclusion(&self.inner.keyring, id)?;
        proof.ok_or(VaultError::NotFound { what: "receipt of a deletion" })
    }

    /// That the log of now begins with what it was at a size. It goes through the whole log.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] for a size that it never had; [`VaultError::Corrupt`] if the ledger lost entries.
    pub fn log_consistency(&self, from: u64) -> Result<ConsistencyProof, VaultError> {
        let proof = self.inner.receipts.consistency(&self.inner.keyring, from)?;
        proof.ok_or_else(|| VaultError::invalid("from", "the log never had so many entries"))
    }

    /// Takes a checkpoint of this log that a witness signed. One that this vault does not know is the sign of a rollback, and kept as such.
    ///
    /// # Errors
    /// [`VaultError::Log`].
    pub fn take_cosigned(&self, note: &str) -> Result<(), VaultError> {
        self.inner.receipts.take_cosigned(&self.inner.keyring, note)
    }

    /// How receipts and log are.
    pub fn log_status(&self) -> LogStatus {
        self.inner.receipts.status()
    }
}

impl Inner {
    /// Every destruction of which the sweep queue tells has its receipt when this returns. Called before an erasure is acknowledged, at open, and
    /// before an entry leaves the queue. While an old cell waits none is issued: what a recovery erased again that cell may open.
    pub(crate) fn issue_receipts(&self) -> Result<(), VaultError> {
        let now = self.now();
        if !self.old_cells_wait() {
            let gone: Vec<ErasedFacts> = self.keyring.sweep_queue().into_iter().filter_map(erased).collect();
            self.receipts.issue_erased(&self.keyring, &gone, now)?;
        }
        let going: Vec<ErasedFacts> = self.keyring.intents()?.into_iter().filter_map(blocked).collect();
        self.receipts.issue_blocked(&going, now)
    }

    /// The `erased` receipt of what a call found or did.
    pub(crate) fn erasure_receipt(&self, outcome: &ErasureOutcome) -> Result<Option<String>, VaultError> {
        let (ErasureOutcome::Erased(record) | ErasureOutcome::AlreadyErased(record)) = outcome else {
            return Ok(None);
        };
        match self.receipts.of_erased(&record.handle) {
            Err(VaultError::Corrupt { what }) => {
                tracing::warn!(what, "an erasure is told without its receipt");
                Ok(None)
            }
            found => found,
        }
    }

    /// Everybody whose rows are gone and whom no escrow opens has a `final` receipt when this returns.
    pub(crate) fn issue_final_receipts(&self) -> Result<u64, VaultError> {
        let waiting: HashSet<_> = self.keyring.sweep_queue().into_iter().map(|entry| entry.handle).collect();
        self.receipts.issue_final(&waiting, &|generation| self.final_after(generation), self.now())
    }
}

/// `None` for somebody who was given up as lost: nobody asked for that, and nobody destroyed anything.
fn erased(entry: SweepEntry) -> Option<ErasedFacts> {
    entry.was_asked_for().then(|| ErasedFacts {
        handle: entry.handle,
        job: *entry.job.as_bytes(),
        binding: entry.binding,
        requested: entry.requested,
        blocked: entry.blocked,
        erased: entry.erased,
        generation_after: entry.generation_after,
        leases: entry.leases_drained,
        reason: entry.reason.map_or(String::new(), |reason| reason.as_str().to_owned()),
        by_operator: entry.by_operator,
        no_cooling_off: entry.cooling_off_overridden,
        override_holds: entry.holds_overridden,
        damaged: entry.damaged,
    })
}

/// `None` where damage hides what was asked for.
fn blocked(intent: Intent) -> Option<ErasedFacts> {
    let request = intent.request?;
    Some(ErasedFacts {
        handle: intent.handle,
        job: *request.job.as_bytes(),
        binding: request.binding,
        requested: request.requested,
        blocked: request.blocked?,
        erased: 0,
        generation_after: 0,
        leases: 0,
        reason: request.reason.as_str().to_owned(),
        by_operator: request.by_operator,
        no_cooling_off: request.shortened,
        override_holds: request.overrides_holds(),
        damaged: false,
    })
}
