//! The copy in which mistakes are planted.

use super::mutation::Suite;
use crate::command;
use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

/// Seconds after which a build with its test is ended: a mistake may well make it hang.
const LONGEST: &str = "1800";

/// Packages that are built anew for nearly every mistake, and in which little is computed.
const QUICKLY_BUILT: [&str; 3] = ["engine", "keyring", "store"];

/// A copy of what is tracked. Files that did not change keep their times, so that little is built again.
pub(crate) struct Scratch {
    src: PathBuf,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        Self { src: command::root().join("target/mutants/src") }
    }

    /// Brings the copy up to date, without any mutation.
    pub(crate) fn restore(&self) -> Result<(), String> {
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

    pub(crate) fn apply(&self, patch: &Path) -> Result<(), String> {
        applied(apply(&self.src, patch, &[])?, patch)
    }

    /// Whether the test passes, and what it says. The target folder is the scratch copy's own: cargo calls both workspaces' crates
    /// by the same names, and in a shared one the next ordinary build would link a planted mistake.
    pub(crate) fn test(&self, suite: &Suite) -> Result<(bool, String), String> {
        let mut cargo = Command::new("timeout");
        cargo.args([
            "--kill-after=10",
            LONGEST,
            &command::our_cargo(),
            "test",
            "--locked",
            "-p",
            &suite.package,
        ]);
        for package in QUICKLY_BUILT {
            cargo.args(["--config", &format!("profile.dev.package.oubliette-{package}.opt-level=0")]);
        }
        match suite.binary.as_str() {
            "lib" => cargo.arg("--lib"),
            binary => cargo.args(["--test", binary]),
        };
        let ran = cargo
            .args(["--", "--exact", &suite.test, "--nocapture"])
            .current_dir(&self.src)
            .env("CARGO_TARGET_DIR", self.src.with_file_name("target"))
            .env("RUST_BACKTRACE", "0")
            .output()
            .map_err(|e| format!("cannot start cargo: {e}"))?;
        let output = [ran.stdout, ran.stderr].concat();
        let output = String::from_utf8_lossy(&output).into_owned();
        let ran_it = !ran.status.success() || output.contains("1 passed");
        if ran_it { Ok((ran.status.success(), output)) } else { Err(format!("there is no test {suite}")) }
    }
}

/// `git apply` in a folder.
pub(crate) fn apply(folder: &Path, patch: &Path, how: &[&str]) -> Result<Output, String> {
    // Not the repository around the folder: inside one, git passes over files of another folder in silence.
    let ceiling = folder.parent().unwrap_or(folder);
    let mut git = Command::new("git");
    git.arg("apply").args(how).arg(patch).current_dir(folder).env("GIT_CEILING_DIRECTORIES", ceiling);
    git.output().map_err(|e| format!("cannot start git: {e}"))
}

pub(crate) fn applied(git: Output, patch: &Path) -> Result<(), String> {
    let said = String::from_utf8_lossy(&git.stderr);
    if git.status.success() {
        Ok(())
    } else {
        Err(format!("{} no longer applies, bring it up to date: {said}", patch.display()))
    }
}
