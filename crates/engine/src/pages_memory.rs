//! Pages in memory: the oracle of the page-store tests, and the store of tests that need no disk.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock};

use crate::{EngineError, PageId, PageStore, RawPage};

/// A [`PageStore`] that forgets everything with the process. `close` keeps the pages, so that a test can open the keyring over
/// it again.
#[derive(Default)]
pub struct MemoryPages {
    pages: RwLock<HashMap<PageId, Box<RawPage>>>,
}

impl MemoryPages {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl PageStore for MemoryPages {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        Ok(self.pages.read().unwrap_or_else(PoisonError::into_inner).get(id).cloned())
    }

    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        let mut held = self.pages.write().unwrap_or_else(PoisonError::into_inner);
        held.extend(pages.iter().map(|(id, page)| (*id, Box::new(**page))));
        Ok(())
    }

    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        let mut held = self.pages.write().unwrap_or_else(PoisonError::into_inner);
        for id in ids {
            held.remove(id);
        }
        Ok(())
    }

    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        let ids: Vec<PageId> =
            self.pages.read().unwrap_or_else(PoisonError::into_inner).keys().copied().collect();
        ids.into_iter().for_each(visit);
        Ok(())
    }

    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        if n == 0 { self.read(id) } else { Ok(None) }
    }

    fn copies(&self) -> usize {
        1
    }

    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        if n == 0 { self.write(&[(*id, page)]) } else { Ok(()) }
    }

    fn ill(&self) -> Vec<String> {
        Vec::new()
    }

    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}
