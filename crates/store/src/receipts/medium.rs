//! Where receipts and the log's state lie: the files of `ledger/`, or memory for a vault over stores of one's own.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use oubliette_engine::open_growing;

use crate::VaultError;
use crate::files::replace;
use crate::locks::lock;

/// The append-only file of receipts.
pub(super) const RECEIPTS: &str = "receipts";

/// A place for one growing file and a few small ones.
pub(super) enum Medium {
    Folder { dir: PathBuf, receipts: File },
    Memory { receipts: Mutex<Vec<u8>>, small: Mutex<BTreeMap<&'static str, Vec<u8>>> },
}

impl Medium {
    /// The files of a folder, which is there.
    pub(super) fn folder(dir: &Path) -> Result<Self, VaultError> {
        let path = dir.join(RECEIPTS);
        let open = || {
            let file = open_growing(&path)?;
            File::open(dir)?.sync_all()?;
            Ok(file)
        };
        let receipts = open().map_err(VaultError::io("opening", &path))?;
        Ok(Self::Folder { dir: dir.to_owned(), receipts })
    }

    /// The same files, only to read them: they may belong to a running service. `None` if there are none.
    pub(super) fn peek(dir: &Path) -> Result<Option<Self>, VaultError> {
        let path = dir.join(RECEIPTS);
        match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            opened => {
                let receipts = opened.map_err(VaultError::io("opening", &path))?;
                Ok(Some(Self::Folder { dir: dir.to_owned(), receipts }))
            }
        }
    }

    pub(super) fn memory() -> Self {
        Self::Memory { receipts: Mutex::default(), small: Mutex::default() }
    }

    pub(super) fn length(&self) -> Result<u64, VaultError> {
        match self {
            Self::Folder { dir, receipts } => {
                Ok(receipts.metadata().map_err(io("reading the length of", dir))?.len())
            }
            Self::Memory { receipts, .. } => Ok(lock(receipts).len() as u64),
        }
    }

    /// So many bytes, fewer where the file ends.
    pub(super) fn read(&self, at: u64, length: usize) -> Result<Vec<u8>, VaultError> {
        match self {
            Self::Folder { dir, receipts } => {
                let mut bytes = vec![0; length];
                let mut filled = 0;
                while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
                    match receipts.read_at(rest, at + filled as u64) {
                        Ok(0) => break,
                        Ok(read) => filled += read,
                        Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                        Err(error) => return Err(io("reading", dir)(error)),
                    }
                }
                bytes.truncate(filled);
                Ok(bytes)
            }
            Self::Memory { receipts, .. } => {
                let (bytes, at) = (lock(receipts), usize::try_from(at).unwrap_or(usize::MAX));
                let end = at.saturating_add(length).min(bytes.len());
                Ok(bytes.get(at..end).unwrap_or_default().to_vec())
            }
        }
    }

    /// Adds bytes at the end, durably.
    pub(super) fn append(&self, at: u64, added: &[u8]) -> Result<(), VaultError> {
        match self {
            Self::Folder { dir, receipts } => {
                let written = receipts.write_all_at(added, at).and_then(|()| receipts.sync_data());
                written.map_err(io("appending to", dir))
            }
            Self::Memory { receipts, .. } => {
                lock(receipts).extend_from_slice(added);
                Ok(())
            }
        }
    }

    /// Ends the file here.
    pub(super) fn cut(&self, length: u64) -> Result<(), VaultError> {
        match self {
            Self::Folder { dir, receipts } => {
                receipts.set_len(length).and_then(|()| receipts.sync_all()).map_err(io("cutting", dir))
            }
            Self::Memory { receipts, .. } => {
                lock(receipts).truncate(usize::try_from(length).unwrap_or(usize::MAX));
                Ok(())
            }
        }
    }

    /// A small file; `None` if there is none.
    pub(super) fn small(&self, name: &'static str) -> Result<Option<Vec<u8>>, VaultError> {
        match self {
            Self::Folder { dir, .. } => match std::fs::read(dir.join(name)) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
                read => Ok(Some(read.map_err(VaultError::io("reading", &dir.join(name)))?)),
            },
            Self::Memory { small, .. } => Ok(lock(small).get(name).cloned()),
        }
    }

    /// Replaces a small file durably.
    pub(super) fn put_small(&self, name: &'static str, bytes: &[u8]) -> Result<(), VaultError> {
        match self {
            Self::Folder { dir, .. } => replace(&dir.join(name), bytes),
            Self::Memory { small, .. } => {
                lock(small).insert(name, bytes.to_vec());
                Ok(())
            }
        }
    }
}

fn io(what: &'static str, dir: &Path) -> impl FnOnce(std::io::Error) -> VaultError + use<> {
    let path = dir.join(RECEIPTS);
    move |error| VaultError::io(what, &path)(error)
}
