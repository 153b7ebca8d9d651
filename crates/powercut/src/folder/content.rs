//! A file's bytes, and which of its blocks were ever written.

use super::live::{EINVAL, ENXIO, Refused};

pub(super) const BLOCK: usize = 4096;
const SEEK_DATA: i32 = 3;

#[derive(Default)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    /// One for each block; false is a hole.
    written: Vec<bool>,
}

impl Content {
    /// As an image has it: a block of zeros is a hole.
    pub(super) fn of(bytes: &[u8]) -> Self {
        let written = bytes.chunks(BLOCK).map(|block| block.iter().any(|byte| *byte != 0)).collect();
        Self { bytes: bytes.to_vec(), written }
    }

    pub(super) fn write(&mut self, offset: u64, data: &[u8]) -> Result<(), Refused> {
        let start = usize::try_from(offset).map_err(|_| EINVAL)?;
        let end = start.checked_add(data.len()).ok_or(EINVAL)?;
        if self.bytes.len() < end {
            self.resize(end);
        }
        self.bytes[start..end].copy_from_slice(data);
        self.written[start / BLOCK..end.div_ceil(BLOCK)].fill(true);
        Ok(())
    }

    pub(super) fn resize(&mut self, length: usize) {
        self.bytes.resize(length, 0);
        self.written.resize(length.div_ceil(BLOCK), false);
    }

    pub(super) fn punch(&mut self, offset: u64, length: u64) {
        let end = offset.saturating_add(length).min(self.bytes.len() as u64) as usize;
        let start = (offset as usize).min(end);
        self.bytes[start..end].fill(0);
        // The last block counts as whole if the hole reaches the end of the file.
        let whole = if end == self.bytes.len() { end.div_ceil(BLOCK) } else { end / BLOCK };
        let first = start.div_ceil(BLOCK);
        if first < whole {
            self.written[first..whole].fill(false);
        }
    }

    /// In units of 512 bytes, as `stat` tells it.
    pub(super) fn sectors(&self) -> u64 {
        (self.written.iter().filter(|written| **written).count() * BLOCK / 512) as u64
    }

    /// `SEEK_DATA` and `SEEK_HOLE`.
    pub(super) fn seek(&self, offset: i64, whence: i32) -> Result<i64, Refused> {
        let from = usize::try_from(offset).map_err(|_| EINVAL)?;
        if from >= self.bytes.len() {
            return Err(ENXIO);
        }
        let wanted = |written: &bool| *written == (whence == SEEK_DATA);
        match self.written.iter().skip(from / BLOCK).position(wanted) {
            Some(n) => Ok(((from / BLOCK + n) * BLOCK).max(from) as i64),
            None if whence == SEEK_DATA => Err(ENXIO),
            None => Ok(self.bytes.len() as i64),
        }
    }
}
