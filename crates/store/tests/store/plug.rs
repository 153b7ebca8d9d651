//! Stores that count what is asked of them, and that lose power after so many calls, all at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};

use oubliette_crypto::{CellShare, PageId, VaultId};
use oubliette_engine::{Batch, Engine, EngineError, PageStore, RawPage, Row, Sizes, VerifyReport};
use oubliette_keyring::{
    CellError, CellState, ErasureClass, Forgotten, LedgerError, MemoryCell, RootCell, RootLedger,
    RootPointer, RootRecord, Settled,
};

/// Calls that make something durable until the power goes, and what was written so far.
#[derive(Default)]
pub(crate) struct Power {
    left: AtomicI64,
    calls: AtomicU64,
    bytes: AtomicU64,
}

impl Power {
    pub(crate) fn without_end() -> Arc<Self> {
        Self::for_calls(i64::MAX)
    }

    pub(crate) fn for_calls(calls: i64) -> Arc<Self> {
        Arc::new(Self { left: AtomicI64::new(calls), ..Self::default() })
    }

    /// Calls and bytes since the last time.
    pub(crate) fn take(&self) -> (u64, u64) {
        (self.calls.swap(0, Ordering::SeqCst), self.bytes.swap(0, Ordering::SeqCst))
    }

    pub(crate) fn is_on(&self) -> bool {
        self.left.load(Ordering::SeqCst) > 0
    }

    fn step(&self, bytes: usize) -> bool {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.bytes.fetch_add(bytes as u64, Ordering::SeqCst);
        self.left.fetch_sub(1, Ordering::SeqCst) > 0
    }

    fn engine(&self, bytes: usize) -> Result<(), EngineError> {
        self.step(bytes).then_some(()).ok_or_else(|| EngineError::Poisoned { reason: "no power".into() })
    }

    fn cell(&self, bytes: usize) -> Result<(), CellError> {
        self.step(bytes).then_some(()).ok_or(CellError::Misuse { detail: "no power" })
    }
}

pub(crate) struct Pages(pub(crate) Arc<dyn PageStore>, pub(crate) Arc<Power>);

impl PageStore for Pages {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.0.read(id)
    }
    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        self.1.engine(pages.len() * 1024)?;
        self.0.write(pages)
    }
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        self.1.engine(0)?;
        self.0.remove(ids)
    }
    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.0.for_each_id(visit)
    }
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        self.0.read_copy(id, n)
    }
    fn copies(&self) -> usize {
        1
    }
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        self.0.mend(id, n, page)
    }
    fn ill(&self) -> Vec<String> {
        Vec::new()
    }
    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

pub(crate) struct Cell(pub(crate) Arc<MemoryCell>, pub(crate) Arc<Power>);

impl RootCell for Cell {
    fn vault(&self) -> VaultId {
        self.0.vault()
    }
    fn share_index(&self) -> u8 {
        self.0.share_index()
    }
    fn shares(&self) -> u8 {
        self.0.shares()
    }
    fn read(&self) -> Result<CellState, CellError> {
        self.0.read()
    }
    fn point(&self, pointer: &RootPointer) -> Result<(), CellError> {
        self.1.cell(8192)?;
        self.0.point(pointer)
    }
    fn stage(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError> {
        self.1.cell(20_480)?;
        self.0.stage(epoch, share, pointer)
    }
    fn confirm(&self) -> Result<(), CellError> {
        self.1.cell(20_480)?;
        self.0.confirm()
    }
    fn withdraw(&self) -> Result<(), CellError> {
        self.1.cell(20_480)?;
        self.0.withdraw()
    }
    fn class(&self) -> ErasureClass {
        ErasureClass::E0
    }
}

pub(crate) struct Ledger(pub(crate) Arc<dyn RootLedger>, pub(crate) Arc<Power>);

impl RootLedger for Ledger {
    fn append(&self, record: &RootRecord) -> Result<(), LedgerError> {
        if self.1.step(128) {
            self.0.append(record)
        } else {
            Err(LedgerError::OutOfOrder { last: 0, got: 0 })
        }
    }
    fn forget(&self, forgotten: &Forgotten) -> Result<(), LedgerError> {
        if self.1.step(forgotten.encode().len()) {
            self.0.forget(forgotten)
        } else {
            Err(LedgerError::OutOfOrder { last: 0, got: 0 })
        }
    }
    fn forgotten(&self, after: u64) -> Result<Vec<Forgotten>, LedgerError> {
        self.0.forgotten(after)
    }
    fn settle_forgotten(&self, last: u64) -> Result<Settled, LedgerError> {
        self.0.settle_forgotten(last)
    }
    fn places(&self) -> Result<u64, LedgerError> {
        self.0.places()
    }
    fn find(&self, generation_after: u64) -> Result<Option<RootRecord>, LedgerError> {
        self.0.find(generation_after)
    }
    fn after(&self, generation: u64) -> Result<Vec<RootRecord>, LedgerError> {
        self.0.after(generation)
    }
    fn verify(&self) -> Result<Vec<String>, LedgerError> {
        self.0.verify()
    }
}

pub(crate) struct Rows(pub(crate) Arc<dyn Engine>, pub(crate) Arc<Power>);

impl Engine for Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.0.get(key)
    }
    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError> {
        self.0.range(from, to, limit, reverse)
    }
    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        self.1.engine(0)?;
        self.0.commit(batch)
    }
    fn verify(&self) -> Result<VerifyReport, EngineError> {
        self.0.verify()
    }
    fn sizes(&self) -> Result<Sizes, EngineError> {
        self.0.sizes()
    }
    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}
