//! Reading and staging pages: the cache of plaintext pages, mending from another copy, and the pages of a commit that is
//! being put together.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use oubliette_crypto::{
    CryptoError, PageBody, PageHeader, PageId, PageKind, PageRef, VaultId, open_page, seal_fresh_page,
    seal_fresh_page_among,
};
use oubliette_engine::{PageStore, RawPage};

use crate::error::KeyringError;

/// What a cached page costs: its plaintext and the cache's own bookkeeping.
const CACHED_PAGE_BYTES: usize = 1152;

/// The page store as the key tree sees it. A page id names one writing of one page for ever, so a cached page is never stale; it
/// must only be gone once its page is dead, and [`Pages::evict`] sees to that.
pub(crate) struct Pages {
    pub(crate) vault: VaultId,
    pub(crate) store: Arc<dyn PageStore>,
    cache: Mutex<LruCache<PageId, Arc<PageBody>>>,
    mended: AtomicU64,
}

impl Pages {
    pub(crate) fn new(vault: VaultId, store: Arc<dyn PageStore>, cache_bytes: usize) -> Self {
        let pages = NonZeroUsize::new(cache_bytes / CACHED_PAGE_BYTES).unwrap_or(NonZeroUsize::MIN);
        Self { vault, store, cache: Mutex::new(LruCache::new(pages)), mended: AtomicU64::new(0) }
    }

    /// The plaintext of a page, from the cache or from the first copy that opens.
    pub(crate) fn read(&self, kind: PageKind, page: &PageRef) -> Result<Arc<PageBody>, KeyringError> {
        if let Some(body) = self.cache().get(&page.id) {
            return Ok(Arc::clone(body));
        }
        let body = Arc::new(self.read_stored(kind, page)?);
        self.cache().put(page.id, Arc::clone(&body));
        Ok(body)
    }

    /// As [`Pages::read`], but leaves bad copies as they are.
    pub(crate) fn read_as_is(&self, kind: PageKind, page: &PageRef) -> Result<Arc<PageBody>, KeyringError> {
        if let Some(body) = self.cache().get(&page.id) {
            return Ok(Arc::clone(body));
        }
        let good = self.open_copies(kind, page)?.good;
        let body = Arc::new(good.ok_or(KeyringError::Corrupt { role: role(kind) })?.1);
        self.cache().put(page.id, Arc::clone(&body));
        Ok(body)
    }

    /// As [`Pages::read`], past the cache.
    pub(crate) fn read_stored(&self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        let header = PageHeader { kind, id: page.id, vault: self.vault };
        if let Some(raw) = self.store.read(&page.id)?
            && let Ok(body) = open_page(&page.key, &header, &raw)
        {
            return Ok(body);
        }
        let copies = self.open_copies(kind, page)?;
        let (raw, body) = copies.good.ok_or(KeyringError::Corrupt { role: role(kind) })?;
        self.mend(&page.id, &copies.bad, &raw)?;
        Ok(body)
    }

    /// Opens every copy of a page.
    pub(crate) fn open_copies(&self, kind: PageKind, page: &PageRef) -> Result<Copies, KeyringError> {
        let header = PageHeader { kind, id: page.id, vault: self.vault };
        let mut copies = Copies { good: None, bad: Vec::new() };
        for copy in 0..self.store.copies() {
            let raw = self.store.read_copy(&page.id, copy)?;
            match raw.and_then(|raw| open_page(&page.key, &header, &raw).ok().map(|body| (raw, body))) {
                Some(opened) => copies.good = copies.good.or(Some(opened)),
                None => copies.bad.push(copy),
            }
        }
        Ok(copies)
    }

    /// Overwrites bad copies with bytes that opened.
    pub(crate) fn mend(&self, id: &PageId, bad: &[usize], good: &RawPage) -> Result<(), KeyringError> {
        for copy in bad {
            self.store.mend(id, *copy, good)?;
            self.mended.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    }

    /// Pages mended since the start.
    pub(crate) fn mended(&self) -> u64 {
        self.mended.load(Ordering::Relaxed)
    }

    /// Takes dead pages out of the cache; their plaintext is wiped.
    pub(crate) fn evict(&self, dead: &[PageId]) {
        let mut cache = self.cache();
        for id in dead {
            cache.pop(id);
        }
    }

    /// Takes every page out of the cache: for when it is not known which of them are dead.
    pub(crate) fn evict_all(&self) {
        self.cache().clear();
    }

    /// Puts pages into the cache that the next reader will want.
    pub(crate) fn keep(&self, fresh: Vec<(PageId, PageBody)>) {
        let mut cache = self.cache();
        for (id, body) in fresh {
            cache.put(id, Arc::new(body));
        }
    }

    /// Names of the pages whose plaintext is in memory.
    #[cfg(test)]
    pub(crate) fn cached(&self) -> Vec<PageId> {
        self.cache().iter().map(|(id, _)| *id).collect()
    }

    /// Shows every plaintext page in the cache.
    pub(crate) fn each_cached(&self, visit: &mut dyn FnMut(&PageId, &PageBody)) {
        self.cache().iter().for_each(|(id, body)| visit(id, body));
    }

    fn cache(&self) -> MutexGuard<'_, LruCache<PageId, Arc<PageBody>>> {
        self.cache.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The copies of one page.
pub(crate) struct Copies {
    /// The first that opens, sealed and open.
    pub(crate) good: Option<(Box<RawPage>, PageBody)>,
    /// Numbers of those that do not.
    pub(crate) bad: Vec<usize>,
}

/// Opens a page for a reader that does not care how.
pub(crate) type Open<'a> = dyn FnMut(PageKind, &PageRef) -> Result<PageBody, KeyringError> + 'a;

/// As [`Open`], for readers that share the cached plaintext.
pub(crate) type OpenShared<'a> = dyn FnMut(PageKind, &PageRef) -> Result<Arc<PageBody>, KeyringError> + 'a;

/// What a commit adds and makes superfluous.
#[derive(Default)]
pub(crate) struct Staged {
    /// Sealed pages to write.
    pub(crate) pages: Vec<(PageId, Box<RawPage>)>,
    /// Pages that nothing names after the commit.
    pub(crate) dead: Vec<PageId>,
    /// Plaintext of new tree pages, for the cache.
    pub(crate) fresh: Vec<(PageId, PageBody)>,
    part: Option<Part>,
}

/// Of a commit that is too large to be held: pages go out as they gather.
#[derive(Clone, Copy)]
struct Part {
    /// What the pages that go together have in common, so that a store in the order of names takes them in one place.
    beginning: [u8; 2],
    /// How many.
    pages: usize,
}

impl Part {
    fn of(pages: usize) -> Result<Self, KeyringError> {
        let mut beginning = [0; 2];
        getrandom::fill(&mut beginning).map_err(CryptoError::Random)?;
        Ok(Self { beginning, pages })
    }
}

impl Staged {
    /// Most plaintext pages kept for the cache.
    const FRESH: usize = 1024;

    /// The pages of a commit that is too large to be held: `pages` at most.
    pub(crate) fn in_parts(pages: usize) -> Result<Self, KeyringError> {
        Ok(Self { part: Some(Part::of(pages)?), ..Self::default() })
    }

    /// Seals a page under a fresh name and key.
    pub(crate) fn write(
        &mut self,
        vault: &VaultId,
        kind: PageKind,
        body: PageBody,
    ) -> Result<PageRef, KeyringError> {
        let (page, raw) = match self.part {
            None => seal_fresh_page(kind, vault, body.expose())?,
            Some(part) => seal_fresh_page_among(part.beginning, kind, vault, body.expose())?,
        };
        self.pages.push((page.id, raw));
        if self.fresh.len() < Self::FRESH
            && matches!(kind, PageKind::Inner | PageKind::Leaf | PageKind::Cover)
        {
            self.fresh.push((page.id, body));
        }
        Ok(page)
    }

    /// Lets pages out that have gathered. Nothing names them before the commit's root does.
    pub(crate) fn let_out(&mut self, store: &dyn PageStore) -> Result<(), KeyringError> {
        match self.part {
            Some(Part { pages, .. }) if self.pages.len() >= pages => {
                self.part = Some(Part::of(pages)?);
                self.write_out(store)?;
                self.pages.clear();
                Ok(())
            }
            _ => Ok(()),
        }
    }

    /// Makes the pages durable, in the order of their random names: the order in which they were made is that of the tags.
    pub(crate) fn write_out(&self, store: &dyn PageStore) -> Result<(), KeyringError> {
        let mut pages: Vec<_> = self.pages.iter().map(|(id, raw)| (*id, raw.as_ref())).collect();
        pages.sort_unstable_by_key(|(id, _)| *id);
        Ok(store.write(&pages)?)
    }

    pub(crate) fn absorb(&mut self, other: Self) {
        self.pages.extend(other.pages);
        self.dead.extend(other.dead);
        self.fresh.extend(other.fresh);
    }
}

/// A page's role in words.
pub(crate) fn role(kind: PageKind) -> &'static str {
    match kind {
        PageKind::Root => "root",
        PageKind::Inner => "inner",
        PageKind::Leaf => "leaf",
        PageKind::Vault => "vault",
        PageKind::State => "state",
        PageKind::Cover => "cover",
        PageKind::Chain => "chain",
    }
}
