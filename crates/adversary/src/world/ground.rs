//! Where a vault's bytes lie, below the tape. A planted mistake is a ground of its own that hands out a faulty part.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use oubliette_crypto::VaultId;
use oubliette_engine::{
    Blobs, Engine, MemoryBlobs, MemoryEngine, MemoryPages, PackBlobs, PageStore, SledEngine, SledOptions,
    SledPages, SlotFile,
};
use oubliette_keyring::{FileCell, FileLedger, Keyring, MemoryCell, MemoryLedger, RootCell, RootLedger};
use oubliette_store::Vault;

use super::WorldError;

/// A cell, and how to get at its bytes past it.
#[derive(Clone)]
pub struct SeizableCell {
    /// The cell.
    pub cell: Arc<dyn RootCell>,
    /// Reads its bytes as a seizure finds them.
    pub image: Arc<dyn Fn() -> Result<Vec<u8>, WorldError> + Send + Sync>,
}

/// What the keyring stands on.
pub struct KeyParts {
    /// The two copies of the pages.
    pub copies: [Arc<dyn PageStore>; 2],
    /// The mirror's note of stale copies.
    pub note: PathBuf,
    /// The root cells.
    pub cells: Vec<SeizableCell>,
    /// The ledger of roots.
    pub ledger: Arc<dyn RootLedger>,
}

/// What the rows stand on.
pub struct Rows {
    /// The engine.
    pub engine: Arc<dyn Engine>,
    /// The blobs.
    pub blobs: Arc<dyn Blobs>,
}

/// Where a world stands. Each start asks for the parts anew.
pub trait Ground {
    /// Parts of the key plane; empty ones if `create`.
    fn key_plane(&mut self, create: bool) -> Result<KeyParts, WorldError>;
    /// The rows' stores.
    fn rows(&mut self, keyring: &Keyring, create: bool) -> Result<Rows, WorldError>;
    /// Ends a run.
    fn stop(&mut self, vault: &Vault, keyring: &Keyring) -> Result<(), WorldError>;
    /// A folder that a seizure reads file by file.
    fn folder(&self) -> Option<&Path> {
        None
    }
}

/// Everything in memory, but for the mirror's note.
pub struct MemoryGround {
    note: PathBuf,
    copies: [Arc<MemoryPages>; 2],
    cells: Vec<Arc<MemoryCell>>,
    ledger: Arc<MemoryLedger>,
    engine: Arc<MemoryEngine>,
    blobs: Arc<MemoryBlobs>,
}

impl MemoryGround {
    /// Empty stores, the root split among `cells` cells. The mirror's note goes into `folder`.
    pub fn new(folder: &Path, cells: u8) -> Result<Self, WorldError> {
        let vault = VaultId::random()?;
        Ok(Self {
            note: folder.join("mirror"),
            copies: Default::default(),
            cells: (0..cells).map(|index| Arc::new(MemoryCell::split(vault, index, cells))).collect(),
            ledger: Arc::new(MemoryLedger::new()),
            engine: Arc::new(MemoryEngine::new()),
            blobs: Arc::new(MemoryBlobs::new()),
        })
    }
}

impl Ground for MemoryGround {
    fn key_plane(&mut self, _create: bool) -> Result<KeyParts, WorldError> {
        let seizable = |cell: &Arc<MemoryCell>| {
            let seized = cell.clone();
            SeizableCell { cell: cell.clone(), image: Arc::new(move || Ok(seized.image())) }
        };
        Ok(KeyParts {
            copies: self.copies.clone().map(|copy| copy as Arc<dyn PageStore>),
            note: self.note.clone(),
            cells: self.cells.iter().map(seizable).collect(),
            ledger: self.ledger.clone(),
        })
    }

    fn rows(&mut self, _keyring: &Keyring, _create: bool) -> Result<Rows, WorldError> {
        Ok(Rows { engine: self.engine.clone(), blobs: self.blobs.clone() })
    }

    /// The stores stay open: what is closed in memory is gone.
    fn stop(&mut self, _vault: &Vault, keyring: &Keyring) -> Result<(), WorldError> {
        keyring.close();
        Ok(())
    }
}

/// Files as a real vault has them: slot file and sled for the pages, sled and packs for the rows, a file for the root.
pub struct FolderGround {
    folder: PathBuf,
    vault: VaultId,
}

impl FolderGround {
    /// In this empty folder.
    pub fn new(folder: &Path) -> Result<Self, WorldError> {
        Ok(Self { folder: folder.to_owned(), vault: VaultId::random()? })
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
        let image = Arc::new(move || Ok(std::fs::read(&path)?));
        let sled = SledPages::open(&self.at("keys-b"), SledOptions { create, ..SledOptions::default() })?;
        Ok(KeyParts {
            copies: [Arc::new(slots), Arc::new(sled)],
            note: self.at("mirror"),
            cells: vec![SeizableCell { cell: Arc::new(cell), image }],
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
}
