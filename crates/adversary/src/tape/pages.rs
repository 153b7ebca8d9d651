//! Pages on the tape.

use std::sync::Arc;

use oubliette_engine::{EngineError, PageId, PageStore, RawPage};

use super::{Tape, Tear, off};

/// What a disk writes whole.
const SECTOR: usize = 512;

/// A page store (one for each copy of a mirror) whose pages are written down.
pub struct TapePages {
    inner: Arc<dyn PageStore>,
    tape: Arc<Tape>,
}

impl TapePages {
    /// Records what goes into `inner`.
    pub fn new(inner: Arc<dyn PageStore>, tape: Arc<Tape>) -> Self {
        Self { inner, tape }
    }

    /// Every page that `inner` has now.
    pub fn current(&self) -> Result<Vec<Vec<u8>>, EngineError> {
        let mut ids = Vec::new();
        self.inner.for_each_id(&mut |id| ids.push(id))?;
        let pages = ids.iter().map(|id| self.inner.read(id));
        pages.filter_map(|page| page.map(|page| page.map(|page| page.to_vec())).transpose()).collect()
    }
}

impl TapePages {
    /// Some of the pages arrive, and of one of them only the first sector.
    fn write_torn(&self, pages: &[(PageId, &RawPage)], tear: Tear) {
        let half = tear.choose(pages.len());
        for (n, (id, page)) in pages.iter().enumerate() {
            let mut page = **page;
            if n == half {
                page.split_at_mut(SECTOR).1.fill(0);
            } else if !tear.takes(n) {
                continue;
            }
            drop(self.inner.write(&[(*id, &page)]));
        }
    }
}

impl PageStore for TapePages {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.inner.read(id)
    }

    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        for (id, page) in pages {
            self.tape.other(id);
            self.tape.page(page.as_slice());
        }
        self.tape.call(|| self.inner.write(pages), |tear| self.write_torn(pages, tear), off)
    }

    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        let some = |tear: Tear| {
            let ids: Vec<PageId> =
                (0..).zip(ids).filter(|(n, _)| tear.takes(*n)).map(|(_, id)| *id).collect();
            drop(self.inner.remove(&ids));
        };
        self.tape.call(|| self.inner.remove(ids), some, off)
    }

    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.inner.for_each_id(visit)
    }

    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        self.inner.read_copy(id, n)
    }

    fn copies(&self) -> usize {
        self.inner.copies()
    }

    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        self.tape.page(page);
        self.inner.mend(id, n, page)
    }

    fn ill(&self) -> Vec<String> {
        self.inner.ill()
    }

    fn close(&self) -> Result<(), EngineError> {
        self.inner.close()
    }
}
