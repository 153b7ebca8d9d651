//! One sled folder under the only protocol that survived simulated power cuts (docs/sled.md).
//!
//! [`SledFolder`] is what the row engine and the sled page store share: one tree, small rows, commits that are
//! durable when they return. It knows nothing of anchors or pages. Nothing outside this module calls sled.

mod baseline;
mod check;
mod compact;
mod filter;
mod flush;
mod fresh;
pub(crate) mod fuzz;
mod layout;
mod live;
mod options;
mod snapshots;
mod start;

use std::fs::File;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

pub use baseline::Baseline;
pub use check::check_sled_data;
pub use filter::{deny_sync_file_range, sync_file_range_denied};
pub(crate) use fresh::Fresh;
pub use options::{SledMode, SledOptions, SledVerifier};
pub(crate) use start::Found;

use crate::contract::{MAX_KEY, within};
use crate::durable::remove_file;
use crate::poison::{Poison, panic_text};
use crate::{EngineError, MAX_BATCH_OPS, MAX_ROW, Row};
use layout::Layout;
use live::Live;

/// sled opens a store of another segment size as an empty one, so ours never changes.
pub(crate) const SEGMENT_SIZE: usize = 512 * 1024;
/// Most operations in one batch of sled.
const MAX_OPS: usize = MAX_BATCH_OPS;

/// An opened sled folder.
pub(crate) struct SledFolder {
    layout: Layout,
    options: SledOptions,
    filtered: bool,
    found: Found,
    poison: Poison,
    /// Held by whoever writes, so that there is one writer at a time.
    writer: Mutex<()>,
    /// Read by readers; written while a batch is applied, and in exclusive mode until it is durable. `None` once closed.
    live: RwLock<Option<Live>>,
    /// Exclusive mode: reads since the last sync, which may have made sled write.
    reads: AtomicBool,
    /// The folder is ours until sled let go of it.
    lock: File,
}

impl SledFolder {
    /// Opens or creates a folder. `Format` for another setting or foreign files, `InUse` if somebody holds it, `RowsLost` if
    /// its log is gone.
    pub(crate) fn open(path: &Path, options: SledOptions) -> Result<Self, EngineError> {
        let layout = Layout::new(path);
        let lock = layout.lock()?;
        let filtered = match options.mode {
            SledMode::Probe => filter::sync_file_range_denied(),
            SledMode::Filtered => true,
            SledMode::Exclusive => false,
        };
        let (live, found) = catching(path, || start::start(&layout, &options))?;
        tracing::info!(filtered, ?found, "sled folder opened");
        Ok(Self {
            layout,
            options,
            filtered,
            found,
            poison: Poison::default(),
            writer: Mutex::new(()),
            live: RwLock::new(Some(live)),
            reads: AtomicBool::new(true),
            lock,
        })
    }

    /// What the folder was like before it was opened.
    pub(crate) fn found(&self) -> Found {
        self.found
    }

    /// The switch that everything built on this folder shares.
    pub(crate) fn poison(&self) -> &Poison {
        &self.poison
    }

    /// The value under a key.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.read(|live| live.db.get(key).map(|value| value.map(|value| value.to_vec())))
    }

    /// At most `limit` rows with `from <= key < to`, or all from `from` without a `to`; from the top if `reverse`.
    pub(crate) fn range(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Row>, EngineError> {
        if to.is_some_and(|to| from >= to) {
            return Ok(Vec::new());
        }
        let bounds = (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded));
        let copy = |row: sled::Result<(sled::IVec, sled::IVec)>| row.map(|(k, v)| (k.to_vec(), v.to_vec()));
        self.read(|live| {
            let rows = live.db.range::<&[u8], _>(bounds);
            if reverse {
                rows.rev().take(limit).map(copy).collect()
            } else {
                rows.take(limit).map(copy).collect()
            }
        })
    }

    /// Applies at most 256 operations as one batch; durable when it returns. `None` deletes. One key at most once.
    pub(crate) fn commit<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        ops: &[(K, Option<V>)],
    ) -> Result<(), EngineError> {
        check_sizes(ops)?;
        self.poison.run(|| {
            let _writer = self.writer();
            if self.filtered { self.commit_filtered(ops) } else { self.commit_exclusive(ops) }
        })
    }

    /// Writes any number of rows in order; durable after [`SledFolder::sync`]. A crash before that leaves some of them: those up to any
    /// one, or (exclusive mode) up to the end of any batch. Readers may see some of them meanwhile.
    pub(crate) fn write<'a>(
        &self,
        ops: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Result<(), EngineError> {
        self.poison.run(|| {
            let _writer = self.writer();
            if self.filtered {
                return open(&self.reading())?.apply_in_order(ops);
            }
            let mut ops = ops.peekable();
            while ops.peek().is_some() {
                let batch: Vec<_> = ops.by_ref().take(MAX_BATCH_OPS).collect();
                self.commit_exclusive(&batch)?;
            }
            Ok(())
        })
    }

    /// Makes durable what [`SledFolder::write`] wrote.
    pub(crate) fn sync(&self) -> Result<(), EngineError> {
        self.poison.run(|| {
            let _writer = self.writer();
            if !self.filtered {
                // Each batch was synced, and a flush here would move sled's mark over what reads wrote.
                return Ok(());
            }
            open(&self.reading())?.flush()
        })
    }

    /// Number of rows, by reading them all.
    pub(crate) fn count(&self) -> Result<u64, EngineError> {
        self.poison.run(|| open(&self.reading())?.count())
    }

    /// Bytes that the folder occupies on disk.
    pub(crate) fn disk_bytes(&self) -> Result<u64, EngineError> {
        self.poison.run(|| open(&self.reading())?.disk_bytes())
    }

    /// Whether compaction would pay, given the bytes of keys and values.
    pub(crate) fn is_bloated(&self, live_bytes: u64) -> Result<bool, EngineError> {
        let disk = self.disk_bytes()?;
        Ok(disk > self.options.compact_over && disk > live_bytes.saturating_mul(5))
    }

    /// Whether the disk has so much room.
    pub(crate) fn has_room_beside(&self, bytes: u64) -> Result<bool, EngineError> {
        let disk = rustix::fs::statvfs(&self.layout.folder).map_err(std::io::Error::from);
        let disk = disk.map_err(EngineError::io("ask for the room beside", &self.layout.folder))?;
        Ok(disk.f_bavail.saturating_mul(disk.f_frsize) > bytes)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.layout.folder
    }

    /// Says that what recovery left was found whole, so that the next unclean stop is copied anew.
    pub(crate) fn accept_recovery(&self) -> Result<(), EngineError> {
        remove_file(&self.layout.recovering())
    }

    /// Syncs everything, lets go of the files and leaves the sign of a clean stop. After a failure it only lets go: what
    /// could not be synced once is not synced again. Idempotent.
    pub(crate) fn close(&self) -> Result<(), EngineError> {
        let _writer = self.writer();
        let failed = self.poison.check();
        let Some(live) = self.let_go() else { return Ok(()) };
        if let Err(failed) = failed {
            self.free(live);
            return Err(failed);
        }
        let finished = catching(&self.layout.folder, || live.finish()).and_then(|()| self.layout.set_clean());
        self.unlock();
        finished
    }

    /// Lets go of the files without the sign of a clean stop. Idempotent.
    pub(crate) fn abandon(&self) {
        let _writer = self.writer();
        if let Some(live) = self.let_go() {
            self.free(live);
        }
    }

    /// Reads run beside the commit's sync. sled has synced each of its writes in full when `flush` returns, the same call on
    /// the same file that we would add.
    fn commit_filtered<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        ops: &[(K, Option<V>)],
    ) -> Result<(), EngineError> {
        {
            // Alone for this moment, so that no reader sees half a commit.
            let live = self.writing();
            let live = open(&live)?;
            // One write is whole or not there, so it needs no batch around it.
            match ops {
                [(key, value)] => {
                    let lone = (key.as_ref(), value.as_ref().map(AsRef::as_ref));
                    live.apply_in_order(std::iter::once(lone))?;
                }
                _ => live.apply_batch(ops)?,
            }
        }
        open(&self.reading())?.flush()
    }

    /// sled's own syncs are none here: nothing may touch it between what reads wrote, the batch, and our sync.
    fn commit_exclusive<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        ops: &[(K, Option<V>)],
    ) -> Result<(), EngineError> {
        let live = self.writing();
        let live = open(&live)?;
        if self.reads.swap(false, Ordering::Relaxed) {
            live.flush()?;
            live.sync()?;
        }
        live.apply_batch(ops)?;
        live.flush()?;
        live.sync()
    }

    fn read<T>(&self, op: impl FnOnce(&Live) -> sled::Result<T>) -> Result<T, EngineError> {
        self.poison.run(|| {
            let live = self.reading();
            let live = open(&live)?;
            op(live).map_err(live.failed())
        })
    }

    fn writer(&self) -> MutexGuard<'_, ()> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reading(&self) -> RwLockReadGuard<'_, Option<Live>> {
        let live = self.live.read().unwrap_or_else(PoisonError::into_inner);
        self.reads.store(true, Ordering::Relaxed);
        live
    }

    /// sled flushes while it goes, which may fail again; nothing depends on it.
    fn free(&self, live: Live) {
        let freed = catching(&self.layout.folder, || {
            drop(live);
            Ok(())
        });
        if let Err(error) = freed {
            tracing::warn!(%error, "sled did not end well");
        }
        self.unlock();
    }

    /// If this fails the lock goes when the file is closed.
    fn unlock(&self) {
        let _ = self.lock.unlock();
    }

    fn let_go(&self) -> Option<Live> {
        self.poison.set("closed");
        self.writing().take()
    }

    fn writing(&self) -> RwLockWriteGuard<'_, Option<Live>> {
        self.live.write().unwrap_or_else(PoisonError::into_inner)
    }
}

fn open(live: &Option<Live>) -> Result<&Live, EngineError> {
    live.as_ref().ok_or_else(|| EngineError::Poisoned { reason: "closed".into() })
}

/// sled panics on some damage; here that is an error. (Where panics abort, the verifier's child has met it before.)
fn catching<T>(path: &Path, op: impl FnOnce() -> Result<T, EngineError>) -> Result<T, EngineError> {
    catch_unwind(AssertUnwindSafe(op)).unwrap_or_else(|panic| {
        Err(EngineError::Corrupt {
            what: "sled's log",
            path: path.to_owned(),
            detail: format!("sled panicked on it ({})", panic_text(&*panic)),
        })
    })
}

fn check_sizes<K: AsRef<[u8]>, V: AsRef<[u8]>>(ops: &[(K, Option<V>)]) -> Result<(), EngineError> {
    within("operations in a batch", ops.len(), MAX_OPS)?;
    ops.iter().try_for_each(|(key, value)| {
        within("key length", key.as_ref().len(), MAX_KEY)?;
        within("row length", value.as_ref().map_or(0, |value| value.as_ref().len()), MAX_ROW)
    })
}

#[cfg(test)]
mod tests;
