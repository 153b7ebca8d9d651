//! `cargo xtask mutants`: plants each mistake of `crates/adversary/mutations` into a scratch copy and demands that the tape
//! adversary finds it (docs/adversary.md).

use crate::command;
use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Instant,
};

const MUTATIONS: &str = "crates/adversary/mutations";

/// Runs the mutation of this name, or all. Without any mutation first: a suite that fails anyhow catches nothing.
pub(crate) fn run(only: Option<&str>) -> Result<(), String> {
    let mutations = mutations(only)?;
    let scratch = Scratch { src: command::root().join("target/mutants/src") };
    scratch.restore()?;
    let tests: HashSet<&str> = mutations.iter().map(|mutation| mutation.test.as_str()).collect();
    for test in tests {
        let (passed, output) = scratch.test(test)?;
        if !passed {
            return Err(format!("{test} fails without any mutation:\n{output}"));
        }
    }
    let mut missed = Vec::new();
    for mutation in &mutations {
        let start = Instant::now();
        scratch.restore()?;
        scratch.apply(&mutation.path)?;
        let (passed, output) = scratch.test(&mutation.test)?;
        let caught = !passed && output.contains("test result: FAILED") && output.contains(&mutation.message);
        let verdict = if caught { "caught" } else { "MISSED" };
        println!("{verdict} in {:>3} s: {}: {}", start.elapsed().as_secs(), mutation.name, mutation.plants);
        if !caught {
            println!("{output}");
            missed.push(mutation.name.as_str());
        }
    }
    scratch.restore()?;
    if missed.is_empty() { Ok(()) } else { Err(format!("not caught: {}", missed.join(", "))) }
}

struct Mutation {
    name: String,
    path: PathBuf,
    plants: String,
    test: String,
    message: String,
}

fn mutations(only: Option<&str>) -> Result<Vec<Mutation>, String> {
    let folder = command::root().join(MUTATIONS);
    let entries = fs::read_dir(&folder).map_err(|e| format!("cannot read {}: {e}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.filter_map(|entry| Some(entry.ok()?.path())).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "patch"));
    paths.sort();
    let mut mutations = paths.into_iter().map(read).collect::<Result<Vec<_>, _>>()?;
    mutations.retain(|mutation| only.is_none_or(|only| mutation.name == only));
    if mutations.is_empty() { Err("there is no such mutation".to_owned()) } else { Ok(mutations) }
}

fn read(path: PathBuf) -> Result<Mutation, String> {
    let text = fs::read_to_string(&path).map_err(|e| format!("cannot read {}: {e}", path.display()))?;
    let field = |name: &str| {
        let value = text.lines().find_map(|line| line.strip_prefix(name));
        value.map(str::to_owned).ok_or_else(|| format!("{} has no line `{name}`", path.display()))
    };
    Ok(Mutation {
        name: path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        plants: field("# plants: ")?,
        test: field("# caught by: ")?,
        message: field("# message: ")?,
        path,
    })
}

/// A copy of what is tracked. Files that did not change keep their times, so that little is built again.
struct Scratch {
    src: PathBuf,
}

impl Scratch {
    fn restore(&self) -> Result<(), String> {
        let listed = Command::new("git").args(["ls-files", "-z"]).current_dir(command::root()).output();
        let listed = listed.map_err(|e| format!("cannot start git: {e}"))?.stdout;
        let listed = String::from_utf8(listed).map_err(|_| "a tracked file's name is not UTF-8")?;
        for name in listed.split_terminator('\0') {
            let (from, to) = (command::root().join(name), self.src.join(name));
            // Deleted but not yet committed.
            let Ok(bytes) = fs::read(&from) else { continue };
            if fs::read(&to).is_ok_and(|there| there == bytes) {
                continue;
            }
            let folder = to.parent().unwrap_or(&self.src);
            fs::create_dir_all(folder).map_err(|e| format!("cannot make {}: {e}", folder.display()))?;
            fs::write(&to, bytes).map_err(|e| format!("cannot write {}: {e}", to.display()))?;
        }
        Ok(())
    }

    fn apply(&self, patch: &Path) -> Result<(), String> {
        // Not the repository around the scratch copy: inside one, git passes over files of another folder in silence.
        let ceiling = self.src.parent().unwrap_or(&self.src);
        let applied = Command::new("git")
            .arg("apply")
            .arg(patch)
            .current_dir(&self.src)
            .env("GIT_CEILING_DIRECTORIES", ceiling)
            .output()
            .map_err(|e| format!("cannot start git: {e}"))?;
        let said = String::from_utf8_lossy(&applied.stderr);
        if applied.status.success() {
            Ok(())
        } else {
            Err(format!("{} no longer applies, bring it up to date: {said}", patch.display()))
        }
    }

    /// Whether the test passes, and what it says. The target folder is the scratch copy's own: cargo calls both workspaces' crates
    /// by the same names, and in a shared one the next ordinary build would link a planted mistake.
    fn test(&self, test: &str) -> Result<(bool, String), String> {
        let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
        let ran = Command::new(cargo)
            .args(["test", "--locked", "-p", "oubliette-adversary", "--test", "tape", "--", "--exact", test])
            .current_dir(&self.src)
            .env("CARGO_TARGET_DIR", self.src.with_file_name("target"))
            .env("RUST_BACKTRACE", "0")
            .output()
            .map_err(|e| format!("cannot start cargo: {e}"))?;
        let output = [ran.stdout, ran.stderr].concat();
        let output = String::from_utf8_lossy(&output).into_owned();
        let ran_it = !ran.status.success() || output.contains("1 passed");
        if ran_it { Ok((ran.status.success(), output)) } else { Err(format!("there is no test {test}")) }
    }
}
