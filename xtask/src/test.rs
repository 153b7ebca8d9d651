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

    let mut nextest = vec!["nextest", "run"];
    if args.is_empty() {
        nextest.push("--workspace");
    }
    nextest.extend(args.iter().map(String::as_str));
    let suites = command::cargo(&nextest, &[]);
    let doctests =
        if args.is_empty() { command::cargo(&["test", "--doc", "--workspace"], &[]) } else { Ok(()) };

    // No report: nothing was built, or nothing ran; `suites` tells which.
    if let Ok(xml) = fs::read_to_string(&report) {
        for line in leftout::lines(&xml) {
            println!("left out: {line}");
        }
        if let Some((passed, failed)) = leftout::counts(&xml) {
            println!("tests: {passed} passed, {failed} failed");
        }
    }
    suites.and(doctests)
}
