//! The row engine on sled: group commit, anchor, digests (docs/sled.md).
//!
//! A commit is one durable record in the anchor file, then its rows stand in the overlay; checkpoints bring them into sled.

mod checkpoint;
mod group;
mod live_compact;
mod open;
mod overlay;
mod vet;
mod write;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use oubliette_crypto::kdf::anchor_digest_key;
use oubliette_crypto::{AnchorDigestKey, AnchorKey};

use crate::anchor::{AnchorFile, AnchorState, Area, prefix_of};
use crate::contract::{ANCHOR_ROW, check_batch};
use crate::sled_folder::SledFolder;
use crate::{Batch, Engine, EngineError, Row, Sizes, SledOptions, VerifyReport};
use group::GroupCommit;
use live_compact::Copying;
use overlay::Overlay;

/// Rows in sled, vouched for by an anchor outside it.
///
/// ```no_run
/// # use oubliette_engine::{Batch, Engine, SledEngine, SledOptions};
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let key = oubliette_crypto::AnchorKey::generate()?;
/// let rows = SledEngine::open("vault/rows".as_ref(), "vault/anchor".as_ref(), &key, SledOptions::default())?;
/// let mut batch = Batch::new();
/// batch.put("a key that does not begin with 16 zeros", "sealed");
/// rows.commit(batch)?; // survives a power cut from here on
/// rows.close()?;
/// # Ok(()) }
/// ```
pub struct SledEngine {
    rows: Arc<Rows>,
}

/// What the background check of the digests shares with the engine. Locks are taken in the order `compacting`, `checkpointing`, `log`,
/// `overlay`, `copying`, sled's own.
struct Rows {
    folder: SledFolder,
    anchor: AnchorFile,
    key: AnchorKey,
    digest_key: AnchorDigestKey,
    groups: GroupCommit,
    /// Held by whoever brings rows into sled.
    checkpointing: Mutex<()>,
    /// Held for the whole of a commit.
    log: Mutex<Log>,
    overlay: RwLock<Overlay>,
    /// The last commit that both slots, and sled, cover.
    covered: AtomicU64,
    /// A half of the redo area waits to be covered.
    due: AtomicBool,
    /// One bit for each prefix that has not been digested since an unclean stop.
    unvetted: AtomicU64,
    /// The state's sizes, readable without waiting for a commit.
    row_count: AtomicU64,
    live_bytes: AtomicU64,
    closed: AtomicBool,
    /// Held for the whole of a compaction.
    compacting: Mutex<()>,
    /// The copy that a compaction is making.
    copying: RwLock<Option<Copying>>,
}

/// What a commit moves on.
struct Log {
    /// What the rows are since the last commit.
    state: AnchorState,
    /// Where the next record goes.
    area: Area,
}

impl SledEngine {
    /// Opens or creates the rows in `folder` with their anchor in the file `anchor`.
    ///
    /// `RowsLost` if the rows are not those the anchor vouches for, `Corrupt` if neither of its slots can be read, `Format`
    /// for a folder of another setting or one whose anchor is missing, `InUse` if somebody else has it open.
    pub fn open(
        folder: &Path,
        anchor: &Path,
        key: &AnchorKey,
        options: SledOptions,
    ) -> Result<Self, EngineError> {
        let rows = Arc::new(open::open(folder, anchor, key, options)?);
        vet::in_background(&rows)?;
        Ok(Self { rows })
    }

    /// Copies all rows into a fresh folder, which gives back the space of dead ones. Readers and writers wait.
    pub fn compact(&self) -> Result<(), EngineError> {
        let rows = &self.rows;
        let _one = rows.compacting();
        rows.folder.poison().run(|| rows.checkpoint_and(false, |state| rows.compact(state)))
    }
}

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        if key == ANCHOR_ROW {
            return Ok(None);
        }
        self.rows.vet(prefix_of(key)..=prefix_of(key))?;
        self.rows.get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError> {
        self.rows.folder.poison().check()?;
        if from >= to || limit == 0 {
            return Ok(Vec::new());
        }
        self.rows.vet(prefix_of(from)..=prefix_of(to))?;
        let hidden = usize::from(from <= ANCHOR_ROW && ANCHOR_ROW < to);
        let mut rows = self.rows.range(from, Some(to), limit.saturating_add(hidden), reverse)?;
        rows.retain(|(key, _)| key != ANCHOR_ROW);
        rows.truncate(limit);
        Ok(rows)
    }

    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        self.rows.folder.poison().check()?;
        check_batch(&batch)?;
        let outcome = self.rows.groups.commit(batch, |batches| self.rows.apply(batches));
        self.rows.checkpoint_if_due();
        outcome
    }

    fn verify(&self) -> Result<VerifyReport, EngineError> {
        self.rows.verify()
    }

    fn compact_live(&self, watch: &mut dyn FnMut(u64, u64) -> bool) -> Result<bool, EngineError> {
        self.rows.folder.poison().check()?;
        self.rows.compact_live(watch)
    }

    fn sizes(&self) -> Result<Sizes, EngineError> {
        Ok(Sizes {
            disk_bytes: self.rows.folder.disk_bytes()?,
            rows: self.rows.row_count.load(Ordering::Relaxed),
            live_bytes: self.rows.live_bytes.load(Ordering::Relaxed),
        })
    }

    fn close(&self) -> Result<(), EngineError> {
        self.rows.close()
    }
}

impl Rows {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.folder.poison().check()?;
        // What is not here now is in sled, or comes after this call began.
        let pending = self.overlay().get(key).map(|value| value.cloned());
        pending.map_or_else(|| self.folder.get(key), Ok)
    }

    /// Like [`Engine::range`], without an end if there is no `to`, and with row "A". The overlay is held until sled has
    /// answered: nothing leaves it and no commit comes to it between the two, so that each commit is seen whole or not at all.
    fn range(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Row>, EngineError> {
        if to.is_some_and(|to| from >= to) {
            return Ok(Vec::new());
        }
        let below = |limit| self.folder.range(from, to, limit, reverse);
        self.overlay().range(from, to, limit, reverse, below)
    }

    /// What is still unvetted is vetted first: a clean stop says that no scan is needed.
    fn close(&self) -> Result<(), EngineError> {
        if self.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        // A compaction under way sees that, and clears up after itself.
        let _one = self.compacting();
        let poison = self.folder.poison();
        let whole = poison.check().and_then(|()| self.vet(0..=u8::MAX >> 2));
        // The anchor goes first, since the folder may be another's once it is closed. Only both signs together count.
        let closed =
            whole.and_then(|()| poison.run(|| self.checkpoint_and(true, |_| Ok(self.folder.close()))));
        match closed {
            Ok(closed) => closed,
            Err(error) => {
                self.folder.abandon();
                Err(error)
            }
        }
    }

    fn compact(&self, state: &AnchorState) -> Result<(), EngineError> {
        self.folder.compact(|copy| {
            let found = vet::tally_all(&self.digest_key, copy)?;
            match vet::differing(&found, state) {
                Some(prefix) => Err(vet::lost(prefix)),
                None => Ok(()),
            }
        })
    }

    fn compacting(&self) -> MutexGuard<'_, ()> {
        self.compacting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn overlay(&self) -> RwLockReadGuard<'_, Overlay> {
        self.overlay.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn overlay_mut(&self) -> RwLockWriteGuard<'_, Overlay> {
        self.overlay.write().unwrap_or_else(PoisonError::into_inner)
    }

    fn covered(&self) -> u64 {
        self.covered.load(Ordering::Acquire)
    }

    fn publish_sizes(&self, state: &AnchorState) {
        self.row_count.store(state.rows, Ordering::Relaxed);
        self.live_bytes.store(state.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
