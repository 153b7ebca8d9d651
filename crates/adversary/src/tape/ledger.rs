//! The ledger of roots on the tape.

use std::sync::Arc;

use oubliette_keyring::{Forgotten, LedgerError, RootLedger, RootRecord, Settled};

use super::{GONE, Tape, Tear};

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

fn gone() -> LedgerError {
    let source = std::io::Error::other(GONE);
    LedgerError::Io { op: "appending", path: "(tape)".into(), source }
}

impl RootLedger for TapeLedger {
    fn append(&self, record: &RootRecord) -> Result<(), LedgerError> {
        self.tape.other(&record.encode());
        let torn = |tear: Tear| drop(tear.takes(0).then(|| self.inner.append(record)));
        self.tape.call(|| self.inner.append(record), torn, gone)
    }

    fn forget(&self, forgotten: &Forgotten) -> Result<(), LedgerError> {
        self.tape.other(&forgotten.encode());
        let torn = |tear: Tear| drop(tear.takes(0).then(|| self.inner.forget(forgotten)));
        self.tape.call(|| self.inner.forget(forgotten), torn, gone)
    }

    fn forgotten(&self, after: u64) -> Result<Vec<Forgotten>, LedgerError> {
        self.inner.forgotten(after)
    }

    fn settle_forgotten(&self, last: u64) -> Result<Settled, LedgerError> {
        let torn = |tear: Tear| drop(tear.takes(0).then(|| self.inner.settle_forgotten(last)));
        self.tape.call(|| self.inner.settle_forgotten(last), torn, gone)
    }

    fn places(&self) -> Result<u64, LedgerError> {
        self.inner.places()
    }

    fn find(&self, generation_after: u64) -> Result<Option<RootRecord>, LedgerError> {
        self.inner.find(generation_after)
    }

    fn verify(&self) -> Result<Vec<String>, LedgerError> {
        self.inner.verify()
    }

    fn after(&self, generation: u64) -> Result<Vec<RootRecord>, LedgerError> {
        self.inner.after(generation)
    }

    fn last(&self) -> Result<u64, LedgerError> {
        self.inner.last()
    }
    fn settle(&self, deletions: u64, newest: &RootRecord) -> Result<Settled, LedgerError> {
        self.tape.other(&newest.encode());
        let torn = |tear: Tear| drop(tear.takes(0).then(|| self.inner.settle(deletions, newest)));
        self.tape.call(|| self.inner.settle(deletions, newest), torn, gone)
    }
}
