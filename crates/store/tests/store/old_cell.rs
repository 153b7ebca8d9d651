//! An old cell that waits to be wiped: with the key pages of its time it opens whoever lived then, so nobody is said to be erased meanwhile.

use std::fs;
use std::path::PathBuf;

use oubliette_store::{
    Deletion, DeletionOptions, DeletionState, ErasureOutcome, ReceiptId, ReceiptState, Vault, VaultError,
    VaultOptions, public_key, verify_receipt,
};
use tempfile::TempDir;

use crate::deletion::{ask, state};
use crate::folder::options as plain;
use crate::world::{get, person, put};

/// Deletions are due at once.
fn options() -> VaultOptions {
    VaultOptions { deletion: DeletionOptions { cooling_off_days: 0 }, ..plain() }
}

/// A vault that has left its first cell. `away` stands for the old cell on a disk that is not mounted: its bytes are kept aside.
struct Left {
    root: TempDir,
    cell: Vec<u8>,
}

impl Left {
    /// "bob" was erased while the old cell was the vault's, "ann" and "cat" live.
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        let (data, new) = (root.path().join("vault"), root.path().join("new.cell"));
        let vault = Vault::create(&data, options()).unwrap();
        for user in ["ann", "bob", "cat"] {
            put(&person(&vault, user), "slot", b"theirs");
            put(&vault.subject(user).unwrap(), "other", b"theirs, too");
        }
        vault.erase(&["bob"]).unwrap();
        vault.close().unwrap();
        drop(vault);
        let old = data.join("root.cell");
        let cell = fs::read(&old).unwrap();
        Vault::replace_cell(&data, &old, &new, options()).unwrap().close().unwrap();
        let left = Self { root, cell };
        let path = data.join("vault.json");
        let mut marker: serde_json::Value = serde_json::from_slice(&fs::read(&path).unwrap()).unwrap();
        marker["wipe"] = serde_json::json!([left.away()]);
        fs::write(path, marker.to_string()).unwrap();
        left
    }
    fn data(&self) -> PathBuf {
        self.root.path().join("vault")
    }
    fn away(&self) -> PathBuf {
        self.root.path().join("away.cell")
    }
    fn open(&self) -> Vault {
        Vault::open(&self.data(), options()).unwrap()
    }
}

/// What was signed about somebody who is gone.
fn signed(vault: &Vault, user: &str) -> Vec<ReceiptState> {
    vault.receipts_of_user(user).unwrap().into_iter().map(|(state, _)| state).collect()
}

fn swept(vault: &Vault) {
    while vault.sweep(1000).unwrap().left > 0 {}
}

fn run(vault: &Vault) -> (u64, Vec<(DeletionState, String)>) {
    let mut steps = Vec::new();
    let done = vault.run_deletions(&mut |step| {
        steps.push((step.state, step.waits.clone().unwrap_or_default()));
    });
    (done.unwrap().erased, steps)
}

#[test]
fn while_an_old_cell_waits_nobody_is_erased_and_nothing_says_so() {
    let left = Left::new();
    let vault = left.open();
    // Whoever has the vault in hand is told, and nothing is half done.
    let refused = vault.erase(&["cat"]).unwrap_err();
    assert!(matches!(refused, VaultError::OldCellWaits), "{refused}");
    assert!(refused.to_string().contains("--cell-destroyed"), "{refused}");
    assert_eq!(get(&vault.subject("cat").unwrap(), "slot", None).unwrap(), b"theirs");
    // What is forgotten of the living is not said to be gone either.
    let saves = vault.subject("cat").unwrap().saves();
    assert_eq!(saves.forget_slot("doom", "slot").unwrap(), Deletion::Blocked);

    let salt = ask(&vault, "ann").salt.unwrap();
    let (erased, steps) = run(&vault);
    assert_eq!(erased, 0, "somebody is erased beside an old cell");
    assert_eq!((steps.len(), steps[0].0), (1, DeletionState::Blocked));
    assert!(steps[0].1.contains("--cell-destroyed"), "{steps:?}");
    let blocked = |vault: &Vault| {
        swept(vault);
        let info = vault.deletion("ann").unwrap();
        assert_eq!(info.state, DeletionState::Blocked);
        assert_eq!(
            info.receipts.iter().map(|(state, _)| *state).collect::<Vec<_>>(),
            [ReceiptState::Blocked]
        );
        assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectBlocked)));
        assert!(vault.status().unwrap().problems.iter().any(|problem| problem.contains("away.cell")));
    };
    blocked(&vault);
    vault.close().unwrap();
    drop(vault);
    let vault = left.open();
    blocked(&vault);

    // Its disk comes back while the vault is open.
    fs::write(left.away(), &left.cell).unwrap();
    let (erased, steps) = run(&vault);
    assert!(erased == 1 && steps[0].0 >= DeletionState::Erased, "{steps:?}");
    assert!(!left.away().exists());
    swept(&vault);
    assert_eq!(state(&vault, "ann"), DeletionState::Final);
    assert!(vault.status().unwrap().problems.is_empty());
    let saves = vault.subject("cat").unwrap().saves();
    assert_eq!(saves.forget_slot("doom", "other").unwrap(), Deletion::Erased);
    assert!(matches!(vault.erase(&["cat"]).unwrap()[..], [ErasureOutcome::Erased(_)]));
    // The salt that was told at the request is the one that the receipt is opened with.
    let receipt = vault.deletion("ann").unwrap().receipts.pop().unwrap().1;
    let receipt = vault.receipt(&ReceiptId::parse(&receipt).unwrap()).unwrap();
    let key = public_key(&left.data().join("ledger")).unwrap();
    assert!(verify_receipt(&receipt, &key, None, &[], Some(("ann", &salt))).unwrap().about);
    vault.close().unwrap();
}

/// Also of whoever was erased before the vault left the cell: it is not known which roots a file that cannot be read is a share of.
#[test]
fn nothing_is_final_while_an_old_cell_waits() {
    let left = Left::new();
    let vault = left.open();
    swept(&vault);
    assert_eq!(signed(&vault, "bob"), [ReceiptState::Erased]);
    vault.close().unwrap();
    drop(vault);
    Vault::cell_destroyed(&left.data(), &left.away()).unwrap();
    let vault = left.open();
    swept(&vault);
    assert_eq!(signed(&vault, "bob"), [ReceiptState::Erased, ReceiptState::Final]);
}

/// Somebody who is blocked when the disk is said to be destroyed is erased by the next opening.
#[test]
fn once_the_old_cell_is_said_to_be_destroyed_the_deletion_goes_on() {
    let left = Left::new();
    let vault = left.open();
    ask(&vault, "ann");
    assert_eq!(run(&vault).0, 0);
    vault.close().unwrap();
    drop(vault);
    Vault::cell_destroyed(&left.data(), &left.away()).unwrap();
    let vault = left.open();
    assert_eq!(state(&vault, "ann"), DeletionState::Erased);
    assert!(signed(&vault, "ann").contains(&ReceiptState::Erased));
}
