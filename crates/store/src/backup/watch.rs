//! What changes while a backup is made: an engine that notes which rows were touched.
//!
//! A backup reads the rows in the order of their keys, and meanwhile people write. A row that is touched behind the reader is noted and read again at the
//! end; before the reader nothing needs to be noted. The last look is taken while no commit is under way, so that the backup is what stood
//! at one moment. That look is at few rows, however much was written: what was noted before is read first, while writers go on.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use oubliette_engine::{Batch, Engine, EngineError, Row, Sizes, VerifyReport};

use super::table::Key;
use crate::VaultError;
use crate::locks::lock;

/// Most rows that are noted and not yet read: some 100 MB.
const MOST: usize = 1 << 20;

/// An engine, and what a backup wants to know of it.
pub(crate) struct Watched {
    engine: Arc<dyn Engine>,
    /// Held by every commit; taken whole for the last look.
    gate: RwLock<()>,
    active: AtomicBool,
    noted: Mutex<Noted>,
}

#[derive(Default)]
struct Noted {
    /// Where the reader is: rows before it were read.
    from: Vec<u8>,
    /// The reader is reading rows from there on.
    reading: bool,
    keys: BTreeSet<Key>,
    too_many: bool,
}

impl Watched {
    pub(crate) fn new(engine: Arc<dyn Engine>) -> Self {
        Self { engine, gate: RwLock::default(), active: AtomicBool::new(false), noted: Mutex::default() }
    }

    /// Begins to note. Every commit that is not seen by a read after this is noted.
    pub(super) fn begin(&self) -> Watching<'_> {
        let _still = self.gate.write().unwrap_or_else(PoisonError::into_inner);
        *lock(&self.noted) = Noted::default();
        self.active.store(true, Ordering::SeqCst);
        Watching { watched: self }
    }

    fn note(&self, keys: Vec<Key>) {
        let mut noted = lock(&self.noted);
        for key in keys {
            if noted.reading || key.as_slice() < noted.from.as_slice() {
                noted.keys.insert(key);
            }
        }
        if noted.keys.len() > MOST {
            noted.too_many = true;
            noted.keys.clear();
        }
    }
}

/// Notes until it is dropped.
pub(super) struct Watching<'w> {
    watched: &'w Watched,
}

impl Watching<'_> {
    /// The next rows from where the last call ended; an empty answer is the end, and from then on every row is noted.
    pub(super) fn read(&self, limit: usize) -> Result<Vec<Row>, VaultError> {
        let from = {
            let mut noted = lock(&self.watched.noted);
            noted.reading = true;
            noted.from.clone()
        };
        // Handle 0 is the vault's own.
        let first = [[0; 15].as_slice(), &[1]].concat();
        let rows = self.watched.engine.range(first.max(from).as_slice(), &[u8::MAX; 64], limit, false)?;
        let mut noted = lock(&self.watched.noted);
        noted.reading = false;
        noted.from = match rows.last() {
            Some((last, _)) => [last.as_slice(), &[0]].concat(),
            None => vec![u8::MAX; 64],
        };
        let from = noted.from.clone();
        noted.keys.split_off(from.as_slice());
        Ok(rows)
    }

    /// Takes what was noted so far.
    pub(super) fn take(&self) -> Result<BTreeSet<Key>, VaultError> {
        let mut noted = lock(&self.watched.noted);
        if noted.too_many {
            return Err(VaultError::BackupTarget {
                detail: format!(
                    "more than {MOST} rows were written behind the backup before it came to look at them; try again when less is written, or to a faster place"
                ),
            });
        }
        Ok(std::mem::take(&mut noted.keys))
    }

    pub(super) fn noted(&self) -> usize {
        lock(&self.watched.noted).keys.len()
    }

    /// The last look: what was noted and not taken is shown, with no commit under way. Nothing is noted any more.
    pub(super) fn end<T>(
        self,
        look: impl FnOnce(BTreeSet<Key>) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let _still = self.watched.gate.write().unwrap_or_else(PoisonError::into_inner);
        let keys = self.take()?;
        look(keys)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.watched.active.store(false, Ordering::SeqCst);
        lock(&self.watched.noted).keys.clear();
    }
}

impl Engine for Watched {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.engine.get(key)
    }

    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError> {
        self.engine.range(from, to, limit, reverse)
    }

    /// Notes after the commit, whatever came of it: who reads before sees what was, who reads after has the note.
    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        let _under_way = self.gate.read().unwrap_or_else(PoisonError::into_inner);
        if !self.active.load(Ordering::SeqCst) {
            return self.engine.commit(batch);
        }
        let keys = batch.ops.iter().filter_map(|(key, _)| Key::try_from(key.as_slice()).ok()).collect();
        let outcome = self.engine.commit(batch);
        self.note(keys);
        outcome
    }

    fn verify(&self) -> Result<VerifyReport, EngineError> {
        self.engine.verify()
    }

    fn compact_live(&self, watch: &mut dyn FnMut(u64, u64) -> bool) -> Result<bool, EngineError> {
        self.engine.compact_live(watch)
    }

    fn sizes(&self) -> Result<Sizes, EngineError> {
        self.engine.sizes()
    }

    fn close(&self) -> Result<(), EngineError> {
        self.engine.close()
    }
}
