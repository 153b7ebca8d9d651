//! `oubliette receipt`: shows and checks receipts from files alone.

use std::{
    fs,
    path::{Path, PathBuf},
};

use data_encoding::HEXLOWER;
use oubliette_store::{
    CheckedReceipt, Receipt, ReceiptId, ReceiptSalt, list_receipts, public_key, read_receipt,
    translog::{Note, VerifierKey},
    verify_receipt,
};
use serde_json::json;

use crate::{certificate, config::Settings, error::CliError, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Every receipt in the vault's ledger, oldest first
    List,
    /// A receipt, by its number in the vault's ledger or as a file
    Show {
        receipt: String,
        /// Also write it as a page to print and file; it must verify
        #[arg(long, value_name = "FILE")]
        html: Option<PathBuf>,
        /// The vault's public key, as a file or the text itself [default: ledger/receipts.pub]
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
    },
    /// Check a receipt without the vault; exit code 5 if anything in it is false
    Verify {
        receipt: String,
        /// The vault's public key, as a file or the text itself [default: ledger/receipts.pub]
        #[arg(long, value_name = "KEY")]
        key: Option<String>,
        /// A newer proof that the deletion stands in the log (GET /v1/log/proof/{id})
        #[arg(long, value_name = "FILE")]
        proof: Option<PathBuf>,
        /// Public key of a witness, one of whom must have signed
        #[arg(long, value_name = "KEY")]
        witness: Vec<String>,
        /// The person it must be about; with --salt
        #[arg(long, requires = "salt")]
        user: Option<String>,
        /// The salt that was told when the deletion was asked for
        #[arg(long, value_name = "HEX", requires = "user")]
        salt: Option<String>,
    },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let ledger = settings.data.join("ledger");
    match command {
        Command::List => {
            let mut found = Vec::new();
            list_receipts(&ledger, &mut |line| found.push(line.receipt))?;
            output.result(&json!({ "receipts": found }), || found.iter().map(line).collect());
        }
        Command::Show { receipt, html, key } => {
            let text = text(&ledger, &receipt)?;
            if let Some(file) = html {
                let key = key_of(&ledger, key.as_deref())?;
                let checked = check(&text, &key, None, &[], None, output)?;
                let page = certificate::page(&checked, &key);
                fs::write(&file, page).map_err(CliError::io("writing the page", &file))?;
                output.line(&format!("{} can be printed and filed", file.display()));
                return Ok(());
            }
            let note = Note::parse(&text).map_err(|error| CliError::Untrue(error.to_string()))?;
            let parsed = Receipt::parse(note.text()).map_err(|error| CliError::Untrue(error.to_string()))?;
            output.result(&parsed, || text.lines().map(str::to_owned).collect());
        }
        Command::Verify { receipt, key, proof, witness, user, salt } => {
            let text = text(&ledger, &receipt)?;
            let key = key_of(&ledger, key.as_deref())?;
            let proof = proof.map(|file| read(&file)).transpose()?;
            let witnesses = witness.iter().map(|key| key_text(key)).collect::<Result<Vec<_>, _>>()?;
            let salt = salt.map(|salt| salt_of(&salt)).transpose()?;
            let person = user.as_deref().zip(salt.as_ref());
            let checked = check(&text, &key, proof.as_deref(), &witnesses, person, output)?;
            let value = json!({
                "receipt": checked.receipt, "true": true, "about_this_person": checked.about,
                "log_size": checked.checkpoint.as_ref().map(|checkpoint| checkpoint.size),
                "witnessed": checked.witnessed.iter().map(|(name, time)| json!({ "by": name, "time": time })).collect::<Vec<_>>(),
            });
            output.result(&value, || said(&checked, &key));
        }
    }
    Ok(())
}

/// Prints what is false and ends with exit code 5, or goes on.
fn check(
    text: &str,
    key: &VerifierKey,
    proof: Option<&str>,
    witnesses: &[VerifierKey],
    person: Option<(&str, &ReceiptSalt)>,
    output: &Output,
) -> Result<CheckedReceipt, CliError> {
    verify_receipt(text, key, proof, witnesses, person).map_err(|faults| {
        output.result(&json!({ "true": false, "faults": faults }), || {
            faults.iter().map(|fault| format!("false: {fault}")).collect()
        });
        CliError::Untrue(format!("{} things about this receipt are false; do not rely on it", faults.len()))
    })
}

fn said(checked: &CheckedReceipt, key: &VerifierKey) -> Vec<String> {
    let receipt = &checked.receipt;
    let mut lines = vec![
        format!("true: signed by {key}"),
        format!("state {}, job {}", receipt.state.as_str(), receipt.subject.job),
    ];
    lines.extend(receipt.erased.iter().map(|time| format!("erased {time}")));
    if let Some(keys) = &receipt.keys {
        lines.push(format!(
            "root generation {} -> {}, cell class {}",
            keys.generation_before, keys.generation_after, keys.cell_class
        ));
    }
    lines.extend(
        checked
            .checkpoint
            .iter()
            .map(|checkpoint| format!("stands in the log of {} entries", checkpoint.size)),
    );
    lines.extend(checked.witnessed.iter().map(|(name, _)| format!("witnessed by {name}")));
    if checked.about {
        lines.push("it is about this person".to_owned());
    }
    lines
}

fn line(receipt: &Receipt) -> String {
    let when = receipt.erased.as_deref().unwrap_or(&receipt.blocked);
    format!("{}\t{}\t{when}\tjob {}", receipt.receipt, receipt.state.as_str(), receipt.subject.job)
}

/// A file, or else a number in the ledger.
fn text(ledger: &Path, receipt: &str) -> Result<String, CliError> {
    let file = Path::new(receipt);
    match ReceiptId::parse(receipt).filter(|_| !file.exists()) {
        Some(id) => read_receipt(ledger, &id)?.ok_or_else(|| {
            oubliette_store::VaultError::NotFound { what: "receipt in this vault's ledger" }.into()
        }),
        None => read(file),
    }
}

pub(super) fn read(file: &Path) -> Result<String, CliError> {
    fs::read_to_string(file).map_err(CliError::io("reading", file))
}

/// The key that was named, or that of the ledger: which vouches for itself alone.
pub(super) fn key_of(ledger: &Path, key: Option<&str>) -> Result<VerifierKey, CliError> {
    key.map_or_else(|| Ok(public_key(ledger)?), key_text)
}

/// A public key as text, or a file that holds it.
pub(super) fn key_text(key: &str) -> Result<VerifierKey, CliError> {
    let text = if Path::new(key).exists() { read(Path::new(key))? } else { key.to_owned() };
    VerifierKey::parse(text.trim_end()).map_err(|error| CliError::Usage(format!("{key}: {error}")))
}

fn salt_of(salt: &str) -> Result<ReceiptSalt, CliError> {
    let bytes =
        HEXLOWER.decode(salt.to_ascii_lowercase().as_bytes()).ok().and_then(|salt| salt.try_into().ok());
    bytes.map(ReceiptSalt::new).ok_or_else(|| CliError::Usage("a salt has 64 hexadecimal digits".to_owned()))
}
