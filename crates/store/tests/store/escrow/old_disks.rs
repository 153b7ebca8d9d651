//! What a recovery makes of the folder and the cells that it is to replace: in use, away, damaged, gone. And an escrow whose keys went before their time.

use oubliette_keyring::FileCell;
use oubliette_store::{ErasureOutcome, VaultCells};

use super::*;
use crate::deletion::ask;

/// A vault whose root is split over the cell in its folder and these.
fn split(world: &World, cells: &[PathBuf]) -> Vault {
    let options = VaultOptions { cells: cells.to_vec(), ..world.options() };
    let vault = Vault::create(&world.at("vault"), options).unwrap();
    vault.escrow().init(world.plan()).unwrap();
    vault
}

fn recover(world: &World, from: &RecoverFrom) -> Result<(Vault, RecoveredVault), VaultError> {
    Vault::recover(&world.at("new"), from, &world.options(), &mut |_, _| ())
}

fn signed(vault: &Vault, user: &str) -> Vec<ReceiptState> {
    vault.receipts_of_user(user).unwrap().into_iter().map(|(state, _)| state).collect()
}

/// There would be two vaults, and an erasure in one of them would leave the person in the other.
#[test]
fn a_folder_that_somebody_works_in_is_left_alone() {
    let world = World::new();
    let vault = world.create();
    put(&person(&vault, "ann"), "s", b"hers");
    vault.escrow().seal_now().unwrap();
    let in_use = |from: RecoverFrom| match recover(&world, &from) {
        Err(VaultError::InUse { path }) => path,
        other => panic!("{:?}", other.map(|(_, done)| done)),
    };
    let from = || world.from(&[0, 1]).unwrap();
    assert_eq!(in_use(from()), world.at("vault"));
    assert_eq!(in_use(RecoverFrom { old: None, ..from() }), world.at("vault"));
    assert_eq!(
        in_use(RecoverFrom { old: None, rows: None, ..from() }),
        world.at("vault").canonicalize().unwrap()
    );
    assert!(!world.at("new").exists());
    assert_eq!(get(&vault.subject("ann").unwrap(), "s", None).unwrap(), b"hers");
    vault.close().unwrap();
    drop(vault);
    // A cell that is held is no damaged one.
    let cell = world.at("vault").join("root.cell");
    let held = FileCell::open(&cell).unwrap();
    assert_eq!(in_use(from()), cell);
    drop(held);

    let mut steps = 0;
    let (back, _) = Vault::recover(&world.at("new"), &from(), &world.options(), &mut |_, _| {
        steps += 1;
        let opened = Vault::open(&world.at("vault"), world.options());
        assert!(matches!(opened, Err(VaultError::InUse { .. })), "the old vault opens meanwhile");
    })
    .unwrap();
    assert!(steps > 1 && !cell.exists());
    assert_eq!(get(&back.subject("ann").unwrap(), "s", None).unwrap(), b"hers");
    assert!(Vault::open(&world.at("vault"), world.options()).is_err());
}

/// With the pages of its time it opens whoever lived then: no receipt says otherwise while it is away. "cat" was to be erased when the power went: the
/// ledger says so, and no cell ever turned.
#[test]
fn a_cell_whose_disk_is_away_is_waited_for() {
    let world = World::new();
    fs::create_dir(world.at("disk")).unwrap();
    let second = world.at("disk").join("second.cell");
    let vault = split(&world, std::slice::from_ref(&second));
    for user in ["bob", "cat"] {
        put(&person(&vault, user), "s", b"theirs");
    }
    ask(&vault, "cat");
    vault.escrow().seal_now().unwrap();
    let ledger = copy(&world.at("vault").join("ledger"), &world.at("ledger"));
    let store = copy(&world.at("escrow"), &world.at("store"));
    let from = RecoverFrom { store, ledger: ledger.clone(), ..world.from(&[0, 1]).unwrap() };
    vault.erase(&["cat"]).unwrap();
    fs::copy(world.at("vault").join("ledger/forgotten"), ledger.join("forgotten")).unwrap();
    vault.close().unwrap();
    drop(vault);
    lose_keys(&world.at("vault"));
    fs::rename(world.at("disk"), world.at("unmounted")).unwrap();

    let taken = VaultOptions { cells: vec![second.clone()], ..world.options() };
    let refused = Vault::recover(&world.at("new"), &from, &taken, &mut |_, _| ()).err().unwrap();
    assert!(matches!(refused, VaultError::Invalid { field: "cells", .. }), "{refused}");
    let (back, done) = recover(&world, &from).unwrap();
    assert_eq!((done.keys.people, done.keys.erased_again), (1, 1));
    // The cell that was lost with the folder's keys is spoken of, and not waited for.
    let [gone, waits] = &done.notes[..] else { panic!("{:?}", done.notes) };
    assert!(gone.contains("root.cell is not there and counts as destroyed"), "{gone}");
    assert!(waits.contains("second.cell") && waits.contains("--cell-destroyed"), "{waits}");
    assert!(matches!(back.erase(&["bob"]), Err(VaultError::OldCellWaits)));
    let swept = || while back.sweep(1000).unwrap().left > 0 {};
    swept();
    assert_eq!(signed(&back, "cat"), [], "a receipt was issued beside an old cell");
    assert_eq!(get(&back.subject("bob").unwrap(), "s", None).unwrap(), b"theirs");

    fs::rename(world.at("unmounted"), world.at("disk")).unwrap();
    assert!(matches!(back.erase(&["bob"]).unwrap()[..], [ErasureOutcome::Erased(_)]));
    assert!(!second.exists(), "the old cell was not wiped");
    swept();
    assert_eq!(
        (signed(&back, "bob")[0], signed(&back, "cat")[0]),
        (ReceiptState::Erased, ReceiptState::Erased)
    );
    assert!(back.status().unwrap().problems.is_empty());
}

/// What an escrow is there for. Whoever knows that the disks are gone says so, and the vault goes on.
#[test]
fn a_vault_whose_cells_are_all_lost_comes_back_and_erases_once_they_are_said_to_be_destroyed() {
    let world = World::new();
    for folder in ["away", "disk", "vault/mounted"] {
        fs::create_dir_all(world.at(folder)).unwrap();
    }
    let [away, damaged, mounted, others, wiped] =
        ["away/cell", "disk/damaged", "vault/mounted/cell", "disk/others", "disk/wiped"]
            .map(|at| world.at(at));
    let cells = [&away, &damaged, &mounted, &others, &wiped].map(Clone::clone);
    let vault = split(&world, &cells);
    person(&vault, "ann");
    vault.close().unwrap();
    drop(vault);
    let root = world.at("vault").join("root.cell");
    lose_keys(&world.at("vault"));
    fs::remove_dir_all(world.at("away")).unwrap();
    // The folder that another disk is mounted at is there when that disk is not.
    fs::remove_file(&mounted).unwrap();
    fs::write(&damaged, b"not a cell").unwrap();
    let mut zeros = fs::read(&wiped).unwrap();
    zeros[..4096].fill(0);
    fs::write(&wiped, zeros).unwrap();
    let other = Vault::create(&world.at("other"), world.options()).unwrap();
    other.close().unwrap();
    fs::copy(world.at("other/root.cell"), &others).unwrap();
    let before = fs::read(&others).unwrap();
    // A link whose target is away is no file that is gone.
    std::os::unix::fs::symlink(world.at("away/root.cell"), &root).unwrap();

    let (back, _) = recover(&world, &world.from(&[1, 2]).unwrap()).unwrap();
    assert_eq!(fs::read(&others).unwrap(), before, "another vault's cell was touched");
    assert!(!wiped.exists());
    assert!(matches!(back.erase(&["ann"]), Err(VaultError::OldCellWaits)));
    back.close().unwrap();
    drop(back);
    let waiting = VaultCells::of(&world.at("new"), &world.options()).unwrap().unwrap().to_wipe;
    assert_eq!(waiting, [root, away, damaged, mounted]);
    for cell in &waiting {
        Vault::cell_destroyed(&world.at("new"), cell).unwrap();
    }
    let back = Vault::open(&world.at("new"), world.options()).unwrap();
    assert!(matches!(back.erase(&["ann"]).unwrap()[..], [ErasureOutcome::Erased(_)]));
    assert!(back.status().unwrap().problems.is_empty());
}

/// Nothing would come back from it, and nobody would know before the day when it is needed.
#[test]
fn keys_that_are_destroyed_within_their_window_are_told_at_once() {
    let world = World::new();
    let vault = world.create();
    person(&vault, "ann");
    vault.escrow().seal_now().unwrap();
    let status = vault.escrow().rotate(&[], &[world.destroy(0, 1)]).unwrap();
    assert_eq!(
        (status.problems.len(), &status.no_key[..]),
        (0, &[HOLDERS[0].to_owned()][..]),
        "two are left"
    );
    let refused = vault.escrow().rotate(&[], &[world.destroy(1, 1)]).err().unwrap().to_string();
    assert!(refused.contains("nothing is put in escrow") && refused.contains("ben"), "{refused}");
    let told = |vault: &Vault| {
        let status = vault.escrow().status().unwrap();
        assert!(
            matches!(&status.problems[..], [only] if only.contains("Destroyed, as they state")),
            "{status:?}"
        );
        assert!(vault.warnings().iter().any(|warning| warning.what == "the escrow needs attention"));
        assert!(matches!(vault.escrow().seal_now(), Err(VaultError::Other { .. })));
    };
    told(&vault);
    // Another holder has a key for the window: the same root is sealed anew, to those whose keys are left.
    let dora = holder::keygen(&world.at("dora"), "dora", 1, 1).unwrap();
    let status = vault.escrow().rotate(&[dora], &[]).unwrap();
    assert_eq!((status.problems, status.behind), (Vec::new(), 0));
    let (_, blob) = world.place().roots().unwrap().remove(0);
    assert_eq!(blob.head.keys.len(), 2);
    assert!(["cleo", "dora"].iter().all(|name| holder::open(&world.at(name), &blob).is_ok()));

    assert!(vault.escrow().rotate(&[], &[world.destroy(2, 1)]).is_err());
    vault.close().unwrap();
    drop(vault);
    told(&world.open());
}
