//! What a disk holds: a folder of files, in memory or in a real folder.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use rustix::fs::statvfs;
use tempfile::TempDir;

use crate::record::{Ino, ROOT};

/// Files are written with holes where whole blocks are zero, as a punched file has them.
const BLOCK: usize = 4096;
/// Enough for the images of a few tests at once.
const ROOM: u64 = 1 << 30;

/// A file's bytes or a folder's entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Tree {
    /// A file.
    File(Vec<u8>),
    /// A folder.
    Folder(BTreeMap<String, Tree>),
}

/// Everything below the mounted folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image(pub BTreeMap<String, Tree>);

/// One entry of an [`Image`], numbered as both the live folder and the model number it.
pub(crate) struct Numbered<'a> {
    pub(crate) ino: Ino,
    pub(crate) dir: Ino,
    pub(crate) name: &'a str,
    pub(crate) tree: &'a Tree,
}

impl Image {
    /// Nothing.
    pub fn empty() -> Self {
        Self(BTreeMap::new())
    }

    /// The bytes of a file; `None` if there is no such file.
    pub fn file(&self, path: &str) -> Option<&[u8]> {
        let mut entries = &self.0;
        let mut found = None;
        for name in path.split('/') {
            match entries.get(name)? {
                Tree::Folder(inside) => entries = inside,
                Tree::File(bytes) => found = Some(bytes.as_slice()),
            }
        }
        found
    }

    /// Reads a real folder.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn read(folder: &Path) -> io::Result<Self> {
        let mut entries = BTreeMap::new();
        for entry in fs::read_dir(folder)? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let tree = if entry.file_type()?.is_dir() {
                Tree::Folder(Self::read(&entry.path())?.0)
            } else {
                Tree::File(fs::read(entry.path())?)
            };
            entries.insert(name, tree);
        }
        Ok(Self(entries))
    }

    /// Writes everything into an existing, empty folder.
    ///
    /// # Errors
    /// Those of the file system.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        for (name, tree) in &self.0 {
            let path = folder.join(name);
            match tree {
                Tree::File(bytes) => write_sparse(&path, bytes)?,
                Tree::Folder(entries) => {
                    fs::create_dir(&path)?;
                    Self(entries.clone()).write(&path)?;
                }
            }
        }
        Ok(())
    }

    /// Every entry with its number, folders before what is in them.
    pub(crate) fn numbered(&self) -> Vec<Numbered<'_>> {
        fn walk<'a>(entries: &'a BTreeMap<String, Tree>, dir: Ino, all: &mut Vec<Numbered<'a>>) {
            for (name, tree) in entries {
                let ino = ROOT + 1 + all.len() as Ino;
                all.push(Numbered { ino, dir, name, tree });
                if let Tree::Folder(inside) = tree {
                    walk(inside, ino, all);
                }
            }
        }
        let mut all = Vec::new();
        walk(&self.0, ROOT, &mut all);
        all
    }
}

/// A new temporary folder, in memory if there is room for images: syncs cost nothing there.
pub fn scratch() -> TempDir {
    let memory = Path::new("/dev/shm");
    let room = statvfs(memory).is_ok_and(|disk| disk.f_bavail.saturating_mul(disk.f_frsize) > ROOM);
    let made = if room { tempfile::tempdir_in(memory) } else { tempfile::tempdir() };
    made.unwrap()
}

fn write_sparse(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let file = File::create(path)?;
    file.set_len(bytes.len() as u64)?;
    for (n, block) in bytes.chunks(BLOCK).enumerate() {
        if block.iter().any(|byte| *byte != 0) {
            file.write_all_at(block, (n * BLOCK) as u64)?;
        }
    }
    Ok(())
}
