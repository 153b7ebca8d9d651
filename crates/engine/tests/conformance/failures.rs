use std::fs;
use std::os::unix::fs::FileExt;
use std::process::Command;

use oubliette_engine::Batch;

use super::common::SmallDisk;
use super::*;

const ROWS: u16 = 400;

fn value(n: u16) -> Vec<u8> {
    n.to_be_bytes().repeat(100)
}

fn filled(engine: &SledEngine) {
    for rows in (0..ROWS).collect::<Vec<_>>().chunks(50) {
        let mut batch = Batch::new();
        rows.iter().for_each(|n| {
            batch.put([(n % 256) as u8, (n / 256) as u8], value(*n));
        });
        engine.commit(batch).unwrap();
    }
}

/// Every row is right or refused by name; how many were refused.
fn right_or_refused(engine: &SledEngine) -> usize {
    (0..ROWS)
        .filter(|n| match engine.get(&[(n % 256) as u8, (n / 256) as u8]) {
            Ok(found) => {
                assert_eq!(found, Some(value(*n)), "row {n}");
                false
            }
            Err(_) => true,
        })
        .count()
}

/// sled takes a flipped bit for the end of its log and drops what follows, without a word. The digests do not.
#[test]
fn a_flipped_byte_after_an_unclean_stop_never_shows_as_a_missing_row() {
    let place = Place::new(SledMode::Exclusive);
    let engine = place.open();
    filled(&engine);
    // Brings the rows into sled.
    engine.close().unwrap();
    drop(engine);
    drop(place.open());
    let original = place.dir.path().join("original");
    copy_tree(&place.rows(), &original);
    let anchor = fs::read(place.anchor()).unwrap();
    let length = fs::metadata(place.log()).unwrap().len();
    let mut noticed = 0;
    for step in 0..40 {
        fs::remove_dir_all(place.rows()).unwrap();
        copy_tree(&original, &place.rows());
        fs::write(place.anchor(), &anchor).unwrap();
        let log = fs::OpenOptions::new().read(true).write(true).open(place.log()).unwrap();
        let at = (length - 1) * step / 40;
        let mut byte = [0];
        log.read_exact_at(&mut byte, at).unwrap();
        log.write_all_at(&[byte[0] ^ 1], at).unwrap();
        match place.try_open() {
            Ok(engine) => noticed += usize::from(right_or_refused(&engine) > 0),
            Err(EngineError::RowsLost { .. } | EngineError::Corrupt { .. } | EngineError::Io { .. }) => {
                noticed += 1
            }
            Err(other) => panic!("{other}"),
        }
    }
    assert!(noticed > 5, "only {noticed} of 40 flips mattered: does the test reach the rows?");
}

#[test]
fn a_log_damaged_under_a_running_engine_never_gives_a_wrong_row() {
    for mode in [SledMode::Exclusive, SledMode::Filtered] {
        let place = Place::new(mode);
        filled(&place.open());
        let engine = SledEngine::open(
            &place.rows(),
            &place.anchor(),
            &place.key,
            SledOptions { cache_bytes: 1 << 10, ..place.options() },
        )
        .unwrap();
        let log = fs::OpenOptions::new().write(true).open(place.log()).unwrap();
        let length = log.metadata().unwrap().len();
        log.write_all_at(&vec![0x5a; length as usize], 0).unwrap();
        if right_or_refused(&engine) > 0 {
            assert!(matches!(engine.commit(Batch::new()), Err(EngineError::Poisoned { .. })));
            assert!(engine.close().is_err());
        }
        drop(engine);
        assert!(place.try_open().is_err());
    }
}

#[test]
fn a_full_disk_is_an_error_then_poison_and_what_was_acknowledged_stays() {
    for mode in [SledMode::Exclusive, SledMode::Filtered] {
        let Some(disk) = SmallDisk::mount(9) else { return };
        let (rows, anchor) = (disk.path().join("rows"), disk.path().join("anchor"));
        let key = AnchorKey::generate().unwrap();
        let options =
            SledOptions { mode, cache_bytes: 1 << 20, copy_before_recovery: false, ..SledOptions::default() };
        let engine = SledEngine::open(&rows, &anchor, &key, options.clone()).unwrap();
        let mut acknowledged = 0_u32;
        let error = loop {
            let mut batch = Batch::new();
            (0..50_u8).for_each(|n| {
                batch.put([&acknowledged.to_be_bytes()[..], &[n]].concat(), vec![n; 1000]);
            });
            match engine.commit(batch) {
                Ok(()) => acknowledged += 1,
                Err(error) => break error,
            }
            assert!(acknowledged < 1000, "the disk never filled up");
        };
        assert!(matches!(error, EngineError::Io { .. } | EngineError::Poisoned { .. }), "{error}");
        assert!(matches!(engine.get(&[0, 0, 0, 0, 0]), Err(EngineError::Poisoned { .. })));
        assert!(matches!(engine.commit(Batch::new()), Err(EngineError::Poisoned { .. })));
        drop(engine);
        let grown = Command::new("mount").args(["-o", "remount,size=64m"]).arg(disk.path()).output().unwrap();
        assert!(grown.status.success());
        let engine = SledEngine::open(&rows, &anchor, &key, options).unwrap();
        for commit in 0..acknowledged {
            let from = commit.to_be_bytes();
            let found = engine.range(&from, &(commit + 1).to_be_bytes(), 99, false).unwrap();
            assert_eq!(found.len(), 50, "commit {commit} of {acknowledged}");
        }
        assert!(engine.verify().unwrap().faults.is_empty());
    }
}
