//! Compaction while rows are read and written: what changes meanwhile is in the copy, a crash at any moment leaves one of the two folders whole, and
//! whoever ends it finds everything as it was.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::AtomicU32;
use std::time::{Duration, Instant};

use super::*;

const BOTH: [SledMode; 2] = [SledMode::Filtered, SledMode::Exclusive];
/// Rows in some pieces.
const ROWS: u32 = 7000;

type Model = BTreeMap<Vec<u8>, Vec<u8>>;

fn key(n: u32) -> Vec<u8> {
    // Over all prefixes, in no order.
    [&n.wrapping_mul(2_654_435_761).to_be_bytes()[..], &n.to_be_bytes()].concat()
}

/// Commits changes, which the model takes over once they are acknowledged.
fn change(engine: &SledEngine, model: &mut Model, changes: impl Iterator<Item = (u32, Option<u8>)>) {
    let changes: Vec<_> = changes.collect();
    for part in changes.chunks(MAX_BATCH) {
        let mut batch = Batch::new();
        for (n, value) in part {
            match value {
                Some(byte) => batch.put(key(*n), [*byte; 60]),
                None => batch.delete(key(*n)),
            };
        }
        engine.commit(batch).unwrap();
    }
    for (n, value) in changes {
        match value {
            Some(byte) => model.insert(key(n), vec![byte; 60]),
            None => model.remove(&key(n)),
        };
    }
}

const MAX_BATCH: usize = crate::MAX_BATCH_OPS;

fn is(engine: &SledEngine, model: &Model, what: &str) {
    let found: Model = engine.range(&[0], &[255; 9], usize::MAX, false).unwrap().into_iter().collect();
    assert!(found == *model, "{what}: {} rows, {} expected", found.len(), model.len());
    assert!(engine.verify().unwrap().faults.is_empty(), "{what}");
}

fn folders(place: &Place) -> Vec<String> {
    let names = fs::read_dir(place.rows()).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.retain(|name| name.starts_with("data-"));
    names.sort();
    names
}

/// Bloated: every row was written some times.
fn bloated(mode: SledMode) -> (Place, SledEngine, Model) {
    let place = Place::new(mode);
    let engine = place.open().unwrap();
    let mut model = Model::new();
    for round in 0..3 {
        change(&engine, &mut model, (0..ROWS).map(|n| (n, Some(round))));
    }
    (place, engine, model)
}

#[test]
fn what_changes_while_rows_are_copied_is_in_the_copy() {
    for mode in BOTH {
        let (place, engine, mut model) = bloated(mode);
        let mut calls = 0_u32;
        let done = engine
            .compact_live(&mut |copied, all| {
                assert!(copied <= all + 100 && all >= u64::from(ROWS) - 1000, "{copied} of {all}");
                calls += 1;
                // Behind the copy and before it: other values, new rows, and rows that go.
                let at = calls * 37;
                let changes = (0..20).map(|n| (at * 3 + n, Some(100)));
                let changes = changes.chain((0..5).map(|n| (ROWS + at + n, Some(101))));
                change(&engine, &mut model, changes.chain((0..5).map(|n| (at * 2 + n, None))));
                if calls.is_multiple_of(9) {
                    engine.rows.checkpoint().unwrap();
                    is(&engine, &model, "meanwhile");
                }
                true
            })
            .unwrap();
        assert!(done && calls > 64, "{calls}");
        assert_eq!(folders(&place), ["data-00000002"]);
        is(&engine, &model, "afterwards");
        change(&engine, &mut model, [(1, Some(7)), (2, None)].into_iter());
        // Stopped well, and stopped ill.
        engine.close().unwrap();
        drop(engine);
        let engine = place.open().unwrap();
        is(&engine, &model, "opened");
        change(&engine, &mut model, [(3, Some(8))].into_iter());
        assert!(engine.compact_live(&mut |_, _| true).unwrap());
        drop(engine);
        is(&place.open().unwrap(), &model, "opened after a crash");
    }
}

/// As after the erasure of nearly everybody.
#[test]
fn the_room_of_dead_rows_is_given_back() {
    let place = Place::new(SledMode::Filtered);
    let engine = place.open().unwrap();
    let all: Vec<u32> = (0..6000).collect();
    for part in all.chunks(MAX_BATCH) {
        let mut batch = Batch::new();
        part.iter().for_each(|n| {
            batch.put(key(*n), vec![1; 600]);
        });
        engine.commit(batch).unwrap();
    }
    for part in all[200..].chunks(MAX_BATCH) {
        let mut batch = Batch::new();
        part.iter().for_each(|n| {
            batch.delete(key(*n));
        });
        engine.commit(batch).unwrap();
    }
    let before = engine.sizes().unwrap();
    assert!(engine.compact_live(&mut |_, _| true).unwrap());
    let after = engine.sizes().unwrap();
    assert!(after.disk_bytes * 3 < before.disk_bytes, "{before:?} before, {after:?} after");
    assert_eq!((after.rows, after.live_bytes), (before.rows, before.live_bytes));
}

/// The folder is copied at every moment at which somebody may look, and each copy opened.
#[test]
fn a_crash_at_any_moment_leaves_one_folder_whole() {
    let (place, engine, mut model) = bloated(SledMode::Filtered);
    let mut images: Vec<(PathBuf, Model)> = Vec::new();
    let keep = |model: &Model, images: &mut Vec<(PathBuf, Model)>| {
        let image = place.dir.path().join(format!("image-{}", images.len()));
        copy_tree(&place.rows(), &image).unwrap();
        fs::copy(place.anchor(), image.with_extension("anchor")).unwrap();
        images.push((image, model.clone()));
    };
    let mut calls = 0_u32;
    let done = engine.compact_live(&mut |_, _| {
        calls += 1;
        change(&engine, &mut model, [(calls * 11, Some(50)), (calls * 7, None)].into_iter());
        // Each piece, and some of the prefixes that are read back.
        if calls < 8 || calls.is_multiple_of(16) {
            keep(&model, &mut images);
        }
        true
    });
    assert!(done.unwrap());
    keep(&model, &mut images);
    drop(engine);
    assert!(images.len() > 8);
    let both = |image: &Path| image.join("data-00000001").exists() && image.join("data-00000002").exists();
    assert!(images.iter().filter(|(image, _)| both(image)).count() > 6, "no image has a half copy");
    for (image, model) in images {
        place.put_back(&image, Some(&fs::read(image.with_extension("anchor")).unwrap()));
        let engine = place.open().unwrap();
        is(&engine, &model, &image.display().to_string());
        assert_eq!(folders(&place).len(), 1);
    }
}

#[test]
fn whoever_ends_it_or_whatever_stands_in_its_way_leaves_everything_as_it_was() {
    let (place, engine, mut model) = bloated(SledMode::Filtered);
    for last in [0, 2, 5, 40] {
        let mut calls = 0;
        let done = engine.compact_live(&mut |_, _| {
            calls += 1;
            calls <= last
        });
        assert!(!done.unwrap());
        assert_eq!(folders(&place), ["data-00000001"], "ended after {last}");
        change(&engine, &mut model, [(last, Some(9))].into_iter());
    }
    // One at a time, and not by a file in its place.
    let inside = engine.compact_live(&mut |_, _| {
        assert!(!engine.compact_live(&mut |_, _| true).unwrap());
        false
    });
    assert!(!inside.unwrap());
    fs::write(place.rows().join("data-00000002"), b"in the way").unwrap();
    assert!(engine.compact_live(&mut |_, _| true).is_err());
    change(&engine, &mut model, [(77, Some(9))].into_iter());
    fs::remove_file(place.rows().join("data-00000002")).unwrap();
    is(&engine, &model, "after all that");
    assert!(engine.compact_live(&mut |_, _| true).unwrap());
    is(&engine, &model, "compacted after all");
}

/// Writers and readers on threads of their own; somebody closes the engine in the middle of another one.
#[test]
fn many_write_and_read_beside_it() {
    let (place, engine, mut model) = bloated(SledMode::Filtered);
    let (stop, longest) = (AtomicBool::new(false), Mutex::new(Duration::ZERO));
    let written: Vec<Model> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..3_u32)
            .map(|writer| {
                let (engine, stop, longest) = (&engine, &stop, &longest);
                scope.spawn(move || {
                    let (mut mine, mut n) = (Model::new(), 0);
                    while !stop.load(Ordering::Relaxed) {
                        n += 1;
                        let own = 1_000_000 * (writer + 1) + n % 500;
                        let begun = Instant::now();
                        change(engine, &mut mine, [(own, Some((n % 251) as u8))].into_iter());
                        let mut longest = longest.lock().unwrap();
                        *longest = begun.elapsed().max(*longest);
                        assert_eq!(engine.get(&key(own)).unwrap(), mine.get(&key(own)).cloned());
                    }
                    mine
                })
            })
            .collect();
        for _ in 0..2 {
            assert!(engine.compact_live(&mut |_, _| true).unwrap());
        }
        stop.store(true, Ordering::Relaxed);
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    written.into_iter().for_each(|mine| model.extend(mine));
    println!(
        "the longest commit beside two compactions of {} rows: {:?}",
        model.len(),
        longest.lock().unwrap()
    );
    is(&engine, &model, "beside writers");

    let begun = AtomicU32::new(0);
    std::thread::scope(|scope| {
        let compaction = scope.spawn(|| {
            engine.compact_live(&mut |_, _| {
                begun.fetch_add(1, Ordering::SeqCst);
                // Goes on until somebody closes the engine.
                while !engine.rows.closed.load(Ordering::SeqCst) {
                    std::thread::yield_now();
                }
                true
            })
        });
        while begun.load(Ordering::SeqCst) == 0 {
            std::thread::yield_now();
        }
        engine.close().unwrap();
        assert!(!compaction.join().unwrap().unwrap());
    });
    assert_eq!(folders(&place).len(), 1);
    drop(engine);
    is(&place.open().unwrap(), &model, "closed in the middle");
}
