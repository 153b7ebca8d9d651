//! The ledger as a file of 128-byte records.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::{LedgerError, RootLedger, RootRecord};

/// Damaged records at the end that a look at the last one passes over.
const MOST_TORN: usize = 1000;

/// `ledger/roots`. A record torn by a crash was never acknowledged and is taken off at opening.
pub struct FileLedger {
    file: File,
    path: PathBuf,
    tail: Mutex<Tail>,
}

struct Tail {
    records: u64,
    last: u64,
}

impl FileLedger {
    /// Opens the ledger, or starts one in an existing folder.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)
            .map_err(io("opening", path))?;
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("syncing the folder of", path))?;
        let mut ledger = Self { file, path: path.into(), tail: Mutex::new(Tail { records: 0, last: 0 }) };
        let length = ledger.file.metadata().map_err(io("reading the length of", path))?.len();
        let stored = length / RootRecord::LEN as u64;
        let (mut records, mut last) = (stored, 0);
        for index in (0..stored).rev() {
            match ledger.record(index) {
                Ok(record) => {
                    last = record.generation_after;
                    break;
                }
                // Only the last record can be torn; damage before it is damage, and stays to be found by `verify`.
                Err(LedgerError::Damaged { .. }) if index + 1 == stored => records = index,
                Err(LedgerError::Damaged { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        if records * RootRecord::LEN as u64 != length {
            ledger
                .file
                .set_len(records * RootRecord::LEN as u64)
                .and_then(|()| ledger.file.sync_all())
                .map_err(io("taking a torn record off", path))?;
        }
        ledger.tail = Mutex::new(Tail { records, last });
        Ok(ledger)
    }

    /// The last whole record of a ledger, without opening it for work: it may belong to a running service. `None` if there is none.
    pub fn last(path: &Path) -> Result<Option<RootRecord>, LedgerError> {
        let file = match File::open(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(io("opening", path))?,
        };
        let records =
            file.metadata().map_err(io("reading the length of", path))?.len() / RootRecord::LEN as u64;
        for index in (0..records).rev().take(MOST_TORN) {
            let mut bytes = [0; RootRecord::LEN];
            file.read_exact_at(&mut bytes, index * RootRecord::LEN as u64).map_err(io("reading", path))?;
            if let Ok(record) = RootRecord::decode(&bytes) {
                return Ok(Some(record));
            }
        }
        Ok(None)
    }

    fn record(&self, index: u64) -> Result<RootRecord, LedgerError> {
        let mut bytes = [0; RootRecord::LEN];
        self.file
            .read_exact_at(&mut bytes, index * RootRecord::LEN as u64)
            .map_err(io("reading", &self.path))?;
        RootRecord::decode(&bytes).map_err(|_| LedgerError::Damaged { index, path: self.path.clone() })
    }
}

impl RootLedger for FileLedger {
    fn append(&self, record: &RootRecord) -> Result<(), LedgerError> {
        let mut tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        if record.generation_after <= tail.last {
            return Err(LedgerError::OutOfOrder { last: tail.last, got: record.generation_after });
        }
        self.file
            .write_all_at(&record.encode(), tail.records * RootRecord::LEN as u64)
            .and_then(|()| self.file.sync_data())
            .map_err(io("appending", &self.path))?;
        *tail = Tail { records: tail.records + 1, last: record.generation_after };
        Ok(())
    }

    fn find(&self, generation_after: u64) -> Result<Option<RootRecord>, LedgerError> {
        let records = self.tail.lock().unwrap_or_else(PoisonError::into_inner).records;
        let (mut from, mut to) = (0, records);
        while from < to {
            let middle = from + (to - from) / 2;
            let record = self.record(middle)?;
            match record.generation_after.cmp(&generation_after) {
                std::cmp::Ordering::Equal => return Ok(Some(record)),
                std::cmp::Ordering::Less => from = middle + 1,
                std::cmp::Ordering::Greater => to = middle,
            }
        }
        Ok(None)
    }

    fn verify(&self) -> Result<Vec<String>, LedgerError> {
        let records = self.tail.lock().unwrap_or_else(PoisonError::into_inner).records;
        let (mut faults, mut last) = (Vec::new(), 0);
        for index in 0..records {
            match self.record(index) {
                Ok(record) if record.generation_after > last => last = record.generation_after,
                Ok(_) => faults.push(format!("record {index} of the ledger is out of order")),
                Err(error @ LedgerError::Damaged { .. }) => faults.push(error.to_string()),
                Err(error) => return Err(error),
            }
        }
        Ok(faults)
    }
}

fn io(op: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> LedgerError {
    let path = path.to_path_buf();
    move |source| LedgerError::Io { op, path, source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cell::ErasureClass;

    fn record(generation_after: u64) -> RootRecord {
        RootRecord {
            generation_before: generation_after - 1,
            generation_after,
            root_before: [1; 32],
            root_after: [2; 32],
            time: -5,
            removed: 3,
            cell_class: ErasureClass::E1,
        }
    }

    #[test]
    fn finds_what_was_appended_also_after_reopening() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roots");
        for round in 0..3 {
            let ledger = FileLedger::open(&path).unwrap();
            for n in 1..=7 {
                ledger.append(&record(round * 100 + n * 3)).unwrap();
            }
            assert!(matches!(
                ledger.append(&record(round * 100 + 21)),
                Err(LedgerError::OutOfOrder { got, .. }) if got == round * 100 + 21
            ));
            for generation in 0..330 {
                let known = generation / 100 <= round && (1..=7).any(|n| generation % 100 == n * 3);
                assert_eq!(
                    ledger.find(generation).unwrap(),
                    known.then(|| record(generation)),
                    "{generation}"
                );
            }
        }
    }

    #[test]
    fn a_torn_tail_is_taken_off_and_damage_before_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roots");
        let ledger = FileLedger::open(&path).unwrap();
        (1..=3).for_each(|n| ledger.append(&record(n)).unwrap());
        drop(ledger);
        let whole = std::fs::read(&path).unwrap();
        for cut in 1..=RootRecord::LEN {
            let mut torn = whole[..3 * RootRecord::LEN - cut].to_vec();
            if cut % 2 == 0 {
                torn.resize(3 * RootRecord::LEN, 0);
            }
            std::fs::write(&path, &torn).unwrap();
            let ledger = FileLedger::open(&path).unwrap();
            assert_eq!(ledger.find(2).unwrap(), Some(record(2)));
            assert_eq!(ledger.find(3).unwrap(), None, "{cut}");
            ledger.append(&record(3)).unwrap();
        }
        let mut damaged = whole;
        damaged[130] ^= 1;
        std::fs::write(&path, &damaged).unwrap();
        let ledger = FileLedger::open(&path).unwrap();
        assert!(matches!(ledger.find(2), Err(LedgerError::Damaged { index: 1, .. })));
        let faults = ledger.verify().unwrap();
        assert!(faults.len() == 1 && faults[0].contains("record 1"), "{faults:?}");
    }
}
