//! A ledger in memory, for tests.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use super::{Forgotten, LedgerError, RootLedger, RootRecord, Settled};

/// Records that end with the process.
#[derive(Default)]
pub struct MemoryLedger(Mutex<BTreeMap<u64, RootRecord>>, Mutex<BTreeMap<u64, Forgotten>>);

impl MemoryLedger {
    /// An empty ledger.
    pub fn new() -> Self {
        Self::default()
    }
}

impl RootLedger for MemoryLedger {
    fn append(&self, record: &RootRecord) -> Result<(), LedgerError> {
        let mut records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let got = record.generation_after;
        if let Some((last, _)) = records.last_key_value().filter(|(last, _)| **last >= got) {
            return Err(LedgerError::OutOfOrder { last: *last, got });
        }
        records.insert(got, record.clone());
        Ok(())
    }
    fn forget(&self, forgotten: &Forgotten) -> Result<(), LedgerError> {
        let mut noted = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        let _undone = noted.split_off(&forgotten.generation);
        noted.insert(forgotten.generation, forgotten.clone());
        Ok(())
    }
    fn forgotten(&self, after: u64) -> Result<Vec<Forgotten>, LedgerError> {
        let noted = self.1.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(noted.range(after + 1..).map(|(_, forgotten)| forgotten.clone()).collect())
    }
    fn settle_forgotten(&self, last: u64) -> Result<Settled, LedgerError> {
        let _undone = self.1.lock().unwrap_or_else(PoisonError::into_inner).split_off(&(last + 1));
        Ok(Settled::default())
    }
    fn places(&self) -> Result<u64, LedgerError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).len() as u64)
    }
    fn find(&self, generation_after: u64) -> Result<Option<RootRecord>, LedgerError> {
        Ok(self.0.lock().unwrap_or_else(PoisonError::into_inner).get(&generation_after).cloned())
    }
    fn after(&self, generation: u64) -> Result<Vec<RootRecord>, LedgerError> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let later = (std::ops::Bound::Excluded(generation), std::ops::Bound::Unbounded);
        Ok(records.range(later).map(|(_, record)| record.clone()).collect())
    }
    fn verify(&self) -> Result<Vec<String>, LedgerError> {
        Ok(Vec::new())
    }
    fn last(&self) -> Result<u64, LedgerError> {
        let records = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(records.last_key_value().map_or(0, |(generation, _)| *generation))
    }
}
