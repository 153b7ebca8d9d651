//! An older copy of a part of the folder is put back beside the rest.

use oubliette::{Vault, VaultError, VaultOptions};

use crate::folder::put;
use crate::items::ERASED;
use crate::sample::Sample;
use crate::verdict::{Outcome, Seen, look};

/// What is said when these parts are as old as the sample's older copy.
fn with_old(parts: &[&str]) -> Seen {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    for part in parts {
        put(&sample.old().join(part), &data.join(part));
    }
    look(&data, VaultOptions::default()).unwrap_or_else(|wrong| panic!("old {parts:?}: {wrong}"))
}

#[test]
fn an_old_cell_or_old_keys_do_not_open() {
    for parts in [&["root.cell"][..], &["keys-a", "keys-b"]] {
        let Seen { outcome, said } = with_old(parts);
        assert_eq!(outcome, Outcome::NotOpened, "{parts:?}: {said}");
        assert!(said.contains("of different age"), "{said}");
    }
}

/// They fit together; the ledger beside them does not.
#[test]
fn an_old_cell_with_old_keys_does_not_open_beside_the_ledger() {
    for parts in [
        &["root.cell", "keys-a", "keys-b"][..],
        &["root.cell", "keys-a", "keys-b", "rows", "anchor", "blobs"],
    ] {
        let Seen { outcome, said } = with_old(parts);
        assert_eq!(outcome, Outcome::NotOpened, "{parts:?}: {said}");
        assert!(said.contains("older copy") && said.contains("the ledger records a deletion"), "{said}");
    }
}

#[test]
fn one_old_copy_of_the_keys_is_mended_from_the_other() {
    for part in ["keys-a", "keys-b"] {
        let sample = Sample::make();
        let (_folder, data) = sample.copy();
        put(&sample.old().join(part), &data.join(part));
        let Seen { outcome, said } = look(&data, VaultOptions::default()).unwrap();
        assert!(outcome == Outcome::Noticed && said.contains("--repair"), "{part}: {said}");
        let vault = Vault::open(&data, VaultOptions::default()).unwrap();
        assert!(vault.fsck(true, &mut |_, _| ()).unwrap().faults.is_empty());
        vault.close().unwrap();
        drop(vault);
        assert_eq!(look(&data, VaultOptions::default()).unwrap().outcome, Outcome::Harmless, "{part}");
    }
}

#[test]
fn old_rows_or_an_old_anchor_do_not_open() {
    for parts in [&["rows"][..], &["anchor"]] {
        let Seen { outcome, said } = with_old(parts);
        assert_eq!(outcome, Outcome::NotOpened, "{parts:?}: {said}");
        assert!(said.contains("rows were lost or rolled back"), "{said}");
    }
}

#[test]
fn old_blobs_are_missed_by_who_reads_them() {
    let Seen { outcome, said } = with_old(&["blobs"]);
    assert!(outcome == Outcome::Reported && said.contains("is damaged"), "{outcome:?} {said}");
}

#[test]
fn an_old_ledger_is_counted_short() {
    let Seen { outcome, said } = with_old(&["ledger"]);
    assert!(outcome == Outcome::Noticed && said.contains("the ledger lacks"), "{outcome:?} {said}");
}

/// A restore, as `docs/operations.md` tells: what was written since is missing and nothing lists it; nobody comes back.
#[test]
fn rows_of_one_older_moment_bring_nobody_back() {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    for part in ["rows", "anchor", "blobs"] {
        put(&sample.old().join(part), &data.join(part));
    }
    let vault = Vault::open(&data, VaultOptions::default()).unwrap();
    assert!(matches!(vault.subject(ERASED), Err(VaultError::SubjectErased { .. })));
    assert!(vault.subject("ann").unwrap().saves().get("game", "small", Some(1)).is_ok());
    // Forgotten since: noise, with the rows of whoever left.
    let dora = vault.subject("dora").unwrap();
    assert!(matches!(dora.saves().get("game", "kept", Some(1)), Err(VaultError::NotFound { .. })));
    let report = vault.fsck(true, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty() && report.orphans > 0, "{report:?}");
}

/// The whole key plane with its ledger, of one older moment: nothing inside the folder can know better. That takes a witness outside.
#[test]
fn keys_and_ledger_of_one_older_moment_are_not_told() {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    for part in ["root.cell", "keys-a", "keys-b", "ledger"] {
        put(&sample.old().join(part), &data.join(part));
    }
    let vault = Vault::open(&data, VaultOptions::default()).unwrap();
    assert!(vault.subject(ERASED).is_ok());
}

#[test]
fn an_old_marker_is_the_same_marker() {
    assert_eq!(with_old(&["vault.json"]).outcome, Outcome::Harmless);
}
