//! `oubliette fsck`

use oubliette_service::operator::{Answer, Command};

use crate::{config::Settings, error::CliError, folder, output::Output};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Mend the key plane from its mirror
    #[arg(long)]
    repair: bool,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let Answer::Fsck(report) = folder::operate(settings, &Command::Fsck { repair: arguments.repair })? else {
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
