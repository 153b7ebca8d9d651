//! `oubliette drill`: what happens on the worst days, tried on content of its own in a temporary folder. Nothing of the operator's is touched.
//!
//! Every step checks what it says; the first claim that is not so ends the drill with an error.

mod cell;
mod escrow;
mod mirror;
mod no_escrow;
mod receipts;
mod restore;
mod scene;

use std::path::Path;

use oubliette_store::{VaultError, VaultOptions};

/// Why a drill ended early.
#[derive(Debug, thiserror::Error)]
pub(crate) enum DrillError {
    /// The vault failed.
    #[error("the vault failed during the drill: {0}")]
    Vault(#[from] VaultError),
    /// The temporary folder failed.
    #[error("the drill's temporary folder failed: {0}; is there room in it?")]
    Io(#[from] std::io::Error),
    /// A claim did not hold.
    #[error("the drill found what must not be: {0}")]
    Untrue(String),
}

/// Where a drill works, and how it tells of it.
pub(crate) struct Stage<'a> {
    pub(crate) dir: &'a Path,
    pub(crate) options: &'a VaultOptions,
    pub(crate) say: &'a mut dyn FnMut(&str),
}

/// One drill.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Drill {
    /// One copy of the key plane is lost: it is made anew from the other
    Mirror,
    /// A cell is lost: with it everything, and this is said plainly
    Cell,
    /// All keys are lost, with an escrow: the living come back, the erased stay noise
    Escrow,
    /// All keys are lost, without an escrow: everything is lost, and was said to be beforehand
    NoEscrow,
    /// Rows come back from a backup that is older than an erasure: the erased stay noise
    Restore,
    /// What is left to show of an erasure verifies without the vault
    Receipts,
    /// All of them, one after the other
    All,
}

const EACH: [Drill; 6] =
    [Drill::Mirror, Drill::Cell, Drill::Escrow, Drill::NoEscrow, Drill::Restore, Drill::Receipts];

impl Drill {
    /// The drills that this one stands for.
    pub(crate) fn each(self) -> Vec<Self> {
        if self == Self::All { EACH.to_vec() } else { vec![self] }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Mirror => "mirror",
            Self::Cell => "cell",
            Self::Escrow => "escrow",
            Self::NoEscrow => "no-escrow",
            Self::Restore => "restore",
            Self::Receipts => "receipts",
            Self::All => "all",
        }
    }

    pub(crate) fn run(self, stage: &mut Stage<'_>) -> Result<(), DrillError> {
        match self {
            Self::Mirror => mirror::run(stage),
            Self::Cell => cell::run(stage),
            Self::Escrow => escrow::run(stage),
            Self::NoEscrow => no_escrow::run(stage),
            Self::Restore => restore::run(stage),
            Self::Receipts => receipts::run(stage),
            Self::All => Ok(()),
        }
    }
}

impl Stage<'_> {
    /// Tells of a step.
    fn say(&mut self, line: impl AsRef<str>) {
        (self.say)(line.as_ref());
    }
}

/// A claim of a drill.
fn claim(holds: bool, otherwise: impl Into<String>) -> Result<(), DrillError> {
    if holds { Ok(()) } else { Err(DrillError::Untrue(otherwise.into())) }
}
