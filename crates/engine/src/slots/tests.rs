use std::os::unix::fs::FileExt;

use proptest::prelude::*;

use super::*;
use crate::PAGE_SIZE;

const VAULT: [u8; 16] = [7; 16];

fn page(id: u64, fill: u8) -> (PageId, Box<RawPage>) {
    // The home block is spread as random ids spread it.
    let mut name = [0; 12];
    name[..8].copy_from_slice(&id.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    name[8..].copy_from_slice(&(id as u32).to_be_bytes());
    let mut bytes = Box::new([fill; PAGE_SIZE]);
    bytes[..4].copy_from_slice(b"OP\x01\x03");
    bytes[4..16].copy_from_slice(&name);
    (name, bytes)
}

fn put(store: &SlotFile, range: std::ops::Range<u64>, fill: u8) {
    let pages: Vec<_> = range.map(|n| page(n, fill)).collect();
    let refs: Vec<_> = pages.iter().map(|(id, bytes)| (*id, &**bytes)).collect();
    store.write(&refs).unwrap();
}

fn flip(path: &Path, offset: u64) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x40], offset).unwrap();
}

#[test]
fn grows_and_keeps_every_page() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pages.slots");
    let store = SlotFile::create(&path, &VAULT, 1).unwrap();
    for from in (0..2000).step_by(50) {
        put(&store, from..from + 50, 9);
    }
    for n in 0..2000 {
        let (id, bytes) = page(n, 9);
        assert_eq!(store.read(&id).unwrap().unwrap(), bytes);
    }
    assert_eq!(store.read(&page(2001, 9).0).unwrap(), None);
    let blocks = store.table().blocks();
    assert!(2000 * 10 <= blocks * 4 * 7, "2000 pages in {blocks} blocks are more than 70 %");
    assert!(!beside(&path).exists());
}

#[test]
fn removed_slots_are_used_again_so_that_churn_does_not_grow_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pages.slots");
    let store = SlotFile::create(&path, &VAULT, 64).unwrap();
    put(&store, 0..60, 1);
    for old in (0..6000).step_by(60) {
        put(&store, old + 60..old + 120, 1);
        let ids: Vec<_> = (old..old + 60).map(|n| page(n, 1).0).collect();
        store.remove(&ids).unwrap();
    }
    assert_eq!(store.table().blocks(), 64);
    assert_eq!(sample(&store.table()).unwrap(), *store.fill.lock().unwrap());
}

#[test]
fn the_sample_of_a_large_table_is_close() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pages.slots");
    let store = SlotFile::create(&path, &VAULT, 3000).unwrap();
    put(&store, 0..6000, 1);
    let known = store.fill.lock().unwrap().used;
    assert_eq!(known, 6000);
    store.close().unwrap();
    drop(store);
    let again = SlotFile::open(&path, &VAULT).unwrap();
    let guess = again.fill.lock().unwrap().used;
    assert!(guess.abs_diff(known) < 400, "{guess}");
}

#[test]
fn a_left_over_of_an_interrupted_growth_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pages.slots");
    let store = SlotFile::create(&path, &VAULT, 4).unwrap();
    put(&store, 0..5, 3);
    drop(store);
    std::fs::write(beside(&path), b"half a file").unwrap();
    let store = SlotFile::open(&path, &VAULT).unwrap();
    assert!(!beside(&path).exists());
    assert!(store.read(&page(4, 3).0).unwrap().is_some());
}

#[test]
fn damaged_files_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pages.slots");
    let open = |vault: &[u8; 16]| SlotFile::open(&path, vault).err().map(|error| error.to_string());
    drop(SlotFile::create(&path, &VAULT, 4).unwrap());
    assert_eq!(open(&VAULT), None);
    assert!(SlotFile::create(&path, &VAULT, 4).is_err());
    assert!(open(&[8; 16]).unwrap().contains("another vault"));
    for offset in 0..72 {
        flip(&path, offset);
        let error = SlotFile::open(&path, &VAULT).err();
        assert!(
            matches!(error, Some(EngineError::Corrupt { .. } | EngineError::Format { .. })),
            "byte {offset}: {error:?}"
        );
        flip(&path, offset);
    }
    assert_eq!(open(&VAULT), None);
    let file = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    file.set_len(4096 * 3).unwrap();
    assert!(matches!(SlotFile::open(&path, &VAULT), Err(EngineError::Corrupt { .. })));
    file.set_len(10).unwrap();
    assert!(matches!(SlotFile::open(&path, &VAULT), Err(EngineError::Corrupt { .. })));
    std::fs::remove_file(&path).unwrap();
    assert!(matches!(SlotFile::open(&path, &VAULT), Err(EngineError::Io { .. })));
}

#[test]
fn a_second_opener_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pages.slots");
    let store = SlotFile::create(&path, &VAULT, 1).unwrap();
    assert!(matches!(SlotFile::open(&path, &VAULT), Err(EngineError::InUse { .. })));
    put(&store, 0..100, 1); // grown: the lock goes with the new file
    assert!(matches!(SlotFile::open(&path, &VAULT), Err(EngineError::InUse { .. })));
    store.close().unwrap();
    assert!(SlotFile::open(&path, &VAULT).is_ok(), "whoever still holds a closed store keeps nobody out");
}

#[test]
fn a_file_cut_under_a_running_store_poisons_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("pages.slots");
    let store = SlotFile::create(&path, &VAULT, 16).unwrap();
    put(&store, 0..20, 1);
    std::fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(4096).unwrap();
    assert!(matches!(store.read(&page(3, 1).0), Err(EngineError::Io { .. })));
    assert!(matches!(store.read(&page(3, 1).0), Err(EngineError::Poisoned { .. })));
    let (id, bytes) = page(50, 1);
    assert!(matches!(store.write(&[(id, &bytes)]), Err(EngineError::Poisoned { .. })));
    assert_eq!(store.ill().len(), 1);
}

#[test]
fn reads_find_acknowledged_pages_while_the_table_grows() {
    let folder = tempfile::tempdir().unwrap();
    let store = SlotFile::create(&folder.path().join("pages.slots"), &VAULT, 1).unwrap();
    let written = std::sync::atomic::AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                let mut looked = 0;
                loop {
                    let known = written.load(std::sync::atomic::Ordering::Acquire);
                    for n in looked % (known + 1)..known {
                        // The first thousand are removed as they age; the rest must be there.
                        if n >= 1000 {
                            assert_eq!(store.read(&page(n, 2).0).unwrap(), Some(page(n, 2).1));
                        }
                    }
                    looked += 37;
                    if known == 3000 {
                        break;
                    }
                }
            });
        }
        for from in (0..3000).step_by(100) {
            put(&store, from..from + 100, 2);
            written.store(from + 100, std::sync::atomic::Ordering::Release);
            if from < 1000 {
                store.remove(&(from..from + 100).map(|n| page(n, 2).0).collect::<Vec<_>>()).unwrap();
            }
        }
    });
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// Flipped bytes anywhere behind the header: never a panic, never a page under another id, and pages of untouched
    /// blocks stay readable.
    #[test]
    fn flipped_slots_harm_only_their_own_pages(offsets in prop::collection::vec(4096u64..4096 * 9, 1..20)) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.slots");
        let store = SlotFile::create(&path, &VAULT, 8).unwrap();
        put(&store, 0..20, 5);
        let before: Vec<_> = (0..20).map(|n| store.read(&page(n, 5).0).unwrap()).collect();
        prop_assert!(before.iter().all(Option::is_some));
        offsets.iter().for_each(|offset| flip(&path, *offset));
        let mut lost = 0;
        for n in 0..20 {
            let (id, bytes) = page(n, 5);
            match store.read(&id).unwrap() {
                None => lost += 1,
                Some(found) => {
                    prop_assert_eq!(&found[4..16], &id);
                    lost += usize::from(found != bytes);
                }
            }
        }
        prop_assert!(lost <= offsets.len());
        // Mended as a mirror would: every page is whole again.
        put(&store, 0..20, 5);
        for n in 0..20 {
            let (id, bytes) = page(n, 5);
            prop_assert_eq!(store.read(&id).unwrap(), Some(bytes));
        }
        drop(store);
        SlotFile::open(&path, &VAULT).unwrap();
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A power cut during a write: of the 512-byte sectors that differ since the last sync, any subset reached the disk.
    /// Removals are not synced either, so they belong to what may be torn. Acknowledged pages stay as they were.
    #[test]
    fn a_torn_write_harms_no_acknowledged_page(
        rounds in prop::collection::vec((0u64..120, 1u64..30, 0u64..30), 1..6),
        seed in any::<u64>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pages.slots");
        let store = SlotFile::create(&path, &VAULT, 64).unwrap();
        let mut live = std::collections::BTreeSet::new();
        let mut synced = std::fs::read(&path).unwrap();
        for (n, (from, writes, removals)) in rounds.iter().enumerate() {
            let removed: Vec<u64> = live.iter().copied().take(*removals as usize).collect();
            store.remove(&removed.iter().map(|n| page(*n, 1).0).collect::<Vec<_>>()).unwrap();
            live.retain(|n| !removed.contains(n));
            put(&store, *from..from + writes, 1);

            let now = std::fs::read(&path).unwrap();
            prop_assert_eq!(now.len(), synced.len(), "grown: the test is about writes in place");
            let mut mix = seed ^ n as u64;
            let torn: Vec<u8> = now
                .chunks(512)
                .zip(synced.chunks(512))
                .flat_map(|(new, old)| {
                    mix = mix.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                    if mix >> 63 == 0 { new } else { old }.to_vec()
                })
                .collect();
            let image = folder.path().join("image.slots");
            std::fs::write(&image, torn).unwrap();
            let after = SlotFile::open(&image, &VAULT).unwrap();
            for n in &live {
                let (id, bytes) = page(*n, 1);
                prop_assert_eq!(after.read(&id).unwrap(), Some(bytes), "page {}", n);
            }
            live.extend(*from..from + writes);
            synced = now;
        }
    }
}
