//! The keyring's own face: opening, people, and housekeeping.

mod census;
mod deletion;
mod due;
mod leaving;
mod people;
mod secrets;
mod verify;

#[cfg(test)]
mod tests;

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::JoinHandle;

use oubliette_crypto::{AnchorKey, Handle, PageBody, PageKind, PageRef, RootKey, Tag, VaultId};
use oubliette_engine::PageStore;

use crate::cell::{ErasureClass, RootCell};
use crate::core::{Core, KeyringOptions};
use crate::error::KeyringError;
use crate::ledger::{RootLedger, RootRecord};
use crate::records::CutRecord;
use crate::recovery::{self, Parts};
use crate::sweep_entry::SweepEntry;
use crate::tree::{Entry, Walker};
use crate::user::UserId;
use crate::writer::{Facts, Op, Outcome, Reply, Writer};

pub use deletion::{Deletion, Intent, Requested};
pub use leaving::Erasure;
pub use secrets::MemorySecret;
pub use verify::VerifyReport;

/// One cell of a vault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CellReport {
    /// Where it is, for people.
    pub name: String,
    /// How well it forgets, as verified in this run.
    pub class: ErasureClass,
    /// Why the class is not better.
    pub doubts: Vec<String>,
}

/// The key plane of one vault. Share it by `Arc`; every call may come from any thread and returns when what it did is durable.
pub struct Keyring {
    pub(crate) core: Arc<Core>,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// The writer's, for the tape adversary.
    root_key: Weak<Mutex<RootKey>>,
    /// One at a time: a verification has the writer note what it supersedes.
    verifying: Mutex<()>,
    /// One at a time: a walk for escrow has the writer keep what it writes.
    pub(crate) escrowing: Mutex<()>,
    /// See [`Keyring::old_cell_waits`].
    old_cell: AtomicBool,
}

impl Keyring {
    /// Starts an empty vault over empty cells.
    pub fn create(
        pages: Arc<dyn PageStore>,
        cells: Vec<Arc<dyn RootCell>>,
        ledger: Arc<dyn RootLedger>,
        options: KeyringOptions,
    ) -> Result<Self, KeyringError> {
        Self::start(recovery::create(Parts { pages, cells, ledger, options })?)
    }

    /// Opens a vault. A deletion that a crash interrupted is finished or withdrawn before this returns.
    pub fn open(
        pages: Arc<dyn PageStore>,
        cells: Vec<Arc<dyn RootCell>>,
        ledger: Arc<dyn RootLedger>,
        options: KeyringOptions,
    ) -> Result<Self, KeyringError> {
        Self::start(recovery::open(Parts { pages, cells, ledger, options })?)
    }

    pub(crate) fn start((core, root_key): (Core, RootKey)) -> Result<Self, KeyringError> {
        let core = Arc::new(core);
        let secret = Arc::new(Mutex::new(root_key));
        let root_key = Arc::downgrade(&secret);
        let writer = Writer::new(Arc::clone(&core), secret);
        let thread = std::thread::Builder::new()
            .name("keyring-writer".to_owned())
            .spawn(move || writer.run())
            .map_err(|error| KeyringError::Poisoned {
                reason: format!("no thread for the writer: {error}"),
            })?;
        Ok(Self {
            core,
            writer: Mutex::new(Some(thread)),
            root_key,
            verifying: Mutex::default(),
            escrowing: Mutex::default(),
            old_cell: AtomicBool::new(false),
        })
    }

    /// The vault.
    pub fn vault_id(&self) -> VaultId {
        self.core.pages.vault
    }
    /// Commits so far.
    pub fn generation(&self) -> u64 {
        self.core.root().pointer.generation
    }
    /// Root secrets so far: deletions, plus one.
    pub fn epoch(&self) -> u64 {
        self.core.root().pointer.epoch
    }
    /// SHA-256 of the current root page.
    pub fn root_hash(&self) -> [u8; 32] {
        self.core.root().pointer.root_hash
    }
    /// People in the vault, the blocked included.
    pub fn population(&self) -> u64 {
        self.core.root().node.persons
    }
    /// When the vault was made, in seconds since the Unix epoch.
    pub fn created(&self) -> i64 {
        self.core.root().vault.created
    }
    /// The key of the row plane's anchor.
    pub fn anchor_key(&self) -> Result<AnchorKey, KeyringError> {
        Ok(AnchorKey::from_slice(self.core.keys.anchor.expose())?)
    }
    /// The ledger's records of deletions after a generation, oldest first; 0 for all.
    pub fn root_records(&self, after: u64) -> Result<Vec<RootRecord>, KeyringError> {
        Ok(self.core.ledger.after(after)?)
    }
    /// How well the root's cells forget (the best share of a split).
    pub fn erasure_class(&self) -> ErasureClass {
        self.core.erasure_class()
    }
    /// The cells in the order of their shares.
    pub fn cells(&self) -> Vec<CellReport> {
        let report = |cell: &Arc<dyn RootCell>| CellReport {
            name: cell.name(),
            class: cell.class(),
            doubts: cell.doubts(),
        };
        self.core.cells.iter().map(report).collect()
    }
    /// A short reason for each thing that is wrong although the vault works.
    pub fn ill(&self) -> Vec<String> {
        let mut reasons = self.core.pages.store.ill();
        let cells = self.core.cells.iter();
        reasons.extend(cells.filter_map(|cell| cell.in_place().err()).map(|error| error.to_string()));
        reasons.extend(self.core.notes.lost.iter().cloned());
        reasons.extend(self.core.healthy().err().map(|error| error.to_string()));
        reasons
    }
    /// What is wrong with a copy of the key pages, if anything is: then nothing is given up for lost.
    pub fn copy_ill(&self) -> Option<String> {
        self.core.pages.store.ill().into_iter().next()
    }
    /// What opening found damaged and made whole again.
    pub fn mended_at_open(&self) -> &[String] {
        &self.core.notes.mended
    }
    /// Pages mended from another copy since the start.
    pub fn mended_pages(&self) -> u64 {
        self.core.pages.mended()
    }

    /// Replaces the root secret without other work: what insertions superseded dies now. At least once a day.
    pub fn rotate(&self) -> Result<CutRecord, KeyringError> {
        Ok(cut_record(&self.call(Op::Rotate)?.facts))
    }

    /// Erased people whose rows may still lie about, or whose receipt is not written.
    pub fn sweep_queue(&self) -> Vec<SweepEntry> {
        self.core.root().vault.queues.sweep.clone()
    }
    /// Takes handles whose rows are gone off the sweep queue.
    pub fn swept(&self, handles: &[Handle]) -> Result<(), KeyringError> {
        self.call(Op::Swept { handles: handles.to_vec() })?;
        Ok(())
    }

    /// Removes the fences whose time is over; answers how many. Walks the whole tree: once a day.
    pub fn remove_expired_fences(&self) -> Result<u64, KeyringError> {
        let now = self.core.options.clock.now_unix();
        let mut expired = Expired { core: &self.core, now, tags: Vec::new() };
        self.core.walk_in_parts(&mut expired)?;
        let tags = expired.tags;
        if tags.is_empty() {
            return Ok(0);
        }
        Ok(count(&self.call(Op::RemoveFences { tags })?))
    }

    /// Takes out of the key tree what opens from no copy, by deletions: pages of the tree with everybody below them, and people whose own state is
    /// lost. They are gone for good, and no longer in the way of others. For an operator, after `verify(true)` still named faults.
    /// Refused while a copy is ill: it may hold what the others lost. Commits wait while the whole tree is read. Who was in memory is stopped, and
    /// their leases are cancelled, but not waited for: this is no erasure.
    pub fn prune_lost(&self) -> Result<CutRecord, KeyringError> {
        if let Some(reason) = self.copy_ill() {
            return Err(KeyringError::MirrorIll { reason });
        }
        let pruned = self.call(Op::Prune)?.facts;
        let given_up = self.call(Op::GiveUp)?.facts;
        Ok(CutRecord {
            generation_before: pruned.generation_before,
            generation_after: given_up.generation_after,
            waits: false,
        })
    }

    /// Creates many people in few commits; those that exist, blocked or fenced, are passed over. Answers how many are new. Other
    /// changes wait while a commit runs (docs/keyring.md, "A bulk load").
    pub fn bulk_create(&self, users: impl IntoIterator<Item = UserId>) -> Result<u64, KeyringError> {
        let mut users = users.into_iter();
        let mut created = 0;
        loop {
            let part: Vec<UserId> = users.by_ref().take(self.core.options.bulk_people.max(1)).collect();
            let last = part.is_empty();
            // The empty one removes what the one before it superseded, for which the next change would have to wait.
            created += count(&self.call(Op::BulkCreate { users: Arc::new(part) })?);
            if last {
                return Ok(created);
            }
        }
    }

    /// Stops: what waits is still done, the page store is closed, later calls answer `Poisoned`. Idempotent; dropping does the same.
    pub fn close(&self) {
        self.core.queue.close();
        let thread = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(thread) = thread {
            // A panic in the writer has poisoned the keyring; there is nothing to add here.
            let _panicked = thread.join();
            // People's keys may outlive the keyring in somebody's hands; the cells need not stay shut for that.
            self.core.cells.iter().for_each(|cell| cell.release());
        }
    }

    pub(crate) fn call(&self, op: Op) -> Result<Reply, KeyringError> {
        self.core.healthy()?;
        self.core.queue.call(op)
    }
}

impl Drop for Keyring {
    fn drop(&mut self) {
        self.close();
    }
}

/// Collects the fences whose time is over.
struct Expired<'a> {
    core: &'a Core,
    now: i64,
    tags: Vec<Tag>,
}

impl Walker for Expired<'_> {
    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.core.pages.read_stored(kind, page)
    }
    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError> {
        if let Entry::Fence(placed) = entry
            && placed.fence.expires <= self.now
        {
            self.tags.push(placed.tag);
        }
        Ok(())
    }
    fn lost(&mut self, role: &'static str) {
        tracing::warn!(role, "a damaged page hides fences; run fsck");
    }
}

fn cut_record(facts: &Facts) -> CutRecord {
    CutRecord {
        generation_before: facts.generation_before,
        generation_after: facts.generation_after,
        waits: false,
    }
}

fn count(reply: &Reply) -> u64 {
    match reply.outcome {
        Outcome::Count(count) => count,
        _ => 0,
    }
}
