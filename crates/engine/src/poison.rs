//! Refusing work after a failure. A failed sync may have dropped dirty pages that the next sync would report as durable, so
//! nothing is tried again in place: the first failure is kept and every later call answers it.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;

use crate::EngineError;
use crate::files::is_full;

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

    /// The same for a write that a full disk cannot have harmed anybody by: want of space passes through.
    pub(crate) fn guard_unless_full<T>(&self, result: Result<T, EngineError>) -> Result<T, EngineError> {
        match result {
            Err(error) if is_full(&error) => Err(error),
            other => self.guard(other),
        }
    }

    /// Runs one operation on code that is not ours. Every failure of the store poisons, damage and a panic included; a
    /// refusal that is the caller's own fault (size, precondition) does not.
    pub(crate) fn run<T>(&self, op: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
        self.check()?;
        let result = catch_unwind(AssertUnwindSafe(op)).unwrap_or_else(|panic| {
            Err(EngineError::Poisoned { reason: format!("panic in the engine: {}", panic_text(&*panic)) })
        });
        match &result {
            Err(EngineError::Poisoned { reason }) => self.set(reason.clone()),
            Err(error) if error.is_failure() => self.set(error.to_string()),
            _ => {}
        }
        result
    }
}

/// The message of a caught panic, as far as it is text.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
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
