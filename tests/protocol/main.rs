//! The protocol of forgetting as a small machine, and every state it can come to: deletion, crash, backup, restore, retry, escrow and moving,
//! in every order. What must hold in each state has a name; `docs/model.md` ties it, and each step, to the code.
//!
//! A search that finds nothing proves nothing unless it finds what is there: the same machine with one mistake in it must break the rule that forbids
//! that mistake.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking, and the machine's numbers are its own"
)]
#![allow(clippy::print_stdout, reason = "a run says how many states there are")]

mod state;
mod steps;

use std::collections::{BTreeSet, HashMap, VecDeque};

use state::{CELLS, Doing, Home, Receipt, Standing, State};
use steps::{BROKEN, Order, next};

/// More states than this, and something runs away.
const MOST: usize = 3_000_000;

/// Whether a state that this order of steps led to is allowed.
type Rule = fn(&State, Order) -> bool;

/// The rules, by the names in docs/model.md.
const RULES: [(&str, Rule); 6] = [
    ("no_receipt_without_destruction", |state, _| state.receipt == Receipt::None || !state.opens_a()),
    ("erased_never_opens", |state, _| {
        let stands = state.lost || state.standing() == Some(Standing::Erased);
        state.told != Some(Standing::Erased) || (stands && !state.opens_a())
    }),
    ("final_means_no_escrow", |state, _| {
        state.receipt != Receipt::Final || state.escrow.is_none_or(|escrow| !escrow.held_a)
    }),
    ("nobody_else_is_lost", |state, _| state.lost || (state.root().is_some() && state.rows[1])),
    ("never_two_live_vaults", |state, order| {
        (0..2).filter(|folder| opens(state, *folder, order)).count() < 2
    }),
    ("what_restricts_is_not_rolled_back", |state, _| state.lost || state.told <= state.standing()),
];

/// Whether a service could be started on this folder.
fn opens(state: &State, folder: usize, order: Order) -> bool {
    let marked = match (folder, state.home) {
        (0, Home::Second) => order == Order::NoMovedMark,
        (1, Home::Arriving) => order == Order::NoArrivingMark,
        (1, Home::First) => false,
        _ => true,
    };
    marked && state.settled(folder).is_some()
}

/// Every state that can be reached, and how.
struct Search {
    states: Vec<State>,
    /// For each state the one before it and the step that led here.
    before: Vec<(usize, &'static str)>,
    /// For each state those that lead to it.
    from: Vec<Vec<usize>>,
    /// The first state to break each rule.
    broken: Vec<(&'static str, usize)>,
}

impl Search {
    /// Every state; or, if a rule is named, as many as it takes to break it.
    fn of(order: Order, until: Option<&str>) -> Self {
        let first = State::first();
        let mut search = Self {
            states: vec![first],
            before: vec![(0, "begin")],
            from: vec![Vec::new()],
            broken: Vec::new(),
        };
        let mut known = HashMap::from([(first, 0)]);
        let mut ahead = VecDeque::from([0]);
        while let Some(at) = ahead.pop_front() {
            search.check(at, order);
            if search.broken.iter().any(|(name, _)| Some(*name) == until) {
                return search;
            }
            assert!(order != Order::Right || !search.states[at].is_full(), "too few numbers for epochs");
            for (name, state) in next(&search.states[at], order) {
                let state = state.tidy();
                let number = *known.entry(state).or_insert_with(|| {
                    search.states.push(state);
                    search.before.push((at, name));
                    search.from.push(Vec::new());
                    ahead.push_back(search.states.len() - 1);
                    search.states.len() - 1
                });
                search.from[number].push(at);
            }
            assert!(search.states.len() < MOST, "{order:?}: the machine runs away");
        }
        search.resume();
        search
    }

    fn check(&mut self, at: usize, order: Order) {
        for (name, rule) in RULES {
            if !rule(&self.states[at], order) {
                self.break_rule(name, at);
            }
        }
    }

    fn break_rule(&mut self, name: &'static str, at: usize) {
        if !self.broken.iter().any(|(known, _)| *known == name) {
            self.broken.push((name, at));
        }
    }

    /// From wherever a block was acknowledged there is a way to the receipt.
    fn resume(&mut self) {
        let mut arrives: Vec<bool> = self.states.iter().map(|state| state.receipt != Receipt::None).collect();
        let mut ahead: Vec<usize> = (0..arrives.len()).filter(|at| arrives[*at]).collect();
        while let Some(at) = ahead.pop() {
            for from in &self.from[at] {
                if !std::mem::replace(&mut arrives[*from], true) {
                    ahead.push(*from);
                }
            }
        }
        let promised = |state: &State| state.told >= Some(Standing::Blocked);
        if let Some(at) = (0..arrives.len()).find(|at| promised(&self.states[*at]) && !arrives[*at]) {
            self.break_rule("acknowledged_intents_resume", at);
        }
    }

    /// The steps that lead to a state.
    fn way(&self, at: usize) -> String {
        let mut steps = Vec::new();
        let mut at = at;
        while at != 0 {
            let (before, step) = self.before[at];
            steps.push(step);
            at = before;
        }
        steps.reverse();
        steps.join(" → ")
    }
}

#[test]
fn every_state_keeps_every_rule() {
    let search = Search::of(Order::Right, None);
    for (name, at) in &search.broken {
        println!("{name} is broken by: {}\n{:?}", search.way(*at), search.states[*at]);
    }
    assert!(search.broken.is_empty());
    println!("{} states, {} steps", search.states.len(), search.from.iter().map(Vec::len).sum::<usize>());

    // The machine goes where it should: else it keeps every rule by standing still.
    let reached = |what: &str, test: &dyn Fn(&State) -> bool| {
        assert!(search.states.iter().any(test), "no state in which {what}");
    };
    reached("A is finally erased after a move", &|s| s.receipt == Receipt::Final && s.home == Home::Second);
    reached("the vault came back from escrow, and A did not", &|s| {
        s.told == Some(Standing::Erased) && !s.lost && s.escrow.is_some_and(|escrow| escrow.held_a)
    });
    reached("A's row is back from a backup, as noise", &|s| s.told == Some(Standing::Erased) && s.rows[0]);
    reached("A is blocked, and a cell elsewhere waits to be wiped", &|s| {
        s.doing == Doing::Serving
            && s.told == Some(Standing::Blocked)
            && s.home == Home::Second
            && s.cells[0] != [0; CELLS]
    });
    reached("A stays, cancelled", &|s| s.due && s.standing() == Some(Standing::Living));
    assert!(search.states.len() > 10_000);

    let page = include_str!("../../docs/model.md");
    let steps: BTreeSet<_> =
        search.before.iter().map(|(_, step)| *step).filter(|step| *step != "begin").collect();
    for step in steps {
        let named = page.lines().any(|line| line.starts_with("| ") && line.contains(&format!("“{step}”")));
        assert!(named, "docs/model.md does not say what the step “{step}” stands for");
    }
}

#[test]
fn each_mistake_breaks_the_rule_that_forbids_it() {
    for (order, rule) in BROKEN {
        let search = Search::of(order, Some(rule));
        let names: BTreeSet<_> = search.broken.iter().map(|(name, _)| *name).collect();
        let found = search.broken.iter().find(|(name, _)| *name == rule);
        let Some((_, at)) = found else { panic!("{order:?} does not break {rule}, but {names:?}") };
        println!("{order:?} breaks {rule} in {} states: {}", search.states.len(), search.way(*at));
    }
}

/// The page and the machine name the same rules, mistakes and functions.
#[test]
fn the_page_names_what_is_there() {
    let page = include_str!("../../docs/model.md");
    let rules = RULES.iter().map(|(name, _)| *name).chain(["acknowledged_intents_resume"]);
    for name in rules {
        assert!(page.contains(&format!("| `{name}` |")), "docs/model.md does not name {name}");
    }
    for (order, rule) in BROKEN {
        let mistake = format!("`{order:?}`");
        let named = page.lines().any(|line| line.contains(&mistake) && line.contains(&format!("`{rule}`")));
        assert!(named, "docs/model.md does not say that {mistake} breaks {rule}");
    }
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut functions = 0;
    for named in page.split('`').filter(|text| text.starts_with("crates/")) {
        let Some((file, function)) = named.split_once(": ") else { continue };
        let source = std::fs::read_to_string(root.join(file)).unwrap_or_default();
        assert!(source.contains(&format!("fn {function}(")), "there is no `{named}`");
        functions += 1;
    }
    assert!(functions > 20, "{functions}");
}
