//! `oubliette move`

use std::path::{Path, PathBuf};

use oubliette_store::{AuditKind, Vault, VaultError, VaultOptions};
use serde_json::json;

use crate::{
    config::Settings,
    error::CliError,
    folder,
    output::{Output, Progress},
};

#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The folder that the vault goes to; empty or not there yet, on any disk
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

pub(crate) fn run(arguments: Arguments, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let Arguments { to, yes } = arguments;
    let (old, new) = (settings.data.display(), to.display());
    output.confirm(
        yes,
        &format!("The vault moves from {old} to {new} under a new root; its cell in {old} is wiped, and nothing opens there any more."),
    )?;
    let options = folder::options(settings)?;
    match Vault::open(&settings.data, options.clone()) {
        Ok(vault) => {
            folder::record(&vault, "move", AuditKind::Attempt, 0)?;
            vault.close()?;
        }
        // To be finished.
        Err(VaultError::Moved { .. }) => {}
        Err(error) => return Err(error.into()),
    }
    let mut progress = Progress::bytes(None);
    let moved = Vault::move_to(&settings.data, &to, &options, &mut |what, done| progress.at(what, done))?;
    drop(progress);
    // The marker knows where its cells are; the setting may still name the old places.
    let vault = Vault::open(&to, VaultOptions { cells: Vec::new(), ..options })?;
    folder::record(&vault, "move", AuditKind::Done, 200)?;
    let (status, closed) = (vault.status(), vault.close());
    let status = status?;
    closed?;
    let cells: Vec<_> = status.cells.iter().map(|cell| &cell.path).collect();
    let value = json!({
        "vault": moved.vault, "from": moved.from, "to": moved.to, "generation": moved.generation, "cells": cells,
        "problems": status.problems,
    });
    output.result(&value, || {
        let mut lines = vec![
            format!("the vault is in {} now, at root generation {}", moved.to.display(), moved.generation),
            format!(
                "{} holds no key any more: remove it once `oubliette fsck --data {}` is content",
                moved.from.display(),
                moved.to.display()
            ),
        ];
        lines.extend(named_cells(settings, &moved.from, &moved.to));
        lines.extend(status.problems.iter().map(|problem| format!("problem: {problem}")));
        lines
    });
    if status.problems.is_empty() { Ok(()) } else { Err(CliError::Unsound(status.problems.len())) }
}

/// Of the setting `cells`: which of its places moved, too.
fn named_cells(settings: &Settings, from: &Path, to: &Path) -> Vec<String> {
    let moved = settings.cells.iter().filter_map(|cell| {
        let inside = std::path::absolute(cell).ok()?.strip_prefix(from).ok()?.to_owned();
        Some(format!(
            "write {} where the setting `cells` named {}",
            to.join(inside).display(),
            cell.display()
        ))
    });
    moved.collect()
}
