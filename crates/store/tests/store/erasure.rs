//! Erasure: what it cancels, what it leaves, and what no old copy brings back.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use oubliette_engine::Batch;
use oubliette_keyring::UserId;
use oubliette_store::{ErasureOutcome, PutOptions, SteamFields, VaultError, Window};

use crate::world::{Stalls, World, get, noise, person, put, text};

#[test]
fn the_erased_are_refused_until_reopened_and_then_empty() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    put(&ann, "one", b"x");
    let outcomes = vault.erase(&["ann", "nobody", "ann"]).unwrap();
    let [ErasureOutcome::Erased(record), ErasureOutcome::Unknown, _] = &outcomes[..] else {
        panic!("{outcomes:?}")
    };
    assert_eq!(record.generation_after, record.generation_before + 1);
    assert_ne!(record.root_before, record.root_after);
    let json = serde_json::to_value(record).unwrap();
    assert_eq!(json["state"], "erased");
    assert!(json["erased_at"].as_str().unwrap().ends_with('Z'));

    let erased = |error| matches!(error, VaultError::SubjectErased { erased_at } if erased_at > 0);
    assert!(erased(vault.subject("ann").err().unwrap()));
    assert!(erased(vault.put_subject("ann", &Default::default(), false).unwrap_err()));
    assert!(get(&ann, "one", None).is_err());
    assert!(
        ann.info().is_err()
            && ann.consents().history().is_err()
            && ann.chats().list(&Default::default()).is_err()
    );
    assert!(ann.saves().put("doom", "one", &PutOptions::default(), &mut b"y".as_slice()).is_err());
    assert!(matches!(vault.erase(&["ann"]).unwrap()[0], ErasureOutcome::AlreadyErased(_)));

    assert!(vault.put_subject("ann", &Default::default(), true).unwrap().1);
    let again = vault.subject("ann").unwrap();
    assert!(again.saves().list(None, &Default::default()).unwrap().items.is_empty());
    let fsck = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(fsck.faults.is_empty() && fsck.orphans >= 2, "{fsck:?}");
    assert!(!world.rows().is_empty());
}

#[test]
fn a_fence_goes_after_its_time_and_nobody_was_ever_there() {
    let (world, vault) = World::new();
    person(&vault, "ann");
    vault.erase(&["ann"]).unwrap();
    vault.sweep(100).unwrap();
    let generation = vault.status().unwrap().generation;
    vault.sweep(100).unwrap();
    assert_eq!(vault.status().unwrap().generation, generation, "the daily work is done once a day");
    world.advance(29 * 86_400_000_000);
    vault.sweep(100).unwrap();
    assert!(vault.status().unwrap().generation > generation);
    assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectErased { .. })));
    world.advance(2 * 86_400_000_000);
    vault.sweep(100).unwrap();
    assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectUnknown)));
    assert!(vault.put_subject("ann", &Default::default(), false).unwrap().1);
}

#[test]
fn sweeping_is_bounded_and_takes_rows_and_blobs() {
    let (world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    for n in 0..20 {
        put(&ann, &format!("s{n}"), &noise(6_000, n));
    }
    put(&bob, "mine", &noise(50_000, 1));
    let bobs = world.blobs.disk_bytes().unwrap() - 20 * 6_300;
    vault.erase(&["ann"]).unwrap();
    let (mut rows, mut calls) = (0, 0);
    loop {
        let step = vault.sweep(10).unwrap();
        assert!(step.rows <= 10);
        rows += step.rows;
        calls += 1;
        if step.left == 0 {
            break;
        }
    }
    assert!(rows == 40 && calls >= 4, "{rows} {calls}");
    assert!(world.blobs.disk_bytes().unwrap() < bobs + 20 * 300);
    assert_eq!(get(&bob, "mine", None).unwrap(), noise(50_000, 1));
    assert_eq!(vault.status().unwrap().sweep_queue, 0);
    assert_eq!(world.rows().len(), 2);
}

#[test]
fn erasure_cancels_readers_and_writers() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    put(&ann, "big", &noise(3_000_000, 1));
    let mut reader = ann.saves().get("doom", "big", None).unwrap();
    reader.next_chunk().unwrap();
    let erased = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let (vault, erased) = (&vault, &erased);
        scope.spawn(move || {
            vault.erase(&["ann"]).unwrap();
            erased.store(true, Ordering::SeqCst);
        });
        let deadline = Instant::now() + Duration::from_secs(4);
        while !reader.cancelled() {
            assert!(Instant::now() < deadline, "the reader was not told");
            std::thread::sleep(Duration::from_millis(1));
        }
        assert!(!erased.load(Ordering::SeqCst), "acknowledged while a key was in use");
        assert!(matches!(reader.next_chunk(), Err(VaultError::Forgotten)));
        drop(reader);
    });
    assert!(erased.load(Ordering::SeqCst));
    while vault.sweep(100).unwrap().left > 0 {}
    assert!(world.rows().is_empty());
}

#[test]
fn an_upload_during_erasure_fails_and_leaves_nothing() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    let (go, wait) = channel::<()>();
    let (reading, started) = channel::<()>();
    std::thread::scope(|scope| {
        let upload = scope.spawn(move || {
            ann.saves().put("doom", "x", &PutOptions::default(), &mut Stalls::new(wait, reading))
        });
        started.recv().unwrap();
        vault.erase(&["ann"]).unwrap();
        go.send(()).unwrap();
        assert!(upload.join().unwrap().is_err());
    });
    while vault.sweep(100).unwrap().left > 0 {}
    assert!(world.rows().is_empty());
    assert_eq!(world.blobs.disk_bytes().unwrap(), 0);
}

/// Mending once took the rows of somebody whose erasure waited for a reader for nobody's: blocked is not gone.
#[test]
fn mending_leaves_the_rows_of_the_blocked_alone() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    put(&ann, "small", b"x");
    put(&ann, "big", &noise(50_000, 1));
    drop((ann, vault));
    let (vault, keyring) = world.open_with_keyring();
    keyring.block(&UserId::new("ann").unwrap()).unwrap();
    let before = world.rows();
    let report = vault.fsck(true, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty() && report.mended == 0 && report.rows == 0, "{report:?}");
    vault.sweep(1000).unwrap();
    assert_eq!(world.rows(), before);
    vault.erase(&["ann"]).unwrap();
    vault.fsck(true, &mut |_, _| ()).unwrap();
    assert!(world.rows().is_empty());
}

/// Every row and blob of before, put back under the keys of after: noise, and the living unharmed.
#[test]
fn old_rows_under_new_keys_are_noise() {
    let (world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    put(&ann, "one", b"ann's");
    put(&bob, "keep", b"bob's");
    put(&bob, "forget", b"bob's, too");
    bob.chats().append("ann", &[text("b")]).unwrap();
    ann.chats().append("bob", &[text("a")]).unwrap();
    bob.consents().give("steam_credentials", &Default::default()).unwrap();
    let fields = || SteamFields([("password".to_owned(), "hunter2".to_owned())].into());
    bob.credentials().set_steam("acc", fields()).unwrap();
    let before = world.rows();

    bob.saves().forget_slot("doom", "forget").unwrap();
    bob.consents().withdraw("steam_credentials").unwrap();
    vault.erase(&["ann"]).unwrap();
    while vault.sweep(1000).unwrap().left > 0 {}
    for rows in before.chunks(100) {
        let mut batch = Batch::new();
        for (key, row) in rows {
            batch.put(key.clone(), row.clone());
        }
        world.engine.commit(batch).unwrap();
    }
    drop((ann, bob, vault));
    let vault = world.open();
    let bob = vault.subject("bob").unwrap();
    assert_eq!(get(&bob, "keep", None).unwrap(), b"bob's");
    assert!(matches!(get(&bob, "forget", None), Err(VaultError::NotFound { .. })));
    assert!(bob.credentials().list_steam().unwrap().is_empty());
    assert!(matches!(bob.credentials().guard_code("acc"), Err(VaultError::ConsentRequired { .. })));
    assert_eq!(bob.chats().messages("ann", &Window::default()).unwrap().items.len(), 1);
    let fsck = vault.fsck(true, &mut |_, _| ()).unwrap();
    assert!(fsck.faults.is_empty() && fsck.orphans > 0, "{fsck:?}");
    assert_eq!(vault.fsck(false, &mut |_, _| ()).unwrap().orphans, 0);
    assert_eq!(put(&bob, "forget", b"new").version, 1);
}

#[test]
fn damage_is_named_and_harms_nothing_else() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    for slot in ["a", "b"] {
        put(&ann, slot, &noise(40_000, 3));
        put(&ann, slot, b"small");
    }
    for (key, row) in world.rows() {
        let mut bad = row.clone();
        let last = bad.len() - 1;
        bad[last] ^= 1;
        let mut batch = Batch::new();
        batch.put(key.clone(), bad);
        world.engine.commit(batch).unwrap();
        let fsck = vault.fsck(false, &mut |_, _| ()).unwrap();
        assert_eq!(fsck.faults.len(), 1, "{:?}", fsck.faults);
        let mut batch = Batch::new();
        batch.put(key, row);
        world.engine.commit(batch).unwrap();
    }
    // Rows exchanged between two places of one person.
    let rows = world.rows();
    let items: Vec<_> = rows.iter().filter(|(key, _)| key[17] == 1).collect();
    let mut batch = Batch::new();
    batch.put(items[0].0.clone(), items[2].1.clone());
    batch.put(items[2].0.clone(), items[0].1.clone());
    world.engine.commit(batch).unwrap();
    assert_eq!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.len(), 2);
    assert_eq!(get(&ann, "a", None).unwrap(), b"small");
    assert!(matches!(get(&ann, "a", Some(1)), Err(VaultError::Corrupt { .. })));
}
