//! What a process takes that opens a vault and works in it. In a child of this program: the process that loaded a million people keeps
//! what its allocator once needed.

use std::path::{Path, PathBuf};
use std::process::Command;

use oubliette_store::{Vault, VaultError, VaultOptions};

use super::plane::{resident, setup};
use super::{BenchError, Effort};

/// The hidden command of the child.
const COMMAND: &str = "bench-memory";
/// People that the child looks up: more than any cache of people holds.
const VISITS: u64 = 10_000;
/// People that it erases.
const ERASED: u64 = 20;

/// Resident bytes of a fresh process after work among so many people of a vault that nobody has open.
pub(super) fn of_fresh_process(effort: Effort, vault: &Path, people: u64) -> Result<u64, BenchError> {
    let program = effort.program.map_or_else(std::env::current_exe, |program| Ok(program.into()))?;
    let child = Command::new(program).arg(COMMAND).arg(vault).arg(people.to_string()).output()?;
    if !child.status.success() {
        return Err(setup(String::from_utf8_lossy(&child.stderr)));
    }
    String::from_utf8_lossy(&child.stdout).trim().parse().map_err(setup)
}

/// A vault that `bench subjects` has filled.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    vault: PathBuf,
    people: u64,
}

/// The child: prints its resident bytes.
pub(crate) fn work(arguments: &Arguments) -> Result<u64, BenchError> {
    let vault = Vault::open(&arguments.vault, VaultOptions::default())?;
    let name = |n: u64| format!("player-{n}");
    for visit in 0..VISITS {
        match vault.subject(&name(visit * arguments.people / VISITS)) {
            // Some were erased before.
            Ok(_) | Err(VaultError::SubjectErased { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    for n in 0..ERASED {
        vault.erase(&[&name(arguments.people - 1 - n)])?;
    }
    let resident = resident();
    vault.close()?;
    Ok(resident)
}
