//! Pages on the tape.

use std::sync::Arc;

use oubliette_engine::{EngineError, PageId, PageStore, RawPage};

use super::Tape;

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

impl PageStore for TapePages {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.inner.read(id)
    }

    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        for (id, page) in pages {
            self.tape.other(id);
            self.tape.page(page.as_slice());
        }
        self.inner.write(pages)
    }

    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        self.inner.remove(ids)
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
