//! Compaction while rows are read and written (docs/sled.md, "Compaction").
//!
//! sled changes in checkpoints alone. So between two of them a piece of it is copied, and each checkpoint brings its rows also into the copy, as far as
//! that has come. In the end the copy has what sled has, and takes its place within the last checkpoint.

use std::sync::OnceLock;

use super::overlay::Layer;
use super::vet::{all_prefixes, lost};
use super::*;
use crate::anchor::{Tally, prefix_range};
use crate::sled_folder::Fresh;

/// Rows copied while checkpoints wait.
const PIECE: usize = 2048;
/// Room that must be left on the disk beside the copy.
const ROOM: u64 = 64 << 20;

/// A copy under way. Changed only by whoever holds `checkpointing`.
pub(super) struct Copying {
    fresh: Fresh,
    /// Rows up to here are in the copy; `None`: all.
    upto: Option<Vec<u8>>,
    /// A checkpoint could not bring its rows into the copy, which is worth nothing any more.
    failed: OnceLock<String>,
}

impl Rows {
    /// Answers whether the rows are in a fresh folder now. A failure of the copy leaves everything as it was and poisons nothing.
    pub(super) fn compact_live(&self, watch: &mut dyn FnMut(u64, u64) -> bool) -> Result<bool, EngineError> {
        let Ok(_one) = self.compacting.try_lock() else { return Ok(false) };
        // What was not found right yet is not copied as if it were.
        self.vet(all_prefixes())?;
        let room = self.live_bytes.load(Ordering::Relaxed).saturating_mul(2).saturating_add(ROOM);
        if self.closed.load(Ordering::SeqCst) || !self.folder.has_room_beside(room)? {
            return Ok(false);
        }
        // Else what was deleted lately would be copied first and taken out of the copy then.
        self.checkpoint()?;
        let fresh = self.folder.begin_fresh()?;
        {
            let _held = self.checkpointing();
            *self.copying_mut() = Some(Copying { fresh, upto: Some(Vec::new()), failed: OnceLock::new() });
        }
        let ended = match self.copy_all(watch) {
            Ok(true) => self.change_over(),
            Ok(false) => Ok(None),
            Err(error) => Err(error),
        };
        let left = {
            let _held = self.checkpointing();
            self.copying_mut().take()
        };
        let (done, gone) = match ended {
            Ok(Some(old)) => (Ok(true), Some(old)),
            Ok(None) => (Ok(false), left.map(|copying| copying.fresh)),
            Err(error) => (Err(error), left.map(|copying| copying.fresh)),
        };
        if let Some(Err(error)) = gone.map(Fresh::discard) {
            tracing::warn!(%error, "a folder that is not needed any more stays until the next start");
        }
        done
    }

    /// Copies piece by piece, makes the copy durable, and reads it back prefix by prefix. `false` if whoever watches, or closes the engine,
    /// wanted no more of it.
    fn copy_all(&self, watch: &mut dyn FnMut(u64, u64) -> bool) -> Result<bool, EngineError> {
        let (mut from, mut copied) = (Vec::new(), 0);
        loop {
            // First, since this lock is not fair.
            self.checkpoint_if_due();
            if self.closed.load(Ordering::SeqCst) || !watch(copied, self.row_count.load(Ordering::Relaxed)) {
                return Ok(false);
            }
            let _held = self.checkpointing();
            let rows = self.folder.range(&from, None, PIECE, false)?;
            copied += rows.len() as u64;
            self.in_copy(|copying| {
                let rows = rows.iter().map(|(key, value)| (key.as_slice(), Some(value.as_slice())));
                copying.fresh.write(rows)
            })?;
            let last = rows.into_iter().nth(PIECE - 1).map(|(key, _)| key);
            if let Some(copying) = self.copying_mut().as_mut() {
                copying.upto.clone_from(&last);
            }
            let Some(last) = last else { break };
            // The smallest key after it.
            from = [last.as_slice(), &[0]].concat();
        }
        self.in_copy(|copying| copying.fresh.settle())?;
        for prefix in all_prefixes() {
            if self.closed.load(Ordering::SeqCst) || !watch(copied, copied) {
                return Ok(false);
            }
            self.read_back(prefix)?;
        }
        Ok(true)
    }

    /// A prefix of the copy against the anchor's digest, between two checkpoints. What comes to it later comes to sled by the same call.
    fn read_back(&self, prefix: u8) -> Result<(), EngineError> {
        let _held = self.checkpointing();
        let state = self.folder.poison().run(|| {
            let (state, layer) = self.set_aside(&self.log());
            self.bring(&state, &layer, false)?;
            Ok(state)
        })?;
        let (from, to) = prefix_range(prefix);
        let mut tally = Tally::default();
        self.in_copy(|copying| {
            let mut add = |(key, value): Row| tally.add(&self.digest_key, (&key, &value));
            copying.fresh.each(&from, to.as_ref().map(<[u8; 1]>::as_slice), &mut add)
        })?;
        if tally.digest == state.digest(prefix) { Ok(()) } else { Err(lost(prefix)) }
    }

    /// The last checkpoint, and the change. Answers the old folder.
    fn change_over(&self) -> Result<Option<Fresh>, EngineError> {
        // All but what the last checkpoint brings.
        self.in_copy(|copying| copying.fresh.settle())?;

        self.folder.poison().run(|| {
            self.checkpoint_and(false, |_| {
                if let Err(error) = self.in_copy(|copying| copying.fresh.settle()) {
                    return Ok(Err(error));
                }
                let Some(copying) = self.copying_mut().take() else { return Ok(Ok(None)) };
                self.folder.move_to(copying.fresh).map(|old| Ok(Some(old)))
            })
        })?
    }

    /// Called within a checkpoint, when sled has its rows.
    pub(super) fn bring_into_copy(&self, layer: &Layer, anchor_row: &[u8]) {
        let copying = self.copying.read().unwrap_or_else(PoisonError::into_inner);
        let Some(copying) = copying.as_ref() else { return };
        let upto = copying.upto.as_deref();
        let passed = |key: &[u8]| upto.is_none_or(|upto| key <= upto);
        let rows = layer.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let rows = rows.chain([(ANCHOR_ROW, Some(anchor_row))]).filter(|(key, _)| passed(key));
        if let Err(error) = copying.fresh.write(rows) {
            let _first_counts = copying.failed.set(error.to_string());
        }
    }

    /// Does something with the copy, unless a checkpoint could not bring its rows there.
    fn in_copy(&self, act: impl FnOnce(&Copying) -> Result<(), EngineError>) -> Result<(), EngineError> {
        let copying = self.copying.read().unwrap_or_else(PoisonError::into_inner);
        let failed = |detail: &str| EngineError::Corrupt {
            what: "the compacted copy",
            path: self.folder.path().to_owned(),
            detail: detail.to_owned(),
        };
        let copying = copying.as_ref().ok_or_else(|| failed("it is gone"))?;
        match copying.failed.get() {
            Some(error) => Err(failed(error)),
            None => act(copying),
        }
    }

    fn copying_mut(&self) -> RwLockWriteGuard<'_, Option<Copying>> {
        self.copying.write().unwrap_or_else(PoisonError::into_inner)
    }
}
