//! Where the next record of the redo area goes: two halves, each filled from its beginning.
//!
//! A half is overwritten only when both slots cover every commit in it. So at any moment the records after the older slot's commit
//! all stand, and either slot alone is enough to recover from.

use super::record::SLOT;
use super::redo::{BLOCK, HALF_BLOCKS};

/// Bytes of the whole area.
pub(super) const AREA: usize = 2 * HALF_BLOCKS * BLOCK;

#[derive(Debug, Default)]
pub(crate) struct Area {
    /// The half that is being filled: 0 or 1.
    half: usize,
    /// Blocks of it in use.
    used: usize,
    /// Number of the last commit in each half.
    last: [u64; 2],
}

impl Area {
    /// Whether a record of so many blocks finds room when the slots cover all commits up to `covered`.
    pub(crate) fn has_room(&self, blocks: usize, covered: u64) -> bool {
        self.used + blocks <= HALF_BLOCKS || self.other() <= covered
    }

    /// Whether a half waits for the slots to cover it.
    pub(crate) fn waits(&self, covered: u64) -> bool {
        self.other() > covered
    }

    /// The place in the file for a commit's record. The caller has made sure that there is room.
    pub(super) fn take(&mut self, commit: u64, blocks: usize) -> u64 {
        if self.used + blocks > HALF_BLOCKS {
            self.half = 1 - self.half;
            self.used = 0;
        }
        let at = self.half * HALF_BLOCKS + self.used;
        self.used += blocks;
        if let Some(last) = self.last.get_mut(self.half) {
            *last = commit;
        }
        (2 * SLOT + at * BLOCK) as u64
    }

    fn other(&self) -> u64 {
        self.last.get(1 - self.half).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_half_is_used_again_only_when_it_is_covered() {
        let mut area = Area::default();
        let large = HALF_BLOCKS / 2 + 1;
        assert!(area.has_room(large, 0) && !area.waits(0));
        assert_eq!(area.take(1, large), 8192);
        assert!(area.has_room(large, 0), "the other half was never used");
        assert_eq!(area.take(2, large), (8192 + HALF_BLOCKS * BLOCK) as u64);
        assert!(area.waits(0) && !area.has_room(large, 0) && area.has_room(HALF_BLOCKS - large, 0));
        assert!(area.has_room(large, 1) && !area.waits(1), "commit 2 is in the half that is being filled");
        assert_eq!(area.take(3, HALF_BLOCKS - large), (8192 + (HALF_BLOCKS + large) * BLOCK) as u64);
        assert_eq!(area.take(4, 2), 8192);
        assert!(area.waits(2) && !area.waits(3));
    }
}
