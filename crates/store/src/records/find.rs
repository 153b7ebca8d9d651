//! Finding a record by its id: among the heads of its purpose, newest first. They are few, and no index of ids stands anywhere.

use std::collections::HashSet;

use super::{Facts, Found, RecordInfo, RecordReader, Records, paths};
use crate::VaultError;
use crate::objects::Opened;
use crate::person::BATCH_ROWS;
use crate::rows::{Place, Run};

impl Records {
    /// Shows every record of a purpose that can be read, newest first, from `upto` on. A visitor that answers false ends it.
    pub(super) fn each(
        &self,
        run: Run,
        mut upto: u64,
        visit: &mut dyn FnMut(Place, Vec<u8>, Facts, Opened) -> Result<bool, VaultError>,
    ) -> Result<(), VaultError> {
        loop {
            let rows = self.person.rows(run, 0..=upto, BATCH_ROWS, true)?;
            let Some((lowest, _)) = rows.last() else { return Ok(()) };
            upto = lowest.seq.saturating_sub(1);
            for (place, row) in rows {
                let opened = match self.person.open(place, &row) {
                    Err(VaultError::Forgotten) => continue,
                    opened => opened?,
                };
                let facts = opened.facts_as()?;
                if !visit(place, row, facts, opened)? {
                    return Ok(());
                }
            }
        }
    }

    /// The value of an id that counts.
    pub(super) fn newest_of(
        &self,
        run: Run,
        purpose: &str,
        id: &str,
    ) -> Result<Option<(RecordInfo, Opened)>, VaultError> {
        let mut newest = None;
        self.each(run, u64::MAX, &mut |place, _, facts, opened| {
            if facts.id == id {
                newest = Some((info(purpose, place, facts, &opened), opened));
            }
            Ok(newest.is_none())
        })?;
        Ok(newest)
    }

    /// Shows every record of a purpose that is stored, newest first, whether its consent lets it be used or not: for the person themselves.
    pub(crate) fn each_stored(
        &self,
        run: Run,
        purpose: &str,
        visit: &mut dyn FnMut(RecordReader) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let mut seen = HashSet::new();
        self.each(run, u64::MAX, &mut |place, _, facts, opened| {
            if seen.insert(facts.id.clone()) {
                let info = info(purpose, place, facts, &opened);
                visit(RecordReader { info, content: opened.into_content()? })?;
            }
            Ok(true)
        })
    }

    /// All values of an id that can be read, newest first: more than one only between a new row and the cut of the old one.
    pub(super) fn all_of(&self, run: Run, id: &str) -> Result<Vec<Found>, VaultError> {
        let mut all = Vec::new();
        self.each(run, u64::MAX, &mut |place, row, facts, opened| {
            if facts.id == id {
                all.push(Found { place, row, created: opened.created });
            }
            Ok(true)
        })?;
        Ok(all)
    }

    /// Cuts all values of an id but the newest.
    pub(super) fn cut_older_of(&self, run: Run, id: &str) -> Result<(), VaultError> {
        let mut older = self.all_of(run, id)?;
        if older.len() < 2 {
            return Ok(());
        }
        older.remove(0);
        self.person.supersede(paths(&older)?)?;
        self.remove(older);
        Ok(())
    }
}

pub(super) fn info(purpose: &str, place: Place, facts: Facts, opened: &Opened) -> RecordInfo {
    RecordInfo {
        purpose: purpose.to_owned(),
        id: facts.id,
        version: place.seq,
        size: opened.content_len,
        created: opened.created,
        content_type: facts.content_type,
        new: false,
    }
}
