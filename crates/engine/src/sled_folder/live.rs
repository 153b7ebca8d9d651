//! sled itself, with a handle of our own on its log.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::flush::flush;
use super::start::check_no_blobs;
use crate::EngineError;
use crate::durable::{entries, sync_tree};

pub(super) struct Live {
    pub(super) db: sled::Db,
    /// sled's data folder and its number in the marker.
    pub(super) data: PathBuf,
    pub(super) number: u32,
    log: File,
}

impl Live {
    pub(super) fn new(db: sled::Db, data: &Path, number: u32) -> Result<Self, EngineError> {
        let path = data.join("db");
        let log = File::open(&path).map_err(EngineError::io("open", &path))?;
        Ok(Self { db, data: data.to_owned(), number, log })
    }

    /// All or none of them, whatever happens.
    pub(super) fn apply_batch<K: AsRef<[u8]>, V: AsRef<[u8]>>(
        &self,
        ops: &[(K, Option<V>)],
    ) -> Result<(), EngineError> {
        let mut batch = sled::Batch::default();
        for (key, value) in ops {
            match value {
                Some(value) => batch.insert(key.as_ref(), value.as_ref()),
                None => batch.remove(key.as_ref()),
            }
        }
        self.db.apply_batch(batch).map_err(self.failed())
    }

    /// One after the other into the log, of which recovery finds a beginning.
    pub(super) fn apply_in_order<'a>(
        &self,
        mut ops: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Result<(), EngineError> {
        let written = ops.try_for_each(|(key, value)| match value {
            Some(value) => self.db.insert(key, value).map(drop),
            None => self.db.remove(key).map(drop),
        });
        written.map_err(self.failed())
    }

    pub(super) fn flush(&self) -> Result<(), EngineError> {
        flush(&self.db).map_err(self.failed())
    }

    pub(super) fn sync(&self) -> Result<(), EngineError> {
        self.log.sync_data().map_err(EngineError::io("sync", self.data.join("db")))
    }

    pub(super) fn count(&self) -> Result<u64, EngineError> {
        self.db.iter().try_fold(0, |rows, row| row.map(|_| rows + 1)).map_err(self.failed())
    }

    pub(super) fn disk_bytes(&self) -> Result<u64, EngineError> {
        let bytes = |path: &Path| fs::metadata(path).map(|facts| facts.blocks() * 512);
        entries(&self.data)?
            .into_iter()
            .map(|(path, _)| bytes(&path).map_err(EngineError::io("measure", &path)))
            .sum()
    }

    /// Lets sled go and makes durable what it wrote while going.
    pub(super) fn finish(self) -> Result<(), EngineError> {
        let Self { db, data, log, number: _ } = self;
        flush(&db).map_err(sled_error(&data))?;
        log.sync_all().map_err(EngineError::io("sync", &data))?;
        drop(db);
        check_no_blobs(&data)?;
        sync_tree(&data)
    }

    /// Says what a failure of sled means.
    pub(super) fn failed(&self) -> impl FnOnce(sled::Error) -> EngineError {
        sled_error(&self.data)
    }
}

/// Translates sled's errors; their texts hold positions, never content.
pub(super) fn sled_error(data: &Path) -> impl FnOnce(sled::Error) -> EngineError {
    let path = data.to_owned();
    move |error| match error {
        sled::Error::Io(source) => EngineError::Io { op: "an operation of sled", path, source },
        other => EngineError::Corrupt { what: "sled's log", path, detail: other.to_string() },
    }
}
