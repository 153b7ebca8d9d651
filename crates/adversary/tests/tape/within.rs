//! Seizures and power cuts within one operation, at every call to a store.

use oubliette_adversary::{Canary, FolderGround, MemoryGround, Tear, World, close};
use oubliette_store::VaultOptions;

use crate::filler::Size;
use crate::histories::{in_memory, run};
use crate::history::History;
use crate::op::{AUTHOR, EITHER, Op, SURVIVOR};

/// Two people with something of everything; something of the first was forgotten before.
const BEFORE: &[Op] = &[
    Op::Put { who: 0, spot: 0, size: Size::Small },
    Op::Put { who: 0, spot: 0, size: Size::Dense },
    Op::Put { who: 1, spot: 0, size: Size::Small },
    Op::Say { who: 0, to: 1, long: false, policy: AUTHOR },
    Op::Say { who: 1, to: 0, long: true, policy: AUTHOR },
    Op::Say { who: 1, to: 0, long: false, policy: EITHER },
    Op::Say { who: 0, to: 1, long: true, policy: SURVIVOR },
    Op::Consent { who: 0 },
    Op::SetSteam { who: 0, spot: 0 },
    Op::Release { who: 0, spot: 0 },
    Op::ForgetVersion { who: 0, spot: 0, nth: 0 },
    Op::Put { who: 1, spot: 0, size: Size::Dense },
    Op::Put { who: 2, spot: 0, size: Size::Small },
    Op::Keep { who: 2, spot: 0, last: 1 },
    Op::Share { who: 0, spot: 0, to: 1 },
];

/// What forgets or replaces, by whoever it concerns.
const EVENTS: &[Op] = &[
    Op::Erase { who: 0 },
    Op::ForgetVersion { who: 0, spot: 0, nth: 0 },
    Op::ForgetSlot { who: 0, spot: 0 },
    Op::ForgetMessage { who: 0, to: 1, nth: 0 },
    Op::ForgetTheirs { who: 0, to: 1, nth: 0 },
    Op::Say { who: 0, to: 1, long: true, policy: EITHER },
    Op::ForgetSide { who: 0, to: 1 },
    Op::SetSteam { who: 0, spot: 0 },
    Op::Withdraw { who: 0 },
    Op::Put { who: 0, spot: 1, size: Size::Dense },
    Op::Keep { who: 1, spot: 0, last: 1 },
    // Its slot keeps one version.
    Op::Put { who: 2, spot: 0, size: Size::Dense },
    Op::Share { who: 0, spot: 0, to: 2 },
    Op::Unshare { who: 0, spot: 0 },
];
/// No event here makes more calls to stores.
const CALLS: u64 = 40;

/// What an event forgets may be found until it is acknowledged; what went before it must not, and the living must, at every moment.
#[test]
fn seizures_within_an_operation() {
    for event in EVENTS {
        let folder = tempfile::tempdir().unwrap();
        let mut history = in_memory(&folder, 1, true);
        run(&mut history, BEFORE).unwrap_or_else(|leak| panic!("{leak}"));
        history.strike_all_through(event, CALLS).unwrap_or_else(|leak| panic!("{event:?}: {leak}"));
        history.seize().unwrap_or_else(|leak| panic!("{event:?}: {leak}"));
        assert!(history.done["strike"] >= 4, "{event:?}: {:?}", history.done);
    }
}

/// What was forgotten under a hold, before it is lifted.
const UNDER_A_HOLD: &[Op] = &[
    Op::Record { who: 0, spot: 0, long: false },
    Op::Record { who: 0, spot: 0, long: true },
    Op::Hold { who: 0 },
    Op::ForgetVersion { who: 0, spot: 0, nth: 0 },
    Op::ForgetSide { who: 0, to: 1 },
    Op::WithdrawRecords { who: 0 },
];
const HELD: &[Op] = &[
    Op::Lift { who: 0 },
    Op::Withdraw { who: 0 },
    Op::ForgetSlot { who: 0, spot: 0 },
    Op::SetSteam { who: 0, spot: 0 },
    Op::Erase { who: 0 },
];

/// As long as the hold stands everything is there, and with its end what was forgotten under it goes; at every call of every event.
#[test]
fn seizures_under_a_hold_and_within_its_end() {
    for event in HELD {
        let folder = tempfile::tempdir().unwrap();
        let mut history = in_memory(&folder, 1, true);
        let before: Vec<Op> = BEFORE.iter().chain(UNDER_A_HOLD).cloned().collect();
        run(&mut history, &before).unwrap_or_else(|leak| panic!("{leak}"));
        history.strike_all_through(event, CALLS).unwrap_or_else(|leak| panic!("{event:?}: {leak}"));
        let after = [Op::Sweep, Op::Restart, Op::Seize, Op::Lift { who: 0 }];
        run(&mut history, &after).unwrap_or_else(|leak| panic!("{event:?}: {leak}"));
    }
}

#[test]
fn power_cuts_under_a_hold_and_within_its_end() {
    for event in HELD {
        for after in 0..CALLS {
            let folder = tempfile::tempdir().unwrap();
            let mut history = in_memory(&folder, 1, true);
            let cut =
                Op::Cut { after, tear: Tear(after.wrapping_mul(0x9e37_79b9)), during: event.clone().into() };
            let then = [cut, Op::Seize, Op::Lift { who: 0 }];
            let steps: Vec<Op> = BEFORE.iter().chain(UNDER_A_HOLD).cloned().chain(then).collect();
            run(&mut history, &steps)
                .unwrap_or_else(|leak| panic!("{event:?} cut off in call {after}: {leak}"));
            if history.done.contains_key("power cut that came too late") {
                break;
            }
        }
    }
}

/// One run for each call in which the power can go, each torn in another way.
#[test]
fn power_cuts_within_an_operation() {
    for event in EVENTS {
        for after in 0..CALLS {
            let folder = tempfile::tempdir().unwrap();
            let mut history = in_memory(&folder, 1 + (after % 2) as u8, true);
            let tear = Tear(after.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            let cut = Op::Cut { after, tear, during: event.clone().into() };
            let steps: Vec<Op> = BEFORE.iter().cloned().chain([cut]).collect();
            run(&mut history, &steps)
                .unwrap_or_else(|leak| panic!("{event:?} cut off in call {after}: {leak}"));
            if history.done.contains_key("power cut that came too late") {
                assert!(after >= 3, "{event:?} makes {after} calls");
                break;
            }
        }
    }
}

/// The same over files, where opening again does more.
#[test]
fn power_cuts_over_real_files() {
    for after in (0..12).step_by(3) {
        let folder = tempfile::tempdir().unwrap();
        let ground = FolderGround::new(folder.path()).unwrap();
        let mut history = History::new(World::create(ground, VaultOptions::default()).unwrap());
        let cut = Op::Cut { after, tear: Tear(after), during: Op::Erase { who: 0 }.into() };
        let steps: Vec<Op> = BEFORE.iter().cloned().chain([cut]).collect();
        run(&mut history, &steps).unwrap_or_else(|leak| panic!("cut off in call {after}: {leak}"));
    }
}

/// A backup is restored over files as docs/operations.md says. Whoever was erased since is not back.
#[test]
fn a_restored_backup_brings_nobody_back() {
    let folder = tempfile::tempdir().unwrap();
    let ground = FolderGround::new(folder.path()).unwrap();
    let mut history = History::new(World::create(ground, VaultOptions::default()).unwrap());
    let steps = [
        Op::BackUp,
        Op::Put { who: 1, spot: 1, size: Size::Dense },
        Op::ForgetSide { who: 1, to: 0 },
        Op::Erase { who: 0 },
        Op::Restore,
        Op::Seize,
        Op::Put { who: 1, spot: 1, size: Size::Small },
        Op::Month,
        Op::Sweep,
        Op::Erase { who: 1 },
    ];
    let steps: Vec<Op> = BEFORE.iter().cloned().chain(steps).collect();
    run(&mut history, &steps).unwrap_or_else(|leak| panic!("{leak}"));
    assert_eq!(history.done.get("restore"), Some(&1));
}

/// Whoever reads holds a key: until they let go the erasure is not acknowledged, and until then the key opens what it is for.
#[test]
fn a_key_that_is_lent_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let world = World::create(MemoryGround::new(folder.path(), 1).unwrap(), VaultOptions::default()).unwrap();
    let (user, content) = (Canary::fresh().unwrap(), Canary::fresh().unwrap());
    let vault = world.vault().unwrap();
    vault.put_subject(user.as_str(), &Default::default(), false).unwrap();
    let saves = vault.subject(user.as_str()).unwrap().saves();
    saves.put("game", "slot", &Default::default(), &mut content.as_str().as_bytes()).unwrap();
    let reader = saves.get("game", "slot", None).unwrap();
    world.hold(user.as_str()).unwrap();
    let found = |what: &Canary| close(&world.seize().unwrap()).reached.contains(what);
    std::thread::scope(|scope| {
        let erasing = scope.spawn(|| vault.erase(&[user.as_str()]).map(drop));
        while !reader.cancelled() {
            std::thread::yield_now();
        }
        assert!(found(&content), "a lent key opens what it is for");
        assert!(!erasing.is_finished(), "acknowledged although a key is lent");
        drop(reader);
        erasing.join().unwrap().unwrap();
    });
    assert!(!found(&content) && !found(&user), "erased content was reached");
}

/// A hold whose placing was cut off, lifted.
#[test]
fn a_hold_in_doubt() {
    for after in 0..12 {
        for compress in [true, false] {
            let folder = tempfile::tempdir().unwrap();
            let mut history = in_memory(&folder, 1, compress);
            let cut = Op::Cut { after, tear: Tear(4_851_475_506), during: Op::Hold { who: 1 }.into() };
            let steps = [cut, Op::Lift { who: 1 }, Op::Seize, Op::Erase { who: 0 }, Op::Erase { who: 1 }];
            run(&mut history, &steps).unwrap_or_else(|leak| panic!("cut off in call {after}: {leak}"));
        }
    }
}
