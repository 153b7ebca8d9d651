//! One side of a conversation, walked up or down by the order sealed in its messages, which grows with the seq.

use std::collections::VecDeque;

use oubliette_crypto::Class;

use super::message::Facts;
use crate::VaultError;
use crate::objects::Opened;
use crate::person::Person;
use crate::rows::{Bounds, Place, Run};

/// Rows fetched at once.
const FETCH: usize = 32;

/// A walk along one side. Cut messages are passed over.
pub(super) struct Side {
    pub(super) person: Person,
    run: Run,
    /// Seqs still to be walked, both included; `from > to` when done.
    from: u64,
    to: u64,
    fetch: usize,
    rows: VecDeque<(Place, Vec<u8>)>,
    next: Option<Loaded>,
}

/// A message whose head was opened.
pub(super) struct Loaded {
    pub(super) place: Place,
    pub(super) row: Vec<u8>,
    pub(super) opened: Opened,
    pub(super) facts: Facts,
}

impl Side {
    /// Messages of a compartment whose order lies strictly between the two bounds.
    pub(super) fn between(
        person: &Person,
        compartment: u32,
        above: u64,
        below: Option<u64>,
        limit: usize,
    ) -> Result<Self, VaultError> {
        let run = Run::items(Class::Chat, compartment);
        let from = match above {
            0 => 1,
            above => last_before(person, run, above.saturating_add(1))?.saturating_add(1),
        };
        let to = below.map_or(Ok(u64::MAX), |below| last_before(person, run, below))?;
        let fetch = limit.saturating_add(1).min(FETCH);
        Ok(Self { person: person.clone(), run, from, to, fetch, rows: VecDeque::new(), next: None })
    }

    /// The next message in this direction, which must not change on the way.
    pub(super) fn peek(&mut self, descending: bool) -> Result<Option<&Loaded>, VaultError> {
        while self.next.is_none() {
            if self.rows.is_empty() {
                if self.from > self.to {
                    return Ok(None);
                }
                self.rows = self.person.rows(self.run, self.from..=self.to, self.fetch, descending)?.into();
                match (self.rows.back(), descending) {
                    (None, _) => self.to = 0,
                    (Some((last, _)), true) => self.to = last.seq.saturating_sub(1),
                    (Some((last, _)), false) => self.from = last.seq.saturating_add(1),
                }
                self.from = self.from.max(1);
            }
            let Some((place, row)) = self.rows.pop_front() else { continue };
            self.next = load(&self.person, place, row)?;
        }
        Ok(self.next.as_ref())
    }

    /// How many messages are left.
    pub(super) fn count(self) -> Result<u64, VaultError> {
        let mut count = u64::from(self.next.is_some());
        for (place, _) in &self.rows {
            count += u64::from(!self.person.is_cut(*place)?);
        }
        if self.from <= self.to {
            let bounds = Bounds::seqs(&self.person.handle(), self.run, self.from..=self.to);
            self.person.each_row(bounds, &mut |place, _| {
                count += u64::from(!self.person.is_cut(place)?);
                Ok(true)
            })?;
        }
        Ok(count)
    }

    pub(super) fn take(&mut self) -> Option<Loaded> {
        self.next.take()
    }
}

/// `None` if the message was cut.
fn load(person: &Person, place: Place, row: Vec<u8>) -> Result<Option<Loaded>, VaultError> {
    match person.open(place, &row) {
        Ok(opened) => {
            let facts = opened.facts_as()?;
            Ok(Some(Loaded { place, row, opened, facts }))
        }
        Err(VaultError::Forgotten) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The highest seq of which all messages up to it have an order below this one; by halving.
pub(super) fn last_before(person: &Person, run: Run, order: u64) -> Result<u64, VaultError> {
    let Some((top, _)) = person.newest(run)? else { return Ok(0) };
    let (mut below, mut not_below) = (0, top.seq.saturating_add(1));
    while not_below - below > 1 {
        let middle = below + (not_below - below) / 2;
        match first_from(person, run, middle, not_below - 1)? {
            Some(found) if found.facts.order < order => below = found.place.seq,
            _ => not_below = middle,
        }
    }
    Ok(below)
}

/// The first message that can be read within these seqs.
fn first_from(person: &Person, run: Run, from: u64, to: u64) -> Result<Option<Loaded>, VaultError> {
    let mut from = from;
    while from <= to {
        let rows = person.rows(run, from..=to, 4, false)?;
        let Some((last, _)) = rows.last() else { return Ok(None) };
        from = last.seq.saturating_add(1);
        for (place, row) in rows {
            if let Some(found) = load(person, place, row)? {
                return Ok(Some(found));
            }
        }
    }
    Ok(None)
}
