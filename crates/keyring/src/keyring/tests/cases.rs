//! The table "A crash at every point" of docs/keyring.md, line by line, with what lies in the cells at open and what became of the operation.
//! (docs/crash.md maps the lines to these tests.)

use oubliette_crypto::Path;

use super::crash::{Call, Run};
use super::*;

/// A commit of one kind, over one cell or several.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Commit {
    /// Somebody comes.
    Insertion,
    /// An item is cut.
    Deletion,
}

/// What the cells held when the power came back, and what recovery made of it.
struct Found {
    /// Epochs of the whole slots of each cell, before recovery, less the epoch before the commit.
    slots: Vec<Vec<u64>>,
    /// Generations of the pointer copies of each cell, before recovery, less the generation before the commit.
    pointers: Vec<Vec<u64>>,
    /// The record of the commit was in the ledger before recovery.
    recorded: bool,
    happened: bool,
    orphans: u64,
}

/// Cuts the power at the call of this kind after `whole` of them, `eighths` of it done; then recovery runs.
fn crash(shares: u8, commit: Commit, (call, whole, eighths): (Call, usize, usize)) -> Found {
    let run = Run::new(shares);
    let keyring = run.always().create();
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    let kept = key_of(&ann, &item(1, 2));
    // A deletion of its own, so that no slot is the first.
    keyring.rotate().unwrap();
    let (epoch, generation) = (keyring.epoch(), keyring.generation());
    drop((ann, keyring));

    let keyring = run.until(call, whole, eighths).open();
    let done = match commit {
        Commit::Insertion => keyring.create_subject(&user("bob"), false).map(drop),
        Commit::Deletion => {
            let ann = keyring.subject(&user("ann")).unwrap();
            keyring.cut(&ann, vec![Path::leaf(&item(1, 1)).unwrap()]).map(drop)
        }
    };
    assert!(done.is_err(), "{commit:?}: the power did not fail at {call:?}");
    drop(keyring);

    let ground = run.always();
    let states: Vec<_> = ground.cells.iter().map(|cell| cell.read().unwrap()).collect();
    let slots = |state: &CellState| state.slots.iter().map(|slot| slot.epoch - epoch).collect();
    let pointers =
        |state: &CellState| state.pointers.iter().map(|copy| copy.generation - generation).collect();
    let recorded = ground.ledger.find(generation + 1).unwrap().is_some();
    let keyring = ground.open();
    let ann = keyring.subject(&user("ann")).unwrap();
    assert_eq!(key_of(&ann, &item(1, 2)), kept, "what nobody touched is gone");
    let happened = match commit {
        Commit::Insertion => keyring.subject(&user("bob")).is_ok(),
        Commit::Deletion => key_of(&ann, &item(1, 1)).is_none(),
    };
    assert_eq!(keyring.generation() - generation, u64::from(happened));
    assert_eq!(keyring.epoch() - epoch, u64::from(happened && commit == Commit::Deletion));
    for cell in &ground.cells {
        let state = cell.read().unwrap();
        let settled = state.slots.len() == 2 && state.slots.iter().all(|slot| slot.epoch == keyring.epoch());
        assert!(settled, "a share that must not be is in a cell");
        assert!(state.pointers.len() == 2 && state.pointers[0] == state.pointers[1]);
    }
    if commit == Commit::Deletion {
        assert_eq!(
            ground.ledger.find(generation + 1).unwrap().is_some(),
            happened,
            "a deletion has its record"
        );
    }
    let report = keyring.verify(false).unwrap();
    assert_eq!(report.faults, [""; 0]);
    keyring.verify(true).unwrap();
    assert_eq!(keyring.verify(false).unwrap().orphans, 0);
    Found {
        slots: states.iter().map(slots).collect(),
        pointers: states.iter().map(pointers).collect(),
        recorded,
        happened,
        orphans: report.orphans,
    }
}

const BOTH: [Commit; 2] = [Commit::Insertion, Commit::Deletion];

#[test]
fn in_1_the_operation_did_not_happen_and_its_pages_are_orphans() {
    for commit in BOTH {
        for eighths in [0, 4, 8] {
            let found = crash(1, commit, (Call::WritePages, 0, eighths));
            assert_eq!((found.slots, found.pointers), (vec![vec![0, 0]], vec![vec![0, 0]]));
            assert!(!found.happened && (found.orphans > 0) == (eighths > 0), "{commit:?} {eighths}");
        }
    }
}

#[test]
fn in_2_of_an_insertion_a_torn_copy_a_loses_to_the_whole_one() {
    for eighths in 0..=8 {
        let found = crash(1, Commit::Insertion, (Call::Point, 0, eighths));
        // Up to the middle copy A is torn and B the old one, then A is the new one and B torn.
        assert_eq!(found.happened, eighths >= 4, "{eighths}");
        if eighths % 4 == 0 {
            assert_eq!(found.pointers, [[u64::from(eighths >= 4), u64::from(eighths == 8)]]);
        }
    }
}

#[test]
fn in_2_of_an_insertion_between_cells_it_happened() {
    let found = crash(2, Commit::Insertion, (Call::Point, 1, 0));
    assert_eq!(found.pointers, [[1, 1], [0, 0]]);
    assert!(found.happened);
}

#[test]
fn in_2_of_a_deletion_a_torn_slot_of_the_first_cell_is_overwritten_with_the_old_share() {
    for shares in [1, 2] {
        for eighths in [1, 4, 7] {
            let found = crash(shares, Commit::Deletion, (Call::Stage, 0, eighths));
            assert_eq!(found.slots[0], [0], "one slot is torn");
            assert!(!found.happened);
        }
    }
}

#[test]
fn in_2_of_a_deletion_that_not_all_cells_have_it_is_withdrawn() {
    for eighths in [0, 4] {
        let found = crash(3, Commit::Deletion, (Call::Stage, 2, eighths));
        assert!(
            found.slots[..2].iter().all(|slots| slots.contains(&1) && slots.contains(&0)),
            "{:?}",
            found.slots
        );
        assert!(found.slots[2].iter().all(|epoch| *epoch == 0));
        assert!(!found.happened);
    }
}

#[test]
fn in_3_the_deletion_is_finished() {
    for (shares, cell) in [(1, 0), (2, 0), (2, 1)] {
        for eighths in [0, 4, 8] {
            let found = crash(shares, Commit::Deletion, (Call::Confirm, cell, eighths));
            let slots = &found.slots[cell];
            let expected: &[u64] = [&[0, 1][..], &[1], &[1, 1]][eighths / 4];
            let mut sorted = slots.clone();
            sorted.sort_unstable();
            assert_eq!(sorted, expected, "cell {cell} of {shares}");
            assert!(found.slots.iter().all(|slots| slots.contains(&1)) && found.happened);
        }
    }
}

#[test]
fn in_4_the_slots_own_pointer_stands_in() {
    for eighths in 0..8 {
        let found = crash(1, Commit::Deletion, (Call::Point, 0, eighths));
        assert_eq!(found.slots, [[1, 1]]);
        assert!(found.happened && !found.recorded, "{eighths}");
    }
}

#[test]
fn in_5_the_record_is_made_again() {
    let found = crash(1, Commit::Deletion, (Call::Append, 0, 0));
    assert_eq!((found.slots, found.pointers), (vec![vec![1, 1]], vec![vec![1, 1]]));
    assert!(!found.recorded && found.happened);
    assert!(crash(1, Commit::Deletion, (Call::Append, 0, 8)).recorded);
}

#[test]
fn in_6_to_8_superseded_pages_may_be_orphans() {
    for eighths in [0, 4, 8] {
        let found = crash(1, Commit::Deletion, (Call::RemovePages, 0, eighths));
        assert_eq!((found.slots, found.pointers), (vec![vec![1, 1]], vec![vec![1, 1]]));
        assert!(found.recorded && found.happened && found.orphans > 0);
    }
}

/// A crash within recovery finds one of the states above again.
#[test]
fn in_recovery_withdrawing_and_finishing_can_be_repeated() {
    for (call, cell, again) in [(Call::Stage, 1, Call::Withdraw), (Call::Confirm, 0, Call::Confirm)] {
        for eighths in [0, 1, 4, 7, 8] {
            let run = Run::new(2);
            let keyring = run.always().create();
            keyring.create_subject(&user("ann"), false).unwrap();
            drop(keyring);
            let keyring = run.until(call, cell, 0).open();
            assert!(keyring.rotate().is_err());
            drop(keyring);
            assert!(run.until(again, 0, eighths).try_open().is_err(), "{again:?} was not needed");
            let ground = run.always();
            let keyring = ground.open();
            assert_eq!(keyring.epoch(), if call == Call::Stage { 1 } else { 2 });
            keyring.subject(&user("ann")).unwrap();
            let states = ground.cells.iter().map(|cell| cell.read().unwrap());
            assert!(states.flat_map(|state| state.slots).all(|slot| slot.epoch == keyring.epoch()));
        }
    }
}
