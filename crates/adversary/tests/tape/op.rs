//! What may happen in a history. Numbers are taken modulo what there is.

use oubliette_adversary::Tear;
use oubliette_store::ChatPolicy;

use crate::filler::Size;

pub(crate) const PEOPLE: usize = 4;
pub(crate) const SPOTS: usize = 3;

pub(crate) const AUTHOR: ChatPolicy = ChatPolicy::Author;
pub(crate) const EITHER: ChatPolicy = ChatPolicy::Either;
pub(crate) const SURVIVOR: ChatPolicy = ChatPolicy::Survivor;

/// One event.
#[derive(Debug, Clone)]
pub(crate) enum Op {
    Put {
        who: usize,
        spot: usize,
        size: Size,
    },
    /// An upload that ends in the middle.
    Break {
        who: usize,
        spot: usize,
    },
    ForgetVersion {
        who: usize,
        spot: usize,
        nth: usize,
    },
    ForgetSlot {
        who: usize,
        spot: usize,
    },
    /// From now on the slot keeps so many versions.
    Keep {
        who: usize,
        spot: usize,
        last: u32,
    },
    Share {
        who: usize,
        spot: usize,
        to: usize,
    },
    Unshare {
        who: usize,
        spot: usize,
    },
    /// A download that goes on until the person forgets something: its key is lent.
    Lend {
        who: usize,
        spot: usize,
    },
    Say {
        who: usize,
        to: usize,
        long: bool,
        policy: ChatPolicy,
    },
    /// One's part of a message of the other's.
    ForgetTheirs {
        who: usize,
        to: usize,
        nth: usize,
    },
    ForgetMessage {
        who: usize,
        to: usize,
        nth: usize,
    },
    ForgetThrough {
        who: usize,
        to: usize,
        nth: usize,
    },
    ForgetSide {
        who: usize,
        to: usize,
    },
    Consent {
        who: usize,
    },
    Withdraw {
        who: usize,
    },
    SetSteam {
        who: usize,
        spot: usize,
    },
    ForgetSteam {
        who: usize,
        spot: usize,
    },
    /// A record, in place of what it was.
    Record {
        who: usize,
        spot: usize,
        long: bool,
    },
    ForgetRecord {
        who: usize,
        spot: usize,
    },
    /// The consent that records need is withdrawn.
    WithdrawRecords {
        who: usize,
    },
    /// A legal hold: what is forgotten from now on is hidden, and stays.
    Hold {
        who: usize,
    },
    /// It is lifted: what was forgotten meanwhile goes.
    Lift {
        who: usize,
    },
    /// A password is sealed to somebody outside.
    Release {
        who: usize,
        spot: usize,
    },
    Move {
        who: usize,
    },
    Erase {
        who: usize,
    },
    Reopen {
        who: usize,
    },
    Sweep,
    Restart,
    /// A copy of the rows is put away.
    BackUp,
    /// It is put back.
    Restore,
    /// Fences expire.
    Month,
    Seize,
    /// The power goes within a call to a store during that event.
    Cut {
        after: u64,
        tear: Tear,
        during: Box<Op>,
    },
    /// Everything is seized within that event, between two of its calls to stores.
    Strike {
        after: u64,
        during: Box<Op>,
    },
}

impl Op {
    /// Whether it is one vault operation, which can be cut off or watched.
    pub(crate) fn is_one_call(&self) -> bool {
        !matches!(
            self,
            Self::BackUp
                | Self::Restore
                | Self::Restart
                | Self::Month
                | Self::Seize
                | Self::Lend { .. }
                | Self::Cut { .. }
                | Self::Strike { .. }
        )
    }
}
