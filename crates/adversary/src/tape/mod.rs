//! The tape: a storage that never forgets. Wrappers around every store write down each byte on its way in, and nothing is ever
//! taken off.

mod blobs;
mod cell;
mod engine;
mod ledger;
mod pages;

pub use blobs::TapeBlobs;
pub use cell::TapeCell;
pub use engine::TapeEngine;
pub use ledger::TapeLedger;
pub use pages::TapePages;

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::evidence::Evidence;

/// Everything ever written through the wrappers that share this tape.
#[derive(Default)]
pub struct Tape(Mutex<Recorded>);

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

    fn blob(&self, reference: Vec<u8>, bytes: Vec<u8>) {
        self.lock().blobs.push((reference, bytes));
    }

    fn lock(&self) -> MutexGuard<'_, Recorded> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
