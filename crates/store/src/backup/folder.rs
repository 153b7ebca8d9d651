//! Backups in a folder.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use oubliette_engine::settle_on_medium;

use super::store::{BackupStore, failed};
use crate::VaultError;

/// A file on its way.
pub(super) const TMP: &str = ".tmp-";

/// A folder, made when the first object is written.
pub(super) struct FolderStore {
    dir: PathBuf,
}

impl FolderStore {
    pub(super) fn open(dir: &Path) -> Result<Self, VaultError> {
        let dir = std::path::absolute(dir).map_err(told("finding", dir))?;
        if dir.exists() && !dir.is_dir() {
            return Err(failed(format!("{} is no folder", dir.display())));
        }
        Ok(Self { dir })
    }

    fn make(&self) -> Result<(), VaultError> {
        if self.dir.is_dir() {
            return Ok(());
        }
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.dir);
        made.map_err(told("making", &self.dir))?;
        sync(self.dir.parent().unwrap_or(&self.dir))
    }

    fn write(&self, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
        let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)?;
        file.write_all(bytes)?;
        // What is read back next is to come from there.
        settle_on_medium(&file)
    }
}

impl BackupStore for FolderStore {
    fn describe(&self) -> String {
        self.dir.display().to_string()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        self.make()?;
        let (tmp, path) = (self.dir.join(format!("{TMP}{name}")), self.dir.join(name));
        let written = self.write(&tmp, bytes).and_then(|()| fs::rename(&tmp, &path));
        if written.is_err() {
            let _ = fs::remove_file(&tmp);
        }
        written.map_err(told("writing", &path))?;
        sync(&self.dir)
    }

    fn get(&self, name: &str, part: Option<Range<u64>>) -> Result<Option<Vec<u8>>, VaultError> {
        let path = self.dir.join(name);
        let mut file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(told("reading", &path))?,
        };
        let mut bytes = Vec::new();
        let read = match part {
            None => file.read_to_end(&mut bytes),
            Some(part) => {
                let length = part.end.saturating_sub(part.start);
                file.seek(SeekFrom::Start(part.start)).and_then(|_| file.take(length).read_to_end(&mut bytes))
            }
        };
        read.map_err(told("reading", &path))?;
        Ok(Some(bytes))
    }

    fn list(&self) -> Result<Vec<String>, VaultError> {
        let listed = match fs::read_dir(&self.dir) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            listed => listed.map_err(told("listing", &self.dir))?,
        };
        let mut names = Vec::new();
        for entry in listed {
            let entry = entry.map_err(told("listing", &self.dir))?;
            names.extend(entry.file_name().into_string().ok());
        }
        Ok(names)
    }

    fn remove(&self, name: &str) -> Result<(), VaultError> {
        let path = self.dir.join(name);
        match fs::remove_file(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            removed => {
                removed.map_err(told("removing", &path))?;
                sync(&self.dir)
            }
        }
    }
}

fn sync(dir: &Path) -> Result<(), VaultError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(told("syncing", dir))
}

fn told(doing: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> VaultError {
    let path = path.display().to_string();
    move |error| match error.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => failed(format!(
            "no space is left for {path}; free some (`oubliette backup prune`, say), then back up again: what was written so far is used"
        )),
        _ => failed(format!("{doing} {path} failed ({error}); see to it, then try again")),
    }
}
