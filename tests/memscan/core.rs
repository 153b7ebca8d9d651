//! Cores that a debugger takes of a process, which no limit of the process prevents.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::needles::Needles;

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

fn counts(core: &Path, sets: &[&Needles]) -> Vec<usize> {
    let mut bytes = Vec::new();
    File::open(core).unwrap().read_to_end(&mut bytes).unwrap();
    let counts = sets.iter().map(|needles| {
        let mut count = 0;
        needles.find(&bytes, |_, _| count += 1);
        count
    });
    let counts = counts.collect();
    fs::remove_file(core).unwrap();
    counts
}

/// Every needle is found in a core of a process that holds them.
pub(crate) fn with(pid: u32, scratch: &Path, sets: &[&Needles]) {
    match taken(pid, scratch, "holder") {
        Err(reason) => println!("left out: memscan: {reason}"),
        Ok(core) => {
            let found = counts(&core, sets);
            assert!(found.iter().zip(sets).all(|(found, needles)| *found >= needles.len()), "{found:?}");
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
    let size = fs::metadata(&core).unwrap().len();
    let found = counts(&core, &sets);
    println!("core after {when}, {} MiB: {found:?}", size >> 20);
    assert!(found[0] > 0, "after {when}: the core shows nothing of a living person");
    assert!(found[1..].iter().all(|found| *found == 0), "in a core after {when}: {found:?}");
}
