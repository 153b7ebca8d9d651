//! The commands of the `oubliette` binary: one module per command under `commands/`.
//!
//! Content commands speak HTTP to `--url`. Operator commands open `--data`, or reach the service that holds it through
//! its `admin.sock`. Exit codes: 0 done, 1 failed, 2 usage, 3 not found, 4 refused by policy, 5 corruption found.

mod args;
pub mod bench;
mod certificate;
mod commands;
mod config;
mod doctor;
mod drill;
mod error;
mod folder;
#[doc(hidden)]
pub mod fuzzing;
mod harden;
mod import;
mod output;
mod promises;
mod tour;

pub use oubliette_locked::WipingAlloc;

use std::process::ExitCode;

use clap::Parser;

use crate::{args::Arguments, config::Settings, error::CliError, output::Output};

/// What `main` does: hardens the process, reads the arguments, runs the command.
///
/// To be called first thing and while there is one thread: the system-call filter it installs must reach all others.
pub fn main() -> ExitCode {
    let hardened = harden::process();
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version go to stdout with 0, mistakes to stderr with 2.
            let _ = error.print();
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let output = Output::new(arguments.common.json);
    match hardened.map_err(CliError::Harden).and_then(|()| run(arguments, &output)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            output.error(&error);
            ExitCode::from(error.exit_code())
        }
    }
}

fn run(arguments: Arguments, output: &Output) -> Result<(), CliError> {
    let settings = Settings::load(&arguments.common)?;
    commands::run(arguments.command, &settings, output)
}
