//! The state by which a random history chooses what comes next: roughly what there is to forget.

use std::collections::BTreeMap;

use oubliette_adversary::Tear;
use oubliette_store::ChatPolicy;
use proptest::prelude::*;
use proptest::strategy::Union;
use proptest_state_machine::ReferenceStateMachine;

use crate::filler::Size;
use crate::op::{Op, PEOPLE, SPOTS};

/// Calls to stores in one event: a power cut comes within so many.
const CALLS: u64 = 10;

/// What there is, were nothing cut off.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sketch {
    people: Vec<Sketched>,
    /// Messages by author and peer.
    said: BTreeMap<(usize, usize), usize>,
    backup: bool,
    /// Something was forgotten since the last seizure.
    suspense: bool,
}

#[derive(Debug, Clone, Default)]
struct Sketched {
    alive: bool,
    /// Versions in each slot.
    slots: Vec<usize>,
    accounts: usize,
    consent: bool,
    records: usize,
    held: bool,
}

/// Makes random histories of itself.
pub(crate) struct Histories;

impl ReferenceStateMachine for Histories {
    type State = Sketch;
    type Transition = Op;

    fn init_state() -> BoxedStrategy<Sketch> {
        let people = vec![Sketched { alive: true, ..Sketched::default() }; PEOPLE];
        Just(Sketch { people, ..Sketch::default() }).boxed()
    }

    fn transitions(sketch: &Sketch) -> BoxedStrategy<Op> {
        let mut choices = sketch.events();
        let event = Union::new_weighted(choices.clone()).prop_filter("one call", Op::is_one_call);
        let cut = (0..CALLS, any::<u64>(), event.clone());
        choices.push((
            14,
            cut.prop_map(|(after, tear, during)| Op::Cut { after, tear: Tear(tear), during: during.into() })
                .boxed(),
        ));
        let strike =
            (0..CALLS, event).prop_map(|(after, during)| Op::Strike { after, during: during.into() });
        choices.push((8, strike.boxed()));
        choices.push((if sketch.suspense { 8 } else { 1 }, Just(Op::Seize).boxed()));
        Union::new_weighted(choices).boxed()
    }

    fn apply(mut sketch: Sketch, op: &Op) -> Sketch {
        sketch.take(op);
        sketch
    }
}

impl Sketch {
    /// What can be done now; what creates comes more often than what forgets.
    fn events(&self) -> Vec<(u32, BoxedStrategy<Op>)> {
        let mut events = Vec::new();
        for (who, person) in self.people.iter().enumerate() {
            if person.alive {
                self.living(who, person, &mut events);
            } else {
                events.push((4, Just(Op::Reopen { who }).boxed()));
            }
        }
        for (weight, op) in [(1, Op::Sweep), (1, Op::Restart), (1, Op::BackUp), (1, Op::Month)] {
            events.push((weight, Just(op).boxed()));
        }
        if self.backup {
            events.push((3, Just(Op::Restore).boxed()));
        }
        events
    }

    fn living(&self, who: usize, person: &Sketched, events: &mut Vec<(u32, BoxedStrategy<Op>)>) {
        let size = prop_oneof![3 => Just(Size::Small), 1 => Just(Size::Packed), 1 => Just(Size::Dense)];
        let mut may = |weight, op: BoxedStrategy<Op>| events.push((weight, op));
        may(4, (0..SPOTS, size).prop_map(move |(spot, size)| Op::Put { who, spot, size }).boxed());
        may(1, Just(Op::Move { who }).boxed());
        may(1, Just(Op::Erase { who }).boxed());
        may(
            if person.consent { 2 } else { 1 },
            (0..SPOTS).prop_map(move |spot| Op::SetSteam { who, spot }).boxed(),
        );
        for (spot, versions) in person.slots.iter().copied().enumerate() {
            may(1, Just(Op::ForgetSlot { who, spot }).boxed());
            may(1, Just(Op::Break { who, spot }).boxed());
            may(1, (1u32..4).prop_map(move |last| Op::Keep { who, spot, last }).boxed());
            may(1, Just(Op::Unshare { who, spot }).boxed());
            if versions > 0 {
                may(1, Just(Op::Lend { who, spot }).boxed());
                may(2, (0..versions).prop_map(move |nth| Op::ForgetVersion { who, spot, nth }).boxed());
            }
        }
        may(
            1,
            (0..SPOTS, any::<bool>()).prop_map(move |(spot, long)| Op::Record { who, spot, long }).boxed(),
        );
        if person.records > 0 {
            may(1, (0..person.records).prop_map(move |spot| Op::ForgetRecord { who, spot }).boxed());
            may(1, Just(Op::WithdrawRecords { who }).boxed());
        }
        may(1, Just(if person.held { Op::Lift { who } } else { Op::Hold { who } }).boxed());
        if person.consent {
            may(1, Just(Op::Withdraw { who }).boxed());
        }
        if person.accounts > 0 {
            may(1, (0..person.accounts).prop_map(move |spot| Op::ForgetSteam { who, spot }).boxed());
            may(1, (0..person.accounts).prop_map(move |spot| Op::Release { who, spot }).boxed());
        }
        for to in (0..PEOPLE).filter(|to| *to != who && self.people[*to].alive) {
            let policy = prop::sample::select(ChatPolicy::ALL.to_vec());
            let say = (any::<bool>(), policy);
            may(3, say.prop_map(move |(long, policy)| Op::Say { who, to, long, policy }).boxed());
            if !person.slots.is_empty() {
                let spots = 0..person.slots.len();
                may(1, spots.prop_map(move |spot| Op::Share { who, spot, to }).boxed());
            }
            let heard = self.said.get(&(to, who)).copied().unwrap_or(0);
            if heard > 0 {
                may(2, (0..heard).prop_map(move |nth| Op::ForgetTheirs { who, to, nth }).boxed());
            }
            let said = self.said.get(&(who, to)).copied().unwrap_or(0);
            if said > 0 {
                may(1, (0..said).prop_map(move |nth| Op::ForgetMessage { who, to, nth }).boxed());
                may(1, (0..said).prop_map(move |nth| Op::ForgetThrough { who, to, nth }).boxed());
                may(1, Just(Op::ForgetSide { who, to }).boxed());
            }
        }
    }

    fn take(&mut self, op: &Op) {
        match *op {
            Op::Put { who, spot, .. } => match self.people[who].slots.get_mut(spot) {
                Some(versions) => *versions += 1,
                None => self.people[who].slots.push(1),
            },
            Op::ForgetVersion { who, spot, .. } => {
                let versions = self.people[who].slots.get_mut(spot);
                versions.into_iter().for_each(|versions| *versions = versions.saturating_sub(1));
            }
            Op::Keep { who, spot, last } => {
                let versions = self.people[who].slots.get_mut(spot);
                versions.into_iter().for_each(|versions| *versions = (*versions).min(last as usize));
            }
            Op::ForgetSlot { who, spot } if spot < self.people[who].slots.len() => {
                self.people[who].slots.remove(spot);
            }
            Op::Say { who, to, .. } => *self.said.entry((who, to)).or_default() += 1,
            Op::ForgetMessage { who, to, .. } => {
                self.said.entry((who, to)).and_modify(|said| *said = said.saturating_sub(1));
            }
            Op::ForgetThrough { who, to, nth } => {
                self.said.entry((who, to)).and_modify(|said| *said = said.saturating_sub(nth + 1));
            }
            Op::ForgetSide { who, to } => drop(self.said.remove(&(who, to))),
            Op::SetSteam { who, .. } if !self.people[who].consent => self.people[who].consent = true,
            Op::SetSteam { who, spot } => {
                let accounts = &mut self.people[who].accounts;
                *accounts += usize::from(spot >= *accounts);
            }
            Op::ForgetSteam { who, .. } => {
                self.people[who].accounts = self.people[who].accounts.saturating_sub(1);
            }
            Op::Withdraw { who } => (self.people[who].consent, self.people[who].accounts) = (false, 0),
            Op::Record { who, spot, .. } => {
                let records = &mut self.people[who].records;
                *records += usize::from(spot >= *records);
            }
            Op::ForgetRecord { who, .. } => {
                self.people[who].records = self.people[who].records.saturating_sub(1);
            }
            Op::WithdrawRecords { who } => self.people[who].records = 0,
            Op::Hold { who } => self.people[who].held = true,
            Op::Lift { who } => self.people[who].held = false,
            Op::Erase { who } if self.people[who].held => {}
            Op::Erase { who } => {
                self.people[who] = Sketched::default();
                self.said.retain(|(a, b), _| *a != who && *b != who);
            }
            Op::Reopen { who } => self.people[who].alive = true,
            Op::BackUp => self.backup = true,
            Op::Cut { ref during, .. } | Op::Strike { ref during, .. } => return self.take(during),
            _ => {}
        }
        self.suspense = match op {
            Op::Seize => false,
            Op::Put { .. }
            | Op::Say { .. }
            | Op::Lend { .. }
            | Op::Hold { .. }
            | Op::Share { .. }
            | Op::Release { .. } => self.suspense,
            _ => true,
        };
    }
}
