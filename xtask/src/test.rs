//! `cargo xtask test`: every suite, then the doctests, then what was left out.

use crate::{command, leftout, tools};
use std::{fs, io};

/// Where nextest writes its report, below the workspace's folder (`.config/nextest.toml`).
const REPORT: &str = "target/nextest/default/junit.xml";

/// Runs the suites to the end and reports every failure, not only the first.
pub(crate) fn run(args: &[String], install: bool) -> Result<(), String> {
    tools::for_tests(install)?;
    let report = command::root().join(REPORT);
    match fs::remove_file(&report) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => {
            return Err(format!("cannot remove the last report {}: {e}", report.display()));
        }
        _ => {}
    }

    let outcome = if args.is_empty() {
        everything()
    } else {
        let args = args.iter().map(String::as_str);
        command::cargo(&["nextest", "run"].into_iter().chain(args).collect::<Vec<_>>(), &[])
    };

    // No report: nothing was built, or nothing ran; `outcome` tells which.
    if let Ok(xml) = fs::read_to_string(&report) {
        for line in leftout::figures(&xml) {
            println!("assured: {line}");
        }
        for line in leftout::lines(&xml) {
            println!("left out: {line}");
        }
        if let Some((passed, failed)) = leftout::counts(&xml) {
            println!("tests: {passed} passed, {failed} failed");
        }
    }
    outcome
}

/// All suites, then the doctests even where a suite failed. What is measured (memory, speed) is measured on the
/// released binary, which suites find in `OUBLIETTE_RELEASE_BIN`.
fn everything() -> Result<(), String> {
    command::cargo(&["build", "--release", "--bin", "oubliette"], &[])?;
    let binary = command::release_binary()?;
    let env = [("OUBLIETTE_RELEASE_BIN", binary.as_str())];
    let suites = command::cargo(&["nextest", "run", "--workspace"], &env);
    let doctests = command::cargo(&["test", "--doc", "--workspace"], &[]);
    suites.and(doctests)
}
