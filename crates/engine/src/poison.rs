//! Refusing work after a failure. A failed sync may have dropped dirty pages that the next sync would report as durable, so
//! nothing is tried again in place: the first failure is kept and every later call answers it.

use std::sync::OnceLock;

use crate::EngineError;

/// The first failure of a store, if there was one.
#[derive(Debug, Default)]
pub(crate) struct Poison(OnceLock<String>);

impl Poison {
    /// `Poisoned` if an earlier call failed.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        match self.0.get() {
            None => Ok(()),
            Some(reason) => Err(EngineError::Poisoned { reason: reason.clone() }),
        }
    }

    /// Refuses all later work for this reason; the first reason stays.
    pub(crate) fn set(&self, reason: impl Into<String>) {
        let _ = self.0.set(reason.into());
    }

    /// The first failure.
    pub(crate) fn reason(&self) -> Option<&str> {
        self.0.get().map(String::as_str)
    }

    /// Passes a result through; a failed file operation poisons.
    pub(crate) fn guard<T>(&self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        if let Err(error @ EngineError::Io { .. }) = &result {
            self.set(error.to_string());
        }
        result
    }
}
