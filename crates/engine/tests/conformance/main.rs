//! The engine contract, run over every implementation, and what the sled engine promises beyond it.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panicking")]

mod anchor;
#[path = "../common/mod.rs"]
mod common;
mod contract;
mod failures;
mod kill;
mod model;

use std::path::{Path, PathBuf};

use oubliette_crypto::AnchorKey;
use oubliette_engine::{
    Engine, EngineError, Fault, FaultEngine, MemoryEngine, SledEngine, SledMode, SledOptions,
};
use tempfile::TempDir;

/// A place for one sled engine that is opened again and again.
struct Place {
    dir: TempDir,
    key: AnchorKey,
    mode: SledMode,
}

impl Place {
    fn new(mode: SledMode) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), key: AnchorKey::generate().unwrap(), mode }
    }

    fn rows(&self) -> PathBuf {
        self.dir.path().join("rows")
    }

    fn anchor(&self) -> PathBuf {
        self.dir.path().join("anchor")
    }

    fn log(&self) -> PathBuf {
        self.rows().join("data-00000001/db")
    }

    fn options(&self) -> SledOptions {
        SledOptions { mode: self.mode, cache_bytes: 4 << 20, ..SledOptions::default() }
    }

    fn try_open(&self) -> Result<SledEngine, EngineError> {
        SledEngine::open(&self.rows(), &self.anchor(), &self.key, self.options())
    }

    fn open(&self) -> SledEngine {
        self.try_open().unwrap()
    }
}

/// Every engine of the contract, fresh.
fn every_engine(test: impl Fn(&dyn Engine)) {
    test(&MemoryEngine::new());
    test(&FaultEngine::new(MemoryEngine::new(), u64::MAX, Fault::Before));
    for mode in [SledMode::Exclusive, SledMode::Filtered] {
        test(&Place::new(mode).open());
    }
}

fn copy_tree(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
