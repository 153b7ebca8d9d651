//! The log while it is written: grouped writes with one sync for all who wait, room that is kept before an operation begins, new files as
//! they fill.

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use oubliette_crypto::VaultId;

use super::head::{HEAD, Head};
use super::medium::{Medium, zeros};
use super::record::{ActorKind, AuditEntry, AuditKind, AuditRecord, Chain, MAX_RECORD};
use super::recover::{Found, recover};
use crate::VaultError;
use crate::options::Clock;

/// A new file is begun past this.
const FILE: u64 = 64 << 20;
/// Room is made in steps of this many bytes.
const STEP: u64 = 1 << 20;

/// Sizes, smaller in tests.
#[derive(Debug, Clone, Copy)]
pub(super) struct Sizes {
    pub(super) file: u64,
    pub(super) step: u64,
}

impl Default for Sizes {
    fn default() -> Self {
        Self { file: FILE, step: STEP }
    }
}

/// The audit log of one vault.
pub(crate) struct Log {
    pub(super) medium: Box<dyn Medium>,
    vault: VaultId,
    clock: Arc<dyn Clock>,
    sizes: Sizes,
    /// What opening found.
    found: Found,
    state: Mutex<State>,
    written: Condvar,
}

struct State {
    /// The file that is written, how far, and how far it has room.
    file: u64,
    at: u64,
    room_to: u64,
    /// Records that wait for the next write, the number of the first of them, and the hash that it follows.
    waiting: Vec<u8>,
    first: u64,
    first_time: u64,
    follows: Chain,
    /// Bytes that are being written.
    in_flight: u64,
    /// The last record, waiting or written.
    seq: u64,
    chain: Chain,
    time: u64,
    /// The last record that is durable.
    durable: u64,
    /// Operations under way, each with room for a record.
    attempts: u64,
    /// An operation ended without its record.
    abandoned: bool,
    writing: bool,
    closed: bool,
    failed: Option<String>,
}

impl Log {
    pub(super) fn open(
        medium: Box<dyn Medium>,
        vault: VaultId,
        clock: Arc<dyn Clock>,
        sizes: Sizes,
        fresh: bool,
    ) -> Result<Arc<Self>, VaultError> {
        let recovered = recover(&*medium, vault, fresh).map_err(|error| failed("opening", &error))?;
        let found = recovered.found;
        let mut state = State {
            file: recovered.number,
            at: 0,
            room_to: 0,
            waiting: Vec::new(),
            first: 0,
            first_time: 0,
            in_flight: 0,
            follows: recovered.chain,
            seq: recovered.seq,
            chain: recovered.chain,
            time: recovered.time,
            durable: recovered.seq,
            attempts: 0,
            abandoned: false,
            writing: false,
            closed: false,
            failed: None,
        };
        if let Some((number, at)) = recovered.file {
            (state.file, state.at) = (number, at);
            state.room_to = medium.length(number).map_err(|error| failed("opening", &error))?;
        }
        if found == Found::Missing {
            tracing::error!(
                "the files of the audit log are gone; put them back from where they were shipped to, or live with the loss: a new log is begun"
            );
        }
        if found == Found::Damaged {
            tracing::error!(
                "the audit log is damaged; `oubliette log verify` names the records, and a new file is begun"
            );
        }
        let written = Condvar::new();
        let log = Arc::new(Self { medium, vault, clock, sizes, found, state: Mutex::new(state), written });
        if recovered.file.is_none() {
            let begun = log.begin_file(&mut log.lock(), sizes.step);
            begun.map_err(|error| failed("beginning a file", &error))?;
        }
        let opened = AuditEntry { note: found.note().to_owned(), ..own(AuditKind::Opened) };
        log.begin()?.record(&opened)?;
        Ok(log)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps room for one record. To be called before the operation: what cannot be recorded is not to be done.
    pub(super) fn begin(self: &Arc<Self>) -> Result<Attempt, VaultError> {
        let mut state = self.lock();
        state.usable()?;
        let need = (state.attempts + 1) * MAX_RECORD as u64;
        if state.room() < need {
            match self.make_room(&mut state) {
                Ok(()) => {}
                Err(error) if is_full(&error) => return Err(VaultError::DiskFull),
                Err(error) => {
                    state.failed = Some(error.to_string());
                    return Err(failed("making room", &error));
                }
            }
        }
        state.attempts += 1;
        Ok(Attempt { log: Arc::clone(self), open: true })
    }

    /// Writes a record and returns when it is durable.
    fn append(&self, entry: &AuditEntry) -> Result<u64, VaultError> {
        let mut state = self.lock();
        // The room was kept for this record.
        state.attempts = state.attempts.saturating_sub(1);
        let seq = match state.usable() {
            Ok(()) => state.queue(entry, self.clock.now_micros()),
            Err(error) => {
                state.abandoned = true;
                return Err(error);
            }
        };
        while state.durable < seq {
            if let Some(reason) = &state.failed {
                let detail = reason.clone();
                state.abandoned = true;
                return Err(VaultError::AuditFailed { detail });
            }
            state = if state.writing {
                self.written.wait(state).unwrap_or_else(PoisonError::into_inner)
            } else {
                self.write(state)
            };
        }
        Ok(seq)
    }

    /// Writes all that waits, while others may queue behind it.
    fn write<'a>(&'a self, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if state.at >= self.sizes.file {
            let length = state.waiting.len() as u64;
            match self.begin_file(&mut state, length + self.sizes.step) {
                Ok(()) => {}
                // The file may grow past its size: its room is there already.
                Err(error) if is_full(&error) => {}
                Err(error) => return self.fail(state, &error),
            }
        }
        state.writing = true;
        let bytes = std::mem::take(&mut state.waiting);
        state.in_flight = bytes.len() as u64;
        let (file, at, upto) = (state.file, state.at, state.seq);
        drop(state);
        let done = self.medium.write(file, at, &bytes).and_then(|()| self.medium.sync(file));
        let mut state = self.lock();
        state.writing = false;
        state.in_flight = 0;
        match done {
            Err(error) => return self.fail(state, &error),
            Ok(()) => {
                state.at += bytes.len() as u64;
                state.durable = upto;
            }
        }
        if state.room() < self.sizes.step / 4 + state.attempts * MAX_RECORD as u64 {
            // Early, so that a full disk has room for some thousand records yet.
            match self.make_room(&mut state) {
                Ok(()) => {}
                Err(error) if is_full(&error) => {}
                Err(error) => return self.fail(state, &error),
            }
        }
        self.written.notify_all();
        state
    }

    fn fail<'a>(&'a self, mut state: MutexGuard<'a, State>, error: &io::Error) -> MutexGuard<'a, State> {
        tracing::error!(%error, "the audit log cannot be written; nothing more is done");
        state.failed = Some(error.to_string());
        self.written.notify_all();
        state
    }

    fn make_room(&self, state: &mut State) -> io::Result<()> {
        let to = state.room_to + self.sizes.step;
        zeros(state.room_to, to, |at, bytes| self.medium.write(state.file, at, bytes))?;
        self.medium.sync(state.file)?;
        state.room_to = to;
        Ok(())
    }

    /// Begins the next file, with room for what waits and is under way, and so much more.
    fn begin_file(&self, state: &mut State, more: u64) -> io::Result<()> {
        let number = state.file + 1;
        let waits = !state.waiting.is_empty();
        let head = Head {
            vault: self.vault,
            number,
            first: if waits { state.first } else { state.seq + 1 },
            time: if waits { state.first_time } else { state.time },
            chain: if waits { state.follows } else { state.chain },
        };
        let room_to = HEAD as u64 + more + state.attempts * MAX_RECORD as u64;
        self.medium.create(number, &head.encode(), room_to)?;
        (state.file, state.at, state.room_to) = (number, HEAD as u64, room_to);
        Ok(())
    }

    /// How far the log is durable: the newest file's number, and the end of the records in it.
    pub(super) fn durable(&self) -> (u64, u64) {
        let state = self.lock();
        (state.file, state.at)
    }

    /// What of the log was lost before this run, if anything was.
    pub(crate) fn lost_at_open(&self) -> Option<String> {
        match self.found {
            Found::Missing => Some(
                "the files of the audit log were gone when the vault was opened: put them back from where they were shipped to, while the service is stopped"
                    .to_owned(),
            ),
            Found::Damaged => Some(
                "the audit log was damaged when the vault was opened; `oubliette log verify` names the records, docs/audit.md says what to do"
                    .to_owned(),
            ),
            _ => None,
        }
    }

    /// Why nothing can be recorded, if so.
    pub(crate) fn ill(&self) -> Option<String> {
        self.lock().failed.clone()
    }

    /// Writes that the log was closed, if nothing is under way; then refuses all.
    pub(crate) fn close(self: &Arc<Self>) -> Result<(), VaultError> {
        let clean = {
            let state = self.lock();
            if state.closed || state.failed.is_some() {
                return Ok(());
            }
            state.attempts == 0 && !state.abandoned
        };
        let closed = if clean { self.begin()?.record(&own(AuditKind::Closed)).map(|_| ()) } else { Ok(()) };
        self.lock().closed = true;
        closed
    }
}

impl State {
    fn usable(&self) -> Result<(), VaultError> {
        match (&self.failed, self.closed) {
            (Some(reason), _) => Err(VaultError::AuditFailed { detail: reason.clone() }),
            (None, true) => Err(VaultError::AuditFailed { detail: "the vault is closed".to_owned() }),
            (None, false) => Ok(()),
        }
    }

    /// Bytes that may be written behind what is on its way.
    fn room(&self) -> u64 {
        self.room_to.saturating_sub(self.at + self.in_flight + self.waiting.len() as u64)
    }

    fn queue(&mut self, entry: &AuditEntry, now: u64) -> u64 {
        self.seq += 1;
        self.time = self.time.max(now);
        if self.waiting.is_empty() {
            (self.first, self.first_time, self.follows) = (self.seq, self.time, self.chain);
        }
        let record = AuditRecord { seq: self.seq, time: self.time, group: self.first, entry: entry.clone() };
        self.chain = record.encode_into(&self.chain, &mut self.waiting);
        self.seq
    }
}

/// Room for the record of an operation that is under way. An attempt that is dropped without a record shows at the next opening as
/// a log that was not closed.
pub struct Attempt {
    log: Arc<Log>,
    open: bool,
}

impl Attempt {
    /// Writes the record and returns its number when it is durable. What failed may have been written.
    ///
    /// # Errors
    /// [`VaultError::AuditFailed`]: from then on nothing is recorded until the vault is opened again.
    pub fn record(mut self, entry: &AuditEntry) -> Result<u64, VaultError> {
        self.open = false;
        self.log.append(entry)
    }

    /// Gives the room back: nothing happened that is to be recorded.
    pub fn release(mut self) {
        self.open = false;
        let mut state = self.log.lock();
        state.attempts = state.attempts.saturating_sub(1);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        if self.open {
            let mut state = self.log.lock();
            state.attempts = state.attempts.saturating_sub(1);
            state.abandoned = true;
        }
    }
}

/// An entry of the log about itself.
fn own(kind: AuditKind) -> AuditEntry {
    let operation = if kind == AuditKind::Opened { "log opened" } else { "log closed" };
    AuditEntry::new(kind, ActorKind::Vault, operation)
}

fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded)
}

fn failed(what: &str, error: &io::Error) -> VaultError {
    if is_full(error) {
        return VaultError::DiskFull;
    }
    VaultError::AuditFailed { detail: format!("{what} failed: {error}") }
}
