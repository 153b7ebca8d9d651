//! `oubliette escrow`

mod holder;
mod recover;

use std::fs;
use std::path::{Path, PathBuf};

use clap::Subcommand;
use oubliette_service::operator::{Answer, Command as Operator, EscrowCommand, EscrowReport};

use crate::{config::Settings, error::CliError, folder, output::Output};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Set an escrow up: who holds it, how many are needed, and where it goes
    Init(InitArguments),
    /// Take cards with keys for windows to come, and statements that keys were destroyed
    Rotate(RotateArguments),
    /// Windows, holders, how far it is behind, what is missing
    List,
    /// Make the vault anew in --data after the loss of all its keys
    Recover(recover::Arguments),
    /// What a holder does, on a machine of their own
    #[command(subcommand)]
    Holder(holder::Command),
}

#[derive(Debug, clap::Args)]
pub(crate) struct InitArguments {
    /// The folder that roots and pages go to; it must be there
    #[arg(long, value_name = "DIR")]
    store: PathBuf,
    /// How many holders are needed to open it
    #[arg(long, value_name = "N")]
    threshold: u8,
    /// Days in a window
    #[arg(long, value_name = "N", default_value_t = 7)]
    days: u32,
    /// A holder's card, of `escrow holder keygen`; again for each holder
    #[arg(long = "card", value_name = "FILE", required = true)]
    cards: Vec<PathBuf>,
}

#[derive(Debug, clap::Args)]
pub(crate) struct RotateArguments {
    /// A holder's card; again for each
    #[arg(long = "card", value_name = "FILE", required_unless_present = "statements")]
    cards: Vec<PathBuf>,
    /// A holder's statement, of `escrow holder destroy`; again for each
    #[arg(long = "statement", value_name = "FILE")]
    statements: Vec<PathBuf>,
}

pub(crate) fn run(command: Command, settings: &Settings, output: &Output) -> Result<(), CliError> {
    let escrow = match command {
        Command::Holder(command) => return holder::run(command, output),
        Command::Recover(arguments) => return recover::run(arguments, settings, output),
        Command::Init(InitArguments { store, threshold, days, cards }) => {
            let store = std::path::absolute(&store).map_err(CliError::io("finding the place of", &store))?;
            EscrowCommand::Init { store, threshold, days, cards: read_all(&cards)? }
        }
        Command::Rotate(RotateArguments { cards, statements }) => {
            EscrowCommand::Rotate { cards: read_all(&cards)?, statements: read_all(&statements)? }
        }
        Command::List => EscrowCommand::List,
    };
    let Answer::Escrow(report) = folder::operate(settings, &Operator::Escrow { escrow })? else {
        return Err(CliError::Usage("the service answered something else; use the same version".to_owned()));
    };
    output.result(&report, || lines(&report));
    Ok(())
}

fn lines(report: &EscrowReport) -> Vec<String> {
    let named = |names: &[String]| {
        if names.is_empty() { "all".to_owned() } else { format!("not of {}", names.join(", ")) }
    };
    let sealed = match (&report.sealed_generation, &report.sealed_at) {
        (Some(generation), Some(at)) => {
            format!(
                "generation {generation}, sealed {at}; the vault is {} generations further",
                report.behind
            )
        }
        _ => "nothing yet".to_owned(),
    };
    let mut lines = vec![
        format!(
            "escrow       {} of {} holders: {}",
            report.threshold,
            report.holders.len(),
            report.holders.join(", ")
        ),
        format!("store        {}", report.store.display()),
        format!("window       {} of {} days, ends {}", report.window, report.days, report.window_ends),
        format!(
            "keys         for this window {}; for the next {}",
            named(&report.no_key),
            named(&report.no_key_next)
        ),
        format!("newest root  {sealed}"),
    ];
    for window in &report.windows {
        let destroyed = match (window.can_open, window.not_destroyed.is_empty()) {
            (_, true) => "all its keys are destroyed".to_owned(),
            (false, false) => format!(
                "enough of its keys are destroyed; no statement of {}",
                window.not_destroyed.join(", ")
            ),
            (true, false) => format!("no statement of {}", window.not_destroyed.join(", ")),
        };
        lines.push(format!(
            "sealed in    window {}, from generation {}, ends {}: {destroyed}",
            window.window, window.first_generation, window.ends
        ));
    }
    lines.extend(report.problems.iter().map(|problem| format!("problem      {problem}")));
    lines
}

fn read_all(paths: &[PathBuf]) -> Result<Vec<String>, CliError> {
    paths.iter().map(|path| read(path)).collect()
}

fn read(path: &Path) -> Result<String, CliError> {
    fs::read_to_string(path).map_err(CliError::io("reading", path))
}

/// Writes a file for its owner alone; nothing may be there yet.
fn write_new(path: &Path, text: &str) -> Result<(), CliError> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let written =
        fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).and_then(|mut file| {
            file.write_all(text.as_bytes())?;
            file.sync_all()
        });
    written.map_err(CliError::io("writing", path))
}
