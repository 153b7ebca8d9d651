//! The escrow's folder: for each window the sealed roots, and an archive of the pages that they open.
//!
//! Pages stand in a slot file of their own (docs/formats.md, section 10), found by name. A root is written when all its pages are durable there. While pages
//! are being added the file `archiving` is there: after a crash a page may be torn, and the next walk then trusts none of them.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use oubliette_crypto::VaultId;
use oubliette_engine::{PageStore, SlotFile};
use oubliette_keyring::EscrowBlob;

use crate::VaultError;

const ARCHIVING: &str = "archiving";
const PAGES: &str = "pages.slots";
/// Sealed roots that are kept of a window: the newest, and one in case its disk did not keep it.
const KEPT: usize = 2;
/// Longer than any blob.
const LONGEST: u64 = 1 << 20;

/// The part of an escrow's folder that belongs to one vault.
pub struct EscrowPlace {
    dir: PathBuf,
    vault: VaultId,
}

/// A window's archive, being added to.
pub(super) struct Archiving {
    dir: PathBuf,
    /// The pages.
    pub(super) pages: SlotFile,
    /// No crash came between two walks.
    pub(super) trusted: bool,
}

impl EscrowPlace {
    /// Where a vault's escrow lies below `store`.
    pub fn of(store: &Path, vault: VaultId) -> Self {
        Self { dir: store.join(vault.to_string()), vault }
    }

    /// The vaults that have an escrow below `store`.
    ///
    /// # Errors
    /// If the folder cannot be listed.
    pub fn vaults(store: &Path) -> Result<Vec<VaultId>, VaultError> {
        let names = names(store)?;
        let id = |name: &String| {
            let bytes = data_encoding::HEXLOWER.decode(name.as_bytes()).ok()?;
            Some(VaultId(bytes.try_into().ok()?))
        };
        Ok(names.iter().filter_map(id).collect())
    }

    /// Makes the folder for this vault in `store`, which must be there: an unmounted disk is no place.
    pub(super) fn make(&self) -> Result<(), VaultError> {
        let above = self.dir.parent().unwrap_or(Path::new("."));
        if !above.is_dir() {
            let reason = format!("{} is no folder; mount the disk, or make the folder", above.display());
            return Err(VaultError::invalid("store", reason));
        }
        make(&self.dir)
    }

    /// The sealed roots of all windows, the newest first; files that are none are passed over.
    ///
    /// # Errors
    /// If the folder cannot be read.
    pub fn roots(&self) -> Result<Vec<(PathBuf, EscrowBlob)>, VaultError> {
        let mut roots = Vec::new();
        for window in self.windows()? {
            for (path, blob) in self.roots_of(window)? {
                if blob.head.vault == self.vault {
                    roots.push((path, blob));
                }
            }
        }
        roots.sort_by_key(|(_, blob)| std::cmp::Reverse((blob.head.generation, blob.head.window)));
        Ok(roots)
    }

    /// The pages of a window, to be read alone.
    ///
    /// # Errors
    /// If they do not open.
    pub fn pages(&self, window: u32) -> Result<SlotFile, VaultError> {
        let path = self.window(window).join(PAGES);
        SlotFile::open(&path, self.vault.as_bytes()).map_err(failed)
    }

    /// Opens a window's archive for adding; makes it if there is none.
    pub(super) fn archive(&self, window: u32) -> Result<Archiving, VaultError> {
        if !self.dir.is_dir() {
            let detail = format!("the escrow's folder {} is not there; mount its disk", self.dir.display());
            return Err(VaultError::Other { detail });
        }
        let dir = self.window(window);
        make(&dir)?;
        let (path, mark) = (dir.join(PAGES), dir.join(ARCHIVING));
        let trusted = !mark.exists();
        write(&mark, b"")?;
        let vault = self.vault.as_bytes();
        let pages =
            if path.exists() { SlotFile::open(&path, vault) } else { SlotFile::create(&path, vault, 64) };
        Ok(Archiving { dir, pages: pages.map_err(failed)?, trusted })
    }

    /// Keeps a sealed root whose pages are all in the archive, then lets go of what it makes superfluous: older roots of its window, and windows before.
    pub(super) fn keep(&self, archive: Archiving, blob: &EscrowBlob) -> Result<(), VaultError> {
        archive.pages.close().map_err(failed)?;
        let path = archive.dir.join(format!("root-{:020}.oesc", blob.head.generation));
        write(&path, &blob.encode())?;
        fs::remove_file(archive.dir.join(ARCHIVING))
            .map_err(VaultError::io("removing a mark in", &archive.dir))?;
        sync(&archive.dir)?;
        for (path, _) in self.roots_of(blob.head.window)?.into_iter().skip(KEPT) {
            fs::remove_file(&path).map_err(VaultError::io("removing", &path))?;
        }
        for window in self.windows()?.into_iter().filter(|window| *window < blob.head.window) {
            let old = self.window(window);
            fs::remove_dir_all(&old).map_err(VaultError::io("removing", &old))?;
        }
        sync(&self.dir)
    }

    fn window(&self, window: u32) -> PathBuf {
        self.dir.join(format!("window-{window:08}"))
    }

    fn windows(&self) -> Result<Vec<u32>, VaultError> {
        let number = |name: &String| name.strip_prefix("window-")?.parse().ok();
        Ok(names(&self.dir)?.iter().filter_map(number).collect())
    }

    /// The newest first.
    fn roots_of(&self, window: u32) -> Result<Vec<(PathBuf, EscrowBlob)>, VaultError> {
        let dir = self.window(window);
        let mut roots = Vec::new();
        for name in names(&dir)?.iter().filter(|name| name.ends_with(".oesc")) {
            let path = dir.join(name);
            let length = fs::metadata(&path).map_err(VaultError::io("looking at", &path))?.len();
            let bytes = if length > LONGEST { Vec::new() } else { read(&path)? };
            match EscrowBlob::decode(&bytes) {
                Some(blob) => roots.push((path, blob)),
                None => {
                    tracing::warn!(path = %path.display(), "a root in escrow is damaged and was passed over")
                }
            }
        }
        roots.sort_by_key(|(_, blob)| std::cmp::Reverse(blob.head.generation));
        Ok(roots)
    }
}

fn failed(error: oubliette_engine::EngineError) -> VaultError {
    VaultError::Other { detail: format!("the escrow's archive failed: {error}; the vault goes on without") }
}

fn names(dir: &Path) -> Result<Vec<String>, VaultError> {
    let listed = fs::read_dir(dir).and_then(|list| {
        list.map(|entry| entry.map(|entry| entry.file_name().to_string_lossy().into_owned()))
            .collect::<Result<Vec<_>, _>>()
    });
    match listed {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        listed => listed.map_err(VaultError::io("listing", dir)),
    }
}

fn make(dir: &Path) -> Result<(), VaultError> {
    use std::os::unix::fs::DirBuilderExt;
    match fs::DirBuilder::new().mode(0o700).create(dir) {
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => Ok(()),
        made => {
            made.map_err(VaultError::io("making the folder", dir))?;
            dir.parent().map_or(Ok(()), sync)
        }
    }
}

fn read(path: &Path) -> Result<Vec<u8>, VaultError> {
    fs::read(path).map_err(VaultError::io("reading", path))
}

/// Puts a file in its place, durably and whole or not at all.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let new = path.with_extension("new");
    let written = (|| {
        let mut file = create(&new)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&new, path)?;
        let above = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(above)?.sync_all()
    })();
    written.map_err(VaultError::io("writing", path))
}

/// A file for its owner alone.
fn create(path: &Path) -> std::io::Result<File> {
    use std::os::unix::fs::OpenOptionsExt;
    fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(path)
}

fn sync(dir: &Path) -> Result<(), VaultError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(VaultError::io("syncing the folder", dir))
}
