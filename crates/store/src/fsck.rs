//! Reading and authenticating everything that is stored.

use oubliette_engine::{Batch, Row};

use crate::person::{BATCH_ROWS, Person};
use crate::rows::{Place, Value};
use crate::{Vault, VaultError};

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct FsckReport {
    /// Pages of the key plane authenticated.
    pub pages: u64,
    /// Rows opened with their keys. Those of people whose erasure has begun and not ended are passed over.
    pub rows: u64,
    /// Bodies in blobs read to their end.
    pub blobs: u64,
    /// Copies of pages that were bad and could be mended from the other copy, and rows of nobody removed, if mending was asked for.
    pub mended: u64,
    /// Pages and rows that nobody's keys lead to: noise, no fault.
    pub orphans: u64,
    /// What was done to the folder when it was opened, such as a copy of the key plane made anew.
    pub notes: Vec<String>,
    /// One line for each fault that cannot be mended; never content.
    pub faults: Vec<String>,
}

/// What is known of one row.
enum Verdict {
    Whole {
        blob: bool,
    },
    Orphan,
    /// Of somebody whose erasure has begun and not ended: neither readable nor anybody's to remove but the erasure's.
    Leaving,
    Damaged(String),
}

impl Vault {
    /// Reads and authenticates everything: pages in every copy, the engine's own bookkeeping, every row and body. `mend` also overwrites bad pages
    /// from their mirror and removes what is noise. `progress` gets what is being read and how much of it was. Reading and writing may go
    /// on meanwhile.
    ///
    /// # Errors
    /// Those that end the search; damage that was found stands in the report.
    pub fn fsck(&self, mend: bool, progress: &mut dyn FnMut(&str, u64)) -> Result<FsckReport, VaultError> {
        let mut report = FsckReport { notes: self.inner.folder_notes(), ..FsckReport::default() };
        report.notes.extend(self.inner.keyring.mended_at_open().iter().cloned());
        progress("pages", 0);
        let pages = self.inner.keyring.verify(mend)?;
        report.pages = pages.pages;
        report.mended = pages.mended;
        report.orphans = pages.orphans;
        report.faults = pages.faults;
        if pages.bad_copies > pages.mended {
            let bad = pages.bad_copies - pages.mended;
            report.faults.push(if mend {
                format!(
                    "{bad} pages of the key plane could not be mended: one copy takes no writes; stop the service, mend its disk, and run fsck --repair on the folder"
                )
            } else {
                format!("{bad} pages of the key plane are bad in one copy; mend them with --repair")
            });
        }
        progress("pages", report.pages);
        match self.audit().verify() {
            Ok(log) => report.faults.extend(log.faults),
            // The rest is looked at all the same.
            Err(error) => report.faults.push(format!("the audit log cannot be read: {error}")),
        }
        match self.inner.receipts.verify(&self.inner.keyring) {
            Ok(ledger) => report.faults.extend(ledger.faults),
            Err(error) => report.faults.push(format!("receipts and log cannot be read: {error}")),
        }
        report.faults.extend(self.inner.engine.verify()?.faults);
        self.check_rows(mend, &mut report, progress)?;
        Ok(report)
    }

    /// Gives up what is lost in every copy, so that nothing damaged is left: takes lost pages out of the key tree, with the people that stood on
    /// them, and removes rows that do not open. Mends first, as [`Vault::fsck`] does, and looks at everything again afterwards; the answer is what was found
    /// then. Nothing of it comes back but rows, from a backup that holds them.
    ///
    /// # Errors
    /// Refused while a copy of the key plane is away or ill, and where this opening made one anew: the copy that was there may hold what the other lost.
    pub fn give_up_lost(&self, progress: &mut dyn FnMut(&str, u64)) -> Result<FsckReport, VaultError> {
        let keyring = &self.inner.keyring;
        let mut notes = Vec::new();
        if let Some(made_anew) = self.inner.copy_made_anew() {
            return Err(away(made_anew));
        }
        let lost = keyring.verify(true)?.lost;
        // A copy that merely lacked pages has them now.
        if let Some(ill) = keyring.copy_ill() {
            return Err(away(&ill));
        }
        if lost > 0 {
            let before = keyring.population();
            keyring.prune_lost()?;
            let people = before.saturating_sub(keyring.population());
            notes.push(format!("{people} people whose keys are lost were taken out of the key tree"));
        }
        let rows = self.remove_damaged_rows()?;
        if rows > 0 {
            notes.push(format!("{rows} rows that did not open were removed"));
        }
        let mut report = self.fsck(true, progress)?;
        report.notes.extend(notes);
        Ok(report)
    }

    /// The space of their blobs is not given back: a damaged row may name the blob of another.
    fn remove_damaged_rows(&self) -> Result<u64, VaultError> {
        let mut removed = 0;
        self.each_row_checked(&mut |row, verdict| {
            if matches!(verdict, Verdict::Damaged(_)) {
                let mut batch = Batch::new();
                batch.delete(row.0.clone());
                self.inner.engine.commit(batch)?;
                if let Some((handle, _)) = Place::parse(&row.0) {
                    self.inner.usages.forget_person(handle);
                }
                removed += 1;
            }
            Ok(())
        })?;
        Ok(removed)
    }

    fn check_rows(
        &self,
        mend: bool,
        report: &mut FsckReport,
        progress: &mut dyn FnMut(&str, u64),
    ) -> Result<(), VaultError> {
        let mut orphans = Vec::new();
        let forget = |orphans: &mut Vec<Row>, report: &mut FsckReport| {
            report.orphans += orphans.len() as u64;
            let rows = std::mem::take(orphans);
            if mend {
                report.mended += rows.len() as u64;
                self.inner.forget_rows(rows)?;
            }
            Ok::<_, VaultError>(())
        };
        self.each_row_checked(&mut |row, verdict| {
            match verdict {
                Verdict::Whole { blob } => {
                    report.rows += 1;
                    report.blobs += u64::from(blob);
                    if report.rows.is_multiple_of(BATCH_ROWS as u64) {
                        progress("rows", report.rows);
                    }
                }
                Verdict::Orphan => orphans.push(row),
                Verdict::Leaving => {}
                Verdict::Damaged(what) => {
                    let fault = format!("{what} is damaged");
                    if report.faults.last() != Some(&fault) {
                        report.faults.push(fault);
                    }
                }
            }
            if orphans.len() >= BATCH_ROWS { forget(&mut orphans, report) } else { Ok(()) }
        })?;
        forget(&mut orphans, report)?;
        progress("rows", report.rows);
        Ok(())
    }

    /// Every content row with what is known of it.
    fn each_row_checked(
        &self,
        visit: &mut dyn FnMut(Row, Verdict) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let mut person: Option<Person> = None;
        // Handle 0 is the vault's own.
        let mut from = [[0; 15].as_slice(), &[1]].concat();
        loop {
            let rows = self.inner.engine.range(&from, &[u8::MAX; 64], BATCH_ROWS, false)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            from.clone_from(last);
            from.push(0);
            for row in rows {
                let verdict = self.check_row(&row, &mut person)?;
                visit(row, verdict)?;
            }
        }
    }

    fn check_row(&self, (key, row): &Row, person: &mut Option<Person>) -> Result<Verdict, VaultError> {
        let Some((handle, place)) = Place::parse(key) else {
            return Ok(Verdict::Damaged(format!("a row with a key of {} bytes", key.len())));
        };
        if person.as_ref().is_none_or(|person| person.handle() != handle) {
            *person = match self.by_handle(handle) {
                // Said once, not for every row: these rows are whole, it is their keys that are not.
                Err(VaultError::Corrupt { what }) => {
                    return Ok(Verdict::Damaged(format!("{what}, which leads to handle {handle},")));
                }
                Err(VaultError::SubjectBlocked) => return Ok(Verdict::Leaving),
                other => other?,
            };
        }
        let Some(person) = person else { return Ok(Verdict::Orphan) };
        if person.is_kept(place)? {
            return Ok(Verdict::Leaving);
        }
        match person.read_through(place, row) {
            Ok(()) => {
                let blob = Value::parse(row).is_some_and(|value| value.blob.is_some());
                Ok(Verdict::Whole { blob })
            }
            Err(VaultError::Forgotten | VaultError::SubjectErased { .. }) => Ok(Verdict::Orphan),
            Err(VaultError::SubjectBlocked) => Ok(Verdict::Leaving),
            // Forgotten and removed while it was read?
            Err(VaultError::Corrupt { .. }) if self.inner.engine.get(key)?.as_ref() != Some(row) => {
                Ok(Verdict::Orphan)
            }
            Err(VaultError::Corrupt { what }) => Ok(Verdict::Damaged(what)),
            Err(other) => Err(other),
        }
    }
}

impl Person {
    /// Opens head, facts and all content.
    fn read_through(&self, place: Place, row: &[u8]) -> Result<(), VaultError> {
        let opened = self.open(place, row)?;
        opened.facts()?;
        let mut content = opened.into_content()?;
        while content.next_chunk()?.is_some() {}
        Ok(())
    }
}

/// Said instead of giving anything up.
fn away(why: &str) -> VaultError {
    VaultError::Format {
        detail: format!(
            "nothing is given up: {why}. The copy of the key pages that is away may hold what the other lost: stop the service, mount the disk that holds it, or put \
             its folder back, and run `fsck --repair`. If it is truly lost, run `fsck --repair` without a service, which makes it anew; then give up, not in one \
             opening with it"
        ),
    }
}
