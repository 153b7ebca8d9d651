//! Crashes between a commit's record and sled (docs/sled.md, "Anchor"), and readers beside checkpoints.

mod crash;
mod live_compact;
mod model;
mod readers;

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::SledMode;
use crate::durable::copy_tree;

/// Rows and an anchor that are opened again and again.
struct Place {
    dir: TempDir,
    key: AnchorKey,
    mode: SledMode,
}

impl Place {
    fn new(mode: SledMode) -> Self {
        Self { dir: tempfile::tempdir().unwrap(), key: AnchorKey::generate().unwrap(), mode }
    }

    /// Commits 1 to 3 in sled, 4 and 5 in records only.
    fn with_five(mode: SledMode) -> (Self, SledEngine) {
        let place = Self::new(mode);
        let engine = place.open().unwrap();
        [1, 2, 200].into_iter().for_each(|key| put(&engine, key, key));
        engine.rows.checkpoint().unwrap();
        put(&engine, 2, 22);
        let mut batch = Batch::new();
        batch.put([201], [201; 100]).delete([1]);
        engine.commit(batch).unwrap();
        (place, engine)
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

    fn open(&self) -> Result<SledEngine, EngineError> {
        let options = SledOptions {
            mode: self.mode,
            cache_bytes: 4 << 20,
            copy_before_recovery: false,
            ..SledOptions::default()
        };
        SledEngine::open(&self.rows(), &self.anchor(), &self.key, options)
    }

    /// The rows' folder as it is now, in a place of its own.
    fn copy_rows(&self, name: &str) -> PathBuf {
        let copy = self.dir.path().join(name);
        let _ = fs::remove_dir_all(&copy);
        copy_tree(&self.rows(), &copy).unwrap();
        copy
    }

    /// Puts such a copy back, perhaps with another anchor.
    fn put_back(&self, rows: &Path, anchor: Option<&[u8]>) {
        fs::remove_dir_all(self.rows()).unwrap();
        copy_tree(rows, &self.rows()).unwrap();
        if let Some(anchor) = anchor {
            fs::write(self.anchor(), anchor).unwrap();
        }
    }
}

fn put(engine: &SledEngine, key: u8, value: u8) {
    let mut batch = Batch::new();
    batch.put([key], [value; 100]);
    engine.commit(batch).unwrap();
}

fn commit_of(engine: &SledEngine) -> u64 {
    engine.rows.log().state.commit
}

/// The rows of [`Place::with_five`], whole.
fn assert_five(engine: &SledEngine, case: &str) {
    assert_eq!(commit_of(engine), 5, "{case}");
    for (key, value) in [(1, None), (2, Some(22)), (200, Some(200)), (201, Some(201))] {
        assert_eq!(engine.get(&[key]).unwrap(), value.map(|value| vec![value; 100]), "{case}: row {key}");
    }
    assert_eq!(engine.verify().unwrap().faults, Vec::<String>::new(), "{case}");
}

fn lost<T>(opened: Result<T, EngineError>) -> bool {
    matches!(opened, Err(EngineError::RowsLost { .. }))
}
