//! How long things are kept: not shorter than the law wants it, not longer than was promised, and by a time that no jump of the clock hurries.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use oubliette_crypto::VaultId;
use oubliette_engine::{MemoryBlobs, MemoryEngine, MemoryPages};
use oubliette_keyring::{Keyring, KeyringOptions, MemoryCell, MemoryLedger};
use oubliette_store::{
    Clock, ConsentGiven, Deletion, NewHold, Page, Parts, Policy, RecordOptions, RecordRule, Retention,
    Steady, SteamFields, Subject, Vault, VaultError, VaultOptions,
};

use crate::world::{World, get, person, put, text, texts};

const DAY: u64 = 24 * 3600 * 1_000_000;

fn least(days: u32) -> Retention {
    Retention { minimum_days: Some(days), ..Retention::default() }
}

fn most(days: u32) -> Retention {
    Retention { maximum_days: Some(days), ..Retention::default() }
}

fn orders(retention: Retention) -> Policy {
    let rule = RecordRule { retention, ..RecordRule::default() };
    Policy { records: [("orders".to_owned(), rule)].into(), ..Policy::default() }
}

fn record(subject: &Subject, purpose: &str, id: &str) {
    subject.records().put(purpose, id, &RecordOptions::default(), &mut &b"shoes"[..]).unwrap();
}

fn tidy(vault: &Vault) {
    for _ in 0..3 {
        while vault.sweep(1000).unwrap().left > 0 {}
    }
}

/// Deleted before its time: nobody reads it any more; cut when the time is over; and nothing but a number is left.
#[test]
fn promise_the_shortest_legal_retention_keeps_what_is_deleted_unread_and_then_forgets_it() {
    let policy = Policy { saves: least(30), chat: least(10), ..orders(least(60)) };
    let (world, vault) = World::of(policy, None);
    let ann = person(&vault, "ann");
    person(&vault, "bob");
    put(&ann, "one", b"old");
    world.advance(20 * DAY);
    put(&ann, "one", b"new");
    ann.chats().append("bob", &[text("hello")]).unwrap();
    record(&ann, "orders", "1");
    // The law counts from the day on which it was stored.
    let until = ann.kept_until().unwrap().unwrap();
    assert_eq!(until, 1_700_000_000_000_000 + 80 * DAY);
    world.advance(5 * DAY);
    let rows = world.rows();
    assert_eq!(ann.saves().forget_version("doom", "one", 1).unwrap(), Deletion::Blocked);
    assert_eq!(ann.saves().forget_slot("doom", "one").unwrap(), Deletion::Blocked);
    assert_eq!(ann.chats().forget_side("bob").unwrap(), Deletion::Blocked);
    assert_eq!(ann.records().forget("orders", "1").unwrap(), Deletion::Blocked);
    let unread = |ann: &Subject| {
        assert!(matches!(get(ann, "one", None), Err(VaultError::NotFound { .. })));
        assert!(texts(ann, "bob").is_empty());
        assert!(matches!(ann.records().info("orders", "1"), Err(VaultError::NotFound { .. })));
    };
    unread(&ann);
    let left = |vault: &Vault| {
        tidy(vault);
        rows.iter().filter(|row| world.rows().contains(row)).count()
    };
    assert_eq!(left(&vault), rows.len());
    // The first version's thirty days are over, the second one's are not: the row of the first, noise by now, goes with the slot.
    world.advance(6 * DAY);
    assert_eq!(left(&vault), rows.len() - 2, "the message and the name of the conversation");
    drop((ann, vault));
    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    unread(&ann);
    world.advance(20 * DAY);
    assert_eq!(left(&vault), rows.len() - 5, "the slot");
    world.advance(40 * DAY);
    assert_eq!(left(&vault), rows.len() - 6, "the record; the name of its purpose stays");
    assert_eq!(ann.kept_until().unwrap(), None);
    let forgotten = vault.status().unwrap().forgotten;
    assert_eq!(
        forgotten.iter().map(|(class, n)| (*class, *n)).filter(|(_, n)| *n > 0).collect::<Vec<_>>(),
        [("saves", 2), ("records", 1)]
    );
}

/// A second deletion, of more, must not cut early what a first one promised to keep.
#[test]
fn what_waits_is_not_cut_early_by_a_deletion_of_more() {
    let policy = Policy { saves: least(30), chat: least(30), ..orders(least(30)) };
    let (world, vault) = World::of(policy, None);
    let ann = person(&vault, "ann");
    person(&vault, "bob");
    put(&ann, "one", b"old");
    world.advance(40 * DAY);
    put(&ann, "one", b"new");
    let sent = ann.chats().append("bob", &[text("hello")]).unwrap();
    record(&ann, "orders", "1");
    let until = ann.kept_until().unwrap();
    assert_eq!(ann.saves().forget_version("doom", "one", 2).unwrap(), Deletion::Blocked);
    assert_eq!(ann.saves().forget_slot("doom", "one").unwrap(), Deletion::Blocked);
    assert_eq!(ann.chats().forget_message("bob", &sent[0].id).unwrap(), Deletion::Blocked);
    assert_eq!(ann.chats().forget_side("bob").unwrap(), Deletion::Blocked);
    assert_eq!(ann.records().forget("orders", "1").unwrap(), Deletion::Blocked);
    assert_eq!(ann.kept_until().unwrap(), until, "the law still wants it");
    world.advance(31 * DAY);
    tidy(&vault);
    assert_eq!(ann.kept_until().unwrap(), None);
}

#[test]
fn what_is_old_enough_is_erased_at_once() {
    let (world, vault) = World::of(Policy { saves: least(30), ..Policy::default() }, None);
    let ann = person(&vault, "ann");
    put(&ann, "one", b"old");
    world.advance(30 * DAY - 1_000_000);
    assert_eq!(ann.saves().forget_version("doom", "one", 1).unwrap(), Deletion::Blocked);
    put(&ann, "two", b"old");
    world.advance(30 * DAY);
    assert_eq!(ann.saves().forget_slot("doom", "two").unwrap(), Deletion::Erased);
}

/// Each class by its own age, each record by its purpose; what is newer stays; a hold delays it.
#[test]
fn promise_nothing_is_kept_longer_than_its_time() {
    let mut policy = Policy { saves: most(10), chat: most(20), credentials: most(30), ..orders(most(15)) };
    policy.records.insert("posts".to_owned(), RecordRule::default());
    let (world, vault) = World::of(policy, None);
    let people: Vec<Subject> = ["ann", "bob"].iter().map(|user| person(&vault, user)).collect();
    let mut handle = Vec::new();
    // Bob first: the first row is his.
    for ann in people.iter().rev() {
        ann.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
        handle = if handle.is_empty() { world.rows()[0].0[..16].to_vec() } else { handle };
        put(ann, "one", b"old");
        put(ann, "two", &vec![7; 9_000]);
        let fields = SteamFields([("password".to_owned(), "x".to_owned())].into());
        ann.credentials().set_steam("acc", fields).unwrap();
        record(ann, "orders", "1");
        record(ann, "posts", "1");
    }
    let (ann, bob) = (&people[0], &people[1]);
    let bobs = || world.rows().iter().filter(|(key, _)| key[..16] == handle).count();
    ann.chats().append("bob", &[text("old")]).unwrap();
    world.advance(8 * DAY);
    put(ann, "one", b"new");
    record(ann, "orders", "2");
    ann.chats().append("bob", &[text("new")]).unwrap();
    bob.holds().place("a", &NewHold::default()).unwrap();
    let shows = |subject: &Subject| {
        let slots = subject.saves().list(None, &Page::default()).unwrap().items;
        let versions = slots.iter().map(|slot| slot.versions).sum::<u64>();
        let records = subject.records().list(None, &Page::default()).unwrap().items.len();
        (versions, records, subject.credentials().list_steam().unwrap().len())
    };
    tidy(&vault);
    assert_eq!((shows(ann), shows(bob), texts(ann, "bob").len()), ((3, 3, 1), (2, 2, 1), 2));
    world.advance(3 * DAY); // 11
    let rows = bobs();
    tidy(&vault);
    assert_eq!((shows(ann), shows(bob)), ((1, 3, 1), (0, 2, 1)));
    assert_eq!(get(ann, "one", None).unwrap(), b"new");
    world.advance(5 * DAY); // 16
    tidy(&vault);
    assert_eq!((shows(ann), shows(bob)), ((1, 2, 1), (0, 1, 1)));
    world.advance(6 * DAY); // 22
    tidy(&vault);
    assert_eq!((shows(ann), texts(ann, "bob")), ((0, 2, 1), vec!["new".to_owned()]));
    world.advance(9 * DAY); // 31
    tidy(&vault);
    assert_eq!((shows(ann), shows(bob)), ((0, 1, 0), (0, 1, 0)));
    assert_eq!(bobs(), rows, "a held person's rows stay, unread");
    bob.holds().lift("a").unwrap();
    tidy(&vault);
    assert_eq!(bobs(), rows - 4, "two saves, an account, an order");
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

/// A wall clock that somebody sets, and the machine's counter, in microseconds.
struct Set {
    wall: AtomicU64,
    counted: AtomicU64,
}

impl Clock for Set {
    fn now_micros(&self) -> u64 {
        self.wall.load(Ordering::SeqCst)
    }
    fn steady(&self) -> Steady {
        Steady { boot: 1, seconds: (self.counted.load(Ordering::SeqCst) / 1_000_000) as u32 }
    }
}

impl oubliette_keyring::Clock for Set {
    fn now_micros(&self) -> i64 {
        Clock::now_micros(self) as i64
    }
    fn steady(&self) -> Steady {
        Clock::steady(self)
    }
}

impl Set {
    fn pass(&self, micros: u64) {
        self.wall.fetch_add(micros, Ordering::SeqCst);
        self.counted.fetch_add(micros, Ordering::SeqCst);
    }
}

#[test]
fn promise_a_jump_of_the_clock_deletes_nothing_early() {
    let start = 1_700_000_000_000_000;
    let clock = Arc::new(Set { wall: start.into(), counted: 0.into() });
    let options = KeyringOptions { clock: clock.clone(), ..KeyringOptions::default() };
    let cell = Arc::new(MemoryCell::new(VaultId::random().unwrap()));
    let ledger = Arc::new(MemoryLedger::new());
    let keyring = Keyring::create(Arc::new(MemoryPages::new()), vec![cell], ledger, options).unwrap();
    let parts = Parts {
        keyring: Arc::new(keyring),
        engine: Arc::new(MemoryEngine::new()),
        blobs: Arc::new(MemoryBlobs::new()),
    };
    let policy =
        Policy { saves: Retention { minimum_days: Some(5), maximum_days: Some(10) }, ..Policy::default() };
    let options = VaultOptions { clock: Some(clock.clone()), policy, ..VaultOptions::default() };
    let vault = Vault::from_parts(parts, options).unwrap();
    let ann = person(&vault, "ann");
    put(&ann, "one", b"x");
    put(&ann, "two", b"x");
    assert_eq!(ann.saves().forget_slot("doom", "two").unwrap(), Deletion::Blocked);
    assert!(doubts(&vault) == 0);

    // Ten years ahead: nothing is too old, nothing is due, and the operator is told.
    clock.wall.fetch_add(3650 * DAY, Ordering::SeqCst);
    tidy(&vault);
    assert_eq!((get(&ann, "one", None).unwrap(), vault.status().unwrap().rows), (b"x".to_vec(), 4));
    assert_eq!(doubts(&vault), 1);
    assert!(vault.status().unwrap().problems.iter().any(|problem| problem.contains("--trust-clock")));

    // Fifty years back: what is stored now does not look old when the clock is right again.
    clock.wall.store(100 * DAY, Ordering::SeqCst);
    put(&ann, "three", b"x");
    clock.wall.store(start, Ordering::SeqCst);
    tidy(&vault);
    assert_eq!(get(&ann, "three", None).unwrap(), b"x");

    // And time goes on as the counter counts.
    clock.pass(6 * DAY);
    tidy(&vault);
    assert_eq!((get(&ann, "one", None).unwrap(), vault.status().unwrap().rows), (b"x".to_vec(), 4));
    clock.pass(5 * DAY);
    tidy(&vault);
    assert!(matches!(get(&ann, "one", None), Err(VaultError::NotFound { .. })));
    assert!(doubts(&vault) == 0);

    // An operator who says that it is right is believed.
    put(&ann, "four", b"x");
    clock.wall.fetch_add(20 * DAY, Ordering::SeqCst);
    tidy(&vault);
    assert!(get(&ann, "four", None).is_ok() && doubts(&vault) == 1);
    vault.trust_clock().unwrap();
    tidy(&vault);
    assert!(get(&ann, "four", None).is_err() && doubts(&vault) == 0);
}

/// Warnings about the clock.
fn doubts(vault: &Vault) -> usize {
    vault.warnings().iter().filter(|warning| warning.what.contains("clock")).count()
}
