//! What may happen in a history. Numbers are taken modulo what there is.

use proptest::prelude::*;

use crate::filler::Size;

pub(crate) const PEOPLE: usize = 4;
pub(crate) const SPOTS: usize = 3;

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
    Say {
        who: usize,
        to: usize,
        long: bool,
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
    Seize,
}

/// An event; what creates comes more often than what forgets.
pub(crate) fn any_op() -> impl Strategy<Value = Op> {
    let who = || 0..PEOPLE;
    let spot = || 0..SPOTS;
    let nth = || 0..8usize;
    let size = prop_oneof![3 => Just(Size::Small), 1 => Just(Size::Packed), 1 => Just(Size::Dense)];
    prop_oneof![
        10 => (who(), spot(), size).prop_map(|(who, spot, size)| Op::Put { who, spot, size }),
        2 => (who(), spot()).prop_map(|(who, spot)| Op::Break { who, spot }),
        3 => (who(), spot(), nth()).prop_map(|(who, spot, nth)| Op::ForgetVersion { who, spot, nth }),
        1 => (who(), spot()).prop_map(|(who, spot)| Op::ForgetSlot { who, spot }),
        10 => (who(), who(), any::<bool>()).prop_map(|(who, to, long)| Op::Say { who, to, long }),
        3 => (who(), who(), nth()).prop_map(|(who, to, nth)| Op::ForgetMessage { who, to, nth }),
        2 => (who(), who(), nth()).prop_map(|(who, to, nth)| Op::ForgetThrough { who, to, nth }),
        1 => (who(), who()).prop_map(|(who, to)| Op::ForgetSide { who, to }),
        3 => who().prop_map(|who| Op::Consent { who }),
        1 => who().prop_map(|who| Op::Withdraw { who }),
        5 => (who(), spot()).prop_map(|(who, spot)| Op::SetSteam { who, spot }),
        1 => (who(), spot()).prop_map(|(who, spot)| Op::ForgetSteam { who, spot }),
        2 => who().prop_map(|who| Op::Move { who }),
        1 => who().prop_map(|who| Op::Erase { who }),
        2 => who().prop_map(|who| Op::Reopen { who }),
        1 => Just(Op::Sweep),
        1 => Just(Op::Restart),
        1 => Just(Op::Seize),
    ]
}
