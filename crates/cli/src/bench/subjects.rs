//! Growth of disk, memory and the cost of one erasure with the number of people, on the key plane alone.

use std::{fs, path::Path, sync::Arc, time::Instant};

use oubliette_crypto::VaultId;
use oubliette_engine::{KeyPlane, SledOptions};
use oubliette_keyring::{FileCell, FileLedger, Keyring, KeyringOptions, UserId};

use super::{BenchError, Effort, Figure};

pub(super) fn measure(dir: &Path, effort: Effort, tell: &mut dyn FnMut(Figure)) -> Result<(), BenchError> {
    let sizes: &[u64] = if effort.quick { &[1_000, 10_000] } else { &[1_000, 10_000, 100_000, 1_000_000] };
    let vault = VaultId::random().map_err(setup)?;
    let plane = KeyPlane::in_folder(dir, *vault.as_bytes(), SledOptions::default());
    let cell = Arc::new(FileCell::create(&dir.join("root.cell"), vault, 0, 1).map_err(setup)?);
    let ledger = Arc::new(FileLedger::open(&dir.join("roots")).map_err(setup)?);
    let keyring = Keyring::create(Arc::new(plane.create()?), vec![cell], ledger, KeyringOptions::default())?;

    let mut resident_before = 0;
    for &size in sizes {
        // Lazily: a list of a million names would count as memory of the vault.
        keyring.bulk_create((keyring.population()..size).map_while(|n| user(n).ok()))?;
        let mut times = Vec::new();
        // The erased ones are left out of the next size's count; a handful does not show.
        for n in 0..effort.rounds as u64 {
            let before = Instant::now();
            keyring.erase(&[user(n * (size / 10) + size / 20)?])?;
            times.push(before.elapsed().as_secs_f64() * 1e3);
        }
        times.sort_by(f64::total_cmp);
        let per_person = disk(dir) as f64 / size as f64;
        tell(Figure::fact(&format!("{size} people: bytes on disk each, both mirrors"), per_person));
        let median = times.get(times.len() / 2).copied().unwrap_or(f64::NAN);
        tell(Figure::fact(&format!("{size} people: one erasure, ms"), median));
        let resident = resident();
        tell(Figure::fact(&format!("{size} people: resident memory, MiB"), (resident >> 20) as f64));
        if resident_before == 0 {
            resident_before = resident;
        }
    }
    keyring.close();
    let grown = (resident().saturating_sub(resident_before)) as f64 / f64::from(1 << 20);
    // Bounded by the configured caches: 16 MiB of pages, and about twice sled's 64 MiB.
    tell(Figure::at_most("resident memory gained from the first to the last size, MiB", vec![grown], 256.0));
    Ok(())
}

fn user(n: u64) -> Result<UserId, BenchError> {
    UserId::new(format!("player-{n}")).map_err(setup)
}

fn setup(error: impl std::fmt::Display) -> BenchError {
    BenchError::Setup(error.to_string())
}

/// Bytes occupied below `dir`.
fn disk(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries
        .map(|entry| match entry.metadata() {
            Ok(meta) if meta.is_dir() => disk(&entry.path()),
            Ok(meta) => meta.blocks() * 512,
            Err(_) => 0,
        })
        .sum()
}

/// Resident bytes of this process, from the kernel.
fn resident() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|rest| rest.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) << 10
}
