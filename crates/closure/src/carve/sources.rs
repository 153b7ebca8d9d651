//! The files that are looked at.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::Spot;
use crate::ProveError;

/// Files by number. They are opened when they are read; nothing is written.
#[derive(Debug, Default)]
pub struct Sources {
    files: Vec<PathBuf>,
}

impl Sources {
    /// Takes in a file, or every file below a folder; answers their numbers. Links are followed for what is named here alone.
    ///
    /// # Errors
    /// A folder that cannot be listed.
    pub fn add(&mut self, path: &Path) -> Result<std::ops::Range<u32>, ProveError> {
        let first = self.next();
        let found = fs::metadata(path).map_err(io("looking at", path))?;
        if found.is_dir() {
            self.folder(path)?
        } else {
            self.files.push(path.to_owned())
        }
        Ok(first..self.next())
    }

    fn folder(&mut self, folder: &Path) -> Result<(), ProveError> {
        let listed = fs::read_dir(folder).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let mut listed = listed.map_err(io("listing", folder))?;
        listed.sort_by_key(fs::DirEntry::file_name);
        for entry in listed {
            let kind = entry.file_type().map_err(io("looking at", &entry.path()))?;
            if kind.is_dir() {
                self.folder(&entry.path())?;
            } else if kind.is_file() {
                self.files.push(entry.path());
            }
        }
        Ok(())
    }

    fn next(&self) -> u32 {
        u32::try_from(self.files.len()).unwrap_or(u32::MAX)
    }

    /// Where a file is.
    pub fn path(&self, file: u32) -> &Path {
        self.files.get(file as usize).map_or(Path::new(""), PathBuf::as_path)
    }

    pub(crate) fn name(&self, file: u32) -> String {
        self.path(file).display().to_string()
    }

    pub(crate) fn open(&self, file: u32) -> Result<File, ProveError> {
        let path = self.path(file);
        File::open(path).map_err(io("opening", path))
    }

    /// The bytes at a place; fewer where the file ends.
    pub(crate) fn read(&self, spot: &Spot) -> Result<Vec<u8>, ProveError> {
        match spot {
            Spot::Here(bytes) => Ok(bytes.to_vec()),
            Spot::At { file, offset, length } => self.read_at(*file, *offset, *length as usize),
        }
    }

    pub(crate) fn read_at(&self, file: u32, offset: u64, length: usize) -> Result<Vec<u8>, ProveError> {
        let mut bytes = vec![0; length];
        let read = fill(&self.open(file)?, &mut bytes, offset).map_err(io("reading", self.path(file)))?;
        bytes.truncate(read);
        Ok(bytes)
    }
}

/// Reads until the buffer is full or the file ends.
pub(super) fn fill(file: &File, bytes: &mut [u8], offset: u64) -> std::io::Result<usize> {
    let mut done = 0;
    while let Some(rest) = bytes.get_mut(done..).filter(|rest| !rest.is_empty()) {
        match file.read_at(rest, offset + done as u64)? {
            0 => break,
            read => done += read,
        }
    }
    Ok(done)
}

pub(crate) fn io(op: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> ProveError {
    let path = path.to_owned();
    move |source| ProveError::Io { op, path, source }
}
