//! The file: finding, the end of it after a crash, and the end of it after damage.

use std::fs;
use std::path::PathBuf;

use oubliette_crypto::{Branch, Class, Handle, Leaf, Path, VaultId};

use super::*;
use crate::cell::ErasureClass;

fn record(generation_after: u64) -> RootRecord {
    RootRecord {
        generation_before: generation_after - 1,
        generation_after,
        root_before: [1; 32],
        root_after: [2; 32],
        time: -5,
        removed: 3,
        cell_class: ErasureClass::E1,
    }
}

fn forgotten(generation: u64) -> Forgotten {
    let leaf = Leaf { class: Class::Chat, compartment: 2, branch: Branch::Items, seq: generation };
    Forgotten {
        vault: VaultId([1; 16]),
        generation,
        time: 5,
        erased: vec![Handle([generation as u8; 16])],
        erased_at: Vec::new(),
        cuts: vec![(Handle([9; 16]), vec![Path::leaf(&leaf).unwrap()])],
    }
}

/// A ledger of the generations 1, 2 and 3, closed.
fn three() -> (tempfile::TempDir, PathBuf, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roots");
    let ledger = FileLedger::open(&path).unwrap();
    (1..=3).for_each(|n| {
        ledger.forget(&forgotten(n)).unwrap();
        ledger.append(&record(n)).unwrap();
    });
    let whole = fs::read(&path).unwrap();
    (folder, path, whole)
}

fn settle(path: &std::path::Path) -> Settled {
    let ledger = FileLedger::open(path).unwrap();
    let settled = ledger.settle(3, &record(3)).unwrap();
    assert_eq!(ledger.find(3).unwrap(), Some(record(3)));
    assert_eq!(ledger.settle(3, &record(3)).unwrap(), Settled { mended: Vec::new(), ..settled.clone() });
    settled
}

#[test]
fn finds_what_was_appended_also_after_reopening() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roots");
    for round in 0..3 {
        let ledger = FileLedger::open(&path).unwrap();
        for n in 1..=7 {
            ledger.append(&record(round * 100 + n * 3)).unwrap();
        }
        assert_eq!(ledger.last().unwrap(), round * 100 + 21);
        assert!(matches!(
            ledger.append(&record(round * 100 + 21)),
            Err(LedgerError::OutOfOrder { got, .. }) if got == round * 100 + 21
        ));
        for generation in 0..330 {
            let known = generation / 100 <= round && (1..=7).any(|n| generation % 100 == n * 3);
            assert_eq!(ledger.find(generation).unwrap(), known.then(|| record(generation)), "{generation}");
        }
    }
}

#[test]
fn a_record_torn_by_a_crash_is_completed_without_a_word() {
    let (_folder, path, whole) = three();
    for cut in 1..=RootRecord::LEN {
        let mut torn = whole[..whole.len() - cut].to_vec();
        if cut % 2 == 0 {
            torn.resize(whole.len(), 0);
        }
        fs::write(&path, &torn).unwrap();
        assert_eq!(settle(&path), Settled::default(), "{cut}");
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}

/// An acknowledged record at the end was cut off in silence when a bit of it was flipped.
#[test]
fn a_damaged_newest_record_is_written_anew_and_said_so() {
    let (_folder, path, whole) = three();
    for at in 2 * RootRecord::LEN..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        let Settled { mended, lost } = settle(&path);
        // A flip to zero looks like a torn write; the record is the same again either way.
        let like_torn = damaged[at] == 0;
        assert_eq!((mended.len(), lost.len()), (usize::from(!like_torn), 0), "{at}");
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn bytes_behind_the_last_record_are_taken_off_and_said_so() {
    let (_folder, path, whole) = three();
    for more in [vec![0; 1], vec![0; 128], vec![7; 127], vec![7; 1000]] {
        fs::write(&path, [whole.as_slice(), &more].concat()).unwrap();
        let Settled { mended, lost } = settle(&path);
        assert_eq!((mended.len(), lost.len()), (1, 0), "{}", more.len());
        assert_eq!(fs::read(&path).unwrap(), whole);
    }
}

#[test]
fn lost_records_are_counted_at_every_opening() {
    let (_folder, path, whole) = three();
    for kept in 0..2 {
        fs::write(&path, &whole[..kept * RootRecord::LEN]).unwrap();
        for opening in 0..2 {
            let Settled { mended, lost } = settle(&path);
            // Its place cannot be told from that of a record which a crash kept from being written.
            assert_eq!(mended.len(), 0, "{opening}");
            assert!(lost.len() == 1 && lost[0].contains(&format!("lacks {} of 3", 2 - kept)), "{lost:?}");
        }
    }
}

#[test]
fn a_record_of_another_history_is_said() {
    let (_folder, path, _) = three();
    let ledger = FileLedger::open(&path).unwrap();
    let other = RootRecord { root_after: [9; 32], ..record(3) };
    assert!(ledger.settle(3, &other).unwrap().lost[0].contains("another history"));
}

#[test]
fn damage_in_the_middle_is_named_and_hides_only_itself() {
    let (_folder, path, whole) = three();
    let mut damaged = whole;
    damaged[130] ^= 0x10;
    fs::write(&path, &damaged).unwrap();
    assert_eq!(settle(&path), Settled::default());
    let ledger = FileLedger::open(&path).unwrap();
    assert!(matches!(ledger.find(2), Err(LedgerError::Damaged { index: 1, .. })));
    assert_eq!((ledger.find(1).unwrap(), ledger.find(3).unwrap()), (Some(record(1)), Some(record(3))));
    let faults = ledger.verify().unwrap();
    assert!(faults.len() == 1 && faults[0].contains("record 1"), "{faults:?}");
    assert_eq!(fs::read(&path).unwrap(), damaged, "evidence of damage is left");
}

#[test]
fn several_damaged_records_at_the_end_keep_their_places() {
    let (_folder, path, whole) = three();
    let mut damaged = whole.clone();
    damaged[130] ^= 0x10;
    damaged[300] ^= 0x10;
    fs::write(&path, &damaged).unwrap();
    let Settled { mended, lost } = settle(&path);
    assert_eq!((mended.len(), lost.len()), (1, 0));
    assert_eq!(fs::read(&path).unwrap()[256..], whole[256..]);
    assert_eq!(FileLedger::open(&path).unwrap().verify().unwrap().len(), 1);
}

#[test]
fn what_was_forgotten_is_found_from_any_generation_also_after_reopening() {
    let (_folder, path, _) = three();
    let ledger = FileLedger::open(&path).unwrap();
    for after in 0..5 {
        let expected: Vec<_> = (after + 1..=3).map(forgotten).collect();
        assert_eq!(ledger.forgotten(after).unwrap(), expected, "{after}");
    }
    assert_eq!(ledger.verify().unwrap(), [""; 0]);
    assert_eq!(ledger.settle_forgotten(3).unwrap(), Settled::default());
    assert_eq!(ledger.forgotten(0).unwrap().len(), 3);
}

/// What a crash cuts off was told to nobody, whatever is left of it.
#[test]
fn a_torn_note_is_taken_off_and_one_of_a_deletion_that_did_not_happen() {
    let (_folder, path, _) = three();
    let file = path.with_file_name("forgotten");
    let whole = fs::read(&file).unwrap();
    let two = whole.len() - forgotten(3).encode().len();
    for kept in two..whole.len() {
        fs::write(&file, &whole[..kept]).unwrap();
        let ledger = FileLedger::open(&path).unwrap();
        assert_eq!(ledger.settle_forgotten(2).unwrap(), Settled::default(), "{kept}");
        assert_eq!(fs::read(&file).unwrap(), whole[..two], "{kept}");
        ledger.forget(&forgotten(7)).unwrap();
        assert_eq!(ledger.forgotten(1).unwrap(), [forgotten(2), forgotten(7)]);
    }
    fs::write(&file, &whole).unwrap();
    let ledger = FileLedger::open(&path).unwrap();
    assert_eq!(ledger.settle_forgotten(1).unwrap(), Settled::default());
    assert_eq!(ledger.forgotten(0).unwrap(), [forgotten(1)]);
    // And where nobody settled it, the next one takes its place.
    ledger.forget(&forgotten(5)).unwrap();
    ledger.forget(&forgotten(4)).unwrap();
    assert_eq!(FileLedger::open(&path).unwrap().forgotten(0).unwrap(), [forgotten(1), forgotten(4)]);
}

#[test]
fn damage_in_what_was_forgotten_is_named_and_stands_in_the_way() {
    let (_folder, path, _) = three();
    let file = path.with_file_name("forgotten");
    let whole = fs::read(&file).unwrap();
    let one = forgotten(1).encode().len();
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x10;
        fs::write(&file, &damaged).unwrap();
        let ledger = FileLedger::open(&path).unwrap();
        let lost = ledger.settle_forgotten(3).unwrap().lost;
        let newest = at >= 2 * one;
        assert_eq!(lost.len(), usize::from(newest), "{at}: {lost:?}");
        let faults = ledger.verify().unwrap();
        // The place, unless it was the newest, and the generation that has no note.
        assert_eq!(faults.len(), 2 - usize::from(newest), "{at}: {faults:?}");
        if !newest {
            assert!(matches!(ledger.forgotten(0), Err(LedgerError::Damaged { .. })), "{at}");
            assert!(fs::read(&file).unwrap() == damaged, "evidence of damage is left");
        }
    }
}
