use std::path::PathBuf;

use super::*;

fn store(folder: &Path) -> PackBlobs {
    PackBlobs::open_with_pack_bytes(folder, 64 * BLOCK).unwrap()
}

fn put(blobs: &PackBlobs, bytes: &[u8]) -> BlobRef {
    let mut writer = blobs.create(Some(bytes.len() as u64)).unwrap();
    writer.reserve(bytes.len() as u64).unwrap();
    writer.write(bytes).unwrap();
    writer.finish().unwrap()
}

fn get(blobs: &PackBlobs, blob: &BlobRef) -> Result<Vec<u8>, EngineError> {
    let mut bytes = vec![0; blobs.len(blob)? as usize];
    blobs.read_at(blob, 0, &mut bytes).map(|()| bytes)
}

fn packs(folder: &Path) -> Vec<String> {
    let mut names: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.retain(|name| name != "lock");
    names.sort();
    names
}

#[test]
fn packs_roll_and_go_when_they_are_empty() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = store(folder.path());
    let big = vec![5; 40 * BLOCK as usize];
    let refs: Vec<_> = (0..4).map(|_| put(&blobs, &big)).collect();
    assert_eq!(packs(folder.path()).len(), 4);
    for blob in &refs {
        assert_eq!(get(&blobs, blob).unwrap(), big);
        blobs.delete(blob).unwrap();
        blobs.delete(blob).unwrap();
    }
    assert_eq!(packs(folder.path()), ["pack-00000004"]);
    assert!(matches!(get(&blobs, &refs[0]), Err(EngineError::Corrupt { .. })));
    assert!(blobs.disk_bytes().unwrap() <= 2 * BLOCK);
}

/// A number or a block that came back could make a row out of a restored backup delete someone else's blob.
#[test]
fn numbers_and_blocks_are_never_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let mut seen = Vec::new();
    for _ in 0..4 {
        let blobs = store(folder.path());
        for length in [1, 5000, 70_000, 200_000] {
            let blob = put(&blobs, &vec![1; length]);
            seen.extend(Reference::parse(&blob).unwrap().extents);
            blobs.delete(&blob).unwrap();
        }
        let mut dropped = blobs.create(None).unwrap();
        dropped.reserve(100_000).unwrap();
        seen.extend(Reference::parse(&dropped.reference()).unwrap().extents);
    }
    seen.sort_by_key(|extent| (extent.pack, extent.first));
    for pair in seen.windows(2) {
        assert!(pair[0].pack < pair[1].pack || pair[0].first + pair[0].blocks <= pair[1].first, "{pair:?}");
    }
}

#[test]
fn a_lost_process_leaves_nothing_that_its_registered_reference_does_not_free() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = store(folder.path());
    let kept = put(&blobs, &[3; 9000]);
    let before = blobs.disk_bytes().unwrap();
    let mut writer = blobs.create(None).unwrap();
    let mut registered = BlobRef::default();
    for _ in 0..40 {
        if writer.reserve(20_000).unwrap() {
            registered = writer.reference();
        }
        writer.write(&[4; 20_000]).unwrap();
    }
    assert!(blobs.disk_bytes().unwrap() >= before + 800_000);
    std::mem::forget(writer); // the process is gone, with no destructor run
    blobs.space.close().unwrap();
    let blobs = store(folder.path());
    blobs.delete(&registered).unwrap();
    assert_eq!(get(&blobs, &kept).unwrap(), [3; 9000]);
    assert!(blobs.disk_bytes().unwrap() <= before + 2 * BLOCK);
}

#[test]
fn an_unfinished_writer_keeps_its_empty_pack() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = store(folder.path());
    let mut slow = blobs.create(Some(4096)).unwrap();
    slow.reserve(4096).unwrap();
    let other = put(&blobs, &[1; 5000]);
    let rolled = put(&blobs, &vec![2; 63 * BLOCK as usize]);
    blobs.delete(&other).unwrap();
    slow.write(&[9; 4096]).unwrap();
    let slow = slow.finish().unwrap();
    assert_eq!(get(&blobs, &slow).unwrap(), [9; 4096]);
    assert_eq!(get(&blobs, &rolled).unwrap(), vec![2; 63 * BLOCK as usize]);
}

#[test]
fn four_gib_of_unknown_length_fit_in_a_reference() {
    let folder = tempfile::tempdir().unwrap();
    let space = Arc::new(Space::open(folder.path(), PACK_BYTES).unwrap());
    let mut writer = Writer::new(Arc::clone(&space), None);
    let mut other = Writer::new(Arc::clone(&space), None);
    let mut room = 0;
    while room < 4 << 30 {
        // Another upload takes the blocks in between, so that no two extents can be joined.
        other.reserve(room + 1).unwrap();
        writer.reserve(room + 1).unwrap();
        let reference = Reference::parse(&writer.reference()).unwrap();
        room = reference.extents.iter().map(|extent| u64::from(extent.blocks) * BLOCK).sum();
    }
    assert!(writer.reference().0.len() <= 2048);
    drop(other);
    let mut alone = Writer::new(space, Some(4 << 30));
    alone.reserve(1).unwrap();
    let reference = Reference::parse(&alone.reference()).unwrap();
    assert_eq!(reference.extents.len(), 1);
    assert_eq!(u64::from(reference.extents[0].blocks) * BLOCK, 4 << 30);
}

#[test]
fn damage_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = store(folder.path());
    let blob = put(&blobs, &vec![7; 30_000]);
    let file = folder.path().join("pack-00000001");
    std::fs::OpenOptions::new().write(true).open(&file).unwrap().set_len(20_000).unwrap();
    assert!(matches!(get(&blobs, &blob), Err(EngineError::Corrupt { .. })));
    let mut head = [0; 20_000];
    blobs.read_at(&blob, 0, &mut head).unwrap();
    assert_eq!(head, [7; 20_000]);

    let outside = |pack, first| {
        let extents = vec![reference::Extent { pack, first, blocks: 4 }];
        Reference { extents, length: 10_000 }.encode()
    };
    for blob in [outside(1, 1 << 20), outside(1, u32::MAX - 4), outside(77, 0)] {
        assert!(matches!(get(&blobs, &blob), Err(EngineError::Corrupt { .. })));
        blobs.delete(&blob).unwrap(); // nothing there: as good as deleted
    }
    drop(blobs);
    std::fs::remove_file(&file).unwrap();
    let blobs = store(folder.path());
    assert!(matches!(get(&blobs, &blob), Err(EngineError::Corrupt { .. })));
    blobs.delete(&blob).unwrap();
}

#[test]
fn foreign_files_are_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let names = ["pack-1", "pack-0000000G", "pack-000000001", "notes"];
    names.iter().for_each(|name| std::fs::write(folder.path().join(name), b"").unwrap());
    let blobs = store(folder.path());
    put(&blobs, &[1; 10]);
    drop(blobs);
    drop(store(folder.path()));
    assert_eq!(packs(folder.path()).len(), names.len() + 1);
}

#[test]
fn a_failure_other_than_a_full_disk_poisons() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = store(folder.path());
    let kept = put(&blobs, &vec![2; 60 * BLOCK as usize]);
    std::fs::create_dir(folder.path().join("pack-00000002")).unwrap();
    let mut writer = blobs.create(None).unwrap();
    assert!(matches!(writer.reserve(1 << 20), Err(EngineError::Io { .. })));
    assert!(matches!(writer.reserve(1), Err(EngineError::Poisoned { .. })));
    assert!(matches!(get(&blobs, &kept), Err(EngineError::Poisoned { .. })));
    assert!(matches!(blobs.delete(&kept), Err(EngineError::Poisoned { .. })));
    assert!(blobs.create(None).is_err());
}

#[test]
fn a_second_opener_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let blobs = store(folder.path());
    assert!(matches!(PackBlobs::open(folder.path()), Err(EngineError::InUse { .. })));
    blobs.close().unwrap();
    assert!(PackBlobs::open(folder.path()).is_ok());
}

#[test]
fn a_folder_that_cannot_be_made_is_an_error() {
    assert!(matches!(PackBlobs::open(&PathBuf::from("/proc/none/blobs")), Err(EngineError::Io { .. })));
}
