//! `oubliette status`

use oubliette_service::operator::{Answer, Command};

use crate::{config::Settings, error::CliError, folder, output::Output};

pub(crate) fn run(settings: &Settings, output: &Output) -> Result<(), CliError> {
    let Answer::Status(status) = folder::operate(settings, &Command::Status)? else {
        return Err(CliError::Usage("the service answered something else; use the same version".to_owned()));
    };
    output.result(&status, || {
        let mut lines = vec![
            format!("vault        {}", status.vault),
            format!("generation   {}", status.generation),
            format!("subjects     {}", status.subjects),
            format!(
                "rows         {} ({} bytes; {} on disk)",
                status.rows, status.row_bytes, status.rows_disk
            ),
            format!("blobs        {} bytes on disk", status.blob_disk),
            format!("sweep queue  {}", status.sweep_queue),
            format!(
                "forgotten    {} values since the start",
                status.forgotten.iter().map(|(_, n)| n).sum::<u64>()
            ),
            format!("cell class   {}", status.cell_class),
            format!("key memory   {}", status.key_memory),
            format!(
                "receipts     {} ({} not final), public key {}",
                status.log.receipts, status.log.not_final, status.public_key
            ),
            match (&status.log.witnessed, &status.log.witnessed_by, &status.log.witnessed_at) {
                (Some(entries), Some(by), Some(at)) => {
                    format!(
                        "log          {} deletions; witnessed up to {entries} by {by} at {at}",
                        status.log.entries
                    )
                }
                _ => format!("log          {} deletions; not witnessed", status.log.entries),
            },
        ];
        if let Some((copied, all)) = status.compaction {
            lines.push(format!("compaction   {copied} of {all} rows copied"));
        }
        for cell in &status.cells {
            lines.push(format!("cell         {} ({})", cell.path, cell.class));
            lines.extend(cell.doubts.iter().map(|doubt| format!("             {doubt}")));
        }
        if let Some(behind) = status.escrow_behind {
            lines.push(format!("escrow       {behind} generations behind"));
        }
        lines.extend(status.warnings.iter().map(|warning| format!("warning      {warning}")));
        lines.extend(status.problems.iter().map(|problem| format!("problem      {problem}")));
        lines
    });
    Ok(())
}
