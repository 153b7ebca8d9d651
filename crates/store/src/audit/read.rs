//! Reading the log while it is written: only what is durable, in the order of its numbers.

use std::io;

use oubliette_crypto::Pseudonym;

use super::head::{HEAD, Head};
use super::log::Log;
use super::medium::Medium;
use super::record::AuditRecord;
use super::walk::{Step, Walk, head};
use crate::page::{Listed, Page};
use crate::{VaultError, page};

/// Records looked at for one page: a filter that fits few must not hold a thread for long.
const LOOKED_AT: usize = 200_000;

/// How an operation ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuditOutcome {
    /// Carried out: a status below 400.
    Allowed,
    /// Refused: a status from 400 to 499.
    Refused,
    /// Failed: a status from 500 on.
    Failed,
}

impl AuditOutcome {
    /// The outcome that a status means.
    pub fn of(status: u16) -> Self {
        match status {
            0..400 => Self::Allowed,
            400..500 => Self::Refused,
            _ => Self::Failed,
        }
    }

    /// As written in answers and queries.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::Refused => "refused",
            Self::Failed => "failed",
        }
    }
}

/// Which records; what is left out fits all.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Not before, in microseconds since 1970.
    pub from: Option<u64>,
    /// Before, in microseconds since 1970.
    pub to: Option<u64>,
    /// Of the token of this name, or about it.
    pub actor: Option<String>,
    /// Of this operation.
    pub operation: Option<String>,
    /// That ended so.
    pub outcome: Option<AuditOutcome>,
    /// That concern this person.
    pub subject: Option<Pseudonym>,
}

impl AuditFilter {
    /// Whether the record is one of them.
    pub fn fits(&self, record: &AuditRecord) -> bool {
        let entry = &record.entry;
        self.from.is_none_or(|from| record.time >= from)
            && self.to.is_none_or(|to| record.time < to)
            && self.actor.as_ref().is_none_or(|actor| entry.actor_name == *actor)
            && self.operation.as_ref().is_none_or(|operation| entry.operation == *operation)
            && self.outcome.is_none_or(|outcome| AuditOutcome::of(entry.status) == outcome)
            && self.subject.is_none_or(|who| entry.subject == Some(who) || entry.other == Some(who))
    }
}

impl Log {
    /// A page of the records that fit, oldest first. It may be empty although more follow.
    pub(super) fn entries(
        &self,
        filter: &AuditFilter,
        page: &Page,
    ) -> Result<Listed<AuditRecord>, VaultError> {
        let limit = page::limit(page.limit)?;
        let after = page.after::<16>()?.map(|cursor| {
            let number = |at: usize| cursor.get(at..).and_then(|bytes| bytes.first_chunk().copied());
            (
                u64::from_be_bytes(number(0).unwrap_or_default()),
                u64::from_be_bytes(number(8).unwrap_or_default()),
            )
        });
        let (last, end) = self.durable();
        let mut found = Vec::new();
        let mut looked = 0;
        let scanned = each(&*self.medium, filter.from, after, (last, end), &mut |record, place| {
            if filter.to.is_some_and(|to| record.time >= to) {
                return Next::Stop(None);
            }
            looked += 1;
            if filter.fits(&record) {
                found.push(record);
            }
            if found.len() == limit || looked == LOOKED_AT { Next::Stop(Some(place)) } else { Next::Go }
        });
        let stopped = scanned.map_err(|error| VaultError::Other {
            detail: format!("the audit log could not be read: {error}; check the disk that holds it"),
        })?;
        // At the very end there is no next page.
        let cursor = stopped.filter(|place| *place < (last, end)).map(|(number, at)| {
            let mut cursor = [0; 16];
            cursor
                .iter_mut()
                .zip([number.to_be_bytes(), at.to_be_bytes()].concat())
                .for_each(|(to, from)| *to = from);
            cursor
        });
        Ok(Listed::more(found, cursor))
    }
}

/// What a visitor wants.
pub(super) enum Next {
    Go,
    /// No more; what it says is handed on.
    Stop(Option<(u64, u64)>),
}

/// Every whole record from a time or a place on, and the place behind it.
pub(super) fn each(
    medium: &dyn Medium,
    from: Option<u64>,
    after: Option<(u64, u64)>,
    (last, end): (u64, u64),
    visit: &mut dyn FnMut(AuditRecord, (u64, u64)) -> Next,
) -> io::Result<Option<(u64, u64)>> {
    let mut files = Vec::new();
    for number in medium.numbers()?.into_iter().filter(|number| *number <= last) {
        files.push((number, head(medium, number)?));
    }
    let first = match after {
        Some((number, _)) => number,
        None => first_file(&files, from),
    };
    for (number, head) in files.into_iter().filter(|(number, _)| *number >= first) {
        let start = after.filter(|(file, _)| *file == number).map_or(HEAD as u64, |(_, at)| at);
        let end = if number == last { end } else { medium.length(number)? };
        let mut walk = Walk::new(medium, number, head.map(|head| head.chain), start, end);
        while walk.at() < end {
            match walk.step()? {
                Step::Record(record, _) => {
                    if let Next::Stop(place) = visit(*record, (number, walk.at())) {
                        return Ok(place);
                    }
                }
                Step::Damage { .. } => {}
                Step::End => break,
            }
        }
    }
    Ok(None)
}

/// The last file that was begun before this time: none of those before it holds anything younger.
fn first_file(files: &[(u64, Option<Head>)], from: Option<u64>) -> u64 {
    let before = |head: &Head| from.is_some_and(|from| head.time < from);
    let found = files.iter().rev().find(|(_, head)| head.as_ref().is_some_and(before));
    found.map_or(0, |(number, _)| *number)
}
