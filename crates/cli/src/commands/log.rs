//! `oubliette log`

use oubliette_keyring::{FileLedger, RootLedger};
use oubliette_store::verify_audit;
use serde_json::json;

use crate::{config::Settings, error::CliError, output::Output};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Command {
    /// Check the audit log and the record of roots from their files alone; exit code 5 if a record is damaged, missing or changed
    Verify {
        /// A record's number and hash, as an earlier run printed them: the log must still hold it unchanged
        #[arg(long, value_name = "NUMBER:HASH")]
        expect: Option<String>,
    },
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let Command::Verify { expect } = command;
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
    let mut faults = report.faults;
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
    let head = format!("{}:{}", report.last, report.head);
    let value = json!({
        "files": report.files, "records": report.records, "head": head, "notes": report.notes, "faults": faults,
    });
    output.result(&value, || {
        let mut lines = vec![
            format!("{} records in {} files", report.records, report.files),
            format!("head {head} (note it elsewhere; --expect checks it later)"),
        ];
        lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
        lines.extend(faults.iter().map(|fault| format!("fault: {fault}")));
        lines
    });
    if faults.is_empty() { Ok(()) } else { Err(CliError::Log(faults.len())) }
}
