//! Writing segments while the next ones are filled: each is written, read back and compared.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, PoisonError};
use std::thread::{self, Scope};

use oubliette_crypto::{BackupKey, VaultId};

use super::manifest::SegmentRef;
use super::segment::{Builder, Built, HEAD};
use super::store::{BackupStore, failed};
use super::table::Entry;
use super::tables::Tables;
use crate::VaultError;
use crate::locks::lock;

/// What the writers share with whoever fills the segments.
pub(super) struct Writers<'e> {
    store: &'e dyn BackupStore,
    tables: &'e Tables<'e>,
    queue: Mutex<Receiver<(usize, Built)>>,
    sender: SyncSender<(usize, Built)>,
    state: Mutex<State>,
    changed: Condvar,
    /// Numbers segments in the order in which they are filled.
    next: AtomicUsize,
}

#[derive(Default)]
struct State {
    written: BTreeMap<usize, SegmentRef>,
    bytes: u64,
    failed: Option<VaultError>,
    over: bool,
}

impl State {
    /// Tells a failure; the first time as what it was.
    fn refuse(&mut self) -> Result<(), VaultError> {
        let again = || failed("an earlier write failed; look at what was told of it".to_owned());
        self.failed.replace(again()).map_or_else(
            || {
                self.failed = None;
                Ok(())
            },
            Err,
        )
    }
}

impl<'e> Writers<'e> {
    pub(super) fn new(store: &'e dyn BackupStore, tables: &'e Tables<'e>) -> Self {
        let (sender, receiver) = sync_channel(1);
        Self {
            store,
            tables,
            queue: Mutex::new(receiver),
            sender,
            state: Mutex::default(),
            changed: Condvar::new(),
            next: AtomicUsize::new(0),
        }
    }

    /// Runs `work` beside the writers, and ends them.
    pub(super) fn beside<T>(&self, work: impl FnOnce() -> T) -> T {
        thread::scope(|scope| {
            for _ in 0..self.store.at_once().max(1) {
                self.start(scope);
            }
            // Also when `work` panics: the scope waits for its threads.
            let _over = Over(self);
            work()
        })
    }

    fn start<'s>(&'s self, scope: &'s Scope<'s, '_>) {
        scope.spawn(move || {
            loop {
                let next = lock(&self.queue).recv_timeout(std::time::Duration::from_millis(20));
                match next {
                    Ok((number, built)) => self.write(number, built),
                    Err(_) if lock(&self.state).over => return,
                    Err(_) => {}
                }
            }
        });
    }

    fn write(&self, number: usize, built: Built) {
        // After a failure the rest is let go.
        let wanted = lock(&self.state).failed.is_none();
        let written = if wanted { self.put(&built.named.object(), &built.bytes) } else { Ok(()) };
        if written.is_ok() && wanted {
            let table = built.bytes.get(HEAD..HEAD + built.named.table as usize);
            self.tables.keep(&built.named, table.unwrap_or_default());
        }
        let mut state = lock(&self.state);
        match written {
            Ok(()) => state.bytes += built.named.bytes,
            Err(error) => state.failed = state.failed.take().or(Some(error)),
        }
        state.written.insert(number, built.named);
        self.changed.notify_all();
    }

    /// Writes an object and reads it back.
    pub(super) fn put(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        self.store.put(name, bytes)?;
        if self.store.get(name, None)?.as_deref() != Some(bytes) {
            return Err(failed(format!(
                "{name} was written to {} and does not read back as it was written; see to that place, then back up again",
                self.store.describe()
            )));
        }
        Ok(())
    }

    /// Bytes written so far.
    pub(super) fn bytes(&self) -> u64 {
        lock(&self.state).bytes
    }

    /// Waits until a segment is written.
    fn wait(&self, number: usize) -> Result<SegmentRef, VaultError> {
        let mut state = lock(&self.state);
        loop {
            state.refuse()?;
            if let Some(named) = state.written.remove(&number) {
                return Ok(named);
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

struct Over<'w, 'e>(&'w Writers<'e>);

impl Drop for Over<'_, '_> {
    fn drop(&mut self) {
        lock(&self.0.state).over = true;
    }
}

/// More than an entry takes in a table.
const ENTRY: usize = 64;

/// One run of segments, filled in the order of keys.
pub(super) struct Output<'w, 'e> {
    writers: &'w Writers<'e>,
    vault: VaultId,
    key: &'w BackupKey,
    builder: Builder,
    sent: Vec<usize>,
}

impl<'w, 'e> Output<'w, 'e> {
    pub(super) fn new(writers: &'w Writers<'e>, vault: VaultId, key: &'w BackupKey) -> Self {
        Self { writers, vault, key, builder: Builder::default(), sent: Vec::new() }
    }

    /// Room for a part of a body, of at least so many bytes, after its row and its entry.
    pub(super) fn room_for_part(&mut self, row: usize, least: usize) -> Result<usize, VaultError> {
        if self.builder.room() < row + ENTRY + least {
            self.flush()?;
        }
        Ok(self.builder.room().saturating_sub(row + ENTRY))
    }

    pub(super) fn push(&mut self, entry: &Entry, row: &[u8], part: &[u8]) -> Result<(), VaultError> {
        self.builder.push(entry, row, part);
        if self.builder.room() == 0 { self.flush() } else { Ok(()) }
    }

    /// Hands the segment over to be written.
    pub(super) fn flush(&mut self) -> Result<(), VaultError> {
        lock(&self.writers.state).refuse()?;
        if self.builder.is_empty() {
            return Ok(());
        }
        let built = std::mem::take(&mut self.builder).finish(self.vault, self.key);
        let number = self.writers.next.fetch_add(1, Ordering::Relaxed);
        self.sent.push(number);
        self.writers.sender.send((number, built)).map_err(|_| failed("the writers are gone".to_owned()))
    }

    /// Waits until the run is written.
    pub(super) fn end(mut self) -> Result<Vec<SegmentRef>, VaultError> {
        self.flush()?;
        self.sent.iter().map(|number| self.writers.wait(*number)).collect()
    }
}
