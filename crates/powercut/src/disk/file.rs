//! One file's bytes: the durable ones, and the changes in flight over them.

use super::Keep;
use crate::dice::Dice;

/// What a drive writes whole.
const SECTOR: usize = 512;

#[derive(Debug, Clone)]
pub(super) enum Change {
    Write { offset: usize, data: Vec<u8> },
    Resize { size: usize },
    Punch { offset: usize, length: usize },
}

#[derive(Clone)]
pub(super) struct FileState {
    durable: Vec<u8>,
    pending: Vec<(u64, Change)>,
}

impl FileState {
    pub(super) fn new(durable: Vec<u8>) -> Self {
        Self { durable, pending: Vec::new() }
    }

    pub(super) fn durable(&self) -> &[u8] {
        &self.durable
    }

    pub(super) fn is_settled(&self) -> bool {
        self.pending.is_empty()
    }

    /// Number of the oldest call in flight.
    pub(super) fn first(&self) -> Option<u64> {
        self.pending.first().map(|(number, _)| *number)
    }

    /// A write `through` is durable at once. Pages that it shares with changes in flight go with it.
    pub(super) fn change(&mut self, number: u64, change: Change, through: bool) {
        let alone = !self.pending.iter().any(|(_, before)| before.meets(&change));
        if through && alone {
            change.apply(&mut self.durable, &mut |_| true);
            return;
        }
        self.pending.push((number, change));
        if through {
            self.sync();
        }
    }

    pub(super) fn sync(&mut self) {
        for (_, change) in std::mem::take(&mut self.pending) {
            change.apply(&mut self.durable, &mut |_| true);
        }
    }

    /// The sync failed: of each write some sectors reached the medium, or none, and the rest never will, though programs may still read
    /// it in the page cache. Sizes and holes are the file system's own and safe.
    pub(super) fn fail(&mut self, dice: &mut Dice) {
        for (_, change) in std::mem::take(&mut self.pending) {
            let some = dice.below(4) == 0;
            change.apply(&mut self.durable, &mut |_| some && dice.coin());
        }
    }

    pub(super) fn cut(&self, keep: &mut Keep<'_>) -> Vec<u8> {
        let mut bytes = self.durable.clone();
        for (number, change) in &self.pending {
            if keep.change(*number) {
                change.apply(&mut bytes, &mut |_| keep.sector());
            } else if matches!(change, Change::Resize { size } if *size < bytes.len()) {
                // What was written afterwards went to blocks that the longer file does not own.
                break;
            }
        }
        bytes
    }
}

impl Change {
    /// Whether the two share a page, or the size.
    fn meets(&self, other: &Self) -> bool {
        const PAGE: usize = 4096;
        let pages = |change: &Self| match change {
            Self::Write { offset, data } => (offset / PAGE, (offset + data.len()).div_ceil(PAGE)),
            Self::Punch { offset, length } => (offset / PAGE, (offset + length).div_ceil(PAGE)),
            Self::Resize { .. } => (0, usize::MAX),
        };
        let ((a, a_end), (b, b_end)) = (pages(self), pages(other));
        a < b_end && b < a_end
    }

    /// Applies the change; of a write, the sectors that `sector` keeps.
    fn apply(&self, bytes: &mut Vec<u8>, sector: &mut dyn FnMut(usize) -> bool) {
        match self {
            Self::Resize { size } => bytes.resize(*size, 0),
            Self::Punch { offset, length } => {
                let end = (offset + length).min(bytes.len());
                let start = (*offset).min(end);
                bytes[start..end].fill(0);
            }
            Self::Write { offset, data } => {
                let end = offset + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                let mut at = *offset;
                while at < end {
                    let next = (at / SECTOR + 1) * SECTOR;
                    let next = next.min(end);
                    if sector(at / SECTOR) {
                        bytes[at..next].copy_from_slice(&data[at - offset..next - offset]);
                    }
                    at = next;
                }
            }
        }
    }
}
