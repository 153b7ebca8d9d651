//! The account-deletion job, through the library: take the request, erase, check.
//!
//! Run: `cargo run --example account_deletion`. It works in a temporary folder and asserts what it shows.
#![allow(clippy::print_stdout, reason = "an example says what it does and stops where it is wrong")]

use oubliette::{ErasureOutcome, PutOptions, SubjectFacts, Vault, VaultError, VaultOptions};
use std::error::Error;

fn main() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let folder = dir.path().join("vault");
    let vault = Vault::create(&folder, VaultOptions::default())?;

    // Two players with a save each. Only `put_subject` creates a person.
    for user in ["ada", "grace"] {
        vault.put_subject(user, &SubjectFacts::default(), false)?;
        let save = format!("the world as {user} left it");
        vault.subject(user)?.saves().put(
            "freeciv",
            "slot-1",
            &PutOptions::default(),
            &mut save.as_bytes(),
        )?;
    }

    // The request arrives: ada leaves. One call blocks her, replaces the root, wipes the old one, cancels what is in flight.
    let outcomes = vault.erase(&["ada"])?;
    let Some(ErasureOutcome::Erased(record)) = outcomes.into_iter().next() else {
        return Err("ada was there a moment ago".into());
    };
    println!("erased: {}", serde_json::to_string_pretty(&record)?);
    assert!(record.generation_after > record.generation_before);

    // Check 1: ada's content answers "erased", and nothing re-creates her by accident.
    assert!(matches!(vault.subject("ada"), Err(VaultError::SubjectErased { .. })));
    assert!(matches!(
        vault.put_subject("ada", &SubjectFacts::default(), false),
        Err(VaultError::SubjectErased { .. })
    ));

    // Check 2: asking again is harmless and answers with the same record.
    assert!(matches!(vault.erase(&["ada"])?.first(), Some(ErasureOutcome::AlreadyErased(_))));

    // Check 3: grace is whole.
    assert_eq!(load(&vault, "grace")?, b"the world as grace left it");

    // The rows are noise already; sweeping gives their space back.
    let mut swept = 0;
    loop {
        let report = vault.sweep(256)?;
        swept += report.rows;
        if report.left == 0 {
            break;
        }
    }
    println!("swept {swept} rows that belonged to nobody any more");
    assert!(swept > 0);

    // Check 4: the whole vault still authenticates, and the next start agrees.
    assert!(vault.fsck(false, &mut |_, _| {})?.faults.is_empty());
    vault.close()?;
    let vault = Vault::open(&folder, VaultOptions::default())?;
    assert!(matches!(vault.subject("ada"), Err(VaultError::SubjectErased { .. })));
    assert!(vault.subject("grace").is_ok());
    vault.close()?;
    println!("ada is forgotten, grace is whole");
    Ok(())
}

fn load(vault: &Vault, user: &str) -> Result<Vec<u8>, VaultError> {
    let mut reader = vault.subject(user)?.saves().get("freeciv", "slot-1", None)?;
    let mut bytes = Vec::new();
    while let Some(chunk) = reader.next_chunk()? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}
