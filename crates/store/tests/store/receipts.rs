//! Receipts: one for each destruction, none without; what a crash between the two leaves.

use std::path::Path;
use std::sync::Arc;

use oubliette_keyring::FileLedger;
use oubliette_store::{
    ErasureOutcome, ErasureRecord, PutOptions, ReceiptState, Vault, VaultError, list_receipts, public_key,
    verify_ledger, verify_receipt,
};

use crate::world::{World, noise, person, put};

fn world(dir: &Path) -> (World, Vault) {
    let (mut world, vault) = World::new();
    drop(vault);
    world.receipts = Some(dir.to_owned());
    world.ledger = Arc::new(FileLedger::open(&dir.join("roots")).unwrap());
    let vault = world.open();
    (world, vault)
}

#[track_caller]
fn erased(outcome: &ErasureOutcome) -> &ErasureRecord {
    match outcome {
        ErasureOutcome::Erased(record) | ErasureOutcome::AlreadyErased(record) => record,
        other => panic!("{other:?}"),
    }
}

/// States of all receipts in the ledger, oldest first. What stands there verifies.
fn states(dir: &Path) -> Vec<ReceiptState> {
    let mut states = Vec::new();
    list_receipts(dir, &mut |line| states.push(line.receipt.state)).unwrap();
    let report = verify_ledger(dir, None).unwrap();
    assert_eq!((report.receipts as usize, report.faults), (states.len(), vec![]));
    states
}

#[test]
fn an_erasure_is_told_with_its_receipt_and_nobody_else_learns_whose() {
    let dir = tempfile::tempdir().unwrap();
    let (world, vault) = world(dir.path());
    put(&person(&vault, "ann.smith"), "one", &noise(9_000, 1));
    let outcomes = vault.erase(&["ann.smith", "nobody"]).unwrap();
    let record = erased(&outcomes[0]);
    let (receipt, salt) = (record.receipt.clone().unwrap(), record.salt.clone().unwrap());
    let key = public_key(dir.path()).unwrap();
    let checked = verify_receipt(&receipt, &key, None, &[], Some(("ann.smith", &salt))).unwrap();
    assert!(checked.about);
    let keys = checked.receipt.keys.unwrap();
    assert_eq!((keys.generation_after, &keys.root_after), (record.generation_after, &record.root_after));
    assert_eq!(checked.receipt.subject.job, record.job.clone().unwrap());
    assert!(verify_receipt(&receipt, &key, None, &[], Some(("ann.smit", &salt))).is_err());

    // Neither the person's name nor the salt stands in anything that is kept.
    for file in std::fs::read_dir(dir.path()).unwrap() {
        let bytes = std::fs::read(file.unwrap().path()).unwrap();
        for secret in [b"ann.smith".as_slice(), salt.expose()] {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret));
        }
        let hex = salt.expose().iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        assert!(!bytes.windows(64).any(|window| window == hex.as_bytes()));
    }
    // The same record, without the salt, whoever asks again.
    let vault = world.reopen(vault);
    let again = vault.erase(&["ann.smith"]).unwrap();
    assert_eq!(erased(&again[0]).receipt.as_ref(), Some(&receipt));
    assert!(erased(&again[0]).salt.is_none());
    assert_eq!(states(dir.path()), [ReceiptState::Erased]);
    while vault.sweep(1000).unwrap().left > 0 {}
    assert_eq!(states(dir.path()), [ReceiptState::Erased, ReceiptState::Final]);
    assert_eq!(erased(&vault.erase(&["ann.smith"]).unwrap()[0]).receipt.as_ref(), Some(&receipt));
    let told = vault.receipts_of_user("ann.smith").unwrap();
    assert_eq!(
        told.iter().map(|(state, _)| *state).collect::<Vec<_>>(),
        [ReceiptState::Erased, ReceiptState::Final]
    );
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

#[test]
fn a_destruction_whose_receipt_could_not_be_written_gets_it_later() {
    let dir = tempfile::tempdir().unwrap();
    let (world, vault) = world(dir.path());
    for user in ["ann", "bob"] {
        put(&person(&vault, user), "one", b"x");
    }
    // No file can be made under this name: the log's state cannot be replaced.
    let obstacle = dir.path().join("log.new");
    std::fs::create_dir(&obstacle).unwrap();
    assert!(vault.erase(&["ann"]).is_err(), "told although the log is not durable");
    assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectErased { .. })), "erased all the same");
    assert!(vault.log_checkpoint().is_err());
    std::fs::remove_dir(&obstacle).unwrap();
    let mut vault = world.reopen(vault);
    assert_eq!(states(dir.path()), [ReceiptState::Erased]);
    // The machine died with the receipts of the last run not written, or written in part.
    vault.erase(&["bob"]).unwrap();
    let file = dir.path().join("receipts");
    let whole = std::fs::read(&file).unwrap();
    let second = whole.len() / 2;
    for keep in [whole.len() - 1, second + 300, second] {
        drop(vault);
        std::fs::write(&file, &whole[..keep]).unwrap();
        vault = world.open();
        assert_eq!(states(dir.path()), [ReceiptState::Erased; 2], "{keep} bytes were left");
        let again = vault.erase(&["bob"]).unwrap();
        let receipt = erased(&again[0]).receipt.clone().unwrap();
        verify_receipt(&receipt, &public_key(dir.path()).unwrap(), None, &[], None).unwrap();
    }
}

#[test]
fn who_is_blocked_has_a_receipt_of_that_and_of_nothing_more() {
    let dir = tempfile::tempdir().unwrap();
    let (_world, vault) = world(dir.path());
    let ann = person(&vault, "ann");
    put(&ann, "big", &noise(3_000_000, 1));
    let mut reader = ann.saves().get("doom", "big", None).unwrap();
    reader.next_chunk().unwrap();
    assert!(matches!(vault.erase(&["ann"]), Err(VaultError::Busy)));
    assert_eq!(states(dir.path()), [ReceiptState::Blocked]);
    // Of holds it says what is true of the moment, and nothing of a destruction.
    list_receipts(dir.path(), &mut |line| {
        assert_eq!(line.receipt.request.holds, "none stood when reads and writes were stopped");
    })
    .unwrap();
    assert!(ann.saves().put("doom", "b", &PutOptions::default(), &mut b"x".as_slice()).is_err());
    drop(reader);
    let outcomes = vault.erase(&["ann"]).unwrap();
    assert_eq!(states(dir.path()), [ReceiptState::Blocked, ReceiptState::Erased]);
    let receipt = erased(&outcomes[0]).receipt.clone().unwrap();
    let checked = verify_receipt(&receipt, &public_key(dir.path()).unwrap(), None, &[], None).unwrap();
    assert_eq!(checked.receipt.subject.job, erased(&outcomes[0]).job.clone().unwrap());
    assert!(vault.receipts_of_job(&checked.receipt.subject.job).unwrap().len() == 2);
}

/// Erased by an operator in the middle of the time for second thoughts: the receipt does not say that it was waited for.
#[test]
fn a_cooling_off_period_that_was_not_waited_for_is_not_said_to_be_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (world, vault) = world(dir.path());
    for user in ["ann", "bob"] {
        person(&vault, user);
        crate::deletion::ask(&vault, user);
    }
    let outcomes = vault.erase(&["ann"]).unwrap();
    world.advance(8 * crate::deletion::DAY);
    assert_eq!(vault.run_deletions(&mut |_| ()).unwrap().erased, 1);
    let mut said = Vec::new();
    let mut note = |line: oubliette_store::ReceiptLine| {
        let of = &line.receipt;
        if of.state == ReceiptState::Erased {
            said.push((of.request.cooling_off.clone(), of.request.holds.clone(), of.subject.job.clone()));
        }
    };
    list_receipts(dir.path(), &mut note).unwrap();
    let holds = "none stood when the keys were destroyed";
    assert_eq!(said.len(), 2);
    assert!(said[0].0.contains("not waited for") && said[0].1 == holds, "{said:?}");
    assert_eq!(Some(&said[0].2), erased(&outcomes[0]).job.as_ref());
    assert!(said[1].0 == "as asked for" && said[1].1 == holds, "{said:?}");
}

#[test]
fn many_under_one_root_share_one_entry_of_the_log() {
    let dir = tempfile::tempdir().unwrap();
    let (_world, vault) = world(dir.path());
    let users: Vec<String> = (0..40).map(|n| format!("user {n}")).collect();
    let users: Vec<&str> = users.iter().map(String::as_str).collect();
    users.iter().for_each(|user| drop(person(&vault, user)));
    vault.erase(&users).unwrap();
    assert_eq!(vault.log_status().entries, 1);
    assert_eq!(states(dir.path()), [ReceiptState::Erased; 40]);
    vault.rotate_root().unwrap();
    let proof = vault.log_consistency(1).unwrap();
    assert_eq!((proof.old, vault.log_status().entries), (1, 2));
    assert!(matches!(vault.log_consistency(3), Err(VaultError::Invalid { field: "from", .. })));
}
