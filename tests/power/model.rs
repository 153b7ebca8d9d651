//! What a vault must hold after so many operations, and what it may hold if the power failed within one.

use std::collections::hash_map::DefaultHasher;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{Hash, Hasher};

use oubliette_powercut::Dice;

pub(crate) const GAME: &str = "game";
pub(crate) const ACCOUNT: &str = "account";
/// The purpose that credentials hang on, and one that nothing hangs on.
pub(crate) const PURPOSES: [&str; 2] = ["steam_credentials", "research"];
pub(crate) const FIELDS: [&str; 3] = ["password", "device_id", "revocation_code"];

/// A person's number; see [`user`].
pub(crate) type User = u8;

pub(crate) fn user(number: User) -> String {
    format!("person-{number}")
}

/// One step of a history. Each is legal when it is made, so each must succeed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    Come(User),
    Save {
        who: User,
        slot: u8,
        content: Content,
    },
    /// The oldest.
    ForgetVersion {
        who: User,
        slot: u8,
    },
    ForgetSlot {
        who: User,
        slot: u8,
    },
    /// Bodies of these lengths, in one batch.
    Say {
        who: User,
        to: User,
        bodies: Vec<Content>,
    },
    /// The oldest of one's own.
    ForgetMessage {
        who: User,
        to: User,
    },
    /// One's own up to the middle one.
    ForgetThrough {
        who: User,
        to: User,
    },
    /// A set of fields, by bits.
    Account {
        who: User,
        fields: u8,
    },
    ForgetAccount {
        who: User,
    },
    Give {
        who: User,
        purpose: usize,
    },
    Withdraw {
        who: User,
        purpose: usize,
    },
    Block {
        who: User,
        peer: User,
    },
    Unblock {
        who: User,
        peer: User,
    },
    Erase(Vec<User>),
    Sweep,
    Fsck,
    /// A clean stop and a start.
    Reopen,
    /// The same with compaction at the start.
    Compact,
    /// The same with a start of compaction beside whatever comes next.
    CompactBeside,
    /// Waits until that is over, which must have come to its end.
    Compacted,
    /// The root cell goes to another file.
    MoveCell,
    /// The vault goes to another folder.
    Move,
    /// The process ends without closing anything.
    Die,
}

impl Op {
    /// The same about other people, so that several histories can happen in one vault.
    pub(crate) fn shift(&mut self, base: User) {
        match self {
            Self::Come(who) => *who += base,
            Self::Save { who, .. }
            | Self::ForgetVersion { who, .. }
            | Self::ForgetSlot { who, .. }
            | Self::Account { who, .. }
            | Self::ForgetAccount { who }
            | Self::Give { who, .. }
            | Self::Withdraw { who, .. } => *who += base,
            Self::Say { who, to: other, .. }
            | Self::ForgetMessage { who, to: other }
            | Self::ForgetThrough { who, to: other }
            | Self::Block { who, peer: other }
            | Self::Unblock { who, peer: other } => {
                *who += base;
                *other += base;
            }
            Self::Erase(who) => who.iter_mut().for_each(|who| *who += base),
            _ => assert!(self.keeps_state(), "{self:?} is about somebody"),
        }
    }

    pub(crate) fn is_move(&self) -> bool {
        matches!(self, Self::MoveCell | Self::Move)
    }

    /// Whether it changes nothing of what people have.
    pub(crate) fn keeps_state(&self) -> bool {
        use Op::{Compact, CompactBeside, Compacted, Die, Fsck, Move, MoveCell, Reopen, Sweep};
        matches!(self, Sweep | Fsck | Reopen | Compact | CompactBeside | Compacted | MoveCell | Move | Die)
    }
}

/// Bytes that follow from two numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Content {
    pub(crate) seed: u64,
    pub(crate) length: usize,
}

impl Content {
    pub(crate) fn bytes(self) -> Vec<u8> {
        Dice::new(self.seed).bytes(self.length)
    }

    /// The same as printable text, for messages.
    pub(crate) fn text(self) -> String {
        let letters = self.bytes().into_iter().map(|byte| char::from(b'a' + byte % 26));
        format!("{}:{}", self.seed, letters.collect::<String>())
    }
}

pub(crate) fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

/// What one person has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Person {
    /// Fingerprints of the versions, oldest first, by slot.
    pub(crate) saves: BTreeMap<u8, Vec<u64>>,
    /// Fingerprints of what this person said, oldest first, by peer.
    pub(crate) said: BTreeMap<User, Vec<u64>>,
    /// Which fields are stored, by bits.
    pub(crate) account: Option<u8>,
    /// Purpose and whether it was given, oldest first.
    pub(crate) consents: Vec<(usize, bool)>,
    pub(crate) blocked: BTreeSet<User>,
}

/// Somebody who came at some time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Life {
    Here(Person),
    Erased,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct State(pub(crate) BTreeMap<User, Life>);

impl State {
    pub(crate) fn person(&self, who: User) -> Option<&Person> {
        match self.0.get(&who) {
            Some(Life::Here(person)) => Some(person),
            _ => None,
        }
    }

    pub(crate) fn erased(&self) -> usize {
        self.0.values().filter(|life| **life == Life::Erased).count()
    }

    /// What somebody who is still here said to a peer.
    pub(crate) fn said(&self, who: User, to: User) -> &[u64] {
        self.person(who).and_then(|person| person.said.get(&to)).map_or(&[], Vec::as_slice)
    }

    pub(crate) fn gave(&self, who: User, purpose: usize) -> bool {
        let events = self.person(who).map_or(&[][..], |person| &person.consents);
        events.iter().rev().find(|(of, _)| *of == purpose).is_some_and(|(_, given)| *given)
    }

    /// Makes the change.
    pub(crate) fn apply(&mut self, op: &Op) {
        match op {
            Op::Come(who) => {
                self.0.insert(*who, Life::Here(Person::default()));
            }
            Op::Save { who, slot, content } => {
                self.edit(*who).saves.entry(*slot).or_default().push(fingerprint(&content.bytes()));
            }
            Op::ForgetVersion { who, slot } => {
                let saves = &mut self.edit(*who).saves;
                let versions = saves.get_mut(slot).expect("a slot that is there");
                versions.remove(0);
                if versions.is_empty() {
                    saves.remove(slot);
                }
            }
            Op::ForgetSlot { who, slot } => drop(self.edit(*who).saves.remove(slot)),
            Op::Say { who, to, bodies } => {
                let prints = bodies.iter().map(|body| fingerprint(body.text().as_bytes()));
                self.edit(*who).said.entry(*to).or_default().extend(prints);
            }
            Op::ForgetMessage { who, to } => self.edit_said(*who, *to, |said| {
                said.remove(0);
            }),
            Op::ForgetThrough { who, to } => {
                self.edit_said(*who, *to, |said| drop(said.drain(..=said.len() / 2)));
            }
            Op::Account { who, fields } => self.edit(*who).account = Some(*fields),
            Op::ForgetAccount { who } => self.edit(*who).account = None,
            Op::Give { who, purpose } => self.edit(*who).consents.push((*purpose, true)),
            Op::Withdraw { who, purpose } => {
                let person = self.edit(*who);
                person.consents.push((*purpose, false));
                if *purpose == 0 {
                    person.account = None;
                }
            }
            Op::Block { who, peer } => drop(self.edit(*who).blocked.insert(*peer)),
            Op::Unblock { who, peer } => drop(self.edit(*who).blocked.remove(peer)),
            Op::Erase(who) => {
                for who in who {
                    self.0.insert(*who, Life::Erased);
                    for life in self.0.values_mut() {
                        if let Life::Here(person) = life {
                            person.blocked.remove(who);
                        }
                    }
                }
            }
            _ => assert!(op.keeps_state(), "{op:?} changes something"),
        }
    }

    pub(crate) fn after(&self, op: &Op) -> Self {
        let mut after = self.clone();
        after.apply(op);
        after
    }

    /// Every state that a power cut within `op` may leave (docs/store.md, "Crash cases").
    pub(crate) fn within(&self, op: &Op) -> Vec<Self> {
        let mut states = vec![self.clone()];
        match op {
            // Blocked one by one; whoever was is erased by the next start.
            Op::Erase(who) => {
                for who in who {
                    let one = Op::Erase(vec![*who]);
                    states.extend(states.clone().iter().map(|state| state.after(&one)));
                }
            }
            Op::Withdraw { who, purpose: 0 } => states.push(self.after(&Op::ForgetAccount { who: *who })),
            _ => {}
        }
        let after = self.after(op);
        if !states.contains(&after) {
            states.push(after);
        }
        states
    }

    fn edit(&mut self, who: User) -> &mut Person {
        match self.0.get_mut(&who) {
            Some(Life::Here(person)) => person,
            _ => panic!("{who} is not here"),
        }
    }

    fn edit_said(&mut self, who: User, to: User, edit: impl FnOnce(&mut Vec<u64>)) {
        let all = &mut self.edit(who).said;
        let said = all.get_mut(&to).expect("something said");
        edit(said);
        if said.is_empty() {
            all.remove(&to);
        }
    }
}
