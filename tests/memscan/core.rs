//! Cores that a debugger takes of a process, which no limit of the process prevents.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::needles::Needles;
use crate::outside::{Found, Memory};

/// A core of the process, or why there is none.
fn taken(pid: u32, scratch: &Path, name: &str) -> Result<PathBuf, String> {
    let prefix = scratch.join(format!("core-{name}"));
    let said = Command::new("gcore")
        .arg("-o")
        .arg(&prefix)
        .arg(pid.to_string())
        .stdin(Stdio::null())
        .output()
        .map_err(|_| "needs gcore, of the package gdb".to_owned())?;
    let core = PathBuf::from(format!("{}.{pid}", prefix.display()));
    if core.is_file() {
        Ok(core)
    } else {
        Err(format!(
            "gcore gives no core here: {}",
            String::from_utf8_lossy(&said.stderr).lines().last().unwrap_or("")
        ))
    }
}

fn scanned(core: &Path, sets: &[&Needles]) -> Found {
    let found = Memory::of_core(core).scan(sets);
    fs::remove_file(core).unwrap();
    found
}

/// Every needle is found in a core of a process that holds them.
pub(crate) fn with(pid: u32, scratch: &Path, sets: &[&Needles]) {
    match taken(pid, scratch, "holder") {
        Err(reason) => println!("left out: memscan: {reason}"),
        Ok(core) => {
            let found = scanned(&core, sets);
            assert!((0..sets.len()).all(|set| found.found(set) >= sets[set].len()), "{found:?}");
        }
    }
}

/// No needle of `keys` and `absent` is in a core of the process, but each of `marks` is.
pub(crate) fn without(
    pid: u32,
    scratch: &Path,
    when: &str,
    keys: Option<&Needles>,
    absent: &[&Needles],
    marks: &Needles,
) {
    let Ok(core) = taken(pid, scratch, when) else { return };
    let sets: Vec<&Needles> = [marks].into_iter().chain(keys).chain(absent.iter().copied()).collect();
    let found = scanned(&core, &sets);
    println!("core after {when}: {found:?}");
    assert!(found.found(0) > 0, "after {when}: the core shows nothing of a living person");
    assert!((1..sets.len()).all(|set| found.found(set) == 0), "in a core after {when}: {found:?}");
}
