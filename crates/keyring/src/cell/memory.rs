//! A cell in memory, for tests and for the adversary that seizes it.

use std::sync::{Mutex, PoisonError};

use oubliette_crypto::{CellShare, VaultId};
use zeroize::Zeroize;

use super::block::{BlockCell, Medium};
use super::format::{CELL_SIZE, Header};
use super::{CellError, CellState, ErasureClass, RootCell, RootPointer};

/// The file cell's bytes and rules, without a file. Share it by `Arc` to open a keyring over the same cell again.
pub struct MemoryCell(BlockCell<Bytes>);

impl MemoryCell {
    /// An empty cell for the only share of `vault`.
    pub fn new(vault: VaultId) -> Self {
        Self::split(vault, 0, 1)
    }
    /// An empty cell for share `index` of `shares`; an index that is not below `shares` counts as the last.
    pub fn split(vault: VaultId, index: u8, shares: u8) -> Self {
        let shares = shares.max(1);
        let header = Header { vault, index: index.min(shares - 1), shares };
        let mut image = header.encode();
        image.resize(CELL_SIZE, 0);
        Self(BlockCell { medium: Bytes(Mutex::new(image)), header })
    }
    /// A cell that stands in for one that is lost, at the epoch of this pointer: its share is drawn here and opens nothing.
    pub(crate) fn standing_in(
        vault: VaultId,
        index: u8,
        shares: u8,
        pointer: &RootPointer,
    ) -> Result<Self, CellError> {
        let cell = Self::split(vault, index, shares);
        cell.0.fill(pointer.epoch, &CellShare::generate()?, pointer)?;
        Ok(cell)
    }
    /// Makes an empty cell hold what a settled one of the same share held.
    pub fn adopt_state(&self, state: &CellState) -> Result<(), CellError> {
        self.0.adopt(state)
    }
    /// Every byte the cell holds now: what a seizure would find.
    pub fn image(&self) -> Vec<u8> {
        self.0.medium.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
    /// A cell with these bytes.
    pub fn from_image(image: Vec<u8>) -> Result<Self, CellError> {
        BlockCell::open(Bytes(Mutex::new(image))).map(Self)
    }
}

impl RootCell for MemoryCell {
    fn vault(&self) -> VaultId {
        self.0.vault()
    }
    fn share_index(&self) -> u8 {
        self.0.header.index
    }
    fn shares(&self) -> u8 {
        self.0.header.shares
    }
    fn read(&self) -> Result<CellState, CellError> {
        self.0.read()
    }
    fn point(&self, pointer: &RootPointer) -> Result<(), CellError> {
        self.0.point(pointer)
    }
    fn stage(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError> {
        self.0.stage(epoch, share, pointer)
    }
    fn confirm(&self) -> Result<(), CellError> {
        self.0.confirm()
    }
    fn withdraw(&self) -> Result<(), CellError> {
        self.0.withdraw()
    }
    fn class(&self) -> ErasureClass {
        ErasureClass::E0
    }
}

struct Bytes(Mutex<Vec<u8>>);

impl Medium for Bytes {
    fn read_at(&self, offset: usize, out: &mut [u8]) -> Result<(), CellError> {
        let image = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let bytes = image.get(offset..).and_then(|rest| rest.get(..out.len()));
        out.copy_from_slice(bytes.ok_or(CellError::Misuse { detail: "the image is too short" })?);
        Ok(())
    }
    fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<(), CellError> {
        let mut image = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let place = image.get_mut(offset..).and_then(|rest| rest.get_mut(..bytes.len()));
        place.ok_or(CellError::Misuse { detail: "the image is too short" })?.copy_from_slice(bytes);
        Ok(())
    }
    fn not_kept(&self, what: &'static str) -> CellError {
        CellError::NotKept { what, path: "(memory)".into() }
    }
    fn foreign(&self, detail: &'static str) -> CellError {
        CellError::Format { path: "(memory)".into(), detail }
    }
}

impl Drop for Bytes {
    fn drop(&mut self) {
        self.0.get_mut().unwrap_or_else(PoisonError::into_inner).zeroize();
    }
}
