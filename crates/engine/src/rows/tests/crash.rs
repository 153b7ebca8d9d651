use super::*;

const BOTH: [SledMode; 2] = [SledMode::Filtered, SledMode::Exclusive];
const SLOT: usize = 4096;

#[test]
fn what_only_the_records_hold_is_brought_into_sled_at_open_and_once_more() {
    for mode in BOTH {
        let (place, engine) = Place::with_five(mode);
        assert_five(&engine, "before the crash");
        let anchor = fs::read(place.anchor()).unwrap();
        drop(engine);
        // The second time the crash came again, after sled had everything and before the slots said so.
        for case in ["once", "twice"] {
            fs::write(place.anchor(), &anchor).unwrap();
            assert_five(&place.open().unwrap(), case);
        }
        let engine = place.open().unwrap();
        put(&engine, 7, 7);
        engine.close().unwrap();
        drop(engine);
        let engine = place.open().unwrap();
        assert_eq!((commit_of(&engine), engine.get(&[7]).unwrap()), (6, Some(vec![7; 100])));
    }
}

/// sled's log is cut at every few bytes that it wrote since the slots: within a checkpoint, and within the answer at open.
#[test]
fn wherever_sleds_log_ends_after_the_slots_the_rows_are_whole() {
    let (place, engine) = Place::with_five(SledMode::Filtered);
    let anchor = fs::read(place.anchor()).unwrap();
    let mut image = fs::read(place.log()).unwrap();
    engine.rows.checkpoint().unwrap();
    let crashed = place.copy_rows("crashed");
    drop(engine);
    let after = fs::read(crashed.join("data-00000001/db")).unwrap();
    image.resize(after.len(), 0);
    let written: Vec<usize> = (0..after.len()).filter(|at| image[*at] != after[*at]).collect();
    assert!(!written.is_empty(), "the checkpoint wrote nothing");
    for cut in (written[0]..=written[written.len() - 1]).step_by(17).chain([after.len()]) {
        image[..cut].copy_from_slice(&after[..cut]);
        place.put_back(&crashed, Some(&anchor));
        fs::write(place.log(), &image).unwrap();
        assert_five(&place.open().unwrap(), &format!("cut at {cut}"));
    }
}

#[test]
fn a_checkpoint_cut_between_or_within_its_slots_is_done_again() {
    for mode in BOTH {
        let (place, engine) = Place::with_five(mode);
        let before = fs::read(place.anchor()).unwrap();
        engine.rows.checkpoint().unwrap();
        let rows = place.copy_rows("after");
        let after = fs::read(place.anchor()).unwrap();
        drop(engine);
        for cut in [0, 512, 2048, SLOT - 512, SLOT, SLOT + 512, 2 * SLOT - 512] {
            let anchor = [&after[..cut], &before[cut..]].concat();
            place.put_back(&rows, Some(&anchor));
            assert_five(&place.open().unwrap(), &format!("{mode:?}, cut at {cut}"));
        }
    }
}

#[test]
fn the_loss_of_what_the_slots_cover_is_named() {
    for mode in BOTH {
        // The whole folder as it was before the checkpoint.
        let place = Place::new(mode);
        let engine = place.open().unwrap();
        put(&engine, 1, 1);
        let old = place.copy_rows("old");
        engine.rows.checkpoint().unwrap();
        put(&engine, 1, 2);
        drop(engine);
        place.put_back(&old, None);
        assert!(lost(place.open()), "{mode:?}");
        assert!(lost(place.open()), "{mode:?}: and again");

        // One row of it, which no record brings back.
        let (place, engine) = Place::with_five(mode);
        engine.rows.folder.write([([200].as_slice(), None)].into_iter()).unwrap();
        engine.rows.folder.sync().unwrap();
        drop(engine);
        let engine = place.open().unwrap();
        assert!(engine.get(&[200]).is_err(), "{mode:?}");

        // Row "A", or all rows.
        let (place, engine) = Place::with_five(mode);
        engine.rows.folder.write([(ANCHOR_ROW, None)].into_iter()).unwrap();
        engine.rows.folder.sync().unwrap();
        drop(engine);
        assert!(lost(place.open()), "{mode:?}");
    }
}

#[test]
fn rows_that_are_ahead_of_every_record_are_named() {
    let (place, engine) = Place::with_five(SledMode::Filtered);
    let anchor = fs::read(place.anchor()).unwrap();
    put(&engine, 9, 9);
    engine.rows.checkpoint().unwrap();
    drop(engine);
    fs::write(place.anchor(), anchor).unwrap();
    assert!(lost(place.open()));
}

#[test]
fn an_anchor_that_was_never_used_excuses_no_rows() {
    let (place, engine) = Place::with_five(SledMode::Filtered);
    drop(engine);
    fs::remove_file(place.anchor()).unwrap();
    assert!(matches!(place.open(), Err(EngineError::Format { .. })));
    // Nor does it before the first checkpoint.
    let place = Place::new(SledMode::Filtered);
    put(&place.open().unwrap(), 1, 1);
    fs::remove_file(place.anchor()).unwrap();
    assert!(matches!(place.open(), Err(EngineError::Format { .. })));
}

#[test]
fn compaction_and_close_take_along_what_only_the_records_held() {
    for mode in BOTH {
        let (place, engine) = Place::with_five(mode);
        engine.compact().unwrap();
        assert_five(&engine, "after compaction");
        drop(engine);
        assert_five(&place.open().unwrap(), "compacted, then a crash");

        let (place, engine) = Place::with_five(mode);
        let before = fs::read(place.anchor()).unwrap();
        engine.close().unwrap();
        drop(engine);
        // Everything closed but for the slots, the other way round, and whole.
        let (closed, after) = (place.copy_rows("closed"), fs::read(place.anchor()).unwrap());
        fs::write(place.anchor(), &before).unwrap();
        assert_five(&place.open().unwrap(), "slots missing");
        place.put_back(&closed, Some(&after));
        fs::remove_file(place.rows().join("clean")).unwrap();
        assert_five(&place.open().unwrap(), "sign missing");
        place.put_back(&closed, Some(&after));
        let engine = place.open().unwrap();
        assert_eq!(engine.rows.unvetted.load(Ordering::Relaxed), 0, "a clean stop needs no scan");
        assert_five(&engine, "whole");
    }
}

/// The largest records: a half has room for one, so every other commit waits for a checkpoint.
#[test]
fn the_redo_area_is_used_again_and_again() {
    for mode in BOTH {
        let place = Place::new(mode);
        let mut engine = place.open().unwrap();
        let value = |n: u8| vec![n; crate::MAX_ROW];
        for n in 1..=9_u8 {
            let mut batch = Batch::new();
            (0..=255_u8).for_each(|row| {
                batch.put([&[row, n % 2], [7; 62].as_slice()].concat(), value(n));
            });
            engine.commit(batch).unwrap();
            assert!(engine.rows.covered() + 2 >= u64::from(n));
            if n % 4 == 0 {
                drop(engine);
                engine = place.open().unwrap();
            }
            for row in [0, 100, 255] {
                let key = [&[row, n % 2], [7; 62].as_slice()].concat();
                assert_eq!(engine.get(&key).unwrap(), Some(value(n)));
            }
        }
        assert_eq!(engine.sizes().unwrap().rows, 512);
        assert_eq!(engine.verify().unwrap().faults, Vec::<String>::new());
    }
}

#[test]
fn a_record_that_cannot_be_written_poisons_and_acknowledges_nothing() {
    let (place, mut engine) = Place::with_five(SledMode::Filtered);
    let rows = Arc::get_mut(&mut engine.rows).unwrap();
    rows.anchor.close_for_writing();
    let mut batch = Batch::new();
    batch.put([50], [50]);
    assert!(matches!(engine.commit(batch), Err(EngineError::Io { .. })));
    assert!(matches!(engine.get(&[2]), Err(EngineError::Poisoned { .. })));
    assert!(engine.close().is_err());
    drop(engine);
    assert_five(&place.open().unwrap(), "reopened");
}
