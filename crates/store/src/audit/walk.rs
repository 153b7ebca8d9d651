//! Reading a file record by record. Each record is checked against the hash that stands before it, so a damaged one hides only itself:
//! the walk goes on at the next record whose hash fits.

use std::io;

use super::head::{HEAD, Head};
use super::medium::Medium;
use super::record::{AuditRecord, BEGIN, Chain, MAX_RECORD, MIN_RECORD};

/// Read at a time.
const WINDOW: usize = 256 << 10;
const BEFORE: u64 = 32;
const SECTOR: u64 = 512;

/// What a walk meets.
pub(super) enum Step {
    /// A record that follows the one before it.
    Record(Box<AuditRecord>, Chain),
    /// Bytes that are no record, up to a record that is one, or to the end of what was written.
    Damage { from: u64 },
    /// Nothing but zeros from here on.
    End,
}

/// A place in a file.
pub(super) struct Walk<'a> {
    medium: &'a dyn Medium,
    number: u64,
    /// What its first record follows, if the head is whole.
    first: Option<Chain>,
    /// Where to stop: the file's length, or what is durable of it.
    end: u64,
    at: u64,
    window: Vec<u8>,
    window_at: u64,
}

/// The head of a file, if it is whole.
pub(super) fn head(medium: &dyn Medium, number: u64) -> io::Result<Option<Head>> {
    let mut bytes = vec![0; HEAD];
    let read = medium.read(number, 0, &mut bytes)?;
    Ok(bytes.get(..read).and_then(Head::decode).filter(|head| head.number == number))
}

impl<'a> Walk<'a> {
    /// From the beginning of a file, or from a place between two records.
    pub(super) fn new(
        medium: &'a dyn Medium,
        number: u64,
        first: Option<Chain>,
        from: u64,
        end: u64,
    ) -> Self {
        let at = from.max(HEAD as u64);
        Self { medium, number, first, end, at, window: Vec::new(), window_at: 0 }
    }

    /// Where the next step begins.
    pub(super) fn at(&self) -> u64 {
        self.at
    }

    pub(super) fn step(&mut self) -> io::Result<Step> {
        if let Some((record, chain)) = self.record_at(self.at)? {
            return Ok(Step::Record(record, chain));
        }
        let from = self.at;
        let to = self.last_written(from, self.end)?;
        if to == from {
            self.at = self.end;
            return Ok(Step::End);
        }
        let mut at = from + 1;
        while at + (MIN_RECORD as u64) <= self.end {
            self.see(at)?;
            let Some(skip) = self.find_begin(at) else {
                at = self.window_at + (self.window.len() as u64).saturating_sub(BEGIN as u64 - 1).max(1);
                if at + (MIN_RECORD as u64) > self.end {
                    break;
                }
                continue;
            };
            at += skip;
            if self.record_at(at)?.is_some() {
                self.at = at;
                return Ok(Step::Damage { from });
            }
            at += 1;
        }
        self.at = self.end;
        Ok(Step::Damage { from })
    }

    /// The record here, and past it.
    fn record_at(&mut self, at: u64) -> io::Result<Option<(Box<AuditRecord>, Chain)>> {
        self.see(at)?;
        let before = if at == HEAD as u64 { self.first } else { self.before(at) };
        let Some(before) = before else { return Ok(None) };
        let left = usize::try_from(self.end.saturating_sub(at)).unwrap_or(usize::MAX);
        let bytes = self.window_from(at);
        let bytes = bytes.get(..left.min(bytes.len())).unwrap_or_default();
        let Some((record, length, chain)) = AuditRecord::decode(&before, bytes) else { return Ok(None) };
        self.at = at + length as u64;
        Ok(Some((Box::new(record), chain)))
    }

    fn find_begin(&self, at: u64) -> Option<u64> {
        let bytes = self.window_from(at);
        let begins =
            |from: &usize| bytes.get(*from..).is_some_and(|bytes| AuditRecord::length(bytes).is_some());
        (0..bytes.len()).find(begins).map(|n| n as u64)
    }

    fn before(&self, at: u64) -> Option<Chain> {
        let from = usize::try_from(at.checked_sub(BEFORE)?.checked_sub(self.window_at)?).ok()?;
        self.window.get(from..)?.first_chunk().copied()
    }

    fn window_from(&self, at: u64) -> &[u8] {
        let from = at.checked_sub(self.window_at).and_then(|from| usize::try_from(from).ok());
        from.and_then(|from| self.window.get(from..)).unwrap_or_default()
    }

    /// Has a whole record in the window, with what stands before it.
    fn see(&mut self, at: u64) -> io::Result<()> {
        let need = self.end.min(at + MAX_RECORD as u64);
        let there = self.window_at + self.window.len() as u64;
        if at.saturating_sub(BEFORE) >= self.window_at && need <= there && !self.window.is_empty() {
            return Ok(());
        }
        self.window_at = at.saturating_sub(BEFORE);
        self.window.resize(WINDOW, 0);
        let most = usize::try_from(self.end.saturating_sub(self.window_at)).unwrap_or(WINDOW).min(WINDOW);
        self.window.truncate(most);
        let read = self.medium.read(self.number, self.window_at, &mut self.window)?;
        self.window.truncate(read);
        // A file that is shorter than was said holds nothing there.
        if read < most {
            self.end = self.window_at + read as u64;
        }
        Ok(())
    }

    /// Whether nothing but zeros stands there.
    fn zeros_to(&mut self, from: u64, to: u64) -> io::Result<bool> {
        Ok(self.last_written(from, to)? == from)
    }

    /// Behind the last byte that is not zero; `from` if all are.
    pub(super) fn last_written(&mut self, from: u64, to: u64) -> io::Result<u64> {
        let mut last = from;
        let mut at = from;
        let mut piece = vec![0; WINDOW];
        while at < to {
            let most = usize::try_from(to - at).unwrap_or(WINDOW).min(WINDOW);
            let read = self.medium.read(self.number, at, piece.get_mut(..most).unwrap_or_default())?;
            if read == 0 {
                break;
            }
            let found = piece.get(..read).and_then(|piece| piece.iter().rposition(|byte| *byte != 0));
            last = found.map_or(last, |position| at + position as u64 + 1);
            at += read as u64;
        }
        Ok(last)
    }

    /// Whether a write that a crash cut off can have left what begins here: a sector of the record, or of its beginning, stayed zero, or the
    /// file ends within it. Sectors are written whole or not at all.
    pub(super) fn may_be_torn(&mut self, from: u64) -> io::Result<bool> {
        self.see(from)?;
        let length = AuditRecord::length(self.window_from(from)).unwrap_or(BEGIN) as u64;
        if from + length > self.end {
            return Ok(true);
        }
        let mut at = from;
        while at < from + length {
            let next = ((at / SECTOR + 1) * SECTOR).min(from + length);
            if self.zeros_to(at, next)? {
                return Ok(true);
            }
            at = next;
        }
        Ok(false)
    }
}
