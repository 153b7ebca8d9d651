//! Which history a test is about, and what may be found of it after a cut.

use std::ops::Range;

use crate::model::{Op, State, User};
use crate::script::{Accent, script};

/// Which history, and whether sled may not have `sync_file_range`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct History {
    pub(crate) accent: Accent,
    pub(crate) seed: u64,
    pub(crate) length: usize,
    pub(crate) filtered: bool,
    /// Number of its first person, so that several histories can happen in one vault.
    pub(crate) base: User,
}

impl History {
    pub(crate) fn ops(self) -> Vec<Op> {
        let mut ops = script(self.accent, self.seed, self.length);
        ops.iter_mut().for_each(|op| op.shift(self.base));
        ops
    }

    pub(crate) fn state(self, acknowledged: usize) -> State {
        let mut state = State::default();
        self.ops()[..acknowledged].iter().for_each(|op| state.apply(op));
        state
    }

    /// Whether the operation after so many is what the accent is about, or happens beside that.
    pub(crate) fn is_about(self, acknowledged: usize) -> bool {
        let ops = self.ops();
        let begun = ops.get(..=acknowledged).unwrap_or(&ops);
        match self.accent {
            Accent::Moves => begun.last().is_some_and(Op::is_move),
            Accent::Compactions => {
                let last =
                    begun.iter().rev().find(|op| !matches!(op, Op::Sweep | Op::Fsck) && op.keeps_state());
                matches!(last, Some(Op::CompactBeside | Op::Compacted))
            }
            _ => true,
        }
    }

    pub(crate) fn people(self) -> Range<User> {
        let came = self.ops().iter().filter(|op| matches!(op, Op::Come(_))).count();
        self.base..self.base + came as User
    }

    pub(crate) fn write(self) -> String {
        let Self { accent, seed, length, filtered, base } = self;
        format!("{} {seed} {length} {} {base}", accent.number(), u8::from(filtered))
    }

    pub(crate) fn read(text: &str) -> Self {
        let numbers: Vec<u64> = text.split(' ').map(|number| number.parse().unwrap()).collect();
        Self {
            accent: Accent::of(numbers[0] as usize),
            seed: numbers[1],
            length: numbers[2] as usize,
            filtered: numbers[3] == 1,
            base: numbers[4] as User,
        }
    }
}

/// What may be found after a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Expected {
    /// The making of the vault was acknowledged.
    pub(crate) made: bool,
    /// So many operations of each history were acknowledged; the one after them may have begun.
    pub(crate) acknowledged: [usize; 2],
    pub(crate) disk: Manner,
}

/// How the disk behaved before the cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Manner {
    Honest,
    /// A sync failed once. One copy of the key plane may lack pages, which fsck says and mends.
    Failed,
    /// What was acknowledged may be lost, if only nothing wrong is told.
    Lied,
}

impl Manner {
    pub(crate) const ALL: [Self; 3] = [Self::Honest, Self::Failed, Self::Lied];
}
