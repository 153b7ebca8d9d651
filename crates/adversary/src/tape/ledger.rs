//! The ledger of roots on the tape.

use std::sync::Arc;

use oubliette_keyring::{LedgerError, RootLedger, RootRecord};

use super::Tape;

/// A ledger whose records are written down.
pub struct TapeLedger {
    inner: Arc<dyn RootLedger>,
    tape: Arc<Tape>,
}

impl TapeLedger {
    /// Records what goes into `inner`.
    pub fn new(inner: Arc<dyn RootLedger>, tape: Arc<Tape>) -> Self {
        Self { inner, tape }
    }
}

impl RootLedger for TapeLedger {
    fn append(&self, record: &RootRecord) -> Result<(), LedgerError> {
        self.tape.other(&record.encode());
        self.inner.append(record)
    }

    fn find(&self, generation_after: u64) -> Result<Option<RootRecord>, LedgerError> {
        self.inner.find(generation_after)
    }

    fn verify(&self) -> Result<Vec<String>, LedgerError> {
        self.inner.verify()
    }

    fn last(&self) -> Result<u64, LedgerError> {
        self.inner.last()
    }
}
