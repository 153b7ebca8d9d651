//! The way back after the loss of all keys: who is whole, who stays noise, and what a recovery refuses.

use std::fs;

use super::*;

#[test]
fn after_the_loss_of_all_keys_the_living_are_whole_and_the_erased_stay_noise() {
    let world = World::new();
    let vault = world.create();
    let users: Vec<String> = (0..20).map(|n| format!("u{n}")).collect();
    for (n, user) in users.iter().enumerate() {
        let subject = person(&vault, user);
        put(&subject, "s", &noise(3000 + n * 500, n as u64));
        put(&subject, "cut later", b"x");
    }
    vault.subject("u1").unwrap().chats().append("u2", &[text("hi")]).unwrap();
    vault.escrow().seal_now().unwrap();
    assert_eq!(vault.escrow().status().unwrap().behind, 0);

    vault.erase(&["u3", "u4"]).unwrap();
    vault.subject("u5").unwrap().saves().forget_slot("doom", "cut later").unwrap();
    put(&person(&vault, "new"), "s", b"lost with the keys");
    put(&vault.subject("u6").unwrap(), "later", b"of somebody known");
    let behind = vault.escrow().status().unwrap().behind;
    assert!(behind >= 3, "{behind}");
    let stolen = copy(&world.at("vault"), &world.at("stolen"));
    // The process dies: nothing is sealed on the way down.
    std::mem::forget(vault.clone());
    let sealed = copy(&world.at("escrow"), &world.at("escrow as it was"));
    vault.close().unwrap();
    drop(vault);
    fs::remove_dir_all(world.at("escrow")).unwrap();
    copy(&sealed, &world.at("escrow"));
    lose_keys(&world.at("vault"));
    assert!(matches!(Vault::open(&world.at("vault"), world.options()), Err(VaultError::KeysLost { .. })));

    // One holder is not enough.
    assert!(matches!(world.recover("new", &[1]), Err(VaultError::Invalid { field: "share", .. })));
    let (back, done) = world.recover("new", &[2, 0]).unwrap();
    assert_eq!((done.keys.erased_again, done.keys.cut_again, done.lost), (2, 1, 1), "{done:?}");
    assert_eq!(done.keys.people, 18);
    for (n, user) in users.iter().enumerate() {
        if [3, 4].contains(&n) {
            assert!(matches!(back.subject(user), Err(VaultError::SubjectErased { .. })), "{user}");
            continue;
        }
        let subject = back.subject(user).unwrap();
        assert_eq!(get(&subject, "s", None).unwrap(), noise(3000 + n * 500, n as u64), "{user}");
        assert_eq!(get(&subject, "cut later", None).is_ok(), n != 5, "{user}");
    }
    assert_eq!(texts(&back.subject("u2").unwrap(), "u1"), ["hi"]);
    // What was stored since by somebody whom the root knows is there.
    assert_eq!(get(&back.subject("u6").unwrap(), "later", None).unwrap(), b"of somebody known");
    assert!(matches!(back.subject("new"), Err(VaultError::SubjectUnknown)));
    while back.sweep(1000).unwrap().left > 0 {}
    let report = back.fsck(false, &mut |_, _| ()).unwrap();
    assert_eq!((report.faults, report.orphans), (Vec::new(), 0));
    assert!(back.not_ready().is_empty(), "{:?}", back.not_ready());
    // The escrow goes on from here.
    person(&back, "after");
    back.escrow().seal_now().unwrap();
    assert_eq!(back.escrow().status().unwrap().problems, [""; 0]);
    back.close().unwrap();
    drop(back);

    // Today's cell opens no older pages.
    let attack = world.at("attack");
    copy(&stolen, &attack);
    fs::copy(world.at("new").join("root.cell"), attack.join("root.cell")).unwrap();
    assert!(Vault::open(&attack, world.options()).is_err());
    let again = Vault::open(&world.at("new"), world.options()).unwrap();
    assert!(matches!(again.subject("u3"), Err(VaultError::SubjectErased { .. })));
    assert!(again.subject("after").is_ok());
}

#[test]
fn a_recovery_that_broke_off_opens_nothing_and_begins_anew() {
    let world = World::new();
    let vault = world.create();
    put(&person(&vault, "ann"), "s", b"hers");
    person(&vault, "bob");
    vault.escrow().seal_now().unwrap();
    let shares = world.from(&[0, 1]).unwrap();
    vault.erase(&["bob"]).unwrap();
    vault.close().unwrap();
    drop(vault);
    let sealed = world.from(&[0, 1]).unwrap();
    lose_keys(&world.at("vault"));

    // The older root is gone with the newer: what was opened before does not fit any more.
    assert!(shares.shares[0].generation < sealed.shares[0].generation);
    let new = world.at("new");
    // Wherever it stops, as the progress says: nothing is left that opens.
    for stop in 0..4 {
        let mut calls = 0;
        let stopped = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _ = Vault::recover(&new, &sealed, &world.options(), &mut |_, _| {
                calls += 1;
                assert!(calls <= stop, "stopped by the test");
            });
        }));
        assert!(stopped.is_err(), "{stop}");
        assert!(!new.join("vault.json").exists(), "{stop}");
        assert!(matches!(Vault::open(&new, world.options()), Err(VaultError::Format { .. })), "{stop}");
    }
    let (back, done) = Vault::recover(&new, &sealed, &world.options(), &mut |_, _| ()).unwrap();
    assert_eq!((done.keys.people, done.lost), (1, 0));
    assert_eq!(get(&back.subject("ann").unwrap(), "s", None).unwrap(), b"hers");
    assert!(matches!(back.subject("bob"), Err(VaultError::SubjectErased { .. })));
    assert!(!new.join("recovering").exists());
    // Not twice into the same folder.
    back.close().unwrap();
    drop(back);
    let refused = Vault::recover(&new, &sealed, &world.options(), &mut |_, _| ());
    assert!(matches!(refused, Err(VaultError::Format { .. })));
}

#[test]
fn nothing_comes_back_without_the_ledger_and_an_old_cell_is_wiped() {
    let world = World::new();
    let vault = world.create();
    put(&person(&vault, "ann"), "s", b"hers");
    let old_ledger = copy(&world.at("vault").join("ledger"), &world.at("old ledger"));
    vault.erase(&["ann"]).unwrap();
    person(&vault, "bob");
    vault.close().unwrap();
    drop(vault);
    // The pages are lost, the cell is not.
    fs::remove_dir_all(world.at("vault").join("keys-a")).unwrap();
    fs::remove_dir_all(world.at("vault").join("keys-b")).unwrap();
    let cell = fs::read(world.at("vault").join("root.cell")).unwrap();

    let from = world.from(&[1, 2]).unwrap();
    let refused = |from: RecoverFrom| {
        Vault::recover(&world.at("new"), &from, &world.options(), &mut |_, _| ()).err().unwrap().to_string()
    };
    let empty = world.at("empty");
    fs::create_dir(&empty).unwrap();
    let said = refused(RecoverFrom { ledger: empty, ..world.from(&[1, 2]).unwrap() });
    assert!(said.contains("they would come back"), "{said}");
    let said = refused(RecoverFrom { ledger: old_ledger, ..world.from(&[1, 2]).unwrap() });
    assert!(said.contains("the ledger is older than"), "{said}");
    let said = refused(RecoverFrom { store: world.at("vault"), ..world.from(&[1, 2]).unwrap() });
    assert!(said.contains("no escrow of that vault"), "{said}");

    let (back, done) = Vault::recover(&world.at("new"), &from, &world.options(), &mut |_, _| ()).unwrap();
    assert_eq!((done.keys.people, done.keys.erased_again), (1, 0));
    assert!(back.subject("bob").is_ok());
    let left = world.at("vault").join("root.cell");
    assert!(!left.exists() || fs::read(&left).unwrap() != cell, "the old cell still opens old pages");
}
