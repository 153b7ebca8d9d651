//! Saves: versions, conditions, ranges, broken uploads, forgetting.

use std::sync::mpsc::channel;

use oubliette_store::{Condition, Page, PutOptions, VaultError};
use proptest::prelude::*;

use crate::world::{Breaks, Stalls, World, get, noise, person, put, read, try_put};

#[test]
fn versions_count_up_and_are_never_used_again() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    let first = put(&ann, "one", b"first");
    assert!(first.new_slot && first.version == 1 && first.size == 5);
    assert_eq!(first.etag(), format!("\"1-{}\"", first.tag));
    assert_eq!(first.tag.len(), 4);
    let second = put(&ann, "one", b"second");
    assert!(!second.new_slot && second.version == 2);
    assert_eq!(get(&ann, "one", None).unwrap(), b"second");
    assert_eq!(get(&ann, "one", Some(1)).unwrap(), b"first");

    ann.saves().forget_version("doom", "one", 2).unwrap();
    assert_eq!(get(&ann, "one", None).unwrap(), b"first");
    assert!(matches!(get(&ann, "one", Some(2)), Err(VaultError::NotFound { .. })));
    assert_eq!(put(&ann, "one", b"third").version, 3);
    let versions = ann.saves().versions("doom", "one", &Page::default()).unwrap();
    assert_eq!(versions.items.iter().map(|v| v.version).collect::<Vec<_>>(), [3, 1]);

    drop((ann, vault));
    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    ann.saves().forget_version("doom", "one", 3).unwrap();
    assert_eq!(put(&ann, "one", b"fourth").version, 4);
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

#[test]
fn a_forgotten_slot_takes_its_name_along() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    put(&ann, "one", &noise(300_000, 1));
    put(&ann, "two", b"x");
    ann.saves().forget_slot("doom", "one").unwrap();
    assert!(matches!(get(&ann, "one", None), Err(VaultError::NotFound { .. })));
    assert!(matches!(ann.saves().forget_slot("doom", "one"), Err(VaultError::NotFound { .. })));
    let slots = ann.saves().list(None, &Page::default()).unwrap().items;
    assert_eq!(slots.iter().map(|s| s.latest.slot.as_str()).collect::<Vec<_>>(), ["two"]);
    assert_eq!(world.rows().len(), 2, "meta and item of the other slot");
    assert_eq!(world.blobs.disk_bytes().unwrap(), 0);
    assert!(put(&ann, "one", b"again").new_slot);
}

#[test]
fn conditions_are_judged_against_the_newest_version() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    let with = |condition| PutOptions { condition: Some(condition), ..PutOptions::default() };
    let conflict = |result: Result<_, VaultError>| match result {
        Err(VaultError::VersionConflict { current }) => current.map(|current| current.version),
        other => panic!("{other:?}"),
    };
    assert_eq!(conflict(try_put(&ann, "one", &with(Condition::Version(1, None)), b"x")), None);
    let first = try_put(&ann, "one", &with(Condition::Absent), b"a").unwrap();
    assert_eq!(conflict(try_put(&ann, "one", &with(Condition::Absent), b"b")), Some(1));
    let second = try_put(&ann, "one", &with(Condition::Version(1, Some(first.tag.clone()))), b"b").unwrap();
    assert_eq!(conflict(try_put(&ann, "one", &with(Condition::Version(1, None)), b"c")), Some(2));
    assert_eq!(
        conflict(try_put(&ann, "one", &with(Condition::Version(2, Some("zzzz".into()))), b"c")),
        Some(2)
    );
    assert_eq!(try_put(&ann, "one", &with(Condition::None), b"c").unwrap().version, second.version + 1);
}

#[test]
fn of_many_conditional_writers_one_wins() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    let wins: usize = std::thread::scope(|scope| {
        let put = |n: usize| {
            let options = PutOptions { condition: Some(Condition::Absent), ..PutOptions::default() };
            try_put(&ann, "one", &options, &noise(if n < 4 { 10 } else { 9000 }, n as u64)).is_ok()
        };
        let threads: Vec<_> = (0..8).map(|n| scope.spawn(move || put(n))).collect();
        threads.into_iter().map(|t| usize::from(t.join().unwrap())).sum()
    });
    assert_eq!(wins, 1);
}

#[test]
fn unconditional_writers_all_land_in_one_slot() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    let mut versions: Vec<u64> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|n| {
                let ann = ann.clone();
                scope.spawn(move || {
                    (0..5).map(|i| put(&ann, "one", &noise(n * 1000, i)).version).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|t| t.join().unwrap()).collect()
    });
    versions.sort_unstable();
    assert_eq!(versions, (1..=40).collect::<Vec<_>>());
    assert_eq!(ann.saves().list(None, &Page::default()).unwrap().items[0].versions, 40);
}

#[test]
fn a_broken_upload_leaves_nothing() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    put(&ann, "old", b"x");
    let before = world.rows();
    for length in [0, 100, 5_000, 3_000_000] {
        let result = ann.saves().put("doom", "new", &PutOptions::default(), &mut Breaks(length));
        assert!(matches!(result, Err(VaultError::Upload(_))), "{length}");
    }
    for (announced, sent) in [(10, 9), (10, 11), (500_000, 499_999), (500_000, 500_001)] {
        let options = PutOptions { expected_len: Some(announced), ..PutOptions::default() };
        assert!(matches!(try_put(&ann, "new", &options, &noise(sent, 1)), Err(VaultError::Upload(_))));
    }
    assert_eq!(world.rows(), before);
    assert_eq!(world.blobs.disk_bytes().unwrap(), 0);
    assert!(matches!(get(&ann, "new", None), Err(VaultError::NotFound { .. })));
    assert_eq!(ann.saves().list(None, &Page::default()).unwrap().items.len(), 1);
    assert!(put(&ann, "new", b"y").new_slot);
}

#[test]
fn what_is_not_allowed_is_refused_by_name() {
    let (mut world, vault) = World::new();
    drop(vault);
    world.max_save = 100_000;
    let vault = world.open();
    let ann = person(&vault, "ann");
    let field = |result: Result<_, VaultError>| match result {
        Err(VaultError::Invalid { field, .. }) => field,
        other => panic!("{:?}", other.map(|_: oubliette_store::SaveInfo| ())),
    };
    let saves = ann.saves();
    let long = "x".repeat(257);
    let none = PutOptions::default();
    assert_eq!(field(saves.put("", "s", &none, &mut [].as_slice())), "game");
    assert_eq!(field(saves.put("g", &long, &none, &mut [].as_slice())), "slot");
    let meta = |meta: &str| PutOptions { meta: Some(meta.to_owned()), ..PutOptions::default() };
    assert_eq!(field(saves.put("g", "s", &meta("{"), &mut [].as_slice())), "meta");
    assert_eq!(
        field(saves.put("g", "s", &meta(&format!("\"{}\"", "m".repeat(4095))), &mut [].as_slice())),
        "meta"
    );
    for options in [none, PutOptions { expected_len: Some(100_001), ..PutOptions::default() }] {
        let result = try_put(&ann, "big", &options, &noise(100_001, 3));
        assert!(matches!(result, Err(VaultError::TooLarge { limit: 100_000, .. })));
    }
    assert!(try_put(&ann, "big", &PutOptions::default(), &noise(100_000, 3)).is_ok());
    assert!(matches!(vault.subject(&long), Err(VaultError::Invalid { field: "user", .. })));
    assert!(matches!(
        saves.list(None, &Page { cursor: Some("?".into()), limit: None }),
        Err(VaultError::Invalid { .. })
    ));
    assert!(matches!(
        saves.list(None, &Page { cursor: None, limit: Some(0) }),
        Err(VaultError::Invalid { .. })
    ));
}

#[test]
fn facts_longer_than_a_row_come_back() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    let options = PutOptions {
        meta: Some(format!("\"{}\"", "\\u0001".repeat(600))),
        content_type: Some("t".repeat(256)),
        ..PutOptions::default()
    };
    for content in [b"small".to_vec(), noise(200_000, 9), Vec::new()] {
        let info = try_put(&ann, "one", &options, &content).unwrap();
        let found = ann.saves().info("doom", "one", Some(info.version)).unwrap();
        assert_eq!((found.meta, found.content_type), (options.meta.clone(), options.content_type.clone()));
        assert_eq!(get(&ann, "one", None).unwrap(), content);
    }
    assert!(world.rows().iter().all(|(_, row)| row.len() <= 4096));
}

#[test]
fn slots_are_listed_in_pages() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    for slot in 0..7 {
        put(&ann, &format!("s{slot}"), b"x");
        ann.saves().put("quake", &format!("s{slot}"), &PutOptions::default(), &mut b"y".as_slice()).unwrap();
    }
    let mut page = Page { limit: Some(3), cursor: None };
    let mut names = Vec::new();
    loop {
        let listed = ann.saves().list(Some("quake"), &page).unwrap();
        assert!(
            listed.items.len() <= 3
                && listed.items.iter().all(|s| s.latest.game == "quake" && s.versions == 1)
        );
        names.extend(listed.items.into_iter().map(|s| s.latest.slot));
        let Some(cursor) = listed.next_cursor else { break };
        page.cursor = Some(cursor);
    }
    names.sort();
    assert_eq!(names, (0..7).map(|n| format!("s{n}")).collect::<Vec<_>>());

    for _ in 0..4 {
        put(&ann, "s0", b"again");
    }
    let first = ann.saves().versions("doom", "s0", &Page { limit: Some(3), cursor: None }).unwrap();
    let second =
        ann.saves().versions("doom", "s0", &Page { limit: Some(3), cursor: first.next_cursor }).unwrap();
    let versions: Vec<u64> = first.items.iter().chain(&second.items).map(|v| v.version).collect();
    assert_eq!((versions, second.next_cursor), (vec![5, 4, 3, 2, 1], None));
}

#[test]
fn a_slot_forgotten_during_an_upload_cancels_it() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    put(&ann, "one", b"x");
    let (go, wait) = channel::<()>();
    let (reading, started) = channel::<()>();
    std::thread::scope(|scope| {
        let upload = ann.clone();
        let upload = scope.spawn(move || {
            upload.saves().put("doom", "one", &PutOptions::default(), &mut Stalls::new(wait, reading))
        });
        started.recv().unwrap();
        // Returns although the sender is silent: no key waits for it.
        ann.saves().forget_slot("doom", "one").unwrap();
        go.send(()).unwrap();
        assert!(matches!(upload.join().unwrap(), Err(VaultError::Forgotten)));
    });
    assert_eq!(world.rows().len(), 0);
    assert_eq!(world.blobs.disk_bytes().unwrap(), 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn ranges_equal_slices(
        length in prop_oneof![0usize..5_000, 16_300usize..16_500, 130_000usize..400_000],
        flat: bool, compress: bool, cuts in proptest::collection::vec((0.0f64..1.0, 0.0f64..1.0), 8),
    ) {
        let (mut world, vault) = World::new();
        drop(vault);
        world.compress = compress;
        let vault = world.open();
        let ann = person(&vault, "ann");
        let mut content = noise(length, length as u64);
        if flat {
            content.iter_mut().skip(length / 3).take(length / 2).for_each(|byte| *byte = 3);
        }
        put(&ann, "one", &content);
        prop_assert_eq!(get(&ann, "one", None).unwrap(), content.clone());
        for (a, b) in cuts {
            let (a, b) = ((a * length as f64) as u64, (b * length as f64) as u64 + 1);
            let (from, to) = (a.min(b), a.max(b).min(length as u64));
            let mut reader = ann.saves().get("doom", "one", None).unwrap();
            if from >= length as u64 && length > 0 || from > to {
                let refused = matches!(reader.range(from, to), Err(VaultError::RangeUnsatisfiable { .. }));
                prop_assert!(refused);
            } else {
                reader.range(from, to).unwrap();
                prop_assert_eq!(read(reader).unwrap(), &content[from as usize..to as usize]);
            }
        }
        let mut reader = ann.saves().get("doom", "one", None).unwrap();
        prop_assert!(reader.range(0, length as u64 + 1).is_err());
    }
}

#[test]
fn everything_may_be_used_from_any_thread() {
    fn any_thread<T: Send + Sync>() {}
    any_thread::<oubliette_store::Vault>();
    any_thread::<oubliette_store::Subject>();
    fn one_thread<T: Send>() {}
    one_thread::<oubliette_store::SaveReader>();
}
