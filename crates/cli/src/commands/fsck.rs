//! `oubliette fsck`

use std::path::Path;

use oubliette_service::operator::{Answer, Command};

use crate::{config::Settings, error::CliError, folder, output::Output};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Mend the key plane from its mirror, and remove rows that belong to nobody
    #[arg(long)]
    repair: bool,
    /// Also give up what is lost in every copy: people whose keys are gone, and rows that do not open
    #[arg(long)]
    give_up_lost: bool,
    /// Do not ask
    #[arg(long, requires = "give_up_lost")]
    yes: bool,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let give_up_lost = arguments.give_up_lost;
    if give_up_lost {
        output.confirm(
            arguments.yes,
            "Give up what is lost in every copy? Mount every disk of the key pages and restore the rows first: people whose keys are not found are removed.",
        )?;
    }
    let command = Command::Fsck { repair: arguments.repair || give_up_lost, give_up_lost };
    let answer = folder::operate(settings, &command).map_err(|error| unusable(error, &settings.data))?;
    let Answer::Fsck(report) = answer else {
        return Err(CliError::Usage("the service answered something else; use the same version".to_owned()));
    };
    output.result(&report, || {
        let mut lines = vec![format!(
            "read {} key pages, {} rows, {} blobs; mended {}, noise of nobody {} (the sweeper or --repair removes it)",
            report.pages, report.rows, report.blobs, report.mended, report.orphans
        )];
        lines.extend(report.notes.iter().map(|note| format!("note: {note}")));
        lines.extend(report.faults.iter().map(|fault| format!("fault: {fault}")));
        lines
    });
    if report.faults.is_empty() { Ok(()) } else { Err(CliError::Faults(report.faults.len())) }
}

/// A vault that cannot be opened or read to its end is damaged, whatever stood in the way: exit code 5. Where there is no vault, nothing is.
fn unusable(error: CliError, data: &Path) -> CliError {
    match error {
        CliError::Operator(failure) if failure.code == "unavailable" && holds_a_vault(data) => {
            CliError::Unusable(failure)
        }
        other => other,
    }
}

/// Or what is left of one.
fn holds_a_vault(data: &Path) -> bool {
    ["vault.json", "root.cell", "keys-a"].iter().any(|part| data.join(part).exists())
}
