//! Legal holds on every path to a deletion, and what a hold leaves to be seen.

use oubliette_engine::Batch;
use oubliette_store::{
    ConsentGiven, Deletion, ErasureOutcome, NewHold, Page, Policy, RecordOptions, RecordRule, SteamFields,
    Subject, SubjectFacts, Vault, VaultError,
};

use crate::world::{World, get, person, put, text, texts};

const HOUR: u64 = 3600 * 1_000_000;

fn policy() -> Policy {
    let orders = RecordRule { consent: Some("orders".to_owned()), ..RecordRule::default() };
    Policy { records: [("orders".to_owned(), orders)].into(), ..Policy::default() }
}

fn record(subject: &Subject, id: &str, content: &[u8]) {
    subject.records().put("orders", id, &RecordOptions::default(), &mut &*content).unwrap();
}

fn steam(subject: &Subject, account: &str, password: &str) {
    let fields = SteamFields([("password".to_owned(), password.to_owned())].into());
    subject.credentials().set_steam(account, fields).unwrap();
}

fn hold(subject: &Subject, id: &str) {
    let hold = NewHold { reason: Some("a court's order".to_owned()), expires: None };
    assert!(subject.holds().place(id, &hold).unwrap().1);
}

/// Somebody with something of everything.
fn ann(vault: &Vault) -> Subject {
    let ann = person(vault, "ann");
    person(vault, "bob");
    for purpose in ["steam_credentials", "orders"] {
        ann.consents().give(purpose, &ConsentGiven::default()).unwrap();
    }
    for n in 0..3 {
        put(&ann, "one", &[n; 10]);
        put(&ann, "two", &vec![n; 9_000]);
    }
    let said: Vec<_> = (0..4).map(|n| text(&n.to_string())).collect();
    ann.chats().append("bob", &said).unwrap();
    steam(&ann, "acc", "x");
    steam(&ann, "other", "x");
    record(&ann, "1", b"shoes");
    record(&ann, "2", b"hat");
    ann
}

fn facts(region: &str) -> SubjectFacts {
    SubjectFacts { region: Some(region.to_owned()), ..SubjectFacts::default() }
}

/// Each way to have something forgotten. None removes a row while a hold stands, each hides what it is about, and each takes effect at the release.
#[test]
fn promise_a_legal_hold_blocks_every_path_to_a_deletion() {
    type Path = (&'static str, fn(&Vault, &Subject) -> Deletion);
    let paths: [Path; 10] = [
        ("a version", |_, ann| ann.saves().forget_version("doom", "one", 2).unwrap()),
        ("a slot", |_, ann| ann.saves().forget_slot("doom", "two").unwrap()),
        ("a message", |_, ann| {
            let id = ann.chats().messages("bob", &Default::default()).unwrap().items[0].id.clone();
            ann.chats().forget_message("bob", &id).unwrap()
        }),
        ("messages through", |_, ann| {
            let id = ann.chats().messages("bob", &Default::default()).unwrap().items[1].id.clone();
            ann.chats().forget_through("bob", &id).unwrap()
        }),
        ("a side", |_, ann| ann.chats().forget_side("bob").unwrap()),
        ("an account", |_, ann| ann.credentials().forget_steam("acc").unwrap()),
        ("a record", |_, ann| ann.records().forget("orders", "1").unwrap()),
        ("a consent", |_, ann| ann.consents().withdraw("steam_credentials").unwrap()),
        ("a purpose", |_, ann| ann.consents().withdraw("orders").unwrap()),
        ("a child's content", |vault, _| {
            let child = SubjectFacts { birth_year: Some(2020), ..SubjectFacts::default() };
            vault.put_subject("ann", &child, false).unwrap();
            Deletion::Blocked
        }),
    ];
    for (what, path) in paths {
        let (world, vault) = World::of(policy(), None);
        let ann = ann(&vault);
        hold(&ann, "a");
        let rows = world.rows();
        assert_eq!(path(&vault, &ann), Deletion::Blocked, "{what}");
        let seen = see(&ann);
        let kept = |world: &World, vault: &Vault| {
            while vault.sweep(1000).unwrap().left > 0 {}
            let fsck = vault.fsck(true, &mut |_, _| ()).unwrap();
            assert!(fsck.faults.is_empty() && fsck.orphans == 0, "{what}: {fsck:?}");
            assert!(rows.iter().all(|row| world.rows().contains(row)), "{what}");
            assert!(matches!(vault.erase(&["ann"]).unwrap()[0], ErasureOutcome::Held), "{what}");
        };
        kept(&world, &vault);
        drop((ann, vault));
        let vault = world.open();
        kept(&world, &vault);
        let ann = vault.subject("ann").unwrap();
        assert_eq!(see(&ann), seen, "{what}: what is hidden stays so");

        ann.holds().lift("a").unwrap();
        assert_eq!(see(&ann), seen, "{what}");
        while vault.sweep(1000).unwrap().left > 0 {}
        assert!(!rows.iter().all(|row| world.rows().contains(row)), "{what}: nothing was removed");
        let fsck = vault.fsck(false, &mut |_, _| ()).unwrap();
        assert!(fsck.faults.is_empty() && fsck.orphans == 0, "{what}: {fsck:?}");
        assert!(matches!(vault.erase(&["ann"]).unwrap()[0], ErasureOutcome::Erased(_)));
    }
}

/// Everything that can be seen of somebody.
fn see(subject: &Subject) -> Vec<String> {
    let mut seen = Vec::new();
    for slot in subject.saves().list(None, &Page::default()).unwrap().items {
        let versions = subject.saves().versions("doom", &slot.latest.slot, &Page::default()).unwrap().items;
        seen.extend(versions.iter().map(|version| format!("{} {}", slot.latest.slot, version.version)));
    }
    seen.extend(texts(subject, "bob"));
    seen.extend(subject.credentials().list_steam().unwrap().into_iter().map(|account| account.account));
    let records = subject.records().list(None, &Page::default()).unwrap().items;
    seen.extend(records.into_iter().map(|record| record.id));
    seen
}

/// What takes the place of a value is stored; the former value stays, unread, as long as the hold.
#[test]
fn replaced_values_outlive_the_hold_and_no_longer() {
    let (world, vault) = World::of(policy(), None);
    let ann = ann(&vault);
    vault.put_subject("ann", &facts("one"), false).unwrap();
    hold(&ann, "a");
    let rows = world.rows();
    for n in 0..5 {
        vault.put_subject("ann", &facts(&n.to_string()), false).unwrap();
        steam(&ann, "acc", &n.to_string());
        record(&ann, "1", &[n]);
    }
    assert_eq!(ann.info().unwrap().region.as_deref(), Some("4"));
    assert!(rows.iter().all(|row| world.rows().contains(row)));
    let mut reader = ann.records().get("orders", "1").unwrap();
    assert_eq!(reader.next_chunk().unwrap().as_deref(), Some(&[4][..]));
    drop(reader);
    assert_eq!(ann.records().list(Some("orders"), &Page::default()).unwrap().items.len(), 2);
    let held = world.rows().len();
    ann.holds().lift("a").unwrap();
    while vault.sweep(1000).unwrap().left > 0 {}
    assert_eq!((held - world.rows().len(), rows.len()), (15, world.rows().len()));
}

#[test]
fn a_hold_expires_by_itself_and_names_and_reasons_are_kept() {
    let (world, vault) = World::of(policy(), None);
    let ann = ann(&vault);
    let now = 1_700_000_000_000_000;
    let place =
        |id: &str, expires| ann.holds().place(id, &NewHold { reason: Some("why".to_owned()), expires });
    assert!(matches!(place("", None), Err(VaultError::Invalid { field: "hold", .. })));
    assert!(matches!(place("a", Some(now)), Err(VaultError::Invalid { field: "expires", .. })));
    assert!(matches!(ann.holds().lift("a"), Err(VaultError::NotFound { what: "hold" })));
    assert!(place("a", Some(now + 5 * HOUR)).unwrap().1 && place("b", None).unwrap().1);
    assert!(!place("b", Some(now + 9 * HOUR + 1)).unwrap().1);
    let listed = ann.holds().list().unwrap();
    assert_eq!(listed.iter().map(|hold| hold.id.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(listed[0].reason.as_deref(), Some("why"));
    assert_eq!(listed[1].expires, Some(now + 9 * HOUR + 1_000_000), "never a part of a second early");
    assert!(!format!("{listed:?} {:?}", ann.holds().list()).contains("why"));
    assert_eq!(ann.saves().forget_slot("doom", "one").unwrap(), Deletion::Blocked);
    world.advance(6 * HOUR);
    vault.sweep(1000).unwrap();
    assert_eq!(ann.holds().list().unwrap().len(), 1);
    assert!(matches!(vault.erase(&["ann"]).unwrap()[0], ErasureOutcome::Held));
    let rows = world.rows().len();
    world.advance(4 * HOUR);
    assert!(ann.holds().list().unwrap().is_empty());
    while vault.sweep(1000).unwrap().left > 0 {}
    assert_eq!(rows - world.rows().len(), 4, "three versions and a name");
    assert!(matches!(vault.erase(&["ann"]).unwrap()[0], ErasureOutcome::Erased(_)));
}

/// The backup is of the time before the deletion: what it brings back stays hidden, then dies with the release.
#[test]
fn a_restored_backup_brings_nothing_back_that_waits() {
    let (world, vault) = World::of(policy(), None);
    let ann = ann(&vault);
    let backup = world.rows();
    hold(&ann, "a");
    ann.saves().forget_slot("doom", "one").unwrap();
    let later = put(&ann, "three", b"new");
    drop((ann, vault));
    let mut batch = Batch::new();
    for (key, row) in &backup {
        batch.put(key.clone(), row.clone());
    }
    world.engine.commit(batch).unwrap();
    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    assert!(matches!(get(&ann, "one", None), Err(VaultError::NotFound { .. })));
    assert_eq!(get(&ann, "three", Some(later.version)).unwrap(), b"new");
    // The name is free again, and no number of the hidden slot is used twice.
    assert_eq!(put(&ann, "one", b"again").version, 1);
    ann.holds().lift("a").unwrap();
    while vault.sweep(1000).unwrap().left > 0 {}
    assert_eq!(get(&ann, "one", None).unwrap(), b"again");
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}
