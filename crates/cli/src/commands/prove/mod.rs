//! `oubliette prove`

mod page;

use std::path::{Path, PathBuf};

use oubliette_closure::{Proof, Question, Verdict, prove};
use oubliette_store::{
    AuditKind, Clock, SystemClock, Vault, VaultCells, VaultError, VaultLock, VaultOptions, rfc3339,
};

use crate::{
    config::Settings,
    error::CliError,
    folder,
    output::{Output, Progress},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// An old copy: a vault's folder, a backup, a snapshot, an image, a log; a folder or a file. Again for each further one
    #[arg(long = "copy", value_name = "OLD", required = true)]
    copies: Vec<PathBuf>,
    /// Also write a page to be filed: HTML if its name ends so, else plain text
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let options = folder::options(settings)?;
    if let Some(missing) = arguments.copies.iter().find(|copy| !copy.exists()) {
        return Err(CliError::Usage(format!("there is nothing at {}", missing.display())));
    }
    // Opening it ends what a crash interrupted; from then on nobody changes anything.
    record(&settings.data, &options, AuditKind::Attempt, 0)?;
    let lock = VaultLock::of(&settings.data)?;
    let question = question(&settings.data, &options, &arguments.copies)?;
    let mut progress = Progress::steps();
    let proof = prove(&question, &mut |what, done| progress.at(what, done))?;
    drop(progress);
    drop(lock);
    record(
        &settings.data,
        &options,
        AuditKind::Done,
        if proof.verdict == Verdict::Proved { 200 } else { 409 },
    )?;

    output.result(&proof, || page::lines(&proof, &now()));
    let written = arguments.report.as_deref().map_or(Ok(()), |path| write_report(&proof, path));
    let found = match proof.verdict {
        Verdict::Proved => Ok(()),
        Verdict::Opens => Err(CliError::Reached(proof.leaks.iter().map(|leak| leak.values).sum())),
        Verdict::NothingProved => Err(CliError::NothingProved(why(&proof))),
    };
    // Whatever became of the report: what was found counts.
    if let (Err(_), Err(error)) = (&found, &written) {
        output.error(error);
    }
    found.and(written)
}

fn write_report(proof: &Proof, path: &Path) -> Result<(), CliError> {
    let html = path.extension().is_some_and(|end| end == "html" || end == "htm");
    let text = if html { page::html(proof, &now()) } else { page::lines(proof, &now()).join("\n") + "\n" };
    std::fs::write(path, text).map_err(CliError::io("writing the report", path))
}

/// Why the control failed.
fn why(proof: &Proof) -> String {
    if proof.control_values == 0 {
        return "nothing in the copies belongs to anybody who lives; name a copy of this vault that does"
            .to_owned();
    }
    format!(
        "of {} values that are alive {} do not open: the copy is damaged, or its blobs are of another time",
        proof.control_values,
        proof.control_values - proof.control_opened
    )
}

/// What is asked of these copies, for the vault in `data`.
pub(crate) fn question(
    data: &Path,
    options: &VaultOptions,
    copies: &[PathBuf],
) -> Result<Question, CliError> {
    let cells = VaultCells::of(data, options)?;
    let cells = cells.ok_or_else(|| CliError::Usage(format!("{} holds no vault", data.display())))?;
    let vault = data_encoding::HEXLOWER.decode(cells.vault.as_bytes()).ok().and_then(|id| id.try_into().ok());
    let vault = vault.ok_or_else(|| CliError::Usage("the vault's id cannot be read".to_owned()))?;
    // A file that may still hold a share and is no cell any more is a copy, too.
    let waiting = cells.to_wipe.into_iter().filter(|path| path.exists());
    Ok(Question {
        vault,
        cells: cells.cells,
        keys: vec![data.join("keys-a"), data.join("keys-b")],
        receipts: data.join("ledger/receipts"),
        copies: copies.iter().cloned().chain(waiting).collect(),
        most_trials: Question::MOST_TRIALS,
    })
}

fn record(data: &Path, options: &VaultOptions, kind: AuditKind, status: u16) -> Result<(), VaultError> {
    let vault = Vault::open(data, options.clone())?;
    let recorded = folder::record(&vault, "prove", kind, status);
    let closed = vault.close();
    recorded.and(closed)
}

fn now() -> String {
    rfc3339(SystemClock.now_micros())
}
