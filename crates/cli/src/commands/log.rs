//! `oubliette log`: the audit log and the log of deletions, from their files alone.

use std::path::{Path, PathBuf};

use oubliette_keyring::{FileLedger, RootLedger};
use oubliette_service::operator::Command as Operator;
use oubliette_store::{
    ReceiptId, VaultError, log_contains, prove_consistency, prove_inclusion, read_checkpoint,
    translog::{Checkpoint, ConsistencyProof, LogError, Note, VerifierKey},
    verify_audit, verify_ledger,
};
use serde_json::json;

use super::receipt::{key_of, read};
use crate::{config::Settings, error::CliError, folder, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check the audit log, the log of deletions and all receipts from their files alone; exit code 5 if anything is damaged, missing or changed
    Verify {
        /// A record's number and hash, as an earlier run printed them: the audit log must still hold it unchanged
        #[arg(long, value_name = "NUMBER:HASH")]
        expect: Option<String>,
        /// The vault's public key, as a file or the text itself [default: ledger/receipts.pub]
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// A checkpoint that was kept elsewhere: the log must contain it
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// A proof (GET /v1/log/consistency) that leads from --checkpoint to a newer one: then no folder is looked at
        #[arg(long, value_name = "FILE", requires = "checkpoint")]
        proof: Option<PathBuf>,
    },
    /// The newest checkpoint of the log of deletions: keep it elsewhere
    Checkpoint,
    /// That a receipt's deletion stands in the newest checkpoint
    Proof { receipt: String },
    /// That the newest checkpoint begins with what the log was at a size: for a witness
    Consistency {
        /// Entries that it had when it was last seen; 0 for never
        #[arg(long, value_name = "N")]
        from: u64,
    },
    /// Give the vault a checkpoint back that a witness signed
    Cosigned { file: PathBuf },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let ledger = settings.data.join("ledger");
    let print = |kind: &str, text: String| {
        output.result(&json!({ kind: text }), || text.lines().map(str::to_owned).collect());
        Ok(())
    };
    match command {
        Command::Verify { checkpoint: Some(old), proof: Some(proof), key, .. } => {
            grew(&ledger, &old, &proof, key.as_deref(), output)
        }
        Command::Verify { expect, key, checkpoint, .. } => {
            verify(settings, expect, key.as_deref(), checkpoint.as_deref(), output)
        }
        Command::Checkpoint => print("checkpoint", read_checkpoint(&ledger)?.to_string()),
        Command::Proof { receipt } => {
            let none = VaultError::NotFound { what: "receipt: a number has 32 hexadecimal digits" };
            let id = ReceiptId::parse(&receipt).ok_or(none)?;
            print("proof", prove_inclusion(&ledger, &id)?.to_string())
        }
        Command::Consistency { from } => print("proof", prove_consistency(&ledger, from)?.to_string()),
        Command::Cosigned { file } => {
            let note = read(&file)?;
            folder::operate(settings, &Operator::LogCosigned { note })?;
            output.result(&json!({ "state": "taken" }), || vec!["taken".to_owned()]);
            Ok(())
        }
    }
}

/// Two checkpoints and a proof between them, without any vault.
fn grew(ledger: &Path, old: &Path, proof: &Path, key: Option<&str>, output: &Output) -> Result<(), CliError> {
    let key = key_of(ledger, key)?;
    let untrue = |error: LogError| CliError::Untrue(error.to_string());
    let seen = signed(old, &key)?;
    let now =
        ConsistencyProof::parse(&read(proof)?).and_then(|proof| proof.verify(&seen, &key)).map_err(untrue)?;
    output.result(&json!({ "from": seen.size, "to": now.size }), || {
        vec![format!("the log only grew, from {} to {} entries", seen.size, now.size)]
    });
    Ok(())
}

fn signed(file: &Path, key: &VerifierKey) -> Result<Checkpoint, CliError> {
    let note = Note::parse(&read(file)?).and_then(|note| Checkpoint::open(&note, key));
    note.map_err(|error| CliError::Untrue(format!("{}: {error}", file.display())))
}

fn verify(
    settings: &Settings,
    expect: Option<String>,
    key: Option<&str>,
    checkpoint: Option<&Path>,
    output: &Output,
) -> Result<(), CliError> {
    let bad =
        || CliError::Usage("--expect takes a number and a hash, as `log verify` prints them".to_owned());
    let expect = expect.map(|text| {
        let (number, hash) = text.split_once(':').ok_or_else(bad)?;
        Ok::<_, CliError>((number.parse::<u64>().map_err(|_| bad())?, hash.to_ascii_lowercase()))
    });
    let expect = expect.transpose()?;
    let ledger = settings.data.join("ledger");
    if !ledger.exists() {
        return Err(CliError::Usage(format!(
            "there is no audit log in {}; name the vault's folder with --data",
            settings.data.display()
        )));
    }
    let report = verify_audit(&ledger, expect.as_ref().map(|(number, _)| *number))?;
    let (mut notes, mut faults) = (report.notes, report.faults);
    if report.files == 0 && faults.is_empty() {
        faults.push("there are no files of the audit log, where a vault always has one".to_owned());
    }
    if let Some((number, hash)) = expect {
        match report.asked {
            Some(found) if found == hash => {}
            Some(_) => faults
                .push(format!("record {number} is not the one that was expected: the log was rewritten")),
            None => {
                faults.push(format!("record {number}, which was expected, is not in the log: it was cut off"))
            }
        }
    }
    let roots = ledger.join("roots");
    if roots.exists() {
        let opened = FileLedger::open(&roots).and_then(|ledger| ledger.verify());
        faults.extend(opened.unwrap_or_else(|error| vec![error.to_string()]));
    } else {
        faults.push("ledger/roots, the record of deletions, is missing".to_owned());
    }
    let named = key.map(|key| key_of(&ledger, Some(key))).transpose()?;
    let deletions = verify_ledger(&ledger, named.as_ref())?;
    notes.extend(deletions.notes);
    faults.extend(deletions.faults);
    if let Some(file) = checkpoint {
        let seen = signed(file, &key_of(&ledger, key)?)?;
        match log_contains(&ledger, &seen) {
            Err(VaultError::Log(error)) => faults.push(error.to_string()),
            contained => contained?,
        }
    }
    let head = format!("{}:{}", report.last, report.head);
    let value = json!({
        "files": report.files, "records": report.records, "head": head, "deletions": deletions.entries,
        "receipts": deletions.receipts, "checkpoint": deletions.checkpoint, "notes": notes, "faults": faults,
    });
    output.result(&value, || {
        let mut lines = vec![
            format!("{} records in {} files", report.records, report.files),
            format!("head {head} (note it elsewhere; --expect checks it later)"),
            format!("{} deletions in the log, {} receipts", deletions.entries, deletions.receipts),
        ];
        lines.extend(notes.iter().map(|note| format!("note: {note}")));
        lines.extend(faults.iter().map(|fault| format!("fault: {fault}")));
        lines
    });
    if faults.is_empty() { Ok(()) } else { Err(CliError::Log(faults.len())) }
}
