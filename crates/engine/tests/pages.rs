//! What every page store must do, whatever it stores in: a model test with reopening, limits of the contract, concurrency.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod common;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;

use common::SmallDisk;
use oubliette_engine::{
    EngineError, KeyPlane, MemoryPages, Mirror, PAGE_SIZE, PageId, PageStore, RawPage, SledOptions,
    SledPages, SlotFile,
};
use proptest::prelude::*;

const VAULT: [u8; 16] = *b"a vault of tests";

/// Opens, or creates, the store of one kind in a folder.
type Open = fn(&Path) -> Arc<dyn PageStore>;

fn slot_file(folder: &Path) -> Arc<dyn PageStore> {
    let path = folder.join("pages.slots");
    let opened =
        if path.exists() { SlotFile::open(&path, &VAULT) } else { SlotFile::create(&path, &VAULT, 2) };
    Arc::new(opened.unwrap())
}

fn sled(folder: &Path) -> Arc<dyn PageStore> {
    Arc::new(SledPages::open(&folder.join("sled"), SledOptions::default()).unwrap())
}

fn mirror(folder: &Path) -> Arc<dyn PageStore> {
    Arc::new(Mirror::open(Ok(slot_file(folder)), Ok(sled(folder)), &folder.join("stale")).unwrap())
}

const PERSISTENT: &[(&str, Open)] = &[("slot file", slot_file), ("sled", sled), ("mirror", mirror)];

fn page(n: u16, fill: u8) -> (PageId, Box<RawPage>) {
    let mut id = [0; 12];
    id[..8].copy_from_slice(&u64::from(n).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    id[10..].copy_from_slice(&n.to_be_bytes());
    let mut page = Box::new([fill; PAGE_SIZE]);
    page[..4].copy_from_slice(b"OP\x01\x02");
    page[4..16].copy_from_slice(&id);
    (id, page)
}

#[derive(Debug, Clone)]
enum Step {
    Write(Vec<(u16, u8)>),
    Remove(Vec<u16>),
    Mend(u16, u8),
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let id = 0u16..400;
    prop_oneof![
        5 => prop::collection::vec((id.clone(), any::<u8>()), 0..40).prop_map(Step::Write),
        3 => prop::collection::vec(id.clone(), 0..40).prop_map(Step::Remove),
        1 => (id, any::<u8>()).prop_map(|(id, fill)| Step::Mend(id, fill)),
        1 => Just(Step::Reopen),
    ]
}

fn check(store: &dyn PageStore, model: &HashMap<u16, u8>) {
    for n in 0..400 {
        let expected = model.get(&n).map(|fill| page(n, *fill).1);
        assert_eq!(store.read(&page(n, 0).0).unwrap(), expected);
    }
    let mut ids = Vec::new();
    store.for_each_id(&mut |id| ids.push(id)).unwrap();
    ids.sort_unstable();
    let mut expected: Vec<_> = model.keys().map(|n| page(*n, 0).0).collect();
    expected.sort_unstable();
    assert_eq!(ids, expected);
    assert!(store.ill().is_empty());
}

fn run(mut store: Arc<dyn PageStore>, steps: &[Step], reopen: Option<&dyn Fn() -> Arc<dyn PageStore>>) {
    let mut model = HashMap::new();
    for step in steps {
        match step {
            Step::Write(writes) => {
                let pages: Vec<_> = writes.iter().map(|(n, fill)| page(*n, *fill)).collect();
                store.write(&pages.iter().map(|(id, page)| (*id, &**page)).collect::<Vec<_>>()).unwrap();
                model.extend(writes.iter().copied());
            }
            Step::Remove(ids) => {
                store.remove(&ids.iter().map(|n| page(*n, 0).0).collect::<Vec<_>>()).unwrap();
                model.retain(|n, _| !ids.contains(n));
            }
            Step::Mend(n, fill) => {
                let (id, page) = page(*n, *fill);
                for copy in 0..store.copies() {
                    store.mend(&id, copy, &page).unwrap();
                    assert_eq!(store.read_copy(&id, copy).unwrap(), Some(page.clone()));
                }
                assert_eq!(store.read_copy(&id, store.copies()).unwrap(), None);
                model.insert(*n, *fill);
            }
            Step::Reopen => {
                if let Some(reopen) = reopen {
                    store.close().unwrap();
                    store.close().unwrap();
                    drop(std::mem::replace(&mut store, Arc::new(MemoryPages::new())));
                    store = reopen();
                }
            }
        }
    }
    check(&*store, &model);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn behaves_as_a_map(steps in prop::collection::vec(step(), 1..30)) {
        run(Arc::new(MemoryPages::new()), &steps, None);
        for (_, open) in PERSISTENT {
            let folder = tempfile::tempdir().unwrap();
            run(open(folder.path()), &steps, Some(&|| open(folder.path())));
        }
    }
}

#[test]
fn a_large_call_is_stored_whole() {
    for (name, open) in PERSISTENT {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        let pages: Vec<_> = (0..3000).map(|n| page(n, 1)).collect();
        store.write(&pages.iter().map(|(id, page)| (*id, &**page)).collect::<Vec<_>>()).unwrap();
        drop(store); // no clean stop
        let store = open(folder.path());
        let mut seen = 0;
        store.for_each_id(&mut |_| seen += 1).unwrap();
        assert_eq!(seen, 3000, "{name}");
        store.remove(&pages.iter().map(|(id, _)| *id).collect::<Vec<_>>()).unwrap();
        assert_eq!(store.read(&pages[2999].0).unwrap(), None, "{name}");
    }
}

#[test]
fn a_closed_store_refuses_work() {
    for (name, open) in PERSISTENT {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        store.close().unwrap();
        let (id, page) = page(1, 1);
        assert!(store.read(&id).is_err(), "{name}");
        assert!(store.write(&[(id, &page)]).is_err(), "{name}");
        assert!(store.remove(&[id]).is_err(), "{name}");
    }
}

#[test]
fn readers_and_writers_on_many_threads() {
    for (name, open) in PERSISTENT {
        let folder = tempfile::tempdir().unwrap();
        let store = open(folder.path());
        std::thread::scope(|scope| {
            for thread in 0..4u16 {
                let store = &store;
                scope.spawn(move || {
                    for round in 0..10u16 {
                        let mine: Vec<_> =
                            (0..10).map(|n| page(thread * 1000 + round * 10 + n, thread as u8)).collect();
                        store
                            .write(&mine.iter().map(|(id, page)| (*id, &**page)).collect::<Vec<_>>())
                            .unwrap();
                        for (id, page) in &mine {
                            assert_eq!(store.read(id).unwrap().as_ref(), Some(page), "{name}");
                        }
                        store.remove(&[mine[0].0]).unwrap();
                    }
                });
            }
        });
        let mut seen = 0;
        store.for_each_id(&mut |_| seen += 1).unwrap();
        assert_eq!(seen, 4 * 10 * 9, "{name}");
    }
}

#[test]
fn a_full_disk_leaves_the_slot_file_usable() {
    let Some(disk) = SmallDisk::mount(8) else { return };
    let store = slot_file(disk.path());
    let mut kept = Vec::new();
    let failed = (0..10_000u16).find_map(|n| {
        let (id, page) = page(n, 4);
        let failed = store.write(&[(id, &page)]).err();
        if failed.is_none() {
            kept.push((id, page));
        }
        failed
    });
    assert!(matches!(failed, Some(EngineError::Io { .. })), "{failed:?}");
    assert!(kept.len() > 2000);
    assert_eq!(std::fs::read_dir(disk.path()).unwrap().count(), 1, "no half-built table stays");
    for (id, page) in &kept {
        assert_eq!(store.read(id).unwrap().as_ref(), Some(page));
    }
    // A deletion writes its new path, then its old pages go: with those removed there is room again.
    store.remove(&[kept[0].0, kept[1].0]).unwrap();
    let (id, page) = page(20_000, 5);
    store.write(&[(id, &page)]).unwrap();
    drop(store);
    let store = slot_file(disk.path());
    assert_eq!(store.read(&id).unwrap(), Some(page));
    assert_eq!(store.read(&kept[0].0).unwrap(), None);
}

fn whole(store: &dyn PageStore, pages: &[(PageId, Box<RawPage>)]) -> bool {
    (0..2).all(|n| pages.iter().all(|(id, page)| store.read_copy(id, n).unwrap().as_ref() == Some(page)))
}

/// Either copy's folder is deleted. It is not made anew in silence; when the operator asks for it, the other copy fills it, and a
/// process that dies in between changes nothing.
#[test]
fn a_lost_copy_is_rebuilt_when_asked_for() {
    for lost in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        let plane = KeyPlane::in_folder(folder.path(), VAULT, SledOptions::default());
        let pages: Vec<_> = (0..600).map(|n| page(n, 6)).collect();
        let mirror = plane.create().unwrap();
        mirror.write(&pages.iter().map(|(id, page)| (*id, &**page)).collect::<Vec<_>>()).unwrap();
        mirror.close().unwrap();
        drop(mirror);
        std::fs::remove_dir_all(if lost == 0 { &plane.a } else { &plane.b }).unwrap();

        let mirror = plane.open(&mut |_, _| {}).unwrap();
        assert_eq!(mirror.ill().len(), 1);
        assert_eq!(mirror.read(&pages[5].0).unwrap().as_ref(), Some(&pages[5].1));
        let (id, late) = page(5000, 1);
        mirror.write(&[(id, &late)]).unwrap();
        mirror.close().unwrap();
        drop(mirror);

        assert!(plane.recreate(1 - lost).is_err(), "the only whole copy is not given up");
        plane.recreate(lost).unwrap();
        plane.recreate(lost).unwrap();
        let mut seen = Vec::new();
        let mirror = plane.open(&mut |done, all| seen.push((done, all))).unwrap();
        assert_eq!(seen.last(), Some(&(601, 601)));
        assert!(mirror.ill().is_empty() && !plane.note.exists());
        assert!(whole(&mirror, &pages) && whole(&mirror, &[(id, late)]));
    }
}

/// The disk of one copy was away for a while and comes back with what it had.
#[test]
fn a_copy_that_was_away_is_brought_up_to_date() {
    for away in [0, 1] {
        let folder = tempfile::tempdir().unwrap();
        let plane = KeyPlane::in_folder(folder.path(), VAULT, SledOptions::default());
        let put = |mirror: &Mirror, n| {
            let (id, page) = page(n, 2);
            mirror.write(&[(id, &page)]).unwrap();
        };
        let mirror = plane.create().unwrap();
        put(&mirror, 1);
        mirror.close().unwrap();
        drop(mirror);
        let place = if away == 0 { &plane.a } else { &plane.b };
        let elsewhere = folder.path().join("elsewhere");
        std::fs::rename(place, &elsewhere).unwrap();
        let mirror = plane.open(&mut |_, _| {}).unwrap();
        put(&mirror, 2);
        mirror.close().unwrap();
        drop(mirror);
        let _ = std::fs::remove_dir_all(place);
        std::fs::rename(&elsewhere, place).unwrap();
        let mirror = plane.open(&mut |_, _| {}).unwrap();
        assert!(mirror.ill().is_empty());
        assert!(whole(&mirror, &[page(1, 2), page(2, 2)]));
    }
}

#[test]
fn damaged_copies_leave_the_plane_readable() {
    let folder = tempfile::tempdir().unwrap();
    let plane = KeyPlane::in_folder(folder.path(), VAULT, SledOptions::default());
    let mirror = plane.create().unwrap();
    assert!(plane.create().is_err());
    let (id, bytes) = page(7, 7);
    mirror.write(&[(id, &bytes)]).unwrap();
    drop(mirror); // no clean stop
    let slots = plane.a.join("pages.slots");
    std::fs::OpenOptions::new().write(true).open(&slots).unwrap().set_len(5000).unwrap();
    let mirror = plane.open(&mut |_, _| {}).unwrap();
    assert_eq!(mirror.ill().len(), 1);
    assert_eq!(mirror.read(&id).unwrap().as_ref(), Some(&bytes));
    drop(mirror);
    plane.recreate(0).unwrap();
    assert!(plane.a.join("pages.slots.damaged").exists());
    assert!(whole(&plane.open(&mut |_, _| {}).unwrap(), &[(id, bytes)]));
    let other = KeyPlane { vault: [9; 16], ..plane.clone() };
    assert!(matches!(other.open(&mut |_, _| {}), Err(EngineError::Format { .. })));
    let running = plane.open(&mut |_, _| {}).unwrap();
    assert!(matches!(plane.open(&mut |_, _| {}), Err(EngineError::InUse { .. })));
    assert!(running.ill().is_empty() && !plane.note.exists());
    drop(running);
    std::fs::remove_dir_all(&plane.a).unwrap();
    std::fs::remove_dir_all(&plane.b).unwrap();
    assert!(plane.open(&mut |_, _| {}).is_err());
    assert!(plane.recreate(0).is_err());
}

/// sled's recovery after an unclean stop may lose pages without a word, so the slot file is asked what should be there.
#[test]
fn what_sled_loses_in_an_unclean_stop_is_brought_back() {
    let folder = tempfile::tempdir().unwrap();
    let plane = KeyPlane::in_folder(folder.path(), VAULT, SledOptions::default());
    let pages: Vec<_> = (0..300).map(|n| page(n, 3)).collect();
    let mirror = plane.create().unwrap();
    mirror.write(&pages.iter().map(|(id, page)| (*id, &**page)).collect::<Vec<_>>()).unwrap();
    mirror.close().unwrap();
    drop(mirror);
    let sled = SledPages::open(&plane.b, SledOptions::default()).unwrap();
    assert!(!sled.was_unclean());
    sled.remove(&pages[10..20].iter().map(|(id, _)| *id).collect::<Vec<_>>()).unwrap();
    sled.write(&[(pages[0].0, &pages[0].1)]).unwrap();
    drop(sled); // no clean stop
    let mirror = plane.open(&mut |_, _| {}).unwrap();
    assert!(mirror.ill().is_empty() && !plane.note.exists());
    assert!(whole(&mirror, &pages));
}

/// How many pages there are, copy `a` says: nothing reads them all at every opening.
#[test]
fn a_bloated_copy_b_is_made_small_at_open() {
    let folder = tempfile::tempdir().unwrap();
    let options = SledOptions { compact_over: 1 << 20, ..SledOptions::default() };
    let plane = KeyPlane::in_folder(folder.path(), VAULT, options);
    let mirror = plane.create().unwrap();
    for fill in 0..4 {
        let pages: Vec<_> = (0..1500).map(|n| page(n, fill)).collect();
        mirror.write(&pages.iter().map(|(id, page)| (*id, &**page)).collect::<Vec<_>>()).unwrap();
    }
    mirror.remove(&(100..1500).map(|n| page(n, 0).0).collect::<Vec<_>>()).unwrap();
    let left: Vec<_> = (0..100).map(|n| page(n, 3)).collect();
    let size = || {
        let folder = std::fs::read_dir(&plane.b).unwrap().flatten().find(|entry| entry.path().is_dir());
        std::fs::metadata(folder.unwrap().path().join("db")).unwrap().len()
    };
    mirror.close().unwrap();
    drop(mirror);
    let before = size();
    let mirror = plane.open(&mut |_, _| {}).unwrap();
    assert!(whole(&mirror, &left) && mirror.read(&page(100, 0).0).unwrap().is_none());
    mirror.close().unwrap();
    drop(mirror);
    assert!(size() < before / 2, "{} of {before}", size());
}
