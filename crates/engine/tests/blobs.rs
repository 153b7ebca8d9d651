//! What every blob store must do: a model test with reopening, misuse, concurrency, a full disk.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::path::Path;
use std::sync::Arc;

use common::SmallDisk;
use oubliette_engine::{BlobRef, Blobs, EngineError, MemoryBlobs, PackBlobs};
use proptest::prelude::*;

fn packs(folder: &Path) -> Arc<dyn Blobs> {
    Arc::new(PackBlobs::open_with_pack_bytes(&folder.join("blobs"), 512 << 10).unwrap())
}

/// Bytes that differ from blob to blob and from place to place.
fn content(seed: u32, length: usize) -> Vec<u8> {
    (0..length as u32).map(|n| (n.wrapping_mul(seed * 2 + 1) >> 3) as u8).collect()
}

fn put(blobs: &dyn Blobs, expected: Option<u64>, bytes: &[u8], piece: usize) -> BlobRef {
    let mut writer = blobs.create(expected).unwrap();
    for piece in bytes.chunks(piece) {
        let before = writer.reference();
        let changed = writer.reserve(piece.len() as u64).unwrap();
        assert!(changed || before == writer.reference());
        assert!(!writer.reserve(piece.len() as u64).unwrap(), "the same room again changes nothing");
        assert!(writer.reference().0.len() <= 2048);
        writer.write(piece).unwrap();
    }
    writer.finish().unwrap()
}

#[derive(Debug, Clone)]
enum Step {
    Put { length: usize, expected: Option<u64>, piece: usize },
    Abandon { length: usize },
    Delete(prop::sample::Index),
    Read(prop::sample::Index, u64, usize),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let length = prop_oneof![Just(0usize), 1..200usize, 4000..4200usize, 1..300_000usize];
    let any_index = any::<prop::sample::Index>;
    prop_oneof![
        4 => (length.clone(), prop::option::of(0u64..200_000), 1000usize..100_000)
            .prop_map(|(length, expected, piece)| Step::Put { length, expected, piece }),
        1 => length.prop_map(|length| Step::Abandon { length }),
        2 => any_index().prop_map(Step::Delete),
        3 => (any_index(), 0u64..300_000, 0usize..50_000).prop_map(|(n, at, len)| Step::Read(n, at, len)),
        1 => Just(Step::Reopen),
    ]
}

fn run(mut blobs: Arc<dyn Blobs>, steps: &[Step], reopen: Option<&dyn Fn() -> Arc<dyn Blobs>>) {
    let mut model: Vec<(BlobRef, Vec<u8>)> = Vec::new();
    for (seed, step) in steps.iter().enumerate() {
        match step {
            Step::Put { length, expected, piece } => {
                let bytes = content(seed as u32, *length);
                model.push((put(&*blobs, *expected, &bytes, *piece), bytes));
            }
            Step::Abandon { length } => {
                let mut writer = blobs.create(None).unwrap();
                writer.reserve(*length as u64).unwrap();
                writer.write(&content(1, *length)).unwrap();
                let registered = writer.reference();
                drop(writer);
                blobs.delete(&registered).unwrap();
            }
            Step::Delete(n) if !model.is_empty() => {
                let (blob, _) = model.swap_remove(n.index(model.len()));
                blobs.delete(&blob).unwrap();
                blobs.delete(&blob).unwrap();
            }
            Step::Read(n, at, length) if !model.is_empty() => {
                let (blob, bytes) = n.get(&model);
                let mut buf = vec![0; *length];
                let read = blobs.read_at(blob, *at, &mut buf);
                match bytes.get(*at as usize..*at as usize + *length) {
                    Some(expected) => assert_eq!(read.map(|()| buf.as_slice()).unwrap(), expected),
                    None => assert!(matches!(read, Err(EngineError::Corrupt { .. }))),
                }
            }
            Step::Reopen => {
                if let Some(reopen) = reopen {
                    blobs.close().unwrap();
                    blobs.close().unwrap();
                    assert!(blobs.create(None).is_err());
                    blobs = reopen();
                }
            }
            Step::Delete(_) | Step::Read(..) => {}
        }
    }
    let mut most = 0;
    for (blob, bytes) in &model {
        assert_eq!(blobs.len(blob).unwrap(), bytes.len() as u64);
        let mut found = vec![0; bytes.len()];
        blobs.read_at(blob, 0, &mut found).unwrap();
        assert!(found == *bytes);
        most += bytes.len() as u64 + 4095;
    }
    let used = blobs.disk_bytes().unwrap();
    assert!(used <= most + 64 * 1024, "{used} bytes for at most {most}");
    for (blob, _) in &model {
        blobs.delete(blob).unwrap();
    }
    assert!(blobs.disk_bytes().unwrap() <= 16 * 1024);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn behaves_as_a_map(steps in prop::collection::vec(step(), 1..25)) {
        run(Arc::new(MemoryBlobs::new()), &steps, None);
        let folder = tempfile::tempdir().unwrap();
        run(packs(folder.path()), &steps, Some(&|| packs(folder.path())));
    }

    #[test]
    fn no_reference_makes_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        let folder = tempfile::tempdir().unwrap();
        for blobs in [packs(folder.path()), Arc::new(MemoryBlobs::new())] {
            let blob = BlobRef(bytes.clone());
            let _ = blobs.len(&blob);
            let _ = blobs.read_at(&blob, 0, &mut [0; 1]);
            let _ = blobs.delete(&blob);
            prop_assert_eq!(blobs.disk_bytes().unwrap(), 0);
        }
    }
}

#[test]
fn a_write_needs_room_and_a_reader_needs_the_finished_reference() {
    let folder = tempfile::tempdir().unwrap();
    for blobs in [packs(folder.path()), Arc::new(MemoryBlobs::new())] {
        let mut writer = blobs.create(None).unwrap();
        assert!(matches!(writer.write(b"x"), Err(EngineError::TooLarge { .. })));
        assert!(writer.reserve(100).unwrap());
        writer.write(&[1; 100]).unwrap();
        let unfinished = writer.reference();
        assert!(matches!(blobs.read_at(&unfinished, 0, &mut [0]), Err(EngineError::Corrupt { .. })));
        let blob = writer.finish().unwrap();
        let mut last = [0];
        blobs.read_at(&blob, 99, &mut last).unwrap();
        assert_eq!(last, [1]);
        assert!(matches!(blobs.read_at(&blob, 100, &mut last), Err(EngineError::Corrupt { .. })));
        assert!(matches!(blobs.read_at(&blob, u64::MAX, &mut last), Err(EngineError::Corrupt { .. })));
        // What was registered before finish still deletes the blob.
        blobs.delete(&unfinished).unwrap();
        assert!(blobs.disk_bytes().unwrap() <= 4096);
    }
}

#[test]
fn writers_readers_and_deleters_on_many_threads() {
    let folder = tempfile::tempdir().unwrap();
    for blobs in [packs(folder.path()), Arc::new(MemoryBlobs::new())] {
        std::thread::scope(|scope| {
            for thread in 0..8u32 {
                let blobs = &*blobs;
                scope.spawn(move || {
                    let mut kept = Vec::new();
                    for round in 0..12u32 {
                        let bytes = content(thread * 100 + round, 1000 + (round as usize * 7919) % 60_000);
                        let expected = (round % 2 == 0).then_some(bytes.len() as u64);
                        kept.push((put(blobs, expected, &bytes, 10_000), bytes));
                        if round % 3 == 0 {
                            blobs.delete(&kept.remove(0).0).unwrap();
                        }
                    }
                    for (blob, bytes) in &kept {
                        let mut found = vec![0; bytes.len()];
                        blobs.read_at(blob, 0, &mut found).unwrap();
                        assert!(found == *bytes);
                        blobs.delete(blob).unwrap();
                    }
                });
            }
        });
        assert!(blobs.disk_bytes().unwrap() <= 16 * 1024);
    }
}

#[test]
fn a_full_disk_fails_the_writer_and_nobody_else() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    let blobs = packs(disk.path());
    let bytes = content(3, 2 << 20);
    let kept = put(&*blobs, Some(bytes.len() as u64), &bytes, 1 << 20);
    let before = blobs.disk_bytes().unwrap();
    let mut writer = blobs.create(None).unwrap();
    let failed = (0..20).find_map(|_| {
        let reserved = writer.reserve(1 << 20).map(|_| ());
        reserved.and_then(|()| writer.write(&bytes[..1 << 20])).err()
    });
    assert!(matches!(failed, Some(EngineError::Io { .. })), "{failed:?}");
    assert!(writer.write(b"more").is_err(), "a blob with a hole must not be finished");
    assert!(writer.finish().is_err());
    assert_eq!(blobs.disk_bytes().unwrap(), before, "the failed blob's space was given back");
    let mut found = vec![0; bytes.len()];
    blobs.read_at(&kept, 0, &mut found).unwrap();
    assert!(found == bytes);
    let again = put(&*blobs, None, &bytes, 100_000);
    blobs.delete(&kept).unwrap();
    drop(blobs);
    let blobs = packs(disk.path());
    blobs.read_at(&again, 0, &mut found).unwrap();
    assert!(found == bytes);
}
