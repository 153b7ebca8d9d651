//! What is kept of a slot: by number, by age, by whom it was said; and what a clock that is set does.

use std::collections::BTreeMap;

use oubliette_store::{
    Earlier, Keep, KeepRules, KeptAnswer, NewHold, Once, Page, Policy, PutOptions, Retention, Subject, Vault,
    VaultError,
};
use proptest::prelude::*;

use crate::world::{World, get, noise, person, put};

const DAY: u64 = 24 * 3600 * 1_000_000;

fn last(n: u32) -> Keep {
    Keep { last: Some(n), days: None }
}

fn days(n: u32) -> Keep {
    Keep { last: None, days: Some(n) }
}

fn versions(subject: &Subject, slot: &str) -> Vec<u64> {
    let page = Page { limit: Some(1000), cursor: None };
    let listed = subject.saves().versions("doom", slot, &page).unwrap();
    listed.items.iter().rev().map(|version| version.version).collect()
}

fn world(keep: Keep) -> (World, Vault) {
    let (mut world, vault) = World::new();
    world.keep = KeepRules { all: keep, games: BTreeMap::new() };
    let vault = world.reopen(vault);
    (world, vault)
}

/// So many days in step, with the sweeper at work every hour.
fn live(world: &World, vault: &Vault, days: u64) {
    for _ in 0..days * 24 {
        world.advance(DAY / 24);
        vault.sweep(1000).unwrap();
    }
}

#[test]
fn the_newest_stay_and_the_others_are_cut() {
    let (world, vault) = world(last(3));
    let ann = person(&vault, "ann");
    for n in 1..=6u64 {
        put(&ann, "one", &noise(if n % 2 == 0 { 20_000 } else { 10 }, n));
        assert_eq!(versions(&ann, "one"), (n.saturating_sub(2).max(1)..=n).collect::<Vec<_>>());
    }
    assert!(matches!(get(&ann, "one", Some(3)), Err(VaultError::NotFound { .. })));
    assert_eq!(get(&ann, "one", Some(4)).unwrap(), noise(20_000, 4));
    // Rows and blobs went with the keys.
    assert_eq!(world.rows().len(), 4);
    // One that was forgotten by hand does not count.
    ann.saves().forget_version("doom", "one", 5).unwrap();
    put(&ann, "one", b"x");
    assert_eq!(versions(&ann, "one"), [4, 6, 7]);
    drop(ann);
    let vault = world.reopen(vault);
    let ann = vault.subject("ann").unwrap();
    assert_eq!(put(&ann, "one", b"y").version, 8);
    assert_eq!(versions(&ann, "one"), [6, 7, 8]);
    let report = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty() && report.orphans == 0, "{report:?}");
}

#[test]
fn a_slot_speaks_before_its_game_and_the_game_before_the_vault() {
    let (mut world, vault) = World::new();
    world.keep =
        KeepRules { all: Keep { last: Some(2), days: Some(9) }, games: [("doom".into(), last(4))].into() };
    let vault = world.reopen(vault);
    let ann = person(&vault, "ann");
    let saves = ann.saves();
    assert!(matches!(saves.keep("doom", "one"), Err(VaultError::NotFound { .. })));
    for n in 0..6 {
        put(&ann, "one", &noise(10, n));
        saves.put("quake", "one", &PutOptions::default(), &mut b"q".as_slice()).unwrap();
    }
    assert_eq!(versions(&ann, "one"), [3, 4, 5, 6]);
    assert_eq!(saves.versions("quake", "one", &Page::default()).unwrap().items.len(), 2);
    assert_eq!(saves.keep("doom", "one").unwrap().stands, Keep { last: Some(4), days: Some(9) });

    for bad in [last(0), last(1_000_001), days(0)] {
        assert!(matches!(saves.set_keep("doom", "one", bad), Err(VaultError::Invalid { .. })));
    }
    // What is set for a slot holds at once, after a restart, and until it is taken back.
    let set = saves.set_keep("doom", "one", last(1)).unwrap();
    assert_eq!((set.own, set.stands), (last(1), Keep { last: Some(1), days: Some(9) }));
    assert_eq!(versions(&ann, "one"), [6]);
    saves.set_keep("doom", "one", last(5)).unwrap();
    drop((saves, ann));
    let vault = world.reopen(vault);
    let ann = vault.subject("ann").unwrap();
    for n in 0..6 {
        put(&ann, "one", &noise(10, n));
    }
    assert_eq!(versions(&ann, "one"), [8, 9, 10, 11, 12]);
    assert_eq!(ann.saves().set_keep("doom", "one", Keep::default()).unwrap().stands.last, Some(4));
    assert_eq!(ann.saves().keep("doom", "one").unwrap().own, Keep::default());
    assert_eq!(versions(&ann, "one"), [9, 10, 11, 12]);
    // A slot that comes after a forgotten one of its name has nothing of its own.
    ann.saves().set_keep("doom", "one", last(1)).unwrap();
    ann.saves().forget_slot("doom", "one").unwrap();
    put(&ann, "one", b"x");
    assert_eq!(ann.saves().keep("doom", "one").unwrap().own, Keep::default());
}

#[test]
fn age_counts_from_the_day_a_newer_one_came() {
    let (world, vault) = world(days(10));
    let ann = person(&vault, "ann");
    live(&world, &vault, 2);
    put(&ann, "one", b"1"); // day 2
    live(&world, &vault, 8);
    put(&ann, "one", b"2"); // day 10
    live(&world, &vault, 9);
    assert_eq!(versions(&ann, "one"), [1, 2]);
    put(&ann, "one", b"3"); // day 19
    live(&world, &vault, 2);
    assert_eq!(versions(&ann, "one"), [2, 3], "forgotten by the pass, 10 days after it was replaced");
    live(&world, &vault, 400);
    assert_eq!(versions(&ann, "one"), [3], "the newest stays whatever its age");
    // Also when a version is stored, and after a restart that costs no day.
    put(&ann, "one", b"4");
    world.advance(11 * DAY);
    put(&ann, "one", b"5");
    assert_eq!(versions(&ann, "one"), [4, 5]);
    world.advance(11 * DAY);
    vault.sweep(100).unwrap();
    drop(ann);
    let vault = world.reopen(vault);
    let ann = vault.subject("ann").unwrap();
    put(&ann, "one", b"6");
    assert_eq!(versions(&ann, "one"), [5, 6]);
}

/// Somebody sets the clock ahead by years, while it runs or while the machine is off, and back; nothing goes before its time.
#[test]
fn a_clock_that_jumps_forgets_nothing_early() {
    for restart in [false, true] {
        let (world, mut vault) = world(days(30));
        let mut ann = person(&vault, "ann");
        live(&world, &vault, 2);
        put(&ann, "one", b"1");
        put(&ann, "one", b"2");
        live(&world, &vault, 1);
        for years in [3i64, -5] {
            let jump = years * 365 * DAY as i64;
            world.step(jump);
            if restart {
                drop(ann);
                vault = world.reboot(vault);
                ann = vault.subject("ann").unwrap();
            }
            // Most of a day goes by before somebody sees it; versions are stored meanwhile.
            for hour in 0..23 {
                world.advance(DAY / 24);
                vault.sweep(1000).unwrap();
                if hour % 8 == 0 {
                    put(&ann, "one", b"more");
                }
            }
            world.step(-jump);
            vault.sweep(1000).unwrap();
        }
        live(&world, &vault, 20);
        assert_eq!(versions(&ann, "one"), (1..=8).collect::<Vec<_>>(), "restart: {restart}");
        // What was stamped in the future waits until then; what was stamped right goes in its time.
        live(&world, &vault, 11);
        assert!(!versions(&ann, "one").contains(&1), "restart: {restart}");
    }
}

/// What is too many is not read any more, and its keys go when the law or the hold lets them.
#[test]
fn what_the_law_wants_kept_is_cut_later() {
    for by_law in [false, true] {
        let (mut world, vault) = world(last(2));
        if by_law {
            let saves = Retention { minimum_days: Some(10), maximum_days: None };
            world.policy = Policy { saves, ..Policy::default() };
        }
        let vault = world.reopen(vault);
        let ann = person(&vault, "ann");
        if !by_law {
            ann.holds().place("case", &NewHold::default()).unwrap();
        }
        for n in 1..=4 {
            put(&ann, "one", &[n]);
        }
        assert_eq!(versions(&ann, "one"), [3, 4]);
        assert!(matches!(get(&ann, "one", Some(1)), Err(VaultError::NotFound { .. })));
        let kept = || world.rows().iter().filter(|(key, _)| key[16..18] == [1, 1]).count();
        assert_eq!(kept(), 4, "by law: {by_law}");
        live(&world, &vault, 9);
        assert_eq!(kept(), 4, "by law: {by_law}");
        if !by_law {
            ann.holds().lift("case").unwrap();
        }
        live(&world, &vault, 3);
        assert_eq!((kept(), versions(&ann, "one")), (2, vec![3, 4]), "by law: {by_law}");
    }
}

/// A row under a number that was never handed out, put there by somebody without keys, pushes out nothing.
#[test]
fn a_forged_row_does_not_count() {
    let (world, vault) = world(last(2));
    let ann = person(&vault, "ann");
    for n in 1..=3 {
        put(&ann, "one", &[n]);
    }
    let (key, row) = world.rows().into_iter().find(|(key, _)| key[16..18] == [1, 1]).unwrap();
    let mut batch = oubliette_engine::Batch::new();
    for seq in [20u64, 21, 22] {
        batch.put([&key[..22], &seq.to_be_bytes()].concat(), row.clone());
    }
    world.engine.commit(batch).unwrap();
    put(&ann, "one", b"4");
    assert_eq!(get(&ann, "one", Some(3)).unwrap(), [3]);
    assert_eq!(get(&ann, "one", Some(4)).unwrap(), b"4");
}

/// A crash between the new version and the cut leaves what the next pass takes.
#[test]
fn what_a_crash_left_is_forgotten_by_the_pass() {
    let (mut world, vault) = World::new();
    let ann = person(&vault, "ann");
    for n in 1..=5 {
        put(&ann, "one", &[n]);
    }
    world.keep.all = last(2);
    drop(ann);
    let vault = world.reopen(vault);
    let ann = vault.subject("ann").unwrap();
    assert_eq!(versions(&ann, "one").len(), 5);
    vault.sweep(1000).unwrap();
    assert_eq!(versions(&ann, "one"), [4, 5]);
    assert_eq!(world.rows().len(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    /// Against a list: puts, days and forgotten versions, under both limits.
    #[test]
    fn both_limits_against_a_model(
        keep_last in proptest::option::of(1u32..5), keep_days in proptest::option::of(1u32..6),
        steps in proptest::collection::vec((0u8..6, 0usize..4), 1..24),
    ) {
        let keep = Keep { last: keep_last, days: keep_days };
        let (world, vault) = world(keep);
        let ann = person(&vault, "ann");
        live(&world, &vault, 2);
        // Number and the time it came.
        let mut model: Vec<(u64, u64)> = Vec::new();
        let (mut next, mut day) = (1, 0);
        for (kind, nth) in steps {
            match kind {
                0..=2 => {
                    prop_assert_eq!(put(&ann, "one", &[nth as u8]).version, next);
                    model.push((next, day));
                    next += 1;
                }
                3 | 4 => {
                    world.advance(nth as u64 * DAY + 2_000_000); // in whole seconds, late if anything
                    vault.sweep(1000).unwrap();
                    day += nth as u64;
                    if nth == 0 { continue; }
                }
                _ if !model.is_empty() => {
                    let (number, _) = model.remove(nth % model.len());
                    ann.saves().forget_version("doom", "one", number).unwrap();
                    continue;
                }
                _ => continue,
            }
            while let [_, (_, replaced), ..] = model[..]
                && keep_days.is_some_and(|days| replaced + u64::from(days) <= day) { model.remove(0); }
            while keep_last.is_some_and(|last| model.len() > last as usize) { model.remove(0); }
            if !model.is_empty() {
                prop_assert_eq!(versions(&ann, "one"), model.iter().map(|(number, _)| *number).collect::<Vec<_>>());
            }
        }
    }
}

/// The sweeper took the answers of a day, which stand in a compartment of the profile, for one value that was replaced again and again.
#[test]
fn the_pass_leaves_other_compartments_of_the_profile_alone() {
    let (world, vault) = world(last(1));
    let ann = person(&vault, "ann");
    let requests = ["a", "b", "c", "d"].map(|key| Once::new("ann", key, [3; 32]).unwrap());
    for once in &requests {
        once.carry_out(|| put(&ann, "one", b"x"));
        let answer = KeptAnswer { body_digest: None, status: 200, headers: Vec::new(), body: b"ok".to_vec() };
        ann.keep_answer(once, &answer).unwrap();
    }
    drop(ann);
    let vault = world.reopen(vault);
    vault.sweep(1000).unwrap();
    let ann = vault.subject("ann").unwrap();
    for once in &requests {
        assert!(matches!(ann.earlier(once), Ok(Some(Earlier::Answered(_)))));
    }
    assert_eq!(versions(&ann, "one"), [4]);
}
