//! `cargo xtask assurance`: the figures that the claims rest on, by one command.
//!
//! Suites that count print lines `assured: what: figures`. This asks each for its full count (with `--quick`: for that of every day),
//! measures with `oubliette bench`, plants every mistake, fuzzes, and prints all figures together. It goes on to the end and fails if
//! anything did.

use crate::{command, fuzz, leftout, mutants, tools};
use std::{fs, time::Instant};

/// Tests, and what asks them for their full count.
struct Suite {
    what: &'static str,
    /// nextest's expression that selects them. Packages are not named to cargo: it would build them anew for each choice.
    tests: &'static str,
    full: &'static [(&'static str, &'static str)],
}

const SUITES: [Suite; 8] = [
    Suite {
        what: "the service killed under load",
        tests: "binary_id(oubliette::kill)",
        full: &[("OUBLIETTE_KILLS", "1000")],
    },
    Suite {
        what: "power cut after every call, on a simulated disk and under real file systems",
        tests: "binary_id(oubliette::power)",
        full: &[
            ("OUBLIETTE_CRASH_POINTS", "all"),
            ("OUBLIETTE_CRASH_HISTORIES", "50"),
            ("OUBLIETTE_CRASH_FAILURES", "200"),
            ("OUBLIETTE_POWER_IMAGES", "500"),
            ("OUBLIETTE_POWER_IMAGES_XFS", "100"),
        ],
    },
    Suite {
        what: "everything ever written and every present secret against the erased",
        tests: "package(oubliette-adversary)",
        full: &[("OUBLIETTE_TAPE_CASES", "200"), ("OUBLIETTE_TAPE_PEOPLE", "200")],
    },
    Suite {
        what: "histories of writing, backing up, deleting and restoring",
        tests: "binary_id(oubliette-store::store) & test(backups)",
        full: &[("OUBLIETTE_HISTORIES", "1000")],
    },
    Suite {
        what: "every byte of a vault flipped",
        tests: "binary_id(oubliette::corruption)",
        full: &[("OUBLIETTE_FLIPS", "all")],
    },
    Suite {
        what: "the running service read from outside",
        tests: "binary_id(oubliette::memscan)",
        full: &[],
    },
    Suite {
        what: "needles of an erased person in the folder",
        tests: "binary_id(oubliette::residue)",
        full: &[],
    },
    Suite {
        what: "requests made from the served document, against the running service",
        tests: "binary_id(oubliette::schemathesis)",
        full: &[("OUBLIETTE_SCHEMATHESIS", "500")],
    },
];

/// Where the suites of this command leave their report, below the workspace's folder.
const REPORT: &str = "target/nextest/assurance/junit.xml";

/// Runs everything to the end.
pub(crate) fn run(quick: bool, install: bool) -> Result<(), String> {
    tools::for_tests(install)?;
    command::cargo(&["build", "--release", "--bin", "oubliette"], &[])?;
    let mut figures = Vec::new();
    let mut failures = Vec::new();
    for suite in &SUITES {
        let begun = Instant::now();
        failures.extend(suite.run(quick, &mut figures).err());
        println!("== {}: {} s", suite.what, begun.elapsed().as_secs());
    }
    failures.extend(measure(quick).err());
    if quick {
        figures.push("left out: planted mistakes, fuzzing: only without --quick".to_owned());
    } else {
        failures.extend(mutants::run(None, None).err());
        failures.extend(fuzz::run(&[], install).err());
    }
    println!("\nFigures, beside those of the bench above{}:", if quick { " (quick counts)" } else { "" });
    figures.iter().for_each(|figure| println!("  {figure}"));
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n       ")) }
}

impl Suite {
    fn run(&self, quick: bool, figures: &mut Vec<String>) -> Result<(), String> {
        let report = command::root().join(REPORT);
        // A report of an earlier run must not speak for this one.
        if report.exists() {
            fs::remove_file(&report).map_err(|e| format!("cannot remove {}: {e}", report.display()))?;
        }
        let binary = command::release_binary()?;
        let mut env = vec![("OUBLIETTE_RELEASE_BIN", binary.as_str())];
        env.extend(self.full.iter().filter(|_| !quick));
        let args = ["nextest", "run", "--workspace", "--profile", "assurance", "-E", self.tests];
        let outcome = command::cargo(&args, &env);
        let read = fs::read_to_string(&report).map_err(|e| format!("{}: no report: {e}", self.what));
        if let Ok(xml) = &read {
            figures.extend(leftout::figures(xml));
            figures.extend(leftout::lines(xml).into_iter().map(|line| format!("left out: {line}")));
        }
        outcome.map_err(|error| format!("{}: {error}", self.what)).and(read.map(drop))
    }
}

/// Prints the bench's figures; an error if one misses its goal.
fn measure(quick: bool) -> Result<(), String> {
    let folder = command::target_dir()?;
    let scratch = folder.to_str().ok_or("the target folder's path is not UTF-8")?;
    let binary = command::release_binary()?;
    if quick {
        return command::run(&binary, &["bench", "--scratch", scratch, "--quick"], &[]);
    }
    let all = command::run(&binary, &["bench", "--scratch", scratch], &[]);
    let largest = ["bench", "erasure", "--scratch", scratch, "--largest", "10", "--rounds", "3"];
    let all = all.and(command::run(&binary, &largest, &[]));
    all.and(command::cargo(&["bench", "--bench", "slow_disk"], &[]))
}
