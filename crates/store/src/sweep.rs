//! Taking away what nobody can read any more: rows of the erased, in bounded steps, and what crashes left of forgetting.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use oubliette_crypto::{Branch, Class, Handle};
use oubliette_engine::Row;
use oubliette_keyring::{KeyringError, SweepEntry};

use crate::locks::lock;
use crate::person::{BATCH_ROWS, Person};
use crate::rows::{Bounds, Place, Run};
use crate::vault::Inner;
use crate::{Vault, VaultError};

/// In microseconds.
const HOUR: u64 = 3600 * 1_000_000;
const DAY: u64 = 24 * HOUR;

/// What one step of sweeping did.
#[derive(Debug, Clone, Default)]
pub struct SweepReport {
    /// Rows removed.
    pub rows: u64,
    /// Blobs removed.
    pub blobs: u64,
    /// Erased people whose rows may still be there.
    pub left: u64,
}

/// How far the search for left-over rows of the living has come. One pass after each start, and one after each removal that failed.
#[derive(Default)]
pub(crate) struct Tidied {
    progress: Mutex<Progress>,
    again: AtomicBool,
    pub(crate) answers: crate::once::Pass,
    /// When the daily work was done, in microseconds since 1970.
    daily: Mutex<Option<u64>>,
    /// When it was last looked for what has waited for its time, in microseconds since 1970.
    ripened: Mutex<Option<u64>>,
}

#[derive(Default)]
enum Progress {
    #[default]
    Start,
    At(Vec<u8>),
    Done,
}

impl Tidied {
    pub(crate) fn begin_again(&self) {
        self.again.store(true, Ordering::Relaxed);
    }
}

impl Vault {
    /// Removes rows and blobs that belong to nobody any more. Bounded: call until `left` is 0, and now and then after that, when it
    /// goes on looking for rows of the living whose keys were cut before a crash, and forgets versions of saves that became too old
    /// (docs/saves.md). Where dead rows take up too much room it has them compacted. Once a day it also removes fences whose time is over and changes the root.
    ///
    /// # Errors
    /// Those of the stores; what was not removed is removed by a later call.
    pub fn sweep(&self, max_rows: usize) -> Result<SweepReport, VaultError> {
        self.escrow().keep_up();
        self.sweep_rows(max_rows)
    }

    /// The same without [`crate::Escrow::keep_up`], for a service that does that on another thread: an escrow's disk that hangs must not
    /// keep anything from being swept.
    ///
    /// # Errors
    /// As above.
    pub fn sweep_rows(&self, max_rows: usize) -> Result<SweepReport, VaultError> {
        let inner = &*self.inner;
        inner.keyring.note_time()?;
        self.ripen()?;
        self.daily()?;
        let mut report = SweepReport::default();
        let mut budget = max_rows;
        let queue = inner.keyring.sweep_queue();
        let mut swept = Vec::new();
        for SweepEntry { handle, .. } in &queue {
            if !inner.sweep_person(handle, &mut budget, &mut report)? {
                break;
            }
            swept.push(*handle);
        }
        inner.leave_queue(&swept)?;
        report.left = (queue.len() - swept.len()) as u64;
        if report.left == 0 && budget > 0 {
            self.expire(budget)?;
            self.forget_old_answers(budget)?;
            self.tidy(budget, &mut report)?;
            self.trim(max_rows)?;
            inner.compact_if_bloated()?;
        }
        Ok(report)
    }

    /// Once an hour, and soon after a start: cuts that waited for their moment or for the end of a hold are made.
    fn ripen(&self) -> Result<(), VaultError> {
        let mut last = lock(&self.inner.tidied.ripened);
        let now = self.inner.due_time();
        if last.is_some_and(|last| now < last + HOUR) {
            return Ok(());
        }
        if self.inner.keyring.ripen()? > 0 {
            self.inner.tidied.begin_again();
        }
        *last = Some(now);
        Ok(())
    }

    /// Once a day, and soon after a start: fences whose time is over go, and a root change lets die what insertions superseded (a lifted
    /// block, say).
    fn daily(&self) -> Result<(), VaultError> {
        let mut last = lock(&self.inner.tidied.daily);
        let now = self.inner.now();
        if last.is_some_and(|last| now < last + DAY) {
            return Ok(());
        }
        let keyring = &self.inner.keyring;
        let epoch = keyring.epoch();
        keyring.remove_expired_fences()?;
        if keyring.epoch() == epoch {
            keyring.rotate()?;
        }
        *last = Some(now);
        // Of the living: what grew too old since, and what others left of messages that two leaves open.
        self.inner.tidied.begin_again();
        Ok(())
    }

    /// Looks at so many rows for what a crash left behind.
    fn tidy(&self, mut budget: usize, report: &mut SweepReport) -> Result<(), VaultError> {
        let mut progress = lock(&self.inner.tidied.progress);
        if self.inner.tidied.again.swap(false, Ordering::Relaxed) {
            *progress = Progress::Start;
        }
        let mut from = match &*progress {
            Progress::Start => vec![0; 16],
            Progress::At(key) => key.clone(),
            Progress::Done => return Ok(()),
        };
        while budget > 0 {
            let limit = budget.min(BATCH_ROWS);
            let rows = self.inner.engine.range(&from, &[u8::MAX; 64], limit, false)?;
            let full = rows.len() == limit;
            budget -= rows.len();
            if let Some((last, _)) = rows.last() {
                from.clone_from(last);
                from.push(0);
            }
            self.tidy_rows(rows, report)?;
            if !full {
                *progress = Progress::Done;
                return Ok(());
            }
            *progress = Progress::At(from.clone());
        }
        Ok(())
    }

    fn tidy_rows(&self, rows: Vec<Row>, report: &mut SweepReport) -> Result<(), VaultError> {
        let mut person: Option<Person> = None;
        let mut cut = Vec::new();
        let mut before: Option<(Handle, Place)> = None;
        for (key, row) in rows {
            let Some((handle, place)) = Place::parse(&key) else { continue };
            if person.as_ref().is_none_or(|person| person.handle() != handle) {
                person = match self.by_handle(handle) {
                    // One lost page of the key plane must not end the work for everybody.
                    Err(VaultError::SubjectBlocked | VaultError::Corrupt { .. }) => None,
                    other => other?,
                };
            }
            let Some(person) = &person else { continue };
            let begins = before.is_none_or(|(h, p)| h != handle || p.run() != place.run());
            if begins && (place.class, place.branch) == (Class::Chat, Branch::Items) {
                told(person.cut_aged(place, &row))?;
            }
            match person.is_cut(place) {
                Ok(true) if person.is_kept(place)? => {}
                Ok(true) => cut.push((key, row)),
                Ok(false) if told(self.is_spent(person, place, &row))?.unwrap_or(false) => {
                    cut.push((key, row));
                }
                Ok(false) => {
                    let last = before.replace((handle, place));
                    if last.is_some_and(|(h, p)| h == handle && p.run() == place.run()) {
                        person.settle(place)?;
                    }
                }
                Err(VaultError::Corrupt { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        report.rows += cut.len() as u64;
        report.blobs += self.inner.forget_rows(cut)?;
        Ok(())
    }

    /// Whoever a handle belongs to; `None` if they are gone. Who is blocked is not gone: their erasure has begun, and rows that look like
    /// nobody's are theirs until it ends. That is an error, so that nobody mistakes the one for the other.
    pub(crate) fn by_handle(&self, handle: Handle) -> Result<Option<Person>, VaultError> {
        match self.inner.keyring.subject_by_handle(&handle) {
            Ok(keys) => Ok(Some(Person { vault: self.inner.clone(), keys })),
            Err(KeyringError::Unknown | KeyringError::Erased { .. }) => Ok(None),
            Err(other) => Err(other.into()),
        }
    }
}

/// Damage in one place must not end the work for everybody: it is told, and there is no answer.
fn told<T>(done: Result<T, VaultError>) -> Result<Option<T>, VaultError> {
    match done {
        Ok(done) => Ok(Some(done)),
        Err(VaultError::Corrupt { what }) => {
            tracing::warn!(what, "a damaged row is left as it is; run fsck");
            Ok(None)
        }
        Err(other) => Err(other),
    }
}

impl Inner {
    /// Removes all rows and blobs of somebody whom nobody knows.
    pub(crate) fn sweep_all_of(&self, handle: &Handle) -> Result<(), VaultError> {
        while !self.sweep_person(handle, &mut BATCH_ROWS.clone(), &mut SweepReport::default())? {}
        Ok(())
    }

    /// True if nothing is left of this person.
    pub(crate) fn sweep_person(
        &self,
        handle: &Handle,
        budget: &mut usize,
        report: &mut SweepReport,
    ) -> Result<bool, VaultError> {
        let bounds = Bounds::person(handle);
        while *budget > 0 {
            let limit = BATCH_ROWS.min(*budget);
            let rows = self.engine.range(&bounds.from, &bounds.to, limit, false)?;
            let found = rows.len();
            *budget -= found;
            report.rows += found as u64;
            report.blobs += self.forget_rows(rows)?;
            if found < limit {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

impl Person {
    /// Finishes a replacement that a crash interrupted: where a run holds one value, older rows are cut and removed. Only a value that opens
    /// replaces another: a row that somebody without keys put above the true one must not cut it. That one is left for `fsck`.
    fn settle(&self, place: Place) -> Result<(), VaultError> {
        let run = place.run();
        let _lock = self.vault.slots.lock((self.handle(), run));
        let newest = match (place.class, place.branch) {
            (Class::Chat, Branch::Meta) => return self.settle_meta(run),
            (Class::Credentials, Branch::Items) => self.newest_fields(run),
            (Class::Profile, Branch::Items) if crate::profile::holds_one(place.compartment) => {
                self.newest_whole(run)
            }
            (Class::Records, Branch::Items) => return self.settle_record(place),
            _ => return Ok(()),
        };
        match newest {
            Ok(newest) => newest.map_or(Ok(()), |newest| self.cut_older(newest)),
            Err(VaultError::Corrupt { what }) => {
                tracing::warn!(what, "a damaged row is left as it is, with those below it; run fsck");
                Ok(())
            }
            Err(other) => Err(other),
        }
    }

    fn settle_meta(&self, run: Run) -> Result<(), VaultError> {
        let newest = told(self.newest_whole(run))?.flatten();
        newest.map_or(Ok(()), |newest| self.cut_older_metas(newest))
    }

    /// The newest row of a run, opened.
    fn newest_whole(&self, run: Run) -> Result<Option<Place>, VaultError> {
        let Some((place, row)) = self.newest(run)? else { return Ok(None) };
        self.open(place, &row)?;
        Ok(Some(place))
    }
}
