//! The ledger as a file of 128-byte records.
//!
//! Opening takes nothing away. What stands behind the last whole record may be a record that a crash tore, which nobody was told
//! of, or an acknowledged one that was damaged since; the file alone cannot say which. The key plane can: see [`super::step`].

use std::cmp::Ordering;
use std::collections::HashSet;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oubliette_engine::open_growing;

use super::forgotten_file::ForgottenFile;
use super::{Forgotten, LedgerError, RootLedger, RootRecord, Settled};

const LEN: u64 = RootRecord::LEN as u64;
/// Records looked at in one step of the search for the last whole one.
const STEP: u64 = 64;

/// `ledger/roots`, and beside it `ledger/forgotten`.
pub struct FileLedger {
    file: File,
    path: PathBuf,
    tail: Mutex<Tail>,
    /// `None` where only the roots are looked at.
    forgotten: Option<ForgottenFile>,
}

/// The end of the file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tail {
    /// Places of 128 bytes that the file holds whole, whatever is in them.
    pub(super) places: u64,
    /// Those up to the last that holds a record.
    pub(super) readable: u64,
    /// The highest generation found there.
    pub(super) last: u64,
}

impl FileLedger {
    /// Opens the ledger, or starts one in an existing folder.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let file = open_growing(path).map_err(io("opening", path))?;
        let forgotten = Some(ForgottenFile::open(&path.with_file_name("forgotten"))?);
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("syncing the folder of", path))?;
        let nothing = Tail { places: 0, readable: 0, last: 0 };
        let mut ledger = Self { file, path: path.into(), tail: Mutex::new(nothing), forgotten };
        ledger.tail = Mutex::new(ledger.find_tail()?);
        Ok(ledger)
    }

    /// The last whole record of a ledger, without opening it for work: it may belong to a running service. `None` if there is none.
    pub fn peek(path: &Path) -> Result<Option<RootRecord>, LedgerError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(io("opening", path))?,
        };
        let ledger = Self { file, path: path.into(), tail: Mutex::new(Tail::default()), forgotten: None };
        let Tail { readable, .. } = ledger.find_tail()?;
        readable.checked_sub(1).map(|index| ledger.record(index)).transpose()
    }

    /// Every whole record of a ledger, without opening it for work.
    pub fn read(path: &Path) -> Result<Vec<RootRecord>, LedgerError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            opened => opened.map_err(io("opening", path))?,
        };
        let tail = Mutex::new(Tail::default());
        let ledger = Self { file, path: path.into(), tail, forgotten: None };
        *ledger.tail() = ledger.find_tail()?;
        ledger.after(0)
    }

    fn find_tail(&self) -> Result<Tail, LedgerError> {
        let places = self.length()? / LEN;
        let mut to = places;
        while to > 0 {
            let from = to.saturating_sub(STEP);
            let (mut readable, mut last) = (0, 0);
            for index in from..to {
                if let Ok(record) = RootRecord::decode(&self.bytes(index)?) {
                    (readable, last) = (index + 1, record.generation_after.max(last));
                }
            }
            if readable > 0 {
                return Ok(Tail { places, readable, last });
            }
            to = from;
        }
        Ok(Tail { places, readable: 0, last: 0 })
    }

    /// Bytes in the file.
    pub(super) fn length(&self) -> Result<u64, LedgerError> {
        Ok(self.file.metadata().map_err(io("reading the length of", &self.path))?.len())
    }

    pub(super) fn tail(&self) -> MutexGuard<'_, Tail> {
        self.tail.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What stands at a place; zeros where the file ends within it.
    pub(super) fn bytes(&self, index: u64) -> Result<[u8; RootRecord::LEN], LedgerError> {
        let mut bytes = [0; RootRecord::LEN];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match self.file.read_at(rest, index * LEN + filled as u64) {
                Ok(0) => break,
                Ok(read) => filled += read,
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                Err(error) => return Err(io("reading", &self.path)(error)),
            }
        }
        Ok(bytes)
    }

    /// The record at a place.
    pub(super) fn record(&self, index: u64) -> Result<RootRecord, LedgerError> {
        RootRecord::decode(&self.bytes(index)?)
            .map_err(|_| LedgerError::Damaged { index, path: self.path.clone() })
    }

    /// Puts a record at a place and ends the file there.
    pub(super) fn put_last(
        &self,
        tail: &mut Tail,
        index: u64,
        record: &RootRecord,
    ) -> Result<(), LedgerError> {
        self.file
            .write_all_at(&record.encode(), index * LEN)
            .and_then(|()| self.file.set_len((index + 1) * LEN))
            .and_then(|()| self.file.sync_all())
            .map_err(io("mending", &self.path))?;
        let places = index + 1;
        *tail = Tail { places, readable: places, last: tail.last.max(record.generation_after) };
        Ok(())
    }

    /// Ends the file behind so many places.
    pub(super) fn cut(&self, tail: &mut Tail, places: u64) -> Result<(), LedgerError> {
        self.file
            .set_len(places * LEN)
            .and_then(|()| self.file.sync_all())
            .map_err(io("taking what is no record off", &self.path))?;
        tail.places = places;
        Ok(())
    }

    fn forgotten(&self) -> Result<&ForgottenFile, LedgerError> {
        let missing = || std::io::Error::other("only the roots were opened");
        self.forgotten.as_ref().ok_or_else(|| io("reading", &self.path)(missing()))
    }

    /// The first record at or after a place below `to`, and its place. A damaged record hides only itself.
    fn next_record(&self, from: u64, to: u64) -> Result<Option<(u64, RootRecord)>, LedgerError> {
        for index in from..to {
            match self.record(index) {
                Err(LedgerError::Damaged { .. }) => {}
                record => return record.map(|record| Some((index, record))),
            }
        }
        Ok(None)
    }
}

impl RootLedger for FileLedger {
    fn append(&self, record: &RootRecord) -> Result<(), LedgerError> {
        let mut tail = self.tail();
        if record.generation_after <= tail.last {
            return Err(LedgerError::OutOfOrder { last: tail.last, got: record.generation_after });
        }
        self.file
            .write_all_at(&record.encode(), tail.places * LEN)
            .and_then(|()| self.file.sync_data())
            .map_err(io("appending", &self.path))?;
        let places = tail.places + 1;
        *tail = Tail { places, readable: places, last: record.generation_after };
        Ok(())
    }

    fn forget(&self, forgotten: &Forgotten) -> Result<(), LedgerError> {
        self.forgotten()?.append(forgotten)
    }

    fn forgotten(&self, after: u64) -> Result<Vec<Forgotten>, LedgerError> {
        self.forgotten()?.after(after)
    }

    fn settle_forgotten(&self, last: u64) -> Result<Settled, LedgerError> {
        self.forgotten()?.settle(last)
    }

    fn places(&self) -> Result<u64, LedgerError> {
        Ok(self.tail().places)
    }

    fn find(&self, generation_after: u64) -> Result<Option<RootRecord>, LedgerError> {
        let (mut from, mut to) = (0, self.tail().readable);
        let mut damaged = None;
        while from < to {
            let middle = from + (to - from) / 2;
            let found = self.next_record(middle, to)?;
            if found.as_ref().is_none_or(|(index, _)| *index > middle) {
                damaged = Some(middle);
            }
            match found {
                None => to = middle,
                Some((index, record)) => match record.generation_after.cmp(&generation_after) {
                    Ordering::Equal => return Ok(Some(record)),
                    Ordering::Less => from = index + 1,
                    Ordering::Greater => to = middle,
                },
            }
        }
        match damaged {
            Some(index) => Err(LedgerError::Damaged { index, path: self.path.clone() }),
            None => Ok(None),
        }
    }

    fn after(&self, generation: u64) -> Result<Vec<RootRecord>, LedgerError> {
        let mut records = Vec::new();
        for index in (0..self.tail().readable).rev() {
            match self.record(index) {
                Ok(record) if record.generation_after > generation => records.push(record),
                Ok(_) => break,
                Err(LedgerError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        records.reverse();
        Ok(records)
    }

    fn verify(&self) -> Result<Vec<String>, LedgerError> {
        let places = self.tail().places;
        let (noted, mut faults) = self.forgotten()?.verify()?;
        let noted: HashSet<u64> = noted.into_iter().collect();
        let mut last = 0;
        for index in 0..places {
            match self.record(index) {
                Ok(record) if record.generation_after > last => {
                    last = record.generation_after;
                    if !noted.contains(&last) {
                        faults.push(format!(
                            "what the deletion of generation {last} forgot is missing in ledger/forgotten"
                        ));
                    }
                }
                Ok(_) => faults.push(format!("record {index} of the ledger is out of order")),
                Err(error @ LedgerError::Damaged { .. }) => faults.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(faults)
    }

    fn last(&self) -> Result<u64, LedgerError> {
        Ok(self.tail().last)
    }

    fn settle(&self, deletions: u64, newest: &RootRecord) -> Result<Settled, LedgerError> {
        super::step::settle(self, deletions, newest)
    }
}

pub(super) fn io(op: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> LedgerError {
    let path = path.to_path_buf();
    move |source| LedgerError::Io { op, path, source }
}
