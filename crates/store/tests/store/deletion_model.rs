//! Random histories of the deletion job against a small model of what each person's state must be.

use std::collections::BTreeMap;

use oubliette_store::{Approval, DeletionState, NewDeletion, NewHold, Vault, VaultError};
use proptest::prelude::*;

use crate::deletion::{DAY, HOUR, wanted};
use crate::world::{World, get, person, put};

const USERS: [&str; 3] = ["ann", "bob", "cem"];
const BEGIN: u64 = 1_700_000_000_000_000;

#[derive(Debug, Clone)]
enum Step {
    Ask(usize),
    TakeBack(usize),
    /// With days until it expires; for ever.
    Hold(usize, u8, Option<u64>),
    Lift(usize, u8),
    /// Hours.
    Wait(u64),
    /// Two people: at once, and over holds or not.
    AtOnce(usize, bool),
    Run,
    Background,
    Crash,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let user = 0..USERS.len();
    let step = prop_oneof![
        3 => user.clone().prop_map(Step::Ask),
        1 => user.clone().prop_map(Step::TakeBack),
        2 => (user.clone(), 0u8..2, prop::option::of(1u64..6)).prop_map(|(user, id, days)| Step::Hold(user, id, days)),
        2 => (user.clone(), 0u8..2).prop_map(|(user, id)| Step::Lift(user, id)),
        4 => (1u64..100).prop_map(Step::Wait),
        1 => (user, any::<bool>()).prop_map(|(user, holds)| Step::AtOnce(user, holds)),
        2 => Just(Step::Run),
        2 => Just(Step::Background),
        1 => Just(Step::Crash),
    ];
    prop::collection::vec(step, 1..40)
}

#[derive(Default)]
struct Life {
    /// When it is due, and whether over holds.
    due: Option<(u64, bool)>,
    /// When each ends.
    holds: BTreeMap<u8, Option<u64>>,
    erased: bool,
}

impl Life {
    fn held(&self, now: u64) -> bool {
        let over = self.due.is_some_and(|(_, over)| over);
        !over && self.holds.values().any(|ends| ends.is_none_or(|ends| now < ends))
    }

    fn state(&self, now: u64) -> Option<DeletionState> {
        let (due, _) = self.due?;
        Some(match (self.erased, due > now, self.held(now)) {
            (true, ..) => DeletionState::Erased,
            (_, true, _) => DeletionState::CoolingOff,
            (_, _, true) => DeletionState::Held,
            _ => DeletionState::Requested,
        })
    }

    fn run(&mut self, now: u64) {
        self.erased |= self.state(now) == Some(DeletionState::Requested);
    }
}

fn check(vault: &Vault, lives: &[Life; 3], now: u64) -> Result<(), TestCaseError> {
    for (user, life) in USERS.into_iter().zip(lives) {
        let expected = life.state(now);
        let found = vault.deletion(user).ok().map(|info| match info.state {
            // The rows do not matter here.
            DeletionState::Swept | DeletionState::Final => DeletionState::Erased,
            state => state,
        });
        prop_assert_eq!(found, expected, "{}", user);
        match (expected, vault.subject(user)) {
            (None | Some(DeletionState::CoolingOff), Ok(subject)) => {
                prop_assert_eq!(get(&subject, "slot", None).unwrap(), user.as_bytes());
            }
            (Some(DeletionState::Erased), Err(VaultError::SubjectErased { .. })) => {}
            (Some(DeletionState::Held | DeletionState::Requested), Err(VaultError::SubjectBlocked)) => {}
            (_, found) => prop_assert!(false, "{} is {:?} and answers {:?}", user, expected, found.err()),
        }
    }
    Ok(())
}

/// Both halves of what two people do.
fn at_once(vault: &Vault, user: &str, holds: bool) -> Result<(), VaultError> {
    let new = NewDeletion { override_holds: holds, ..wanted(Some(0), "first") };
    let asked = vault.request_deletion(user, &new)?.deletion;
    let (Some(job), Some(what)) = (asked.job, asked.overriding) else { return Ok(()) };
    let approval = Approval { job, digest: what.digest, by: "second".to_owned() };
    vault.approve_deletion(user, &approval).map(drop)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_history_leaves_everybody_in_the_state_that_the_model_says(steps in steps()) {
        let (world, mut vault) = World::new();
        for user in USERS {
            put(&person(&vault, user), "slot", user.as_bytes());
        }
        let mut lives: [Life; 3] = Default::default();
        let mut now = BEGIN;
        for step in steps {
            match step {
                Step::Ask(n) => {
                    let asked = vault.request_deletion(USERS[n], &wanted(None, "")).unwrap();
                    prop_assert_eq!(asked.salt.is_some(), lives[n].due.is_none());
                    lives[n].due.get_or_insert((now + 7 * DAY, false));
                }
                Step::TakeBack(n) => {
                    let may = !lives[n].erased && lives[n].due.is_some_and(|(due, _)| due > now);
                    prop_assert_eq!(vault.cancel_deletion(USERS[n]).is_ok(), may);
                    if may {
                        lives[n].due = None;
                    }
                }
                Step::Hold(n, id, days) => {
                    let ends = days.map(|days| now + days * DAY);
                    let hold = NewHold { reason: None, expires: ends };
                    let placed = vault.holds(USERS[n]).and_then(|holds| holds.place(&id.to_string(), &hold));
                    prop_assert_eq!(placed.is_ok(), !lives[n].erased);
                    if placed.is_ok() {
                        lives[n].holds.insert(id, ends);
                    }
                }
                Step::Lift(n, id) => {
                    let _none_to_lift = vault.holds(USERS[n]).and_then(|holds| holds.lift(&id.to_string()));
                    lives[n].holds.remove(&id);
                }
                Step::Wait(hours) => {
                    world.advance(hours * HOUR);
                    now += hours * HOUR;
                }
                Step::AtOnce(n, holds) => {
                    let approved = lives[n].due.is_some_and(|(_, over)| over) || lives[n].erased;
                    if !approved && at_once(&vault, USERS[n], holds).is_ok() {
                        let due = lives[n].due.map_or(now, |(due, _)| due.min(now));
                        lives[n].due = Some((due, holds));
                        lives[n].run(now);
                    }
                }
                Step::Run => {
                    vault.run_deletions(&mut |_| ()).unwrap();
                    lives.iter_mut().for_each(|life| life.run(now));
                }
                Step::Background => {
                    // Looks when something may be due; the model knows that something is.
                    vault.delete_due().unwrap();
                    lives.iter_mut().for_each(|life| life.run(now));
                }
                Step::Crash => vault = world.reopen(vault),
            }
            check(&vault, &lives, now)?;
        }
    }
}
