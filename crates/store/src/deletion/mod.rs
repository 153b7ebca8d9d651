//! A person's deletion, from the wish to the last row (docs/deletion.md).

mod due;
mod erase;
mod overriding;
mod request;
mod run;
mod state;

pub(crate) use due::Due;
pub(crate) use erase::unfinished;
pub use overriding::{Approval, Override};
pub use request::{Asked, NewDeletion};
pub use run::{DeletionRun, DeletionStep, StoreOutcome};
pub use state::{DeletionInfo, DeletionState};

/// Settings of the deletion job.
#[derive(Debug, Clone, Copy)]
pub struct DeletionOptions {
    /// Days for which a deletion can be taken back, where the request asks for no more; 7.
    pub cooling_off_days: u32,
}

impl Default for DeletionOptions {
    fn default() -> Self {
        Self { cooling_off_days: 7 }
    }
}

const DAY: i64 = 24 * 3600;
