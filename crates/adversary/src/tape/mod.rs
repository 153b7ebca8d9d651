//! The tape: a storage that never forgets. Wrappers around every store write down each byte on its way in, and nothing is ever
//! taken off. They are also where a call can be torn by a power cut, and where somebody can strike between two calls.

mod blobs;
mod cell;
mod engine;
mod ledger;
mod moments;
mod pages;

pub use blobs::TapeBlobs;
pub use cell::TapeCell;
pub use engine::TapeEngine;
pub use ledger::TapeLedger;
pub use moments::Tear;
pub use pages::TapePages;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oubliette_engine::EngineError;

use crate::evidence::Evidence;
use moments::{Moments, Step};

/// Everything ever written through the wrappers that share this tape.
#[derive(Default)]
pub struct Tape {
    recorded: Mutex<Recorded>,
    moments: Moments,
}

#[derive(Default)]
struct Recorded {
    rows: HashSet<(Vec<u8>, Vec<u8>)>,
    blobs: Vec<(Vec<u8>, Vec<u8>)>,
    pages: HashSet<Vec<u8>>,
    other: HashSet<Vec<u8>>,
}

impl Tape {
    /// An empty tape.
    pub fn new() -> Self {
        Self::default()
    }

    /// A copy of all that stands on it.
    pub fn evidence(&self) -> Evidence {
        let recorded = self.lock();
        Evidence {
            rows: recorded.rows.iter().cloned().collect(),
            blobs: recorded.blobs.clone(),
            pages: recorded.pages.iter().cloned().collect(),
            other: recorded.other.iter().cloned().collect(),
            ..Evidence::default()
        }
    }

    /// Adds a row.
    pub fn row(&self, key: &[u8], value: &[u8]) {
        self.lock().rows.insert((key.to_vec(), value.to_vec()));
    }

    /// Adds a sealed page.
    pub fn page(&self, page: &[u8]) {
        self.lock().pages.insert(page.to_vec());
    }

    /// Adds bytes of any other kind.
    pub fn other(&self, bytes: &[u8]) {
        self.lock().other.insert(bytes.to_vec());
    }

    /// Lets the power go within the call after `calls` more that change a store. Until [`Tape::power`] nothing is written any more.
    pub fn cut_after(&self, calls: u64, tear: Tear) {
        self.moments.cut_after(calls, tear);
    }

    /// Whether the power is gone.
    pub fn is_off(&self) -> bool {
        self.moments.is_off()
    }

    /// Brings the power back and calls off a cut that did not come yet.
    pub fn power(&self) {
        self.moments.power();
    }

    /// From now on `strike` is called after every call that changes a store, with their number since now, on the thread that made the call.
    pub fn on_call(&self, strike: Option<Arc<dyn Fn(u64) + Send + Sync>>) {
        self.moments.on_call(strike);
    }

    fn blob(&self, reference: Vec<u8>, bytes: Vec<u8>) {
        self.lock().blobs.push((reference, bytes));
    }

    /// One call that changes a store: whole, torn as `torn` does it, or not at all.
    fn call<T, E>(
        &self,
        whole: impl FnOnce() -> Result<T, E>,
        torn: impl FnOnce(Tear),
        off: impl FnOnce() -> E,
    ) -> Result<T, E> {
        match self.moments.begin() {
            Step::Whole => {
                let done = whole();
                self.moments.end();
                return done;
            }
            Step::Torn(tear) => torn(tear),
            Step::Off => {}
        }
        Err(off())
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.recorded.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const GONE: &str = "the power is gone";

fn off() -> EngineError {
    EngineError::Poisoned { reason: GONE.to_owned() }
}
