//! Bare sled, as a user of it who wants a durable put writes it today: what `oubliette bench` sets the vault against.

use std::fs::File;
use std::path::{Path, PathBuf};

use super::SEGMENT_SIZE;
use super::layout::Layout;
use crate::EngineError;

/// A sled store with none of our protocol: put, flush, fdatasync. For measurements only; it survives no power cut.
pub struct Baseline {
    db: sled::Db,
    log: File,
    path: PathBuf,
}

impl Baseline {
    /// Opens or creates a store in `path`.
    pub fn open(path: &Path) -> Result<Self, EngineError> {
        let db = sled::Config::new().path(path).segment_size(SEGMENT_SIZE).flush_every_ms(None).open();
        let log = path.join("db");
        Ok(Self {
            db: db.map_err(|error| failed(path, &error))?,
            log: File::open(&log).map_err(EngineError::io("opening the baseline's log", &log))?,
            path: path.to_owned(),
        })
    }

    /// Opens what a closed sled folder of ours holds, with nothing of ours around it. `RowsLost` if there is none.
    pub fn open_within(folder: &Path) -> Result<Self, EngineError> {
        let layout = Layout::new(folder);
        let marker = layout.read_marker()?;
        let missing = || EngineError::RowsLost { detail: format!("{} holds no store", folder.display()) };
        Self::open(&layout.data(marker.ok_or_else(missing)?.data))
    }

    /// One put, flushed and synced.
    pub fn put(&self, key: &[u8], value: &[u8]) -> Result<(), EngineError> {
        self.db.insert(key, value).map_err(|error| failed(&self.path, &error))?;
        self.db.flush().map_err(|error| failed(&self.path, &error))?;
        self.log.sync_data().map_err(EngineError::io("syncing the baseline's log", &self.path))
    }
}

fn failed(path: &Path, error: &sled::Error) -> EngineError {
    EngineError::io("using the baseline", path)(std::io::Error::other(error.to_string()))
}
