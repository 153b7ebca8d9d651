//! One blob being written.

use std::sync::Arc;

use super::pack::Hold;
use super::reference::{BLOCK, Extent, MAX_EXTENTS, Reference};
use super::space::Space;
use crate::{BlobRef, BlobWriter, EngineError};

/// Smallest extent where the length is not known (64 KiB). What is not used is given back at the end.
const FIRST_BLOCKS: u64 = 16;
/// Extents double with the blob up to this (64 MiB), so that 169 of them hold 10 GiB.
const MOST_BLOCKS: u64 = 16_384;
/// Room allocated on disk ahead of the bytes.
const STEP: u64 = 16 << 20;

pub(super) struct Writer {
    space: Arc<Space>,
    expected: Option<u64>,
    /// In the order of the blob's bytes.
    extents: Vec<(Hold, Extent)>,
    /// Bytes in all extents.
    room: u64,
    /// Bytes written.
    length: u64,
    at: Position,
    failed: bool,
    finished: bool,
}

/// Where the next byte goes.
#[derive(Default)]
struct Position {
    extent: usize,
    /// Bytes written into that extent.
    into: u64,
    /// Bytes of that extent allocated on disk.
    allocated: u64,
}

impl Writer {
    pub(super) fn new(space: Arc<Space>, expected: Option<u64>) -> Self {
        let at = Position::default();
        Self { space, expected, extents: Vec::new(), room: 0, length: 0, at, failed: false, finished: false }
    }

    fn check(&self) -> Result<(), EngineError> {
        if self.failed {
            return Err(EngineError::Poisoned { reason: "an earlier write of this blob failed".to_owned() });
        }
        self.space.poison.check()
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), EngineError> {
        while !bytes.is_empty() {
            let Some((hold, extent)) = self.extents.get(self.at.extent) else { break };
            let size = u64::from(extent.blocks) * BLOCK;
            if self.at.into == size {
                self.at = Position { extent: self.at.extent + 1, ..Position::default() };
                continue;
            }
            let start = u64::from(extent.first) * BLOCK;
            let fits = usize::try_from(size - self.at.into).unwrap_or(usize::MAX);
            let (now, rest) = bytes.split_at(fits.min(bytes.len()));
            let end = self.at.into + now.len() as u64;
            if end > self.at.allocated {
                let to = end.next_multiple_of(BLOCK).max(self.at.allocated + STEP).min(size);
                hold.pack().allocate(start + self.at.allocated, to - self.at.allocated)?;
                self.at.allocated = to;
            }
            hold.pack().write(start + self.at.into, now)?;
            self.at.into = end;
            self.length += now.len() as u64;
            bytes = rest;
        }
        Ok(())
    }

    /// The extents cut to the blob's length; what lies behind is punched out.
    fn trim(&self) -> Result<Vec<Extent>, EngineError> {
        let mut left = self.length.div_ceil(BLOCK);
        let mut kept = Vec::new();
        for (hold, extent) in &self.extents {
            let keep = u32::try_from(left).unwrap_or(u32::MAX).min(extent.blocks);
            left -= u64::from(keep);
            if keep < extent.blocks {
                hold.pack().punch(extent, keep)?;
            }
            if keep > 0 {
                kept.push(Extent { blocks: keep, ..*extent });
            }
        }
        Ok(kept)
    }

    fn complete(&mut self) -> Result<BlobRef, EngineError> {
        let trimmed = self.trim();
        let extents = self.space.poison.guard_unless_full(trimmed)?;
        let mut last = None;
        for (hold, extent) in self.extents.iter().take(extents.len()) {
            if last != Some(extent.pack) {
                hold.pack().sync(&self.space.poison)?;
            }
            last = Some(extent.pack);
        }
        Ok(Reference { extents, length: self.length }.encode())
    }

    fn blocks_for(&self, bytes: u64) -> u64 {
        let wanted = match (self.expected, self.extents.is_empty()) {
            (Some(expected), true) => expected.div_ceil(BLOCK).max(1),
            _ => (self.room / BLOCK).clamp(FIRST_BLOCKS, MOST_BLOCKS),
        };
        wanted.max(bytes.div_ceil(BLOCK))
    }
}

impl BlobWriter for Writer {
    fn reserve(&mut self, bytes: u64) -> Result<bool, EngineError> {
        self.check()?;
        let missing = self.length.saturating_add(bytes).saturating_sub(self.room);
        if missing == 0 {
            return Ok(false);
        }
        let wanted = self.blocks_for(missing);
        let blocks = u32::try_from(wanted).map_err(|_| EngineError::TooLarge {
            what: "a blob, in blocks of 4096 bytes,",
            got: usize::try_from(wanted).unwrap_or(usize::MAX),
            allowed: u32::MAX as usize,
        })?;
        if self.extents.len() == MAX_EXTENTS {
            return Err(EngineError::TooLarge {
                what: "the number of a blob's extents",
                got: MAX_EXTENTS + 1,
                allowed: MAX_EXTENTS,
            });
        }
        let (hold, first) = self.space.extent(blocks)?;
        let extent = Extent { pack: hold.pack().number, first, blocks };
        let follows = |last: &Extent| last.pack == extent.pack && last.first + last.blocks == first;
        match self.extents.last_mut() {
            Some((_, last)) if follows(last) => last.blocks += blocks,
            _ => self.extents.push((hold, extent)),
        }
        self.room += u64::from(blocks) * BLOCK;
        Ok(true)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        self.check()?;
        let allowed = usize::try_from(self.room - self.length).unwrap_or(usize::MAX);
        if bytes.len() > allowed {
            return Err(EngineError::TooLarge {
                what: "a write into a blob's reserved room",
                got: bytes.len(),
                allowed,
            });
        }
        let written = self.write_all(bytes);
        self.failed = written.is_err();
        self.space.poison.guard_unless_full(written)
    }

    fn reference(&self) -> BlobRef {
        let extents = self.extents.iter().map(|(_, extent)| *extent).collect();
        Reference { extents, length: 0 }.encode()
    }

    fn finish(mut self: Box<Self>) -> Result<BlobRef, EngineError> {
        self.check()?;
        let reference = self.complete()?;
        self.finished = true;
        Ok(reference)
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if self.finished || self.space.poison.check().is_err() {
            return;
        }
        // Not synced: until the caller deletes what it registered, a crash brings the blocks back under that reference.
        let mut numbers = Vec::new();
        for (hold, extent) in self.extents.drain(..) {
            if let Err(error) = self.space.poison.guard_unless_full(hold.pack().punch(&extent, 0)) {
                tracing::warn!(%error, "an unfinished blob keeps its space until it is deleted");
            }
            numbers.push(extent.pack);
        }
        for number in numbers {
            if let Err(error) = self.space.retire(number) {
                tracing::warn!(%error, "an empty blob pack was not removed");
            }
        }
    }
}
