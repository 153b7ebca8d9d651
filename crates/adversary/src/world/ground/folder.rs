//! Files as a real vault has them: slot file and sled for the pages, sled and packs for the rows, a file for the root.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use oubliette_crypto::VaultId;
use oubliette_engine::{PackBlobs, SledEngine, SledOptions, SledPages, SlotFile};
use oubliette_keyring::{FileCell, FileLedger, Keyring};
use oubliette_store::Vault;

use super::{Ground, KeyParts, Rows, SeizableCell};
use crate::world::WorldError;

/// What a restore puts back (docs/operations.md).
const ROWS: [&str; 3] = ["rows", "anchor", "blobs"];

/// A folder with the parts of a vault.
pub struct FolderGround {
    folder: PathBuf,
    /// Backups lie apart: what lies in `folder` is seized as the vault's.
    backup: tempfile::TempDir,
    vault: VaultId,
}

impl FolderGround {
    /// In this empty folder.
    pub fn new(folder: &Path) -> Result<Self, WorldError> {
        Ok(Self { folder: folder.to_owned(), backup: tempfile::tempdir()?, vault: VaultId::random()? })
    }

    fn at(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Ground for FolderGround {
    fn key_plane(&mut self, create: bool) -> Result<KeyParts, WorldError> {
        let (path, slots) = (self.at("root.cell"), self.at("keys-a/pages.slots"));
        let (cell, slots) = if create {
            ["keys-a", "keys-b", "ledger"].iter().try_for_each(|name| std::fs::create_dir(self.at(name)))?;
            (FileCell::create(&path, self.vault, 0, 1)?, SlotFile::create(&slots, self.vault.as_bytes(), 64)?)
        } else {
            (FileCell::open(&path)?, SlotFile::open(&slots, self.vault.as_bytes())?)
        };
        let seized = path.clone();
        let image = Arc::new(move || Ok(std::fs::read(&seized)?));
        let put = Arc::new(move |bytes: &[u8]| {
            use std::os::unix::fs::FileExt;
            Ok(std::fs::OpenOptions::new().write(true).open(&path)?.write_all_at(bytes, 0)?)
        });
        let sled = SledPages::open(&self.at("keys-b"), SledOptions { create, ..SledOptions::default() })?;
        Ok(KeyParts {
            copies: [Arc::new(slots), Arc::new(sled)],
            note: self.at("mirror"),
            cells: vec![SeizableCell { cell: Arc::new(cell), image, put }],
            ledger: Arc::new(FileLedger::open(&self.at("ledger/roots"))?),
        })
    }

    fn rows(&mut self, keyring: &Keyring, create: bool) -> Result<Rows, WorldError> {
        let options = SledOptions { create, ..SledOptions::default() };
        let engine = SledEngine::open(&self.at("rows"), &self.at("anchor"), &keyring.anchor_key()?, options)?;
        Ok(Rows { engine: Arc::new(engine), blobs: Arc::new(PackBlobs::open(&self.at("blobs"))?) })
    }

    fn stop(&mut self, vault: &Vault, _keyring: &Keyring) -> Result<(), WorldError> {
        Ok(vault.close()?)
    }

    fn folder(&self) -> Option<&Path> {
        Some(&self.folder)
    }

    fn cells(&self) -> Vec<PathBuf> {
        vec![self.at("root.cell")]
    }

    fn back_up(&mut self) -> Result<(), WorldError> {
        ROWS.iter().try_for_each(|name| exchange(&self.at(name), &self.backup.path().join(name)))
    }

    fn restore(&mut self) -> Result<(), WorldError> {
        ROWS.iter().try_for_each(|name| exchange(&self.backup.path().join(name), &self.at(name)))
    }
}

/// Puts a copy of `from` in the place of `to`.
fn exchange(from: &Path, to: &Path) -> Result<(), WorldError> {
    if to.is_dir() {
        std::fs::remove_dir_all(to)?;
    }
    if from.is_dir() {
        std::fs::create_dir(to)?;
        for entry in std::fs::read_dir(from)? {
            let name = entry?.file_name();
            exchange(&from.join(&name), &to.join(&name))?;
        }
    } else {
        std::fs::copy(from, to)?;
    }
    Ok(())
}
