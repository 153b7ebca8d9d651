//! Quotas: what is refused, what is not, and that what is counted in memory is what is there.

use oubliette_store::{
    ConsentGiven, Keep, KeepRules, PutOptions, Quota, Quotas, SteamFields, Subject, VaultError,
};
use proptest::prelude::*;

use crate::world::{World, get, noise, person, put, text, try_put};

fn items(items: u64) -> Quota {
    Quota { items: Some(items), bytes: None }
}

fn bytes(bytes: u64) -> Quota {
    Quota { bytes: Some(bytes), items: None }
}

/// Class, what, used and limit of a refusal.
#[track_caller]
fn full<T>(result: Result<T, VaultError>) -> (&'static str, &'static str, u64, u64) {
    match result.map(drop) {
        Err(VaultError::QuotaExceeded { class, what, used, limit, .. }) => (class, what, used, limit),
        other => panic!("{other:?}"),
    }
}

fn used(subject: &Subject, class: &str) -> (u64, u64) {
    let usage = subject.info().unwrap().usage;
    usage.iter().find(|usage| usage.class == class).map_or((0, 0), |usage| (usage.items, usage.bytes))
}

fn store(subject: &Subject, slot: &str, content: &[u8]) -> Result<u64, VaultError> {
    try_put(subject, slot, &PutOptions::default(), content).map(|info| info.version)
}

#[test]
fn a_class_is_full_and_has_room_again() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    ann.set_quotas(&Quotas { saves: items(2), ..Quotas::default() }).unwrap();
    put(&ann, "one", b"1");
    put(&ann, "two", &noise(9000, 2));
    let before = world.rows();
    assert_eq!(full(store(&ann, "three", b"3")), ("saves", "items", 2, 2));
    assert_eq!(full(store(&ann, "one", &noise(9000, 3))), ("saves", "items", 2, 2));
    assert_eq!(world.rows(), before, "what was refused left nothing");
    ann.saves().forget_version("doom", "one", 1).unwrap();
    assert_eq!(store(&ann, "one", b"3").unwrap(), 2);
    full(store(&ann, "one", b"4"));
    ann.saves().forget_slot("doom", "two").unwrap();
    store(&ann, "one", b"4").unwrap();
    full(store(&ann, "one", b"5"));
    // Nobody else's quota, and none of another class.
    put(&person(&vault, "bob"), "one", b"1");
    ann.chats().append("bob", &[text("hi")]).unwrap();
    // The person's own limit goes, the vault's comes.
    ann.set_quotas(&Quotas::default()).unwrap();
    put(&ann, "one", b"5");
    drop((ann, vault));
    let mut world = world;
    world.quotas = Quotas { saves: items(4), chat: items(1), ..Quotas::default() };
    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    put(&ann, "one", b"6");
    assert_eq!(full(store(&ann, "one", b"7")), ("saves", "items", 4, 4));
    assert_eq!(full(ann.chats().append("bob", &[text("hi")])), ("chat", "items", 1, 1));
    ann.set_quotas(&Quotas { saves: items(5), ..Quotas::default() }).unwrap();
    assert_eq!(ann.info().unwrap().quotas, Quotas { saves: items(5), chat: items(1), ..Quotas::default() });
    put(&ann, "one", b"7");
    full(store(&ann, "one", b"8"));
}

#[test]
fn bytes_are_counted_as_they_are_stored() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    ann.set_quotas(&Quotas { saves: bytes(100_000), ..Quotas::default() }).unwrap();
    // A body is measured when it is sealed: zeros take next to nothing.
    put(&ann, "flat", &vec![0; 5_000_000]);
    put(&ann, "one", &noise(60_000, 1));
    let (class, what, before, limit) = full(store(&ann, "two", &noise(60_000, 2)));
    assert_eq!((class, what, limit), ("saves", "bytes", 100_000));
    assert_eq!((2, before), used(&ann, "saves"));
    assert_eq!(ann.saves().list(None, &Default::default()).unwrap().items.len(), 2);
    assert!(get(&ann, "two", None).is_err());
    ann.saves().forget_slot("doom", "one").unwrap();
    put(&ann, "two", &noise(60_000, 2));
    // All classes together.
    ann.set_quotas(&Quotas { total: bytes(90_000), ..Quotas::default() }).unwrap();
    assert_eq!(full(store(&ann, "three", &noise(30_000, 3))).0, "total");
    person(&vault, "bob");
    assert_eq!(full(ann.chats().append("bob", &[text(&"x".repeat(30_000))])).0, "total");
    ann.chats().append("bob", &[text("hi")]).unwrap();
}

/// What a person says about themselves is never refused, and a quota below what is there takes nothing away.
#[test]
fn no_quota_stands_in_the_way_of_rights() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    let bob = person(&vault, "bob");
    put(&ann, "one", b"1");
    ann.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
    let password = |word: &str| SteamFields([("password".to_owned(), word.to_owned())].into());
    ann.credentials().set_steam("acc", password("a")).unwrap();
    ann.set_quotas(&Quotas { total: bytes(0), credentials: items(1), ..Quotas::default() }).unwrap();
    assert_eq!(get(&ann, "one", None).unwrap(), b"1");
    full(store(&ann, "one", b"2"));
    ann.consents().give("other", &ConsentGiven::default()).unwrap();
    ann.set_follow_play(false).unwrap();
    ann.saves().set_keep("doom", "one", Keep { last: Some(1), days: None }).unwrap();
    bob.chats().append("ann", &[text("to you")]).unwrap();
    ann.set_quotas(&Quotas { credentials: items(1), ..Quotas::default() }).unwrap();
    // A replacement takes the place of what it replaces.
    ann.credentials().set_steam("acc", password("b")).unwrap();
    assert_eq!(full(ann.credentials().set_steam("other", password("c"))), ("credentials", "items", 1, 1));
    ann.consents().withdraw("steam_credentials").unwrap();
    ann.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
    ann.credentials().set_steam("other", password("c")).unwrap();
}

/// A record takes the place of what it replaces; another one is one too many.
#[test]
fn records_count_as_well() {
    let (mut world, vault) = World::new();
    world.policy.records.insert("orders".into(), Default::default());
    let vault = world.reopen(vault);
    let ann = person(&vault, "ann");
    ann.set_quotas(&Quotas { records: items(2), ..Quotas::default() }).unwrap();
    let put = |id: &str, content: &[u8]| {
        ann.records().put("orders", id, &Default::default(), &mut &*content).map(drop)
    };
    put("1", b"a").unwrap();
    put("2", &noise(9000, 1)).unwrap();
    put("2", &noise(9000, 2)).unwrap();
    assert_eq!(full(put("3", b"c")), ("records", "items", 2, 2));
    ann.records().forget("orders", "1").unwrap();
    put("3", b"c").unwrap();
    assert_eq!(used(&ann, "records").0, 2);
}

/// A full slot that keeps the last versions rolls on: what a version pushes out makes its room.
#[test]
fn a_rolling_slot_needs_no_room_beside_itself() {
    let (mut world, vault) = World::new();
    world.keep = KeepRules { all: Keep { last: Some(3), days: None }, ..KeepRules::default() };
    let vault = world.reopen(vault);
    let ann = person(&vault, "ann");
    ann.set_quotas(&Quotas { saves: items(3), ..Quotas::default() }).unwrap();
    for n in 0..8 {
        put(&ann, "one", &noise(if n % 2 == 0 { 9000 } else { 9 }, n));
    }
    assert_eq!(used(&ann, "saves").0, 3);
    full(store(&ann, "two", b"x"));
}

#[test]
fn of_many_writers_no_more_fit_than_there_is_room() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    ann.set_quotas(&Quotas { saves: items(5), ..Quotas::default() }).unwrap();
    let stored: usize = std::thread::scope(|scope| {
        let put =
            |n: usize| (0..4).filter(|i| store(&ann, &format!("s{n}"), &noise(n * 900, *i)).is_ok()).count();
        let threads: Vec<_> = (0..6).map(|n| scope.spawn(move || put(n))).collect();
        threads.into_iter().map(|t| t.join().unwrap()).sum()
    });
    assert_eq!((stored, used(&ann, "saves").0), (5, 5));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]
    /// The sums in memory follow every commit: at any time a write fits if and only if a scan says so.
    #[test]
    fn sums_are_what_a_scan_finds(steps in proptest::collection::vec((0u8..9, 0usize..3, 1usize..6), 1..30)) {
        let (_world, vault) = World::new();
        let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
        let limit = 60_000;
        ann.set_quotas(&Quotas { total: bytes(limit), ..Quotas::default() }).unwrap();
        put(&ann, "s0", b"counted from here on");
        for (n, (kind, slot, size)) in steps.into_iter().enumerate() {
            let name = format!("s{slot}");
            match kind {
                0..=4 => {
                    let before: u64 = ann.info().unwrap().usage.iter().map(|usage| usage.bytes).sum();
                    match store(&ann, &name, &noise(size * 2500, n as u64)) {
                        Ok(_) => {
                            let after: u64 = ann.info().unwrap().usage.iter().map(|usage| usage.bytes).sum();
                            prop_assert!(after > before && after <= limit);
                        }
                        Err(VaultError::QuotaExceeded { used, asked, .. }) => {
                            prop_assert_eq!(used, before);
                            prop_assert!(used + asked > limit);
                        }
                        Err(other) => panic!("{other}"),
                    }
                }
                5 => drop(ann.saves().forget_slot("doom", &name)),
                6 => drop(ann.chats().append("bob", &[text("words")])),
                7 => drop(ann.chats().forget_side("bob")),
                _ => drop(bob.chats().append("ann", &[text("other words")])),
            }
        }
    }
}
