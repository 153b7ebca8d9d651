//! The row engine on sled: group commit, anchor, digests (docs/sled.md).

mod group;
mod open;
mod vet;
mod write;

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oubliette_crypto::kdf::anchor_digest_key;
use oubliette_crypto::{AnchorDigestKey, AnchorKey};

use crate::anchor::{AnchorFile, AnchorState, Slot, prefix_of};
use crate::contract::{ANCHOR_ROW, check_batch};
use crate::sled_folder::SledFolder;
use crate::{Batch, Engine, EngineError, Row, Sizes, SledOptions, VerifyReport};
use group::GroupCommit;

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

/// What the background check of the digests shares with the engine.
struct Rows {
    folder: SledFolder,
    anchor: AnchorFile,
    key: AnchorKey,
    digest_key: AnchorDigestKey,
    groups: GroupCommit,
    /// What the rows are since the last commit. Held for the whole of a commit.
    state: Mutex<AnchorState>,
    /// One bit for each prefix that has not been digested since an unclean stop.
    unvetted: AtomicU64,
    /// `state`'s sizes, readable without waiting for a commit.
    row_count: AtomicU64,
    live_bytes: AtomicU64,
    closed: AtomicBool,
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
        let state = self.rows.state();
        self.rows.compact(&state)
    }
}

impl Engine for SledEngine {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        if key == ANCHOR_ROW {
            return Ok(None);
        }
        self.rows.vet(prefix_of(key)..=prefix_of(key))?;
        self.rows.folder.get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError> {
        self.rows.folder.poison().check()?;
        if from >= to || limit == 0 {
            return Ok(Vec::new());
        }
        self.rows.vet(prefix_of(from)..=prefix_of(to))?;
        let hidden = usize::from(from <= ANCHOR_ROW && ANCHOR_ROW < to);
        let mut rows = self.rows.folder.range(from, Some(to), limit.saturating_add(hidden), reverse)?;
        rows.retain(|(key, _)| key != ANCHOR_ROW);
        rows.truncate(limit);
        Ok(rows)
    }

    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        self.rows.folder.poison().check()?;
        check_batch(&batch)?;
        self.rows.groups.commit(batch, |batches| self.rows.apply(&batches))
    }

    fn verify(&self) -> Result<VerifyReport, EngineError> {
        self.rows.verify()
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
    /// What is still unvetted is vetted first: a clean stop says that no scan is needed.
    fn close(&self) -> Result<(), EngineError> {
        if self.closed.swap(true, Ordering::SeqCst) {
            return Ok(());
        }
        let whole = self.folder.poison().check().and_then(|()| self.vet(0..=u8::MAX >> 2));
        let state = self.state();
        // The anchor goes first, since the folder may be another's once it is closed. Only both signs together count.
        let signed = whole.and_then(|()| self.anchor.write(&Slot::seal(&self.key, &state, true)?));
        match signed {
            Ok(()) => self.folder.close(),
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

    fn state(&self) -> MutexGuard<'_, AnchorState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn publish_sizes(&self, state: &AnchorState) {
        self.row_count.store(state.rows, Ordering::Relaxed);
        self.live_bytes.store(state.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests;
