//! The root cell, the one thing that forgets: its shares are not on the tape. Its pointers, which are no secrets, are: the
//! adversary may have read them at any time.

use std::sync::Arc;

use oubliette_crypto::{CellShare, VaultId};
use oubliette_keyring::{CellError, CellState, ErasureClass, RootCell, RootPointer};

use super::Tape;

/// A cell whose pointers are written down. What it holds is seized as raw bytes, by whoever knows where they are.
pub struct TapeCell {
    inner: Arc<dyn RootCell>,
    tape: Arc<Tape>,
}

impl TapeCell {
    /// Records the pointers that go into `inner`.
    pub fn new(inner: Arc<dyn RootCell>, tape: Arc<Tape>) -> Self {
        Self { inner, tape }
    }
}

impl RootCell for TapeCell {
    fn vault(&self) -> VaultId {
        self.inner.vault()
    }

    fn share_index(&self) -> u8 {
        self.inner.share_index()
    }

    fn shares(&self) -> u8 {
        self.inner.shares()
    }

    fn read(&self) -> Result<CellState, CellError> {
        self.inner.read()
    }

    fn point(&self, pointer: &RootPointer) -> Result<(), CellError> {
        self.tape.other(&pointer.encode());
        self.inner.point(pointer)
    }

    fn stage(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError> {
        self.tape.other(&pointer.encode());
        self.inner.stage(epoch, share, pointer)
    }

    fn confirm(&self) -> Result<(), CellError> {
        self.inner.confirm()
    }

    fn withdraw(&self) -> Result<(), CellError> {
        self.inner.withdraw()
    }

    fn class(&self) -> ErasureClass {
        self.inner.class()
    }

    fn release(&self) {
        self.inner.release();
    }
}
