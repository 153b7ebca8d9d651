//! The ledger that a recovery is given: one that is too old, and one that says more than what happened.

use std::fs;

use oubliette_store::{ErasureOutcome, ReceiptState, RecoverFrom, Vault, VaultError};

use crate::deletion::ask;
use crate::escrow::{World, copy};
use crate::world::{get, person, put};

/// Shares of an older root, a ledger of just its time, and a store that has a newer root of a later epoch: somebody was erased in between.
#[test]
fn a_ledger_that_is_older_than_the_newest_root_in_the_store_is_refused() {
    let world = World::new();
    let vault = world.create();
    for user in ["ann", "bob"] {
        put(&person(&vault, user), "s", b"theirs");
    }
    vault.escrow().seal_now().unwrap();
    let older = world.from(&[0, 1]).unwrap();
    let ledger = copy(&older.ledger, &world.at("old ledger"));
    let store = copy(&world.at("escrow"), &world.at("both"));
    vault.erase(&["ann"]).unwrap();
    vault.escrow().seal_now().unwrap();
    vault.close().unwrap();
    drop(vault);
    // The store as it was, and beside the older root the newer one.
    let (newest, _) = world.place().roots().unwrap().remove(0);
    let within = newest.strip_prefix(world.at("escrow")).unwrap();
    fs::copy(&newest, store.join(within)).unwrap();

    let keys_only =
        |ledger| RecoverFrom { store: store.clone(), ledger, rows: None, old: None, ..shares(&older) };
    let recover =
        |from: &RecoverFrom, to: &str| Vault::recover(&world.at(to), from, &world.options(), &mut |_, _| ());
    let refused = recover(&keys_only(ledger), "refused").err().unwrap();
    assert!(matches!(refused, VaultError::KeysLost { .. }), "{refused}");
    assert!(refused.to_string().contains("older than the newest root"), "{refused}");
    assert!(!world.at("refused").join("vault.json").exists());
    // With the newest ledger the same shares bring back who lives.
    let (back, done) = recover(&keys_only(older.ledger.clone()), "back").unwrap();
    assert_eq!((done.keys.people, done.keys.erased_again), (1, 1));
    assert!(matches!(back.subject("ann"), Err(VaultError::SubjectErased { .. })));
}

fn shares(of: &RecoverFrom) -> RecoverFrom {
    let again = |share: &oubliette_store::escrow::holder::OpenedShare| {
        oubliette_store::escrow::holder::OpenedShare::parse(&share.to_json()).unwrap()
    };
    RecoverFrom {
        store: of.store.clone(),
        shares: of.shares.iter().map(again).collect(),
        ledger: of.ledger.clone(),
        rows: of.rows.clone(),
        old: of.old.clone(),
    }
}

/// A deletion is noted before the cells turn. If the power went between the two and the keys with it, the ledger says what was to be forgotten and knows no such
/// generation: it is done now, and what is certified of it is found in the ledger.
#[test]
fn a_deletion_that_was_noted_and_never_done_is_done_now_and_keeps_nothing_shut() {
    let world = World::new();
    let vault = world.create();
    for user in ["ann", "bob"] {
        put(&person(&vault, user), "s", b"theirs");
    }
    // So that a receipt is due for her.
    ask(&vault, "ann");
    vault.escrow().seal_now().unwrap();
    let before = copy(&world.at("vault").join("ledger"), &world.at("ledger"));
    let store = copy(&world.at("escrow"), &world.at("store"));
    let from = world.from(&[1, 2]).unwrap();
    vault.erase(&["ann"]).unwrap();
    fs::copy(world.at("vault").join("ledger/forgotten"), before.join("forgotten")).unwrap();
    vault.close().unwrap();
    drop(vault);

    let from = RecoverFrom { store, ledger: before, old: None, ..from };
    let (back, done) = Vault::recover(&world.at("back"), &from, &world.options(), &mut |_, _| ()).unwrap();
    assert_eq!((done.keys.people, done.keys.erased_again, done.lost), (1, 1, 0));
    assert_eq!(get(&back.subject("bob").unwrap(), "s", None).unwrap(), b"theirs");
    back.close().unwrap();
    drop(back);
    let back = Vault::open(&world.at("back"), world.options()).unwrap();
    let again = back.erase(&["ann"]).unwrap().remove(0);
    let ErasureOutcome::AlreadyErased(record) = again else { panic!("{again:?}") };
    assert!(record.generation_after > done.keys.known_generation, "{record:?}");
    let receipts = back.receipts_of_user("ann").unwrap();
    assert_eq!(receipts.iter().map(|(state, _)| *state).collect::<Vec<_>>(), [ReceiptState::Erased]);
    while back.sweep(1000).unwrap().left > 0 {}
    assert!(back.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}
