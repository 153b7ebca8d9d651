//! Opening a vault after a clean stop, against opening the sled databases in it with nothing around them.

use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

use oubliette_engine::{Baseline, EngineError};
use oubliette_store::{Vault, VaultOptions};

use super::BenchError;

/// sled frees its lock some time after it was dropped.
const SETTLE: Duration = Duration::from_millis(200);

/// Seconds, vault and bare, in turns. The first opening of either writes sled's snapshot of all that came since the last one and
/// is not counted; `first` has what it took.
pub(super) struct Openings {
    pub(super) first: f64,
    pub(super) vault: Vec<f64>,
    pub(super) bare: Vec<f64>,
}

impl Openings {
    pub(super) fn measure(dir: &Path, rounds: usize) -> Result<Self, BenchError> {
        // What the loading left in the page cache is not to be written while others wait for their syncs.
        rustix::fs::sync();
        let first = open_vault(dir)?;
        let mut openings = Self { first, vault: Vec::new(), bare: Vec::new() };
        for _ in 0..rounds.max(3) {
            openings.bare.push(open_bare(dir)?);
            openings.vault.push(open_vault(dir)?);
        }
        Ok(openings)
    }

    /// Vault against bare: the fastest of each, since a machine that does something else only ever adds.
    pub(super) fn ratio(&self) -> f64 {
        let fastest = |times: &[f64]| times.iter().copied().fold(f64::INFINITY, f64::min);
        fastest(&self.vault) / fastest(&self.bare)
    }
}

fn open_vault(dir: &Path) -> Result<f64, BenchError> {
    let before = Instant::now();
    let vault = Vault::open(dir, VaultOptions::default())?;
    let took = before.elapsed();
    vault.close()?;
    drop(vault);
    sleep(SETTLE);
    Ok(took.as_secs_f64())
}

fn open_bare(dir: &Path) -> Result<f64, BenchError> {
    let before = Instant::now();
    let stores = ["keys-b", "rows"].map(|name| Baseline::open_within(&dir.join(name)));
    let took = before.elapsed();
    let stores = stores.into_iter().collect::<Result<Vec<_>, EngineError>>()?;
    drop(stores);
    sleep(SETTLE);
    Ok(took.as_secs_f64())
}
