//! `oubliette bench`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{
    bench::{self, Effort, Part, memory},
    error::CliError,
    output::Output,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// What to measure; everything if not given
    #[arg(value_enum)]
    parts: Vec<Part>,
    /// The disk to measure: scratch data goes into a new folder in here and is removed
    #[arg(long, value_name = "DIR", default_value = ".")]
    scratch: PathBuf,
    /// Small sizes: a minute in all
    #[arg(long)]
    quick: bool,
    /// Rounds per figure; the median counts
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(1..))]
    rounds: u8,
    /// GiB of content of the large person in `erasure`
    #[arg(long, value_name = "GIB", default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    largest: u8,
}

pub(crate) fn run(arguments: Arguments, output: &Output) -> Result<(), CliError> {
    let parts = if arguments.parts.is_empty() { Part::value_variants() } else { &arguments.parts };
    let effort = Effort {
        rounds: arguments.rounds.into(),
        quick: arguments.quick,
        largest: arguments.largest.into(),
        program: None,
    };
    let figures =
        bench::run(&arguments.scratch, parts, effort, &mut |figure| output.line(&figure.to_string()))?;
    output.result(&figures, Vec::new);
    match figures.iter().filter(|figure| !figure.reached).count() {
        0 => Ok(()),
        missed => Err(CliError::Missed(missed)),
    }
}

/// `oubliette bench-memory`: run by `bench` in a child process.
pub(crate) fn memory(arguments: &memory::Arguments, output: &Output) -> Result<(), CliError> {
    output.line(&memory::work(arguments)?.to_string());
    Ok(())
}
