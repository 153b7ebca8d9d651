//! Pages in sled: the other half of the key plane's mirror, so that one implementation's fault does not take both copies.
//!
//! sled may silently lose what a flipped bit touches (docs/sled.md). Here that is a missing page, which the mirror has. So no
//! anchor watches this folder, and no copy of it is kept before a recovery.

use std::collections::HashSet;
use std::path::Path;
use std::sync::{Mutex, PoisonError, RwLock, RwLockReadGuard};

use crate::sled_folder::{Found, SledFolder};
use crate::{EngineError, MAX_BATCH_OPS, PAGE_SIZE, PageId, PageStore, RawPage, SledOptions};

/// Removed pages that may wait for the next write.
const MAX_PENDING: usize = 4096;
/// Ids read at a time where all are visited.
const STREAM: usize = 1000;

/// A [`PageStore`] in a sled folder of its own.
pub struct SledPages {
    folder: SledFolder,
    /// Held by whoever writes or removes.
    writer: Mutex<()>,
    /// Removed, and deleted from sled with the next write: a removal need not be durable, and so costs no sync.
    removed: RwLock<HashSet<PageId>>,
}

impl SledPages {
    /// Opens or creates the folder.
    pub fn open(path: &Path, options: SledOptions) -> Result<Self, EngineError> {
        let folder = SledFolder::open(path, SledOptions { copy_before_recovery: false, ..options })?;
        Ok(Self { folder, writer: Mutex::new(()), removed: RwLock::default() })
    }

    /// Copies the pages into a fresh folder if this one takes much more space than `pages` pages need. The caller knows about how
    /// many there are: counting them here would read them all.
    pub fn compact_if_bloated(&self, pages: u64) -> Result<(), EngineError> {
        let live = pages.saturating_mul((PAGE_SIZE + size_of::<PageId>()) as u64);
        if self.folder.is_bloated(live)? { self.folder.compact(|_| Ok(())) } else { Ok(()) }
    }

    /// Whether the last process ended without closing. Then sled's recovery may have dropped pages in silence.
    pub fn was_unclean(&self) -> bool {
        self.folder.found() == Found::Unclean
    }

    /// Applies the pages and every pending removal.
    fn apply(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        let mut ops: Vec<(PageId, Option<&[u8]>)> = Vec::new();
        // sled's batch wants each key once, and the last page of an id counts.
        let mut seen = HashSet::new();
        for (id, page) in pages.iter().rev() {
            if seen.insert(*id) {
                ops.push((*id, Some(page.as_slice())));
            }
        }
        let removed: Vec<PageId> = self.removed().iter().copied().collect();
        ops.extend(removed.into_iter().filter(|id| !seen.contains(id)).map(|id| (id, None)));
        // Neighbours share a node of sled's tree, which is then rewritten once and not once for each of them.
        ops.sort_unstable_by_key(|(id, _)| *id);
        for batch in ops.chunks(MAX_BATCH_OPS) {
            self.folder.commit(batch)?;
        }
        // Removals only come in under the writer's lock, so all that stand here were applied or written anew.
        *self.removed.write().unwrap_or_else(PoisonError::into_inner) = HashSet::new();
        Ok(())
    }

    fn removed(&self) -> RwLockReadGuard<'_, HashSet<PageId>> {
        self.removed.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next ids from a key on, which moves behind them; `None` at the end.
    fn next_ids(&self, from: &mut Vec<u8>) -> Result<Option<Vec<PageId>>, EngineError> {
        let removed = self.removed();
        let rows = self.folder.range(from, None, STREAM, false)?;
        let Some((last, _)) = rows.last() else { return Ok(None) };
        *from = [last.as_slice(), &[0]].concat();
        let ids = rows.iter().filter_map(|(key, _)| PageId::try_from(key.as_slice()).ok());
        Ok(Some(ids.filter(|id| !removed.contains(id)).collect()))
    }
}

impl PageStore for SledPages {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        // Looked up first: a removal leaves the set only after sled has forgotten the page.
        if self.removed().contains(id) {
            return Ok(None);
        }
        let found = self.folder.get(id)?;
        Ok(found
            .and_then(|bytes| Box::<RawPage>::try_from(bytes).ok())
            .filter(|page| page.get(4..16) == Some(id)))
    }

    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.folder.poison().check()?;
        if pages.is_empty() { Ok(()) } else { self.apply(pages) }
    }

    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        self.folder.poison().check()?;
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        for some in ids.chunks(MAX_PENDING) {
            let pending = {
                let mut removed = self.removed.write().unwrap_or_else(PoisonError::into_inner);
                removed.extend(some);
                removed.len()
            };
            if pending > MAX_PENDING {
                self.apply(&[])?;
            }
        }
        Ok(())
    }

    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        let mut from = Vec::new();
        while let Some(ids) = self.next_ids(&mut from)? {
            ids.into_iter().for_each(&mut *visit);
        }
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
        self.folder.poison().reason().map(str::to_owned).into_iter().collect()
    }

    fn close(&self) -> Result<(), EngineError> {
        let _writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner);
        if self.folder.poison().check().is_ok() {
            self.apply(&[])?;
        }
        self.folder.close()
    }
}
