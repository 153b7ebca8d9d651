//! What a backup holds under each key: of its runs, the last that says something counts.
//!
//! All runs are read beside each other, in the order of keys, a table of each at a time. So memory is that of so many tables, whatever the
//! backup's size.

use super::manifest::SegmentRef;
use super::table::{Entries, Entry, Key, Tag, What};
use super::tables::{Tables, damaged};
use crate::VaultError;

/// What stands under a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing: removed, or never whole.
    Nothing,
    /// A row, with a body or without.
    Row { tag: Tag, row: u64, body: u64 },
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct At {
    pub(super) run: usize,
    pub(super) segment: usize,
    pub(super) entry: usize,
}

/// One key.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) key: Key,
    pub(super) standing: Standing,
    /// The entries that say so.
    pub(super) places: Vec<At>,
}

/// The keys of a backup, ascending.
pub(super) struct Merge<'a> {
    tables: &'a Tables<'a>,
    runs: Vec<Run<'a>>,
}

struct Run<'a> {
    number: usize,
    segments: &'a [SegmentRef],
    /// The segment after the one whose table is open.
    next: usize,
    entries: Option<Entries>,
    /// Entries read of the open table.
    read: usize,
    /// The first entry that was not handed out.
    head: Option<(Entry, At)>,
}

impl<'a> Merge<'a> {
    pub(super) fn new(tables: &'a Tables<'a>, runs: &'a [Vec<SegmentRef>]) -> Result<Self, VaultError> {
        let begin = |(number, segments): (usize, &'a Vec<SegmentRef>)| {
            let mut run = Run { number, segments, next: 0, entries: None, read: 0, head: None };
            run.advance(tables)?;
            Ok(run)
        };
        let runs = runs.iter().enumerate().map(begin).collect::<Result<_, VaultError>>()?;
        Ok(Self { tables, runs })
    }

    /// The next key; `None` at the end.
    pub(super) fn next(&mut self) -> Result<Option<Held>, VaultError> {
        let heads = self.runs.iter().filter_map(|run| run.head.as_ref().map(|(entry, _)| entry.key));
        let Some(key) = heads.min() else { return Ok(None) };
        let mut held = Held { key, standing: Standing::Nothing, places: Vec::new() };
        for run in &mut self.runs {
            if run.head.as_ref().is_some_and(|(entry, _)| entry.key == key) {
                (held.standing, held.places) = run.take(key, self.tables)?;
            }
        }
        Ok(Some(held))
    }
}

impl Run<'_> {
    /// All that this run says of a key that it stands at.
    fn take(&mut self, key: Key, tables: &Tables<'_>) -> Result<(Standing, Vec<At>), VaultError> {
        let mut places = Vec::new();
        let mut standing = Standing::Nothing;
        // Bytes of the body seen so far, if they are the first ones.
        let mut seen = 0;
        let mut whole = false;
        while let Some((entry, at)) = self.head.filter(|(entry, _)| entry.key == key) {
            places.push(at);
            match entry.what {
                What::Removed => whole = false,
                What::Row { tag, row } => {
                    standing = Standing::Row { tag, row: row.into(), body: 0 };
                    whole = true;
                }
                What::Body { tag, row, body, at, part } => {
                    let same =
                        matches!(standing, Standing::Row { tag: t, body: b, .. } if t == tag && b == body);
                    if at == 0 {
                        standing = Standing::Row { tag, row: row.into(), body };
                    } else if at != seen || !same {
                        standing = Standing::Nothing;
                    }
                    seen = at.saturating_add(part.into());
                    whole = seen == body;
                }
            }
            self.advance(tables)?;
        }
        if !whole {
            standing = Standing::Nothing;
        }
        Ok((standing, places))
    }

    fn advance(&mut self, tables: &Tables<'_>) -> Result<(), VaultError> {
        let before = self.head.take();
        loop {
            let open = self.next.checked_sub(1).and_then(|open| self.segments.get(open));
            if let (Some(entries), Some(segment)) = (&mut self.entries, open)
                && let Some(entry) = entries.next().map_err(|_| damaged(segment))?
            {
                // A run whose segments do not ascend would be read wrong in silence.
                if before.is_some_and(|(before, _)| before.key > entry.key) {
                    return Err(damaged(segment));
                }
                let at = At { run: self.number, segment: self.next - 1, entry: self.read };
                self.read += 1;
                self.head = Some((entry, at));
                return Ok(());
            }
            let Some(segment) = self.segments.get(self.next) else { return Ok(()) };
            self.entries = Some(Entries::new(tables.get(segment)?));
            self.next += 1;
            self.read = 0;
        }
    }
}

/// What a backup holds, in numbers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    pub(super) people: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
}

/// Counts, and shows each person's handle once.
pub(super) fn tally(
    tables: &Tables<'_>,
    runs: &[Vec<SegmentRef>],
    mut person: impl FnMut([u8; 16]) -> Result<(), VaultError>,
) -> Result<Tally, VaultError> {
    let mut merge = Merge::new(tables, runs)?;
    let mut tally = Tally::default();
    let mut last = None;
    while let Some(held) = merge.next()? {
        let Standing::Row { row, body, .. } = held.standing else { continue };
        tally.rows += 1;
        tally.bytes += row + body;
        let handle = held.key.first_chunk::<16>().copied();
        if handle != last {
            last = handle;
            tally.people += 1;
            handle.map_or(Ok(()), &mut person)?;
        }
    }
    Ok(tally)
}
