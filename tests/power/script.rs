//! Histories: seven with an accent each, and any number of random ones. Each follows from a seed.

use oubliette_powercut::Dice;

use crate::model::{Content, Op, State, User};

/// What a history is mostly about. The last one is about everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accent {
    Rows,
    Blobs,
    Chats,
    Credentials,
    Erasures,
    /// Rows, copied into a fresh folder while they change.
    Compactions,
    /// The cell and the vault go from place to place.
    Moves,
    Mixed,
}

const VERBS: usize = 23;

impl Accent {
    /// Those that a service can play, which never moves.
    pub(crate) const FIVE: [Self; 5] =
        [Self::Rows, Self::Blobs, Self::Chats, Self::Credentials, Self::Erasures];
    /// All of them, by turns: what is rarest comes early.
    pub(crate) const TURNS: [Self; 7] = [
        Self::Rows,
        Self::Moves,
        Self::Compactions,
        Self::Blobs,
        Self::Erasures,
        Self::Credentials,
        Self::Chats,
    ];
    /// All of them, in the order of their numbers.
    pub(crate) const SEVEN: [Self; 7] = [
        Self::Rows,
        Self::Blobs,
        Self::Chats,
        Self::Credentials,
        Self::Erasures,
        Self::Compactions,
        Self::Moves,
    ];

    pub(crate) fn number(self) -> usize {
        self as usize
    }

    /// Operations of its script. A compaction and a move make more calls than any other.
    pub(crate) fn length(self) -> usize {
        match self {
            Self::Compactions => 60,
            Self::Moves => 50,
            _ => 100,
        }
    }

    pub(crate) fn of(number: usize) -> Self {
        *Self::SEVEN.get(number).unwrap_or(&Self::Mixed)
    }

    /// How often each verb is thrown, in the order of [`propose`].
    fn weights(self) -> [u64; VERBS] {
        //   come save forget. say  forget. account  consents block    erase     ...compact  move
        //        |    |  |    |    |  |    |  |     |  |     |  |     |         beside    cell
        match self {
            Self::Rows => [6, 40, 4, 3, 10, 1, 1, 3, 1, 3, 1, 1, 1, 2, 3, 1, 3, 1, 3, 0, 0, 0, 0],
            Self::Blobs => [5, 40, 8, 5, 6, 1, 1, 0, 0, 0, 0, 0, 0, 2, 4, 1, 3, 1, 3, 0, 0, 0, 0],
            Self::Chats => [6, 4, 0, 0, 40, 9, 5, 0, 0, 0, 0, 3, 2, 3, 3, 1, 3, 1, 3, 0, 0, 0, 0],
            Self::Credentials => [6, 4, 0, 0, 4, 0, 0, 30, 5, 16, 8, 1, 1, 3, 3, 1, 3, 1, 3, 0, 0, 0, 0],
            Self::Erasures => [24, 14, 3, 2, 12, 3, 2, 4, 2, 5, 2, 2, 1, 18, 8, 2, 4, 2, 5, 0, 0, 0, 0],
            Self::Compactions => [12, 20, 3, 2, 20, 4, 2, 4, 1, 3, 1, 1, 1, 6, 2, 1, 1, 1, 3, 9, 9, 0, 0],
            Self::Moves => [18, 10, 1, 1, 6, 1, 1, 2, 1, 2, 1, 1, 1, 12, 1, 1, 1, 0, 4, 0, 0, 6, 6],
            Self::Mixed => [8, 14, 3, 2, 12, 3, 2, 8, 2, 6, 3, 2, 2, 6, 4, 2, 4, 2, 5, 0, 0, 0, 0],
        }
    }
}

/// `length` operations, each legal where it stands.
pub(crate) fn script(accent: Accent, seed: u64, length: usize) -> Vec<Op> {
    let mut dice = Dice::new(seed ^ 0x5c_217);
    let (mut state, mut ops) = (State::default(), Vec::new());
    let weights = accent.weights();
    while ops.len() < length {
        let mut throw = dice.below(weights.iter().sum());
        let verb = weights.iter().position(|weight| {
            let hit = throw < *weight;
            throw = throw.saturating_sub(*weight);
            hit
        });
        let Some(op) = propose(verb.unwrap_or(0), accent, &state, &mut dice, ops.len() as u64) else {
            continue;
        };
        state.apply(&op);
        ops.push(op);
    }
    ops
}

/// An operation of this kind, if there is a legal one for what the dice say.
fn propose(verb: usize, accent: Accent, state: &State, dice: &mut Dice, step: u64) -> Option<Op> {
    let here: Vec<User> = state.0.keys().copied().filter(|who| state.person(*who).is_some()).collect();
    if verb == 0 {
        let next = state.0.len() as User;
        return (here.len() < 6 && next < 40).then_some(Op::Come(next));
    }
    if let 14..=22 = verb {
        let ops = [Op::Sweep, Op::Fsck, Op::Reopen, Op::Compact, Op::Die];
        let ops = ops.into_iter().chain([Op::CompactBeside, Op::Compacted, Op::MoveCell, Op::Move]);
        return ops.into_iter().nth(verb - 14);
    }
    let pick = |dice: &mut Dice, from: &[User]| {
        (!from.is_empty()).then(|| from[dice.below(from.len() as u64) as usize])
    };
    let who = pick(dice, &here)?;
    let person = state.person(who)?;
    let others: Vec<User> = here.iter().copied().filter(|other| *other != who).collect();
    let slots: Vec<u8> = person.saves.keys().copied().collect();
    let talks: Vec<User> = person.said.keys().copied().filter(|peer| state.person(*peer).is_some()).collect();
    let seed = step * 1000 + dice.below(1000);
    Some(match verb {
        1 => {
            let large = dice.below(10) < if accent == Accent::Blobs { 7 } else { 2 };
            let length = if large { 5_000 + dice.below(60_000) } else { dice.below(3_500) } as usize;
            Op::Save { who, slot: dice.below(3) as u8, content: Content { seed, length } }
        }
        2 => Op::ForgetVersion { who, slot: pick(dice, &slots)? },
        3 => Op::ForgetSlot { who, slot: pick(dice, &slots)? },
        4 => {
            let to = pick(dice, &others)?;
            if person.blocked.contains(&to) || state.person(to)?.blocked.contains(&who) {
                return None;
            }
            let count = if dice.below(5) == 0 { 1 + dice.below(12) } else { 1 };
            let body = |n| {
                let length = if dice.below(12) == 0 { 6_000 } else { dice.below(300) as usize };
                Content { seed: seed * 16 + n, length }
            };
            Op::Say { who, to, bodies: (0..count).map(body).collect() }
        }
        5 => Op::ForgetMessage { who, to: pick(dice, &talks)? },
        6 => Op::ForgetThrough { who, to: pick(dice, &talks)? },
        7 if state.gave(who, 0) => Op::Account { who, fields: 1 + dice.below(7) as u8 },
        8 if person.account.is_some() => Op::ForgetAccount { who },
        9 => Op::Give { who, purpose: dice.below(2) as usize },
        10 => {
            let purpose = dice.below(2) as usize;
            if !state.gave(who, purpose) {
                return None;
            }
            Op::Withdraw { who, purpose }
        }
        11 => {
            let peer = pick(dice, &others)?;
            if person.blocked.contains(&peer) {
                return None;
            }
            Op::Block { who, peer }
        }
        12 => Op::Unblock { who, peer: *person.blocked.first()? },
        13 => {
            let mut leaving = vec![who];
            if dice.below(3) == 0 {
                leaving.extend(pick(dice, &others));
            }
            Op::Erase(leaving)
        }
        _ => return None,
    })
}

#[test]
fn scripts_hold_what_their_names_say() {
    for accent in Accent::SEVEN {
        assert_eq!(Accent::of(accent.number()), accent);
        let ops = script(accent, accent.number() as u64, accent.length());
        assert_eq!(
            ops,
            script(accent, accent.number() as u64, accent.length()),
            "a script follows from its seed"
        );
        let count = |wanted: fn(&Op) -> bool| ops.iter().filter(|op| wanted(op)).count();
        assert!(count(|op| matches!(op, Op::Erase(_))) >= 1, "{accent:?}");
        assert!(count(|op| matches!(op, Op::Die | Op::Reopen | Op::Compact)) >= 3, "{accent:?}");
        let moves = [count(|op| *op == Op::MoveCell), count(|op| *op == Op::Move)];
        assert!(moves.iter().all(|count| *count >= 3) == (accent == Accent::Moves), "{accent:?}: {moves:?}");
        let compacted = ops.windows(2).filter(|ops| ops[0] == Op::CompactBeside && !ops[1].keeps_state());
        assert!((compacted.count() >= 3) == (accent == Accent::Compactions), "{accent:?}");
    }
}
