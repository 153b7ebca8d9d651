//! Rows on the tape.

use std::sync::Arc;

use oubliette_engine::{Batch, Engine, EngineError, Precondition, Row, Sizes, VerifyReport};

use super::{Tape, off};

/// An engine whose batches are written down before they are applied, refused ones and those that the power cut included.
pub struct TapeEngine {
    inner: Arc<dyn Engine>,
    tape: Arc<Tape>,
}

impl TapeEngine {
    /// Records what goes into `inner`.
    pub fn new(inner: Arc<dyn Engine>, tape: Arc<Tape>) -> Self {
        Self { inner, tape }
    }

    /// Every row that `inner` has now.
    pub fn current(&self) -> Result<Vec<Row>, EngineError> {
        self.inner.range(&[0], &[u8::MAX; 64], usize::MAX, false)
    }
}

impl Engine for TapeEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.tape.other(key);
        self.inner.get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError> {
        self.tape.other(from);
        self.tape.other(to);
        self.inner.range(from, to, limit, reverse)
    }

    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        for (key, value) in &batch.ops {
            match value {
                Some(value) => self.tape.row(key, value),
                None => self.tape.other(key),
            }
        }
        for precondition in &batch.preconditions {
            match precondition {
                Precondition::Absent(key) | Precondition::Present(key) => self.tape.other(key),
                Precondition::Equals(key, value) => self.tape.row(key, value),
            }
        }
        // Atomic: torn means done without a word, or not done.
        let torn = |tear: super::Tear| drop(tear.takes(0).then(|| self.inner.commit(batch.clone())));
        self.tape.call(|| self.inner.commit(batch.clone()), torn, off)
    }

    fn verify(&self) -> Result<VerifyReport, EngineError> {
        self.inner.verify()
    }

    fn sizes(&self) -> Result<Sizes, EngineError> {
        self.inner.sizes()
    }

    fn close(&self) -> Result<(), EngineError> {
        self.inner.close()
    }
}
