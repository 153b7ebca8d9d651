//! `oubliette doctor`

use std::path::PathBuf;

use oubliette_service::operator::Command;
use oubliette_store::Vault;
use serde_json::json;

use crate::{
    config::Settings,
    doctor::{Patient, examine},
    error::CliError,
    folder,
    output::Output,
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Move the share of the root secret in this cell to another file, and wipe this one; the service must be stopped
    #[arg(long, value_name = "FILE", requires = "with")]
    replace_cell: Option<PathBuf>,
    /// The file that replaces it; nothing may be there yet
    #[arg(long, value_name = "FILE", requires = "replace_cell")]
    with: Option<PathBuf>,
    /// Say that a replaced cell which could not be wiped was destroyed with its disk
    #[arg(long, value_name = "FILE", conflicts_with = "replace_cell")]
    cell_destroyed: Option<PathBuf>,
    /// Say that the machine's clock is right although the vault does not believe it (it was off for long, say): what is deleted by
    /// time goes by it again
    #[arg(long, conflicts_with_all = ["replace_cell", "cell_destroyed"])]
    trust_clock: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let Arguments { replace_cell, with, cell_destroyed, trust_clock, yes } = arguments;
    if let (Some(old), Some(new)) = (replace_cell, with) {
        let question = format!("The cell {} is wiped; its share moves to {}.", old.display(), new.display());
        output.confirm(yes, &question)?;
        let vault = Vault::replace_cell(&settings.data, &old, &new, folder::options(settings)?)?;
        let (status, closed) = (vault.status(), vault.close());
        let status = status?;
        closed?;
        let cells: Vec<_> = status.cells.iter().map(|cell| &cell.path).collect();
        let value =
            json!({ "cells": cells, "erasure_class": status.cell_class, "problems": status.problems });
        output.result(&value, || {
            let mut lines =
                vec![format!("the share is in {} now, erasure class {}", new.display(), status.cell_class)];
            if !settings.cells.is_empty() {
                lines.push(format!(
                    "write {} where the setting `cells` named {}",
                    new.display(),
                    old.display()
                ));
            }
            lines.extend(status.problems.iter().map(|problem| format!("problem: {problem}")));
            lines
        });
        return if status.problems.is_empty() {
            Ok(())
        } else {
            Err(CliError::Unsound(status.problems.len()))
        };
    }
    if let Some(gone) = cell_destroyed {
        output.confirm(yes, &format!("{} will not be waited for any more.", gone.display()))?;
        Vault::cell_destroyed(&settings.data, &gone)?;
        output.result(&json!({ "destroyed": gone }), || vec!["noted".to_owned()]);
        return Ok(());
    }
    if trust_clock {
        output.confirm(
            yes,
            "What is to be deleted by the time that the clock shows now is deleted. Is the clock right?",
        )?;
        folder::operate(settings, &Command::TrustClock)?;
        output.result(&json!({ "clock": "trusted" }), || vec!["noted".to_owned()]);
        return Ok(());
    }
    let report = examine(&Patient::new(settings));
    output.result(&report, || report.lines());
    match report.bad_ones() {
        0 => Ok(()),
        bad => Err(CliError::Unsound(bad)),
    }
}
