//! `cargo xtask fuzz`: every target under libFuzzer, for so many seconds each. Not part of `test`: there `tests/corpora` runs the same functions
//! on the corpora and their mutations.

use crate::{command, tools};
use std::{fs, process::Command};

/// libFuzzer's instrumentation is an unstable flag: a stable compiler takes it when told to.
const UNSTABLE: (&str, &str) = ("RUSTC_BOOTSTRAP", "1");
const SECONDS: u64 = 60;

/// Runs the target of the name given, or all.
pub(crate) fn run(args: &[String], install: bool) -> Result<(), String> {
    let (seconds, only) = parse(args)?;
    tools::for_fuzzing(install)?;
    let targets = targets(only)?;
    build().map_err(|why| format!("this machine cannot fuzz: {why}"))?;
    let mut crashed = Vec::new();
    for target in &targets {
        let (executions, whole) = run_one(target, seconds)?;
        println!(
            "{target}: {executions} executions in {seconds} s, {}",
            if whole { "no crash" } else { "CRASHED" }
        );
        if !whole {
            crashed.push(target.as_str());
        }
    }
    if crashed.is_empty() {
        Ok(())
    } else {
        Err(format!("crashed: {}; the inputs are in fuzz/artifacts", crashed.join(", ")))
    }
}

fn parse(args: &[String]) -> Result<(u64, Option<&str>), String> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let seconds = |text: &str| text.parse().map_err(|_| format!("`{text}` is no number of seconds"));
    match args.as_slice() {
        [] => Ok((SECONDS, None)),
        ["--seconds", number] => Ok((seconds(number)?, None)),
        ["--seconds", number, name] => Ok((seconds(number)?, Some(name))),
        [name] if !name.starts_with('-') => Ok((SECONDS, Some(name))),
        _ => Err("cargo xtask fuzz [--seconds N] [TARGET]".to_owned()),
    }
}

fn targets(only: Option<&str>) -> Result<Vec<String>, String> {
    let folder = command::root().join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).map_err(|e| format!("cannot read {}: {e}", folder.display()))?;
    let names = entries.filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()));
    let mut names: Vec<String> = names.filter(|name| only.is_none_or(|only| name == only)).collect();
    names.sort();
    if names.is_empty() { Err("there is no such target".to_owned()) } else { Ok(names) }
}

fn build() -> Result<(), String> {
    command::cargo(&["fuzz", "build", "--sanitizer", "none"], &[UNSTABLE])
}

/// Executions, and whether it ended without a crash. What it finds new goes below `target`, not into the repository.
fn run_one(target: &str, seconds: u64) -> Result<(String, bool), String> {
    let found = command::target_dir()?.join("fuzz-corpus").join(target);
    fs::create_dir_all(&found).map_err(|e| format!("cannot make {}: {e}", found.display()))?;
    let ran = Command::new(command::our_cargo())
        .args(["fuzz", "run", "--sanitizer", "none", target])
        .arg(&found)
        .arg(format!("fuzz/corpus/{target}"))
        .args(["--", "-print_final_stats=1", &format!("-max_total_time={seconds}")])
        .env(UNSTABLE.0, UNSTABLE.1)
        .current_dir(command::root())
        .output()
        .map_err(|e| format!("cannot start cargo fuzz: {e}"))?;
    let said = String::from_utf8_lossy(&ran.stderr);
    let executions = said.lines().find_map(|line| line.strip_prefix("stat::number_of_executed_units:"));
    if !ran.status.success() {
        println!("{said}");
    }
    Ok((executions.unwrap_or("an unknown number of").trim().to_owned(), ran.status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments() {
        let parsed = |args: &[&str]| {
            let args: Vec<String> = args.iter().map(|arg| (*arg).to_owned()).collect();
            parse(&args).map(|(seconds, name)| (seconds, name.map(str::to_owned)))
        };
        assert_eq!(parsed(&[]), Ok((60, None)));
        assert_eq!(parsed(&["--seconds", "5"]), Ok((5, None)));
        assert_eq!(parsed(&["--seconds", "5", "head"]), Ok((5, Some("head".to_owned()))));
        assert_eq!(parsed(&["head"]), Ok((60, Some("head".to_owned()))));
        assert!(parsed(&["--seconds"]).is_err() && parsed(&["--seconds", "x"]).is_err());
        assert!(parsed(&["a", "b"]).is_err());
    }

    #[test]
    fn every_target_is_found() {
        assert!(targets(None).unwrap().len() > 20);
        assert!(targets(Some("nothing")).is_err());
    }
}
