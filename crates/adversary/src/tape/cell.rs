//! The root cell, the one thing that forgets: its shares are not on the tape. Its pointers, which are no secrets, are: the
//! adversary may have read them at any time.

use std::ops::Range;
use std::sync::Arc;

use oubliette_crypto::{CellShare, VaultId};
use oubliette_keyring::{CellError, CellState, ErasureClass, RootCell, RootPointer};

use super::{GONE, Tape, Tear};
use crate::world::SeizableCell;

const SECTOR: usize = 512;
/// Pointer copies and share slots (docs/formats.md, section 5), in the order in which one call writes them, each synced before the
/// next one is begun.
const WRITES: [Range<usize>; 4] = [4096..8192, 8192..12_288, 16_384..36_864, 36_864..57_344];

/// A cell whose pointers are written down. What it holds is seized as raw bytes, by whoever knows where they are.
pub struct TapeCell {
    inner: SeizableCell,
    tape: Arc<Tape>,
}

impl TapeCell {
    /// Records the pointers that go into `inner`.
    pub fn new(inner: SeizableCell, tape: Arc<Tape>) -> Self {
        Self { inner, tape }
    }

    fn change(&self, change: impl Fn(&dyn RootCell) -> Result<(), CellError>) -> Result<(), CellError> {
        let whole = || change(&*self.inner.cell);
        let torn = |tear| {
            let Ok(before) = (self.inner.image)() else { return };
            let _whatever_it_says_is_not_heard = whole();
            let Ok(after) = (self.inner.image)() else { return };
            let _as_far_as_it_goes = (self.inner.put)(&torn(before, &after, tear));
        };
        self.tape.call(whole, torn, gone)
    }
}

fn gone() -> CellError {
    CellError::Io { op: "writing", path: "(tape)".into(), source: std::io::Error::other(GONE) }
}

/// Of the writes that made `after` of `before` the first ones are done, one is done in some of its sectors, the rest is not begun.
fn torn(mut before: Vec<u8>, after: &[u8], tear: Tear) -> Vec<u8> {
    let differs = |write: &Range<usize>| before.get(write.clone()) != after.get(write.clone());
    let writes: Vec<Range<usize>> = WRITES.into_iter().filter(differs).collect();
    let half = tear.choose(writes.len());
    for (n, write) in writes.into_iter().enumerate().take(half + 1) {
        for sector in write.step_by(SECTOR).filter(|sector| n < half || tear.takes(*sector)) {
            let range = sector..sector + SECTOR;
            if let (Some(to), Some(from)) = (before.get_mut(range.clone()), after.get(range)) {
                to.copy_from_slice(from);
            }
        }
    }
    before
}

impl RootCell for TapeCell {
    fn vault(&self) -> VaultId {
        self.inner.cell.vault()
    }

    fn share_index(&self) -> u8 {
        self.inner.cell.share_index()
    }

    fn shares(&self) -> u8 {
        self.inner.cell.shares()
    }

    fn read(&self) -> Result<CellState, CellError> {
        self.inner.cell.read()
    }

    fn point(&self, pointer: &RootPointer) -> Result<(), CellError> {
        self.tape.other(&pointer.encode());
        self.change(|cell| cell.point(pointer))
    }

    fn stage(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError> {
        self.tape.other(&pointer.encode());
        self.change(|cell| cell.stage(epoch, share, pointer))
    }

    fn confirm(&self) -> Result<(), CellError> {
        self.change(|cell| cell.confirm())
    }

    fn withdraw(&self) -> Result<(), CellError> {
        self.change(|cell| cell.withdraw())
    }

    fn class(&self) -> ErasureClass {
        self.inner.cell.class()
    }

    fn release(&self) {
        self.inner.cell.release();
    }
}
