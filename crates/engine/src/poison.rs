<<<<<<< HEAD
//! Refusing work after a failure. A failed sync may have dropped dirty pages that the next sync would report as durable, so
//! nothing is tried again in place: the first failure is kept and every later call answers it.

=======
//! The switch that no call turns back: after a failure a store refuses work until it is opened again.

use std::panic::{AssertUnwindSafe, catch_unwind};
>>>>>>> 7fd8e90 (One sled folder under the protocol that survived power cuts, for rows and pages alike)
use std::sync::OnceLock;

use crate::EngineError;

<<<<<<< HEAD
/// The first failure of a store, if there was one.
=======
/// Holds the first failure of a store.
>>>>>>> 7fd8e90 (One sled folder under the protocol that survived power cuts, for rows and pages alike)
#[derive(Debug, Default)]
pub(crate) struct Poison(OnceLock<String>);

impl Poison {
<<<<<<< HEAD
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
=======
    /// Refuses if an earlier call failed.
    pub(crate) fn check(&self) -> Result<(), EngineError> {
        match self.0.get() {
            Some(reason) => Err(EngineError::Poisoned { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Records a failure; the first one stays.
    pub(crate) fn set(&self, reason: impl Into<String>) {
        self.0.get_or_init(|| reason.into());
    }

    /// Runs one operation. A failure of the store or a panic inside it poisons; a refusal that is the caller's own
    /// fault (size, precondition) does not.
    pub(crate) fn run<T>(&self, op: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
        self.check()?;
        let result = catch_unwind(AssertUnwindSafe(op)).unwrap_or_else(|panic| {
            Err(EngineError::Poisoned { reason: format!("panic in the engine: {}", panic_text(&*panic)) })
        });
        match &result {
            Err(EngineError::Poisoned { reason }) => self.set(reason.clone()),
            Err(error) if error.is_failure() => self.set(error.to_string()),
            _ => {}
>>>>>>> 7fd8e90 (One sled folder under the protocol that survived power cuts, for rows and pages alike)
        }
        result
    }
}
<<<<<<< HEAD
=======

/// The message of a caught panic, as far as it is text.
pub(crate) fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("no message").chars().take(200).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_failure_stays_and_refusals_do_not_count() {
        let poison = Poison::default();
        assert!(poison.run(|| Err::<(), _>(EngineError::PreconditionFailed { index: 0 })).is_err());
        assert!(poison.check().is_ok());
        let panicked = poison.run(|| -> Result<(), EngineError> { panic!("boom") });
        assert!(matches!(panicked, Err(EngineError::Poisoned { reason }) if reason.contains("boom")));
        let later = poison.run(|| Ok(()));
        assert!(matches!(later, Err(EngineError::Poisoned { reason }) if reason.contains("boom")));
    }
}
>>>>>>> 7fd8e90 (One sled folder under the protocol that survived power cuts, for rows and pages alike)
