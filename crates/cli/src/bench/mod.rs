//! `oubliette bench`: the vault against the bare machine, as ratios within one run.
//!
//! Absolute times on a shared machine say little; each figure here is measured beside its own baseline, in turns, and the
//! median of the rounds is printed. `benches/vault.rs` runs the same code under `cargo bench`.

mod covers;
mod erasure;
pub(crate) mod memory;
mod messages;
mod opening;
mod plane;
mod saves;
mod subjects;

use std::path::Path;

use oubliette_store::VaultError;

/// What to measure.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Part {
    /// Durable 4 MiB saves against raw append and sync.
    Saves,
    /// Durable 200-byte messages against the bare engine, one and 64 callers.
    Messages,
    /// Erasing a person with much content against one with little.
    Erasure,
    /// Deletions, disk, memory and opening against the number of subjects.
    Subjects,
    /// Random deletions in one long conversation.
    Covers,
}

/// How much to measure.
#[derive(Debug, Clone, Copy)]
pub struct Effort {
    /// Rounds per figure; the median counts.
    pub rounds: usize,
    /// Small sizes, for tests and a first look.
    pub quick: bool,
    /// GiB of content of the person whose erasure is compared with that of one with 1 KiB.
    pub largest: u64,
    /// The `oubliette` program, for what is measured in a child; this program if `None`.
    pub program: Option<&'static str>,
}

/// One line of the report.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Figure {
    /// What was measured, against what.
    pub name: String,
    /// The median ratio (or the plain figure where `goal` says so).
    pub value: f64,
    /// Lowest and highest round.
    pub range: (f64, f64),
    /// What it should be, in words.
    pub goal: String,
    /// Whether the median reaches the goal.
    pub reached: bool,
    /// The curve that this figure is a point of.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub curve: Option<Curve>,
}

/// Where a figure stands on a curve; the example `plot` draws them.
#[derive(Debug, Clone, serde::Serialize)]
pub struct Curve {
    /// Name of the curve.
    pub name: &'static str,
    /// The figure's place; its value is the height.
    pub x: f64,
}

impl Figure {
    fn at_least(name: &str, rounds: Vec<f64>, goal: f64) -> Self {
        let (value, range) = median(rounds);
        Self::new(name, value, range, format!("at least {goal}"), value >= goal)
    }
    fn at_most(name: &str, rounds: Vec<f64>, goal: f64) -> Self {
        let (value, range) = median(rounds);
        Self::new(name, value, range, format!("at most {goal}"), value <= goal)
    }
    fn fact(name: &str, value: f64) -> Self {
        Self::new(name, value, (value, value), "-".into(), true)
    }
    /// What has no goal, by its median.
    fn spread(name: &str, rounds: Vec<f64>) -> Self {
        let (value, range) = median(rounds);
        Self::new(name, value, range, "-".into(), true)
    }
    /// The mean counts, not the median.
    fn mean_at_most(name: &str, rounds: Vec<f64>, goal: f64) -> Self {
        let mean = rounds.iter().sum::<f64>() / rounds.len() as f64;
        let (_, range) = median(rounds);
        Self::new(name, mean, range, format!("at most {goal}"), mean <= goal)
    }
    fn new(name: &str, value: f64, range: (f64, f64), goal: String, reached: bool) -> Self {
        Self { name: name.into(), value, range, goal, reached, curve: None }
    }
    fn on(self, name: &'static str, x: f64) -> Self {
        Self { curve: Some(Curve { name, x }), ..self }
    }
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (low, high) = self.range;
        let verdict = if self.reached { "" } else { "  MISSED" };
        write!(f, "{:<84} {:>9.2}  ({low:.2} to {high:.2})  {}{verdict}", self.name, self.value, self.goal)
    }
}

/// Runs the parts in a temporary folder under `dir` (the disk under it is what is measured), telling each finished figure.
pub fn run(
    dir: &Path,
    parts: &[Part],
    effort: Effort,
    tell: &mut dyn FnMut(&Figure),
) -> Result<Vec<Figure>, BenchError> {
    let mut figures = Vec::new();
    for part in parts {
        let scratch = tempfile::Builder::new().prefix("oubliette-bench-").tempdir_in(dir)?;
        let mut note = |figure: Figure| {
            tell(&figure);
            figures.push(figure);
        };
        match part {
            Part::Saves => saves::measure(scratch.path(), effort, &mut note)?,
            Part::Messages => messages::measure(scratch.path(), effort, &mut note)?,
            Part::Erasure => erasure::measure(scratch.path(), effort, &mut note)?,
            Part::Subjects => subjects::measure(scratch.path(), effort, &mut note)?,
            Part::Covers => covers::measure(scratch.path(), effort, &mut note)?,
        }
    }
    Ok(figures)
}

/// Why a measurement could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BenchError {
    /// The vault under test failed.
    #[error("the vault failed during the measurement: {0}")]
    Vault(#[from] VaultError),
    /// The key plane under test failed.
    #[error("the key plane failed during the measurement: {0}")]
    Keyring(#[from] oubliette_keyring::KeyringError),
    /// The baseline's engine failed.
    #[error("the baseline failed: {0}")]
    Engine(#[from] oubliette_engine::EngineError),
    /// The scratch folder failed.
    #[error("the scratch folder failed: {0}; is the disk full?")]
    Io(#[from] std::io::Error),
    /// The key plane's cell or ledger could not be made.
    #[error("the key plane could not be made: {0}")]
    Setup(String),
    /// A thread of the measurement died.
    #[error("a measuring thread died")]
    Thread,
}

fn median(mut rounds: Vec<f64>) -> (f64, (f64, f64)) {
    rounds.sort_by(f64::total_cmp);
    let at = |i: usize| rounds.get(i).copied().unwrap_or(f64::NAN);
    (at(rounds.len() / 2), (at(0), at(rounds.len().saturating_sub(1))))
}

/// Bytes that do not compress, from a small generator (speed matters here, secrecy does not).
fn noise(len: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let mut out = Vec::with_capacity(len + 8);
    while out.len() < len {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        out.extend_from_slice(&state.to_le_bytes());
    }
    out.truncate(len);
    out
}
