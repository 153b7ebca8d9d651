//! Random histories of writing, backing up, deleting and restoring, against a model: nobody who was erased comes back, and nobody else loses what the
//! backup has of them. `OUBLIETTE_HISTORIES` asks for so many new ones, `OUBLIETTE_HISTORIES_SEED` repeats a run.

use std::collections::{BTreeMap, BTreeSet};

use oubliette_store::{KeepBackups, VaultError};
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::place::{Place, back_up, bring_back};
use crate::world::{World, get, noise, person, put};

const USERS: [&str; 4] = ["ann", "bob", "cat", "dan"];

#[derive(Debug, Clone)]
enum Op {
    Put {
        user: usize,
        slot: u8,
        size: usize,
    },
    Forget {
        user: usize,
        slot: u8,
    },
    Erase {
        user: usize,
    },
    Sweep,
    BackUp,
    /// One that breaks off after so many writes, or not at all.
    BreakOff {
        writes: usize,
    },
    Restore {
        which: usize,
        noise: bool,
    },
    Prune {
        last: u32,
    },
}

fn op() -> impl Strategy<Value = Op> {
    let (user, slot) = (0..USERS.len(), 0_u8..3);
    prop_oneof![
        8 => (user.clone(), slot.clone(), prop_oneof![Just(20_usize), Just(6_000)])
            .prop_map(|(user, slot, size)| Op::Put { user, slot, size }),
        2 => (user.clone(), slot).prop_map(|(user, slot)| Op::Forget { user, slot }),
        1 => user.prop_map(|user| Op::Erase { user }),
        1 => Just(Op::Sweep),
        4 => Just(Op::BackUp),
        1 => (1_usize..3).prop_map(|writes| Op::BreakOff { writes }),
        3 => (any::<usize>(), any::<bool>()).prop_map(|(which, noise)| Op::Restore { which, noise }),
        1 => (1_u32..4).prop_map(|last| Op::Prune { last }),
    ]
}

/// A slot: its number in the person's tree, and what its newest version holds.
type Slots = BTreeMap<u8, (u32, Vec<u8>)>;

#[derive(Default)]
struct Model {
    now: [Slots; 4],
    /// Numbers that were forgotten: a restored row of one of them is noise, whatever it held.
    cut: [BTreeSet<u32>; 4],
    erased: [bool; 4],
    backups: Vec<(String, [Slots; 4])>,
    seed: u64,
}

impl Model {
    fn next(&self, user: usize) -> u32 {
        let rows = self.now[user].values().map(|(number, _)| *number);
        1 + rows.chain(self.cut[user].iter().copied()).max().unwrap_or(0)
    }

    fn restore(&mut self, which: usize) {
        let old = self.backups[which].1.clone();
        for (user, mut slots) in old.into_iter().enumerate() {
            slots.retain(|_, (number, _)| !self.cut[user].contains(number));
            self.now[user] = if self.erased[user] { Slots::new() } else { slots };
        }
    }
}

fn carry_out(ops: Vec<Op>) {
    let (mut world, mut vault) = World::new();
    let place = Place::default();
    let mut model = Model::default();
    USERS.iter().for_each(|user| drop(person(&vault, user)));
    for op in ops {
        match op {
            Op::Put { user, .. } | Op::Forget { user, .. } | Op::Erase { user } if model.erased[user] => {}
            Op::Put { user, slot, size } => {
                model.seed += 1;
                let content = noise(size, model.seed);
                put(&vault.subject(USERS[user]).unwrap(), &slot.to_string(), &content);
                let number =
                    model.now[user].get(&slot).map_or_else(|| model.next(user), |(number, _)| *number);
                model.now[user].insert(slot, (number, content));
            }
            Op::Forget { user, slot } => {
                let saves = vault.subject(USERS[user]).unwrap().saves();
                match model.now[user].remove(&slot) {
                    Some((number, _)) => {
                        saves.forget_slot("doom", &slot.to_string()).unwrap();
                        model.cut[user].insert(number);
                    }
                    None => drop(saves.forget_slot("doom", &slot.to_string())),
                }
            }
            Op::Erase { user } => {
                vault.erase(&[USERS[user]]).unwrap();
                model.erased[user] = true;
                model.now[user].clear();
            }
            Op::Sweep => while vault.sweep(1000).unwrap().left > 0 {},
            Op::BackUp => {
                let made = back_up(&vault, &place).unwrap();
                model.backups.push((made.id, model.now.clone()));
            }
            Op::BreakOff { writes } => {
                place.allow(writes);
                let made = back_up(&vault, &place);
                place.allow(0);
                if let Ok(made) = made {
                    model.backups.push((made.id, model.now.clone()));
                }
            }
            Op::Restore { .. } if model.backups.is_empty() => {}
            Op::Restore { which, noise } => {
                let which = which % model.backups.len();
                drop(vault);
                let id = model.backups[which].0.clone();
                vault = bring_back(&mut world, &place, Some(&id), noise).unwrap().1;
                model.restore(which);
            }
            Op::Prune { last } => {
                let kept =
                    vault.backups().prune(&place, KeepBackups { last: Some(last), days: None }).unwrap().kept;
                model.backups.retain(|(id, _)| kept.contains(id));
                assert_eq!(kept.len(), model.backups.len());
            }
        }
        compare(&vault, &model);
    }
    let verified = vault.backups().verify(&place, None, &mut |_| ()).unwrap();
    assert!(verified.faults.is_empty(), "{verified:?}");
    assert_eq!(verified.backups.len(), model.backups.len());
    // Each of them, at last.
    for which in 0..model.backups.len() {
        drop(vault);
        let id = model.backups[which].0.clone();
        vault = bring_back(&mut world, &place, Some(&id), which % 2 == 0).unwrap().1;
        model.restore(which);
        compare(&vault, &model);
    }
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

fn compare(vault: &oubliette_store::Vault, model: &Model) {
    for (n, user) in USERS.iter().enumerate() {
        let subject = vault.subject(user);
        if model.erased[n] {
            assert!(matches!(subject, Err(VaultError::SubjectErased { .. })), "{user} came back");
            continue;
        }
        let subject = subject.unwrap();
        for slot in 0..3 {
            let found = get(&subject, &slot.to_string(), None);
            match model.now[n].get(&slot) {
                Some((_, content)) => assert!(found.unwrap() == *content, "{user} {slot}"),
                None => {
                    assert!(matches!(found, Err(VaultError::NotFound { .. })), "{user} {slot}: {found:?}")
                }
            }
        }
    }
}

/// The histories of every day are always the same, so that a failure is the last change's. New ones are asked for.
const EVERY_DAY: u64 = 7;
const CASES: u32 = 100;

#[test]
fn no_history_resurrects_anybody_or_loses_anybody_else() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let asked = number("OUBLIETTE_HISTORIES").and_then(|cases| u32::try_from(cases).ok());
    let fresh = || {
        let mut bytes = [0; 8];
        getrandom::fill(&mut bytes).unwrap();
        u64::from_le_bytes(bytes)
    };
    let usual = || if asked.is_some() { fresh() } else { EVERY_DAY };
    let (cases, seed) = (asked.unwrap_or(CASES), number("OUBLIETTE_HISTORIES_SEED").unwrap_or_else(usual));
    println!("OUBLIETTE_HISTORIES_SEED={seed}");
    let bytes: Vec<u8> = std::iter::repeat_n(seed.to_le_bytes(), 4).flatten().collect();
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    let run = TestRunner::new_with_rng(config, rng).run(&prop::collection::vec(op(), 1..30), |ops| {
        carry_out(ops);
        Ok(())
    });
    run.unwrap_or_else(|failed| panic!("OUBLIETTE_HISTORIES_SEED={seed}: {failed}"));
    println!(
        "assured: histories of writing, backing up, deleting and restoring: {cases}, nobody came back, nobody else was lost"
    );
}
