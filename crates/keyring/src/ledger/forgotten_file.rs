//! `ledger/forgotten`: the records one after the other, read from either end.
//!
//! A record is durable before the cells turn (docs/keyring.md, "The commit"), so every deletion that happened has one, and the newest may be of
//! a deletion that did not. Opening takes nothing away; [`ForgottenFile::settle`], which knows the last deletion, takes off what a crash left.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use oubliette_engine::open_growing;

use super::file::io;
use super::{Forgotten, LedgerError, Settled};

pub(super) struct ForgottenFile {
    file: File,
    path: PathBuf,
    end: Mutex<End>,
}

/// The end of what reads.
#[derive(Debug, Clone, Copy, Default)]
struct End {
    at: u64,
    /// The generation of the last record; 0: there is none.
    last: u64,
}

impl ForgottenFile {
    pub(super) fn open(path: &Path) -> Result<Self, LedgerError> {
        let file = open_growing(path).map_err(io("opening", path))?;
        let file = Self { file, path: path.into(), end: Mutex::default() };
        *file.end() = file.find_end()?;
        Ok(file)
    }

    fn find_end(&self) -> Result<End, LedgerError> {
        let length = self.length()?;
        if let Ok(Some((_, record))) = self.before(length) {
            return Ok(End { at: length, last: record.generation });
        }
        let (mut at, mut last) = (0, 0);
        self.scan(&mut |place, found| {
            if let Some((record, length)) = found {
                (at, last) = (place + length as u64, record.generation);
            }
        })?;
        Ok(End { at, last })
    }

    /// Makes a record durable, in the place of those of generations that never came to be.
    pub(super) fn append(&self, record: &Forgotten) -> Result<(), LedgerError> {
        let mut end = self.end();
        self.cut_above(&mut end, record.generation - 1)?;
        let bytes = record.encode();
        self.file
            .write_all_at(&bytes, end.at)
            .and_then(|()| self.file.sync_data())
            .map_err(io("appending", &self.path))?;
        *end = End { at: end.at + bytes.len() as u64, last: record.generation };
        Ok(())
    }

    /// `last` is the generation of the last deletion, 0 if there was none.
    pub(super) fn settle(&self, last: u64) -> Result<Settled, LedgerError> {
        let mut end = self.end();
        self.cut_above(&mut end, last)?;
        let lost = (end.last < last).then(|| {
            format!(
                "what the deletion of generation {last} forgot is missing or damaged in {}: a root from escrow that is older must not be brought back with it; put the newest copy of that file back",
                self.path.display()
            )
        });
        Ok(Settled { mended: Vec::new(), lost: lost.into_iter().collect() })
    }

    /// Takes off what reads as no record, and records of later generations.
    fn cut_above(&self, end: &mut End, last: u64) -> Result<(), LedgerError> {
        while end.last > last {
            let Some((place, _)) = self.before(end.at)? else { break };
            end.at = place;
            end.last = self.before(place).ok().flatten().map_or(0, |(_, record)| record.generation);
        }
        if self.length()? > end.at {
            self.file
                .set_len(end.at)
                .and_then(|()| self.file.sync_all())
                .map_err(io("taking what is no record off", &self.path))?;
        }
        Ok(())
    }

    /// The records of generations after this one, in their order.
    pub(super) fn after(&self, generation: u64) -> Result<Vec<Forgotten>, LedgerError> {
        let mut at = self.end().at;
        let mut records = Vec::new();
        while let Some((place, record)) = self.before(at)? {
            if record.generation <= generation {
                break;
            }
            at = place;
            records.push(record);
        }
        records.reverse();
        Ok(records)
    }

    /// The generations of all records, and a line for each place that holds none.
    pub(super) fn verify(&self) -> Result<(Vec<u64>, Vec<String>), LedgerError> {
        let (mut generations, mut faults) = (Vec::new(), Vec::new());
        let end = self.end().at;
        self.scan(&mut |place, found| match found {
            Some((record, _)) => generations.push(record.generation),
            None if place < end => {
                faults.push(format!("{} is damaged at byte {place}", self.path.display()));
            }
            None => {}
        })?;
        Ok((generations, faults))
    }

    /// Visits every record from the front; `None` for what lies between two and is none.
    fn scan(&self, visit: &mut dyn FnMut(u64, Option<(Forgotten, usize)>)) -> Result<(), LedgerError> {
        let length = usize::try_from(self.length()?).unwrap_or(usize::MAX);
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, 0).map_err(io("reading", &self.path))?;
        let (mut at, mut said) = (0, false);
        while let Some(rest) = bytes.get(at..).filter(|rest| !rest.is_empty()) {
            match Forgotten::first(rest) {
                Ok((record, length)) => {
                    visit(at as u64, Some((record, length)));
                    (at, said) = (at + length, false);
                }
                Err(_) => {
                    if !said {
                        visit(at as u64, None);
                        said = true;
                    }
                    let Some(next) = Forgotten::next_place(&bytes, at + 1) else { break };
                    at = next;
                }
            }
        }
        Ok(())
    }

    /// The record that ends at a place, and where it begins; `None` at the front of the file.
    fn before(&self, end: u64) -> Result<Option<(u64, Forgotten)>, LedgerError> {
        if end == 0 {
            return Ok(None);
        }
        let damaged = || LedgerError::Damaged { index: end, path: self.path.clone() };
        let mut length = [0; 4];
        let at = end.checked_sub(4).ok_or_else(damaged)?;
        self.file.read_exact_at(&mut length, at).map_err(io("reading", &self.path))?;
        let length = u32::from_be_bytes(length);
        let begin = end.checked_sub(length.into()).ok_or_else(damaged)?;
        if (length as usize) < Forgotten::SHORTEST {
            return Err(damaged());
        }
        let mut bytes = vec![0; length as usize];
        self.file.read_exact_at(&mut bytes, begin).map_err(io("reading", &self.path))?;
        let record = Forgotten::decode(&bytes).map_err(|_| damaged())?;
        Ok(Some((begin, record)))
    }

    fn length(&self) -> Result<u64, LedgerError> {
        Ok(self.file.metadata().map_err(io("reading the length of", &self.path))?.len())
    }

    fn end(&self) -> MutexGuard<'_, End> {
        self.end.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
