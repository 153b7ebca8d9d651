//! `cargo bench`: the figures of `oubliette bench --quick`, in a new folder on the disk of the target folder.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks through them")]

use std::{path::Path, process::ExitCode};

use clap::ValueEnum;
use oubliette_cli::bench::{Effort, Part, run};

fn main() -> ExitCode {
    let disk = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let program = Some(env!("CARGO_BIN_EXE_oubliette"));
    let effort = Effort { rounds: 3, quick: true, largest: 1, program };
    match run(disk, Part::value_variants(), effort, &mut |figure| println!("{figure}")) {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
