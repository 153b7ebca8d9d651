//! The key plane's page store contract.

pub use oubliette_crypto::{PAGE_SIZE, PageId};

use crate::EngineError;

/// A sealed page (docs/formats.md, section 4).
pub type RawPage = [u8; PAGE_SIZE];

/// Copies of sealed pages, addressed by their random id. Pages are written once under a fresh id and key and authenticate
/// themselves, so a store needs no checksums and a mirror can be mended page by page.
///
/// Contract: `write` is durable when it returns (all pages of the call, in any order); a crash during `write` harms no page
/// that was there before. `remove` need not be durable. After an I/O error the store is poisoned; a full disk alone fails the
/// write. A mirror succeeds where one copy does, and names the other in `ill`.
pub trait PageStore: Send + Sync {
    /// The page under `id`, if this store has one that carries that id. The bytes may be damaged: the caller's AEAD decides.
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError>;
    /// Stores pages durably. Writing an id again replaces its bytes (repair).
    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError>;
    /// Forgets pages; unknown ids are no error.
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError>;
    /// Every id present, in no order, in calls of at most a few thousand. For `fsck`.
    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError>;
    /// Another copy for a page that failed to authenticate: `Some` bytes from copy `n` (0 is the one `read` prefers).
    /// A plain store has one copy.
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError>;
    /// Number of copies.
    fn copies(&self) -> usize;
    /// Overwrites copy `n` with bytes that are known to be good.
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError>;
    /// A short reason for each copy that is ill (readiness, `status`).
    fn ill(&self) -> Vec<String>;
    /// Marks a clean stop. Idempotent.
    fn close(&self) -> Result<(), EngineError>;
}
