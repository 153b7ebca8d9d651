use std::fs;
use std::os::unix::fs::FileExt;

use oubliette_engine::{Batch, VerifyReport};

use super::*;

const SLOT: u64 = 4096;

fn place() -> Place {
    Place::new(SledMode::Exclusive)
}

fn put(engine: &SledEngine, key: u8, value: u8) {
    let mut batch = Batch::new();
    batch.put([key], [value]);
    engine.commit(batch).unwrap();
}

fn damage(path: &Path, at: u64) {
    let file = fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], at).unwrap();
}

fn lost(result: Result<SledEngine, EngineError>) -> bool {
    matches!(result, Err(EngineError::RowsLost { .. }))
}

/// The check in the background may have been first; then the loss is the reason for refusing.
fn refused(answer: Result<Option<Vec<u8>>, EngineError>) -> bool {
    match answer {
        Err(EngineError::RowsLost { .. }) => true,
        Err(EngineError::Poisoned { reason }) => reason.contains("rows were lost"),
        _ => false,
    }
}

/// Moves the rows' folder aside and puts another one in its place.
fn replace_rows(place: &Place, with: &Path) {
    fs::remove_dir_all(place.rows()).unwrap();
    copy_tree(with, &place.rows());
}

#[test]
fn an_older_copy_of_the_rows_is_noticed_even_by_one_commit() {
    let place = place();
    let old = place.dir.path().join("old");
    let engine = place.open();
    put(&engine, 1, 1);
    engine.close().unwrap();
    drop(engine);
    copy_tree(&place.rows(), &old);
    let engine = place.open();
    put(&engine, 2, 2);
    engine.close().unwrap();
    drop(engine);
    replace_rows(&place, &old);
    assert!(lost(place.try_open()));
    assert!(lost(place.try_open()), "and again, so nothing was accepted meanwhile");
}

#[test]
fn emptied_rows_are_not_a_fresh_start() {
    let place = place();
    drop(place.open());
    fs::remove_dir_all(place.rows()).unwrap();
    assert!(lost(place.try_open()), "not even before the first commit");
    let place = self::place();
    put(&place.open(), 1, 1);
    fs::remove_dir_all(place.rows()).unwrap();
    fs::create_dir(place.rows()).unwrap();
    assert!(lost(place.try_open()));
}

#[test]
fn rows_of_another_history_with_the_same_number_are_noticed() {
    let place = place();
    let fork = place.dir.path().join("fork");
    put(&place.open(), 1, 1);
    copy_tree(&place.rows(), &fork);
    let anchor = fs::read(place.anchor()).unwrap();
    put(&place.open(), 2, 2);
    let after = fs::read(place.anchor()).unwrap();
    // The fork gets a commit of its own under the old anchor, which sled has when it is closed, then the other history's anchor.
    replace_rows(&place, &fork);
    fs::write(place.anchor(), anchor).unwrap();
    let engine = place.open();
    put(&engine, 3, 3);
    engine.close().unwrap();
    drop(engine);
    fs::remove_file(place.rows().join("clean")).unwrap();
    fs::write(place.anchor(), after).unwrap();
    let engine = place.open();
    assert!(refused(engine.get(&[2])));
    assert!(matches!(engine.get(&[200]), Err(EngineError::Poisoned { .. })), "nothing is served any more");
}

#[test]
fn rows_ahead_of_an_older_anchor_are_noticed() {
    let place = place();
    put(&place.open(), 1, 1);
    let anchor = fs::read(place.anchor()).unwrap();
    let engine = place.open();
    put(&engine, 2, 2);
    engine.close().unwrap();
    drop(engine);
    fs::write(place.anchor(), &anchor).unwrap();
    assert!(lost(place.try_open()));
}

#[test]
fn one_damaged_slot_is_survived_and_two_are_named() {
    for (commits, clean) in [(0, true), (1, false), (2, true), (3, false), (4, true)] {
        for slot in 0..2 {
            let place = place();
            let engine = place.open();
            (1..=commits).for_each(|n| put(&engine, n, n));
            if clean {
                engine.close().unwrap();
            }
            drop(engine);
            damage(&place.anchor(), slot * SLOT + 100);
            let engine = place.open();
            assert_eq!(engine.sizes().unwrap().rows, u64::from(commits));
            (1..=commits).for_each(|n| assert_eq!(engine.get(&[n]).unwrap(), Some(vec![n])));
            put(&engine, 100, 1);
            drop(engine);
            drop(place.open());
            damage(&place.anchor(), 100);
            damage(&place.anchor(), SLOT + 30);
            assert!(matches!(
                place.try_open(),
                Err(EngineError::Corrupt { what: "both slots of the anchor", .. })
            ));
        }
    }
}

#[test]
fn a_missing_anchor_and_another_vaults_key_are_named() {
    let place = place();
    put(&place.open(), 1, 1);
    let other = AnchorKey::generate().unwrap();
    let opened = SledEngine::open(&place.rows(), &place.anchor(), &other, place.options());
    assert!(matches!(opened, Err(EngineError::Corrupt { .. })));
    fs::remove_file(place.anchor()).unwrap();
    assert!(matches!(place.try_open(), Err(EngineError::Format { .. })));
    fs::remove_dir_all(place.rows()).unwrap();
    let known = SledOptions { create: false, ..place.options() };
    let opened = SledEngine::open(&place.rows(), &place.anchor(), &place.key, known);
    assert!(matches!(opened, Err(EngineError::Format { .. })));
}

#[test]
fn a_creation_cut_short_before_the_anchor_is_finished() {
    let place = place();
    // A folder where the anchor's first bytes would go makes its creation fail.
    let in_the_way = place.anchor().with_extension("new");
    fs::create_dir(&in_the_way).unwrap();
    assert!(matches!(place.try_open(), Err(EngineError::Io { .. })));
    fs::remove_dir(in_the_way).unwrap();
    put(&place.open(), 1, 1);
    assert_eq!(place.open().get(&[1]).unwrap(), Some(vec![1]));
}

#[test]
fn after_a_clean_stop_nothing_is_read_and_verify_finds_what_is_gone() {
    let place = place();
    let engine = place.open();
    put(&engine, 1, 1);
    put(&engine, 200, 2);
    engine.close().unwrap();
    drop(engine);
    let db = sled::Config::new().path(place.rows().join("data-00000001")).open().unwrap();
    db.remove([200]).unwrap();
    drop(db);
    let engine = place.open();
    assert_eq!(engine.get(&[200]).unwrap(), None, "the price of opening at once");
    let VerifyReport { rows, faults } = engine.verify().unwrap();
    assert_eq!((rows, faults.len()), (1, 2), "{faults:?}");
    drop(engine);
    // The stop was unclean now: the prefix is read before it is served, the other one is whole.
    let engine = place.open();
    assert!(refused(engine.get(&[200])));
    assert!(engine.close().is_err());
    drop(engine);
    let again = place.open();
    assert!(again.commit(Batch { ops: vec![(vec![201], None)], ..Batch::new() }).is_err());
}
