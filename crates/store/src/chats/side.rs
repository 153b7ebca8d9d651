//! One side of a conversation, walked up or down by the order sealed in its items, which grows with the seq.

use std::collections::VecDeque;

use oubliette_crypto::Class;
use zeroize::Zeroizing;

use super::message::{At, Facts};
use crate::VaultError;
use crate::objects::Opened;
use crate::person::Person;
use crate::rows::{Bounds, Part, Place, Run, Value};

/// Rows fetched at once.
const FETCH: usize = 32;

/// A walk along one side. What cannot be read, or is read on the other side, is passed over.
pub(super) struct Side {
    /// Whose side it is.
    pub(super) owner: Person,
    /// The other party, if they are there.
    other: Option<Person>,
    /// Whether the owner reads. Their copies of what the other said are theirs alone to read.
    own: bool,
    run: Run,
    /// Seqs still to be walked, both included; `from > to` when done.
    from: u64,
    to: u64,
    fetch: usize,
    rows: VecDeque<(Place, Vec<u8>)>,
    next: Option<Loaded>,
}

/// An item whose head was opened.
pub(super) struct Loaded {
    pub(super) place: Place,
    pub(super) row: Vec<u8>,
    pub(super) opened: Opened,
    pub(super) facts: Facts,
}

/// Which side, for whom.
pub(super) struct Which<'a> {
    pub(super) owner: &'a Person,
    pub(super) other: Option<&'a Person>,
    pub(super) own: bool,
    pub(super) compartment: u32,
}

/// A message's facts, and the message.
type Read = (Facts, Zeroizing<Vec<u8>>);

impl Side {
    /// Items of a compartment whose order lies strictly between the two bounds.
    pub(super) fn between(
        which: &Which<'_>,
        above: u64,
        below: Option<u64>,
        limit: usize,
    ) -> Result<Self, VaultError> {
        let owner = which.owner;
        let run = Run::items(Class::Chat, which.compartment);
        let from = match above {
            0 => 1,
            above => last_before(owner, run, above.saturating_add(1))?.saturating_add(1),
        };
        let to = below.map_or(Ok(u64::MAX), |below| last_before(owner, run, below))?;
        let fetch = limit.saturating_add(1).min(FETCH);
        let (rows, next) = (VecDeque::new(), None);
        let other = which.other.cloned();
        Ok(Self { owner: owner.clone(), other, own: which.own, run, from, to, fetch, rows, next })
    }

    /// The next message in this direction, which must not change on the way.
    pub(super) fn peek(&mut self, descending: bool) -> Result<Option<&Loaded>, VaultError> {
        while self.next.is_none() {
            if self.rows.is_empty() {
                if self.from > self.to {
                    return Ok(None);
                }
                self.rows = self.owner.rows(self.run, self.from..=self.to, self.fetch, descending)?.into();
                match (self.rows.back(), descending) {
                    (None, _) => self.to = 0,
                    (Some((last, _)), true) => self.to = last.seq.saturating_sub(1),
                    (Some((last, _)), false) => self.from = last.seq.saturating_add(1),
                }
                self.from = self.from.max(1);
            }
            let Some((place, row)) = self.rows.pop_front() else { continue };
            self.next = match load(&self.owner, place, row)? {
                Some(loaded) if self.shows(&loaded)? => Some(loaded),
                _ => None,
            };
        }
        Ok(self.next.as_ref())
    }

    /// How many messages are left.
    pub(super) fn count(self) -> Result<u64, VaultError> {
        let mut count = u64::from(self.next.is_some());
        for (place, row) in &self.rows {
            count += u64::from(self.counts(*place, row)?);
        }
        if self.from <= self.to {
            let bounds = Bounds::seqs(&self.owner.handle(), self.run, self.from..=self.to);
            self.owner.each_row(bounds, &mut |place, row| {
                count += u64::from(self.counts(place, &row)?);
                Ok(true)
            })?;
        }
        Ok(count)
    }

    pub(super) fn take(&mut self) -> Option<Loaded> {
        self.next.take()
    }

    /// The whole of a message; `None` if it was forgotten meanwhile.
    pub(super) fn read(&self, loaded: Loaded) -> Result<Option<Read>, VaultError> {
        whole(&self.owner, self.other.as_ref(), loaded)
    }

    /// Whether the reader looks for a message in such a row at all: halves are none, and of two copies everybody reads their own.
    fn may_show(&self, row: &[u8]) -> bool {
        match Value::parse(row).map(|value| value.part) {
            // What is no value is found out when it is opened.
            None | Some(Part::Whole | Part::EitherAuthor) => true,
            Some(Part::SurvivorAuthor | Part::SurvivorPeer) => self.own,
            Some(Part::EitherPeer) => false,
        }
    }

    fn shows(&self, loaded: &Loaded) -> Result<bool, VaultError> {
        if !self.may_show(&loaded.row) {
            return Ok(false);
        }
        match loaded.opened.part {
            Part::EitherAuthor => match (&self.other, half(loaded)?) {
                (Some(other), half) => Ok(!other.is_cut(half)?),
                (None, _) => Ok(false),
            },
            _ => Ok(true),
        }
    }

    /// The same without opening what need not be opened.
    fn counts(&self, place: Place, row: &[u8]) -> Result<bool, VaultError> {
        if !self.may_show(row) || self.owner.is_cut(place)? {
            return Ok(false);
        }
        match Value::parse(row).map(|value| value.part) {
            Some(Part::EitherAuthor) => match load(&self.owner, place, row.to_vec())? {
                Some(loaded) => self.shows(&loaded),
                None => Ok(false),
            },
            _ => Ok(true),
        }
    }
}

/// Facts and content of a message of the owner's side; `None` if a key of it is gone.
pub(super) fn whole(
    owner: &Person,
    other: Option<&Person>,
    loaded: Loaded,
) -> Result<Option<Read>, VaultError> {
    match loaded.opened.part {
        Part::EitherAuthor => {
            let Some(other) = other else { return Ok(None) };
            let half = half(&loaded)?;
            forgotten(either(owner, other, half, loaded))
        }
        _ => {
            let content = forgotten(loaded.opened.content())?;
            Ok(content.map(|content| (loaded.facts, content)))
        }
    }
}

fn either(
    owner: &Person,
    other: &Person,
    half: Place,
    loaded: Loaded,
) -> Result<(Facts, Zeroizing<Vec<u8>>), VaultError> {
    // Held until the message is open, so that a deletion on either side waits for it or comes first.
    let leases = (owner.key(loaded.place)?, other.key(half)?);
    let corrupt = loaded.opened.corrupt();
    let sealed = loaded.opened.content()?;
    let (facts, content) = owner.open_inner(loaded.place, (&leases.0, &leases.1), &sealed)?;
    match serde_json::from_slice(&facts) {
        Ok(facts) => Ok((facts, content)),
        Err(_) => Err(corrupt),
    }
}

fn forgotten<T>(read: Result<T, VaultError>) -> Result<Option<T>, VaultError> {
    match read {
        Ok(read) => Ok(Some(read)),
        Err(VaultError::Forgotten) => Ok(None),
        Err(other) => Err(other),
    }
}

/// Where the other party's half of a message stands.
pub(super) fn half(loaded: &Loaded) -> Result<Place, VaultError> {
    loaded.facts.with.map(place_at).ok_or_else(|| loaded.opened.corrupt())
}

/// A place in the class chat.
pub(super) fn place_at((compartment, seq): At) -> Place {
    // Numbers from 1, as in every tree; a leaf that cannot be is refused where its key is asked for.
    Run::items(Class::Chat, compartment).at(seq)
}

/// `None` if the item was cut.
pub(super) fn load(person: &Person, place: Place, row: Vec<u8>) -> Result<Option<Loaded>, VaultError> {
    match person.open(place, &row) {
        Ok(opened) => {
            let facts: Facts = opened.facts_as()?;
            // Two parts of one policy are sealed for the same context: it is the facts that tell them apart.
            if !facts.are_of(opened.part) {
                return Err(opened.corrupt());
            }
            Ok(Some(Loaded { place, row, opened, facts }))
        }
        Err(VaultError::Forgotten) => Ok(None),
        Err(other) => Err(other),
    }
}

/// The highest seq of which all items up to it have an order below this one; by halving.
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

/// The first item that can be read within these seqs.
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

/// The item of this very order, if it is there.
pub(super) fn of_order(person: &Person, run: Run, order: u64) -> Result<Option<Loaded>, VaultError> {
    let seq = last_before(person, run, order.saturating_add(1))?;
    let Some(row) = (if seq == 0 { None } else { person.row(run.at(seq))? }) else { return Ok(None) };
    Ok(load(person, run.at(seq), row)?.filter(|found| found.facts.order == order))
}
