//! `cargo xtask assurance`: the figures that the claims rest on, by one command.
//!
//! Suites that count print lines `assured: what: figures`; this asks them for their full counts (or, with `--quick`, for those of
//! every day), runs the measuring parts of `oubliette bench`, and prints all figures together. It fails if any suite or figure does.

use crate::{command, fuzz, leftout, mutants, tools};
use std::{fs, time::Instant};

/// A suite of tests and what asks it for its full count.
struct Suite {
    what: &'static str,
    /// Arguments to nextest that select it.
    tests: &'static [&'static str],
    full: &'static [(&'static str, &'static str)],
}

const SUITES: [Suite; 7] = [
    Suite {
        what: "the service killed under load",
        tests: &["-p", "oubliette", "--test", "kill"],
        full: &[("OUBLIETTE_KILLS", "1000")],
    },
    Suite {
        what: "power cut at every call, on a simulated disk",
        tests: &["-p", "oubliette", "--test", "power", "-E", "not test(/block/)"],
        full: &[("OUBLIETTE_CRASH_POINTS", "all")],
    },
    Suite {
        what: "power cut under real file systems",
        tests: &["-p", "oubliette", "--test", "power", "-E", "test(/block/)"],
        full: &[("OUBLIETTE_POWER_IMAGES", "500")],
    },
    Suite {
        what: "everything ever written and every present secret against the erased",
        tests: &["-p", "oubliette-adversary"],
        full: &[("OUBLIETTE_TAPE_CASES", "200"), ("OUBLIETTE_TAPE_PEOPLE", "200")],
    },
    Suite {
        what: "every byte of a vault flipped",
        tests: &["-p", "oubliette", "--test", "corruption"],
        full: &[("OUBLIETTE_FLIPS", "all")],
    },
    Suite {
        what: "the running service read from outside",
        tests: &["-p", "oubliette", "--test", "memscan"],
        full: &[],
    },
    Suite {
        what: "needles of an erased person in the folder",
        tests: &["-p", "oubliette", "--test", "residue"],
        full: &[],
    },
];

/// The parts of the bench whose figures are goals of the design.
const BENCHES: [&str; 5] = ["saves", "messages", "erasure", "covers", "subjects"];

/// Everything, to the end, whatever fails on the way.
pub(crate) fn run(quick: bool, install: bool) -> Result<(), String> {
    tools::for_tests(install)?;
    command::cargo(&["build", "--release", "--bin", "oubliette"], &[])?;
    let mut lines = Vec::new();
    let mut failures = Vec::new();
    for suite in &SUITES {
        let begun = Instant::now();
        if let Err(error) = suite.run(quick, &mut lines) {
            failures.push(format!("{}: {error}", suite.what));
        }
        println!("== {}: {} s", suite.what, begun.elapsed().as_secs());
    }
    failures.extend(benches(quick, &mut lines).err());
    if quick {
        println!("left out: planted mistakes, fuzzing: `cargo xtask assurance` without --quick runs them");
    } else {
        failures.extend(mutants::run(None, None).err());
        failures.extend(fuzz::run(60, install).err());
    }
    println!("\nFigures{}", if quick { " (quick counts)" } else { "" });
    lines.iter().for_each(|line| println!("  {line}"));
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n       ")) }
}

impl Suite {
    fn run(&self, quick: bool, lines: &mut Vec<String>) -> Result<(), String> {
        let report = command::root().join("target/nextest/assurance/junit.xml");
        // A report of an earlier run must not speak for this one.
        if report.exists() {
            fs::remove_file(&report).map_err(|e| format!("cannot remove {}: {e}", report.display()))?;
        }
        let binary = command::release_binary()?;
        let mut env = vec![("OUBLIETTE_RELEASE_BIN", binary.as_str())];
        if !quick {
            env.extend(self.full);
        }
        let args: Vec<&str> =
            ["nextest", "run", "--profile", "assurance"].iter().chain(self.tests).copied().collect();
        let outcome = command::cargo(&args, &env);
        let xml = fs::read_to_string(&report)
            .map_err(|e| format!("the suite left no report {}: {e}", report.display()));
        if let Ok(xml) = &xml {
            lines.extend(leftout::marked(xml, "assured: "));
            lines.extend(leftout::lines(xml).into_iter().map(|line| format!("left out: {line}")));
        }
        outcome.and(xml.map(drop))
    }
}

/// Prints the parts' figures as they come; the report of each goes into `lines`.
fn benches(quick: bool, lines: &mut Vec<String>) -> Result<(), String> {
    let binary = command::release_binary()?;
    let mut failures = Vec::new();
    for part in BENCHES {
        let mut args = vec!["bench", part];
        args.extend(quick.then_some("--quick"));
        if part == "erasure" && !quick {
            args.extend(["--largest", "10", "--rounds", "3"]);
        }
        match command::output(&binary, &args) {
            Ok(said) => lines.extend(said.lines().map(str::to_owned)),
            Err((said, error)) => {
                lines.extend(said.lines().map(str::to_owned));
                failures.push(format!("bench {part}: {error}"));
            }
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n       ")) }
}
