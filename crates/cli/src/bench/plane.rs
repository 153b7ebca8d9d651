//! A vault's key plane under measurement: what is written to it is counted.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oubliette_engine::{EngineError, KeyPlane, PageId, PageStore, RawPage, SledOptions};
use oubliette_keyring::{FileCell, FileLedger, Keyring, KeyringOptions, RootCell};

use super::BenchError;

/// The caches of a vault with the usual settings.
const MIRROR_CACHE: u64 = 16 << 20;
const PAGE_CACHE: usize = 16 << 20;
/// Where a page says what it holds, and what a cover page says there (docs/formats.md, section 4).
const KIND: usize = 3;
const COVER: u8 = 6;

/// The keyring of a vault folder that nobody has open.
pub(super) struct Plane {
    pub(super) keyring: Arc<Keyring>,
    pub(super) counts: Arc<Counts>,
}

impl Plane {
    pub(super) fn open(vault: &Path) -> Result<Self, BenchError> {
        let cell = FileCell::open(&vault.join("root.cell")).map_err(setup)?;
        let sled = SledOptions { cache_bytes: MIRROR_CACHE, ..SledOptions::default() };
        let plane = KeyPlane::in_folder(vault, *cell.vault().as_bytes(), sled);
        let ledger = FileLedger::open(&vault.join("ledger/roots")).map_err(setup)?;
        let counts = Arc::new(Counts::default());
        let pages = Counted { store: Arc::new(plane.open(&mut |_, _| ())?), counts: Arc::clone(&counts) };
        let options = KeyringOptions { page_cache_bytes: PAGE_CACHE, ..KeyringOptions::default() };
        let keyring = Keyring::open(Arc::new(pages), vec![Arc::new(cell)], Arc::new(ledger), options)?;
        Ok(Self { keyring: Arc::new(keyring), counts })
    }
}

/// Pages written so far, to each copy.
#[derive(Default)]
pub(super) struct Counts {
    /// Pages in each write since they were last taken: a commit makes one, a bulk load several.
    writes: Mutex<Vec<usize>>,
    covers: AtomicU64,
}

impl Counts {
    /// Pages of each commit since the last call.
    pub(super) fn take(&self) -> Vec<usize> {
        std::mem::take(&mut self.writes())
    }

    /// Cover pages since the last call.
    pub(super) fn take_covers(&self) -> u64 {
        self.covers.swap(0, Ordering::Relaxed)
    }

    fn writes(&self) -> MutexGuard<'_, Vec<usize>> {
        self.writes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct Counted {
    store: Arc<dyn PageStore>,
    counts: Arc<Counts>,
}

impl PageStore for Counted {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.store.read(id)
    }
    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        let covers = pages.iter().filter(|(_, page)| page.get(KIND) == Some(&COVER)).count();
        self.counts.covers.fetch_add(covers as u64, Ordering::Relaxed);
        self.counts.writes().push(pages.len());
        self.store.write(pages)
    }
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        self.store.remove(ids)
    }
    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.store.for_each_id(visit)
    }
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        self.store.read_copy(id, n)
    }
    fn copies(&self) -> usize {
        self.store.copies()
    }
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        self.store.mend(id, n, page)
    }
    fn ill(&self) -> Vec<String> {
        self.store.ill()
    }
    fn close(&self) -> Result<(), EngineError> {
        self.store.close()
    }
}

pub(super) fn setup(error: impl std::fmt::Display) -> BenchError {
    BenchError::Setup(error.to_string())
}

/// Bytes occupied below `dir`.
pub(super) fn disk(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => disk(&entry.path()),
            Ok(meta) => meta.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// Resident bytes of this process, from the kernel.
pub(super) fn resident() -> u64 {
    field("/proc/self/status", "VmRSS:").unwrap_or(0) << 10
}

/// Bytes that this process has written to files, from the kernel; 0 where it does not tell. (What the kernel calls `write_bytes`
/// counts whole folios, up to a thousand times what is written.)
pub(super) fn written() -> u64 {
    field("/proc/self/io", "wchar:").unwrap_or(0)
}

fn field(file: &str, name: &str) -> Option<u64> {
    let text = fs::read_to_string(file).ok()?;
    text.lines().find_map(|line| line.strip_prefix(name))?.split_whitespace().next()?.parse().ok()
}
