//! Opening: where the log ends, and whether what stands there is what a crash leaves.
//!
//! Records are written in groups, and a group only after the one before it was synced. So a crash can have torn the last group alone, and
//! in it leaves true bytes and sectors of zeros. Whatever else does not read is damage: it stays as evidence, and the log goes on in a new file.

use std::io;

use oubliette_crypto::VaultId;

use super::head::{HEAD, Head};
use super::medium::{Medium, zeros};
use super::record::{AuditKind, Chain, start};
use super::walk::{Step, Walk, head};

/// Where to go on.
pub(super) struct Recovered {
    pub(super) seq: u64,
    pub(super) chain: Chain,
    pub(super) time: u64,
    /// The file to go on in, and from where; `None`: a new one.
    pub(super) file: Option<(u64, u64)>,
    /// The highest number of a file.
    pub(super) number: u64,
    pub(super) found: Found,
}

/// How the log was found; the note of the record of its opening.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    /// Nothing, where there must be something.
    Missing,
    Closed,
    Unclosed,
    Damaged,
}

/// The note of a log that was begun anew because its files were gone.
pub(super) const MISSING: &str = "missing";

impl Found {
    pub(super) fn note(self) -> &'static str {
        match self {
            Self::Nothing => "new",
            Self::Missing => MISSING,
            Self::Closed => "closed",
            Self::Unclosed => "not closed",
            Self::Damaged => "damaged",
        }
    }
}

/// Finds the end of the log. A `fresh` vault may have none.
pub(super) fn recover(medium: &dyn Medium, vault: VaultId, fresh: bool) -> io::Result<Recovered> {
    let numbers = medium.numbers()?;
    let mut recovered = Recovered {
        seq: 0,
        chain: start(vault.as_bytes()),
        time: 0,
        file: None,
        number: numbers.last().copied().unwrap_or(0),
        found: match (numbers.is_empty(), fresh) {
            (true, true) => Found::Nothing,
            (true, false) => Found::Missing,
            (false, _) => Found::Damaged,
        },
    };
    for number in numbers.into_iter().rev() {
        let newest = number == recovered.number;
        let head = head(medium, number)?.filter(|head| head.vault == vault);
        if let Some(end) = read_end(medium, number, head.as_ref(), newest)? {
            recovered.seq = end.seq;
            recovered.chain = end.chain;
            recovered.time = end.time;
            if newest && head.is_some() && !end.damaged {
                recovered.file = Some((number, end.at));
                recovered.found = match (end.seq, end.closed) {
                    (0, _) => Found::Nothing,
                    (_, true) => Found::Closed,
                    (_, false) => Found::Unclosed,
                };
            }
            break;
        }
    }
    Ok(recovered)
}

struct End {
    seq: u64,
    chain: Chain,
    time: u64,
    at: u64,
    closed: bool,
    damaged: bool,
}

/// The end of a file; `None` if nothing in it tells where the log stands.
fn read_end(medium: &dyn Medium, number: u64, head: Option<&Head>, newest: bool) -> io::Result<Option<End>> {
    let length = medium.length(number)?;
    let mut walk = Walk::new(medium, number, head.map(|head| head.chain), 0, length);
    let mut end = head.map(|head| End {
        seq: head.first.saturating_sub(1),
        chain: head.chain,
        time: head.time,
        at: HEAD as u64,
        closed: false,
        damaged: false,
    });
    // Where bytes that are no record began, which only what follows can explain.
    let mut doubt: Option<u64> = None;
    loop {
        match walk.step()? {
            Step::Record(record, chain) => {
                if let (Some(from), Some(before)) = (doubt.take(), &mut end) {
                    if newest && record.group <= before.seq + 1 && walk.may_be_torn(from)? {
                        cut_off(medium, number, &mut walk, from, length)?;
                        return Ok(end);
                    }
                    before.damaged = true;
                }
                let damaged = end.as_ref().is_none_or(|end| end.damaged);
                let closed = record.entry.kind == AuditKind::Closed;
                let (seq, time, at) = (record.seq, record.time, walk.at());
                end = Some(End { seq, chain, time, at, closed, damaged });
            }
            Step::Damage { from } => doubt = Some(from),
            Step::End => {}
        }
        if walk.at() >= length {
            let Some(from) = doubt else { return Ok(end) };
            let Some(mut end) = end else { return Ok(None) };
            if newest && walk.may_be_torn(from)? {
                cut_off(medium, number, &mut walk, from, length)?;
            } else {
                // Nobody knows how many records it were; one number at least is passed over.
                end.damaged = true;
                end.seq += 1;
            }
            return Ok(Some(end));
        }
    }
}

/// Takes off what a crash tore: nobody was told that it was written.
fn cut_off(medium: &dyn Medium, number: u64, walk: &mut Walk<'_>, from: u64, to: u64) -> io::Result<()> {
    let to = walk.last_written(from, to)?;
    zeros(from, to, |at, bytes| medium.write(number, at, bytes))?;
    medium.sync(number)?;
    tracing::info!("the last records of the audit log were cut off by a crash; nobody had been told of them");
    Ok(())
}
