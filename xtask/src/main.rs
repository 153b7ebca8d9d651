//! The project's own commands, the same by hand and in CI.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a command line tool speaks through them")]

mod assurance;
mod check;
mod command;
mod fuzz;
mod leftout;
mod mutants;
mod test;
mod tools;

use std::{env, process::ExitCode};

const HELP: &str = "\
cargo xtask test [--no-install] [ARGS]  run every test; ARGS go to `cargo nextest run` (doctests only without)
cargo xtask check [--no-install]        formatting, lints, documentation, dependencies, examples
cargo xtask mutants [NAME | --shard N/M] mistakes planted into a copy: a test must find each
cargo xtask fuzz [--seconds N] [TARGET]  every decoder's target under libFuzzer, 60 seconds each
cargo xtask assurance [--quick]         the figures that the claims rest on; hours, or with the counts of every day

What is missing is installed: Debian packages (as root), cargo-nextest, cargo-deny, cargo-fuzz.
--no-install   install nothing; suites that need what is missing are left out and say so";

fn main() -> ExitCode {
    let mut args: Vec<String> = env::args().skip(1).collect();
    let install = !args.iter().any(|arg| arg == "--no-install");
    args.retain(|arg| arg != "--no-install");
    let outcome = match args.split_first() {
        Some((verb, rest)) if verb == "test" => test::run(rest, install),
        Some((verb, [])) if verb == "check" => check::run(install),
        Some((verb, [])) if verb == "mutants" => mutants::run(None, None),
        Some((verb, [flag, shard])) if verb == "mutants" && flag == "--shard" => {
            mutants::run(None, Some(shard))
        }
        Some((verb, [name])) if verb == "mutants" => mutants::run(Some(name), None),
        Some((verb, [])) if verb == "assurance" => assurance::run(false, install),
        Some((verb, [flag])) if verb == "assurance" && flag == "--quick" => assurance::run(true, install),
        Some((verb, rest)) if verb == "fuzz" => fuzz::run(rest, install),
        Some((verb, _)) if verb == "help" || verb == "--help" => {
            println!("{HELP}");
            Ok(())
        }
        _ => Err(format!("which command?\n{HELP}")),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("xtask: {message}");
            ExitCode::FAILURE
        }
    }
}
