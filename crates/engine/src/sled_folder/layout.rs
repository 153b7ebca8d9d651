//! What stands in a sled folder beside sled's own files.
//!
//! ```text
//! <folder>/sled-format     our marker: format, segment size, which data folder is current; checked before sled opens
//!          lock            held while open
//!          clean           there after a clean stop, away while open
//!          recovering      there while a copy of the folder, made before recovery, is still needed
//!          data-<8 hex>/   sled's folder: db, conf, snap.*, blobs/
//! ```

use std::fs::{self, File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::SEGMENT_SIZE;
use crate::EngineError;
use crate::durable::{entries, remove_file, remove_folder, replace_file, sync_parent};

const DATA: &str = "data-";
const LOCK_PATIENCE: Duration = Duration::from_secs(1);

/// Whether the data folder that the marker names was ever finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stage {
    Creating,
    Ready,
}

/// The marker's content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) stage: Stage,
    /// Number of the current data folder.
    pub(super) data: u32,
}

impl Marker {
    pub(super) fn encode(self) -> String {
        let stage = match self.stage {
            Stage::Creating => "creating",
            Stage::Ready => "ready",
        };
        format!(
            "oubliette sled folder 1\nsled 0.34.7\nsegment size {SEGMENT_SIZE}\nstage {stage}\ndata {:08x}\n",
            self.data
        )
    }

    /// The marker is valid only if it is byte for byte what we write.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let data = text.lines().nth(4)?.strip_prefix("data ")?;
        let data = u32::from_str_radix(data, 16).ok()?;
        [Stage::Creating, Stage::Ready]
            .map(|stage| Self { stage, data })
            .into_iter()
            .find(|marker| marker.encode() == text)
    }
}

/// Paths of one folder.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    pub(super) folder: PathBuf,
}

impl Layout {
    pub(super) fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    pub(super) fn data(&self, number: u32) -> PathBuf {
        self.folder.join(format!("{DATA}{number:08x}"))
    }

    pub(super) fn clean(&self) -> PathBuf {
        self.folder.join("clean")
    }

    pub(super) fn recovering(&self) -> PathBuf {
        self.folder.join("recovering")
    }

    /// Beside the folder, so that the folder itself stays what is backed up and measured.
    pub(super) fn copy_before_recovery(&self, suffix: &str) -> PathBuf {
        let mut name = self.folder.file_name().unwrap_or_default().to_owned();
        name.push(".before-recovery");
        name.push(suffix);
        self.folder.with_file_name(name)
    }

    /// Makes the folder if need be and takes the lock that keeps a second opener away from every file in it.
    pub(super) fn lock(&self) -> Result<File, EngineError> {
        if !self.folder.exists() {
            fs::create_dir_all(&self.folder).map_err(EngineError::io("create", &self.folder))?;
            sync_parent(&self.folder)?;
        }
        let path = self.folder.join("lock");
        let file = File::create(&path).map_err(EngineError::io("create", &path))?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(file),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    thread::sleep(Duration::from_millis(20));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(EngineError::InUse { path: self.folder.clone() });
                }
                Err(TryLockError::Error(error)) => return Err(EngineError::io("lock", &path)(error)),
            }
        }
    }

    pub(super) fn read_marker(&self) -> Result<Option<Marker>, EngineError> {
        let path = self.marker();
        let text = match fs::read(&path) {
            Ok(bytes) => String::from_utf8(bytes).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(EngineError::io("read", path)(error)),
        };
        match Marker::decode(&text) {
            Some(marker) => Ok(Some(marker)),
            None => Err(EngineError::Format {
                path,
                detail: format!(
                    "it does not say format 1, sled 0.34.7, segment size {SEGMENT_SIZE}; sled would open another \
                     setting as an empty store. Use the version that wrote it, or restore the rows from a backup"
                ),
            }),
        }
    }

    pub(super) fn write_marker(&self, marker: Marker) -> Result<(), EngineError> {
        replace_file(&self.marker(), marker.encode().as_bytes())
    }

    /// Any data folder at all? Without a marker that is a folder we must not touch.
    pub(super) fn has_data(&self) -> Result<bool, EngineError> {
        Ok(self.data_folders()?.next().is_some())
    }

    /// Removes data folders that the marker does not name: halves of a compaction cut short.
    pub(super) fn remove_leftovers(&self, current: u32) -> Result<(), EngineError> {
        let keep = self.data(current);
        self.data_folders()?.filter(|path| *path != keep).try_for_each(|path| remove_folder(&path))
    }

    /// Puts the sign of a clean stop.
    pub(super) fn set_clean(&self) -> Result<(), EngineError> {
        replace_file(&self.clean(), b"clean\n")
    }

    /// Takes the sign away, durably, and says whether it was there.
    pub(super) fn take_clean(&self) -> Result<bool, EngineError> {
        let clean = self.clean().exists();
        remove_file(&self.clean())?;
        Ok(clean)
    }

    fn marker(&self) -> PathBuf {
        self.folder.join("sled-format")
    }

    fn data_folders(&self) -> Result<impl Iterator<Item = PathBuf>, EngineError> {
        let is_data = |path: &PathBuf| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with(DATA))
        };
        Ok(entries(&self.folder)?
            .into_iter()
            .filter(|(_, folder)| *folder)
            .map(|(path, _)| path)
            .filter(is_data))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_changed_byte_of_the_marker_is_refused_or_names_another_folder() {
        let marker = Marker { stage: Stage::Ready, data: 1 };
        let text = marker.encode();
        assert_eq!(Marker::decode(&text), Some(marker));
        for at in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[at] ^= 1;
            let decoded = String::from_utf8(bytes).ok().and_then(|text| Marker::decode(&text));
            assert_ne!(decoded, Some(marker), "byte {at}");
            assert!(decoded.is_none_or(|found| found.data != 1));
        }
        assert!(Marker::decode(&text.replace("524288", "8388608")).is_none());
        assert!(Marker::decode(&format!("{text} ")).is_none());
    }
}
