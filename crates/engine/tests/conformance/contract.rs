use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use oubliette_engine::{Batch, EngineError, MAX_BATCH_OPS, MAX_ROW, Precondition, Sizes};

use super::*;

fn put(engine: &dyn Engine, key: &[u8], value: &[u8]) {
    let mut batch = Batch::new();
    batch.put(key, value);
    engine.commit(batch).unwrap();
}

#[test]
fn a_batch_is_whole_and_its_last_word_on_a_key_counts() {
    every_engine(|engine| {
        let mut batch = Batch::new();
        batch.put("a", "1").put("b", "2").put("a", "3").delete("b").put("c", "").delete("never there");
        engine.commit(batch).unwrap();
        assert_eq!(engine.get(b"a").unwrap(), Some(b"3".to_vec()));
        assert_eq!(engine.get(b"b").unwrap(), None);
        assert_eq!(engine.get(b"c").unwrap(), Some(Vec::new()));
        let sizes = engine.sizes().unwrap();
        assert_eq!((sizes.rows, sizes.live_bytes), (2, 3));
    });
}

#[test]
fn ranges_are_half_open_ordered_and_limited_from_either_end() {
    every_engine(|engine| {
        let mut batch = Batch::new();
        for key in 10..20_u8 {
            batch.put([key], [key]);
        }
        engine.commit(batch).unwrap();
        let keys = |from: u8, to: u8, limit, reverse| -> Vec<u8> {
            engine.range(&[from], &[to], limit, reverse).unwrap().iter().map(|row| row.0[0]).collect()
        };
        assert_eq!(keys(12, 15, 9, false), [12, 13, 14]);
        assert_eq!(keys(12, 15, 9, true), [14, 13, 12]);
        assert_eq!(keys(0, 255, 2, false), [10, 11]);
        assert_eq!(keys(0, 255, 2, true), [19, 18]);
        assert_eq!(keys(15, 15, 9, false), []);
        assert_eq!(keys(16, 12, 9, true), []);
        assert_eq!(keys(0, 255, 0, false), []);
    });
}

#[test]
fn preconditions_are_judged_in_order_and_a_failed_one_writes_nothing() {
    every_engine(|engine| {
        put(engine, b"a", b"1");
        let refused = |preconditions: Vec<Precondition>| {
            let mut batch = Batch::new();
            batch.put("x", "y");
            batch.preconditions = preconditions;
            match engine.commit(batch) {
                Err(EngineError::PreconditionFailed { index }) => Some(index),
                Ok(()) => None,
                Err(other) => panic!("{other}"),
            }
        };
        let (a, z) = (b"a".to_vec(), b"z".to_vec());
        assert_eq!(refused(vec![Precondition::Absent(a.clone())]), Some(0));
        assert_eq!(
            refused(vec![Precondition::Present(a.clone()), Precondition::Present(z.clone())]),
            Some(1)
        );
        assert_eq!(refused(vec![Precondition::Equals(a.clone(), b"2".to_vec())]), Some(0));
        assert_eq!(refused(vec![Precondition::Equals(z.clone(), b"1".to_vec())]), Some(0));
        assert_eq!(engine.get(b"x").unwrap(), None);
        let all = vec![
            Precondition::Present(a.clone()),
            Precondition::Equals(a.clone(), b"1".to_vec()),
            Precondition::Absent(z),
        ];
        assert_eq!(refused(all), None);
        assert_eq!(engine.get(b"x").unwrap(), Some(b"y".to_vec()));
        // A batch of conditions alone is judged too.
        let mut only = Batch::new();
        only.require(Precondition::Absent(a));
        assert!(matches!(engine.commit(only), Err(EngineError::PreconditionFailed { index: 0 })));
    });
}

#[test]
fn limits_and_reserved_rows_are_refused_and_full_sizes_pass() {
    every_engine(|engine| {
        let refused =
            |batch: &Batch| matches!(engine.commit(batch.clone()), Err(EngineError::TooLarge { .. }));
        let anchor_row = [&[0; 16], b"A".as_slice()].concat();
        let mut full = Batch::new();
        for n in 0..MAX_BATCH_OPS as u32 {
            full.put([vec![7; 60], n.to_be_bytes().to_vec()].concat(), vec![n as u8; MAX_ROW]);
        }
        let mut over = full.clone();
        over.put("one more", "");
        assert!(refused(&over));
        assert!(refused(Batch::new().put([1; 65], "")));
        assert!(refused(Batch::new().put([], "")));
        assert!(refused(Batch::new().put([1], vec![0; MAX_ROW + 1])));
        assert!(refused(Batch::new().require(Precondition::Absent(vec![1; 65]))));
        let mut reserved = Batch::new();
        reserved.put(anchor_row.clone(), "mine");
        assert!(matches!(engine.commit(reserved), Err(EngineError::ReservedKey)));
        assert_eq!(engine.sizes().unwrap().rows, 0);
        engine.commit(full).unwrap();
        assert_eq!(engine.sizes().unwrap().rows, MAX_BATCH_OPS as u64);
        assert_eq!(engine.get(&anchor_row).unwrap(), None);
        assert_eq!(engine.range(&[0], &[1], 9, false).unwrap(), []);
        assert_eq!(engine.range(&[0], &[255], 1, false).unwrap().len(), 1);
    });
}

#[test]
fn bookkeeping_rows_are_rows_but_count_for_nothing() {
    every_engine(|engine| {
        let upload = [&[0; 16], b"B".as_slice(), &[9; 16]].concat();
        put(engine, &upload, b"reference");
        assert_eq!(engine.get(&upload).unwrap(), Some(b"reference".to_vec()));
        assert_eq!(engine.range(&[0; 16], &[1], 9, false).unwrap().len(), 1);
        let sizes = Sizes { disk_bytes: 0, ..engine.sizes().unwrap() };
        assert_eq!(sizes, Sizes::default());
        assert!(engine.verify().unwrap().faults.is_empty());
    });
}

/// 64 callers count the same rows up by compare and swap: no update is lost, nobody is disturbed by another's refusal.
#[test]
fn concurrent_batches_are_serial_and_independent() {
    every_engine(|engine| {
        put(engine, b"shared", &0_u64.to_be_bytes());
        let refusals = AtomicUsize::new(0);
        thread::scope(|scope| {
            for caller in 0..64_u8 {
                let refusals = &refusals;
                scope.spawn(move || {
                    let mut wins = 0;
                    while wins < 2 {
                        let old = engine.get(b"shared").unwrap().unwrap();
                        let count = u64::from_be_bytes(old.clone().try_into().unwrap());
                        let mut batch = Batch::new();
                        batch.require(Precondition::Equals(b"shared".to_vec(), old));
                        batch.put("shared", (count + 1).to_be_bytes()).put([200, caller, wins], [caller]);
                        match engine.commit(batch) {
                            Ok(()) => {
                                wins += 1;
                                assert_eq!(engine.get(&[200, caller, wins - 1]).unwrap(), Some(vec![caller]));
                            }
                            Err(EngineError::PreconditionFailed { index: 0 }) => {
                                refusals.fetch_add(1, Ordering::Relaxed);
                            }
                            Err(other) => panic!("{other}"),
                        }
                    }
                });
            }
        });
        assert_eq!(engine.get(b"shared").unwrap(), Some(128_u64.to_be_bytes().to_vec()));
        assert_eq!(engine.range(&[200], &[201], 500, false).unwrap().len(), 128);
        assert!(engine.verify().unwrap().faults.is_empty());
    });
}

/// A reader never sees half a batch.
#[test]
fn a_range_sees_whole_batches() {
    every_engine(|engine| {
        thread::scope(|scope| {
            let writer = scope.spawn(|| {
                for round in 0..30_u8 {
                    let mut batch = Batch::new();
                    (0..50_u8).for_each(|key| {
                        batch.put([100, key], [round]);
                    });
                    engine.commit(batch).unwrap();
                }
            });
            while !writer.is_finished() {
                let rows = engine.range(&[100], &[101], 99, false).unwrap();
                assert!(rows.is_empty() || rows.len() == 50);
                assert!(rows.windows(2).all(|pair| pair[0].1 == pair[1].1));
            }
        });
    });
}

#[test]
fn closed_is_closed() {
    every_engine(|engine| {
        put(engine, b"a", b"1");
        engine.close().unwrap();
        engine.close().unwrap();
        assert!(matches!(engine.get(b"a"), Err(EngineError::Poisoned { .. })));
        assert!(matches!(engine.range(b"a", b"b", 1, false), Err(EngineError::Poisoned { .. })));
        assert!(matches!(engine.commit(Batch::new()), Err(EngineError::Poisoned { .. })));
        assert!(matches!(engine.verify(), Err(EngineError::Poisoned { .. })));
        assert!(matches!(engine.sizes(), Err(EngineError::Poisoned { .. })));
    });
}

#[test]
fn close_frees_the_folder_while_the_engine_still_stands() {
    let place = Place::new(SledMode::Exclusive);
    let first = place.open();
    put(&first, b"a", b"1");
    first.close().unwrap();
    let second = place.open();
    assert_eq!(second.get(b"a").unwrap(), Some(b"1".to_vec()));
    assert!(matches!(place.try_open(), Err(EngineError::InUse { .. })));
}

#[test]
fn a_bloated_folder_is_compacted_at_open() {
    let place = Place::new(SledMode::Exclusive);
    let engine = place.open();
    for round in 0..8_u8 {
        let mut batch = Batch::new();
        (0..200_u8).for_each(|key| {
            batch.put([key], vec![round; 4000]);
        });
        (0..40_u8).for_each(|key| {
            batch.delete([key]);
        });
        engine.commit(batch).unwrap();
    }
    let mut batch = Batch::new();
    (40..190_u8).for_each(|key| {
        batch.delete([key]);
    });
    engine.commit(batch).unwrap();
    let before = engine.sizes().unwrap();
    drop(engine);
    let options = SledOptions { compact_over: 1 << 20, ..place.options() };
    let engine = SledEngine::open(&place.rows(), &place.anchor(), &place.key, options).unwrap();
    let after = engine.sizes().unwrap();
    assert!(after.disk_bytes * 2 < before.disk_bytes, "{before:?} {after:?}");
    assert_eq!((after.rows, after.live_bytes), (10, 10 * 4001));
    assert!(engine.verify().unwrap().faults.is_empty());
    put(&engine, b"a", b"1");
}
