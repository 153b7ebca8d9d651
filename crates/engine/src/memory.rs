//! The engine contract in memory: for tests, and the model that other engines are compared with.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::contract::{check_batch, counts, judge};
use crate::poison::Poison;
use crate::{Batch, Engine, EngineError, Row, Sizes, VerifyReport};

/// Rows in a sorted map; gone when dropped, so "durable" only as long as the process.
#[derive(Default)]
pub struct MemoryEngine {
    rows: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
    poison: Poison,
}

impl MemoryEngine {
    /// An empty engine.
    pub fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.rows.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<Vec<u8>, Vec<u8>>> {
        self.rows.write().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Engine for MemoryEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.poison.check()?;
        Ok(self.read().get(key).cloned())
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError> {
        self.poison.check()?;
        if from >= to {
            return Ok(Vec::new());
        }
        let rows = self.read();
        let found = rows.range::<[u8], _>((Bound::Included(from), Bound::Excluded(to)));
        let copy = |(key, value): (&Vec<u8>, &Vec<u8>)| (key.clone(), value.clone());
        Ok(if reverse {
            found.rev().take(limit).map(copy).collect()
        } else {
            found.take(limit).map(copy).collect()
        })
    }

    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        self.poison.check()?;
        check_batch(&batch)?;
        let mut rows = self.write();
        judge(&batch, |key| Ok(rows.get(key).cloned()))?;
        for (key, value) in batch.ops {
            match value {
                Some(value) => rows.insert(key, value),
                None => rows.remove(&key),
            };
        }
        Ok(())
    }

    fn verify(&self) -> Result<VerifyReport, EngineError> {
        self.poison.check()?;
        Ok(VerifyReport { rows: self.sizes()?.rows, faults: Vec::new() })
    }

    fn sizes(&self) -> Result<Sizes, EngineError> {
        self.poison.check()?;
        let add = |sizes: Sizes, (key, value): (&Vec<u8>, &Vec<u8>)| Sizes {
            rows: sizes.rows + 1,
            live_bytes: sizes.live_bytes + (key.len() + value.len()) as u64,
            ..sizes
        };
        Ok(self.read().iter().filter(|(key, _)| counts(key)).fold(Sizes::default(), add))
    }

    fn close(&self) -> Result<(), EngineError> {
        self.poison.set("closed");
        Ok(())
    }
}
