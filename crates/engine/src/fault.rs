//! An engine that breaks at a chosen moment, to test what stands above engines.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::poison::Poison;
use crate::{Batch, Engine, EngineError, Row, Sizes, VerifyReport};

/// What a failing commit leaves behind. The caller is not told, as after a failed sync.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Nothing of the batch.
    Before,
    /// All of the batch.
    After,
}

/// Passes calls on to another engine until one fails; from then on it is poisoned, as the contract demands.
pub struct FaultEngine<E> {
    inner: E,
    calls_left: AtomicU64,
    fault: Fault,
    poison: Poison,
}

impl<E: Engine> FaultEngine<E> {
    /// Fails the call after `calls` good ones (`get`, `range`, `commit`, `verify` and `sizes` count).
    pub fn new(inner: E, calls: u64, fault: Fault) -> Self {
        Self { inner, calls_left: AtomicU64::new(calls), fault, poison: Poison::default() }
    }

    /// The engine behind, as another process would open it after the failure.
    pub fn into_inner(self) -> E {
        self.inner
    }

    fn call<T>(&self, op: impl FnOnce(&E) -> Result<T, EngineError>) -> Result<T, EngineError> {
        self.poison.check()?;
        let good = |left: u64| left.checked_sub(1);
        match self.calls_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, good) {
            Ok(_) => op(&self.inner),
            Err(_) => {
                if self.fault == Fault::After {
                    op(&self.inner)?;
                }
                self.poison.set("a failure made for a test");
                Err(EngineError::io("an operation made to fail", "")(std::io::Error::other(
                    "made for a test",
                )))
            }
        }
    }
}

impl<E: Engine> Engine for FaultEngine<E> {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.call(|inner| inner.get(key))
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError> {
        self.call(|inner| inner.range(from, to, limit, reverse))
    }

    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        self.call(|inner| inner.commit(batch))
    }

    fn verify(&self) -> Result<VerifyReport, EngineError> {
        self.call(Engine::verify)
    }

    fn sizes(&self) -> Result<Sizes, EngineError> {
        self.call(Engine::sizes)
    }

    fn close(&self) -> Result<(), EngineError> {
        self.poison.set("closed");
        self.inner.close()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MemoryEngine;

    #[test]
    fn the_chosen_call_fails_and_all_after_it() {
        for (fault, left) in [(Fault::Before, None), (Fault::After, Some(b"2".to_vec()))] {
            let engine = FaultEngine::new(MemoryEngine::new(), 2, fault);
            let commit = |key: &str, value: &str| {
                let mut batch = Batch::new();
                batch.put(key, value);
                engine.commit(batch)
            };
            commit("a", "1").unwrap();
            assert_eq!(engine.get(b"a").unwrap(), Some(b"1".to_vec()));
            assert!(matches!(commit("b", "2"), Err(EngineError::Io { .. })));
            assert!(matches!(engine.get(b"a"), Err(EngineError::Poisoned { .. })));
            let inner = engine.into_inner();
            assert_eq!(inner.get(b"a").unwrap(), Some(b"1".to_vec()));
            assert_eq!(inner.get(b"b").unwrap(), left);
        }
    }
}
