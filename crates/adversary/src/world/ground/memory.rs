//! Everything in memory, but for the mirror's note.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use oubliette_crypto::{CellShare, VaultId};
use oubliette_engine::{
    Batch, BlobRef, BlobWriter, Blobs, Engine, EngineError, MemoryBlobs, MemoryEngine, MemoryPages, PageStore,
};
use oubliette_keyring::{
    CellError, CellState, ErasureClass, Keyring, MemoryCell, MemoryLedger, RootCell, RootPointer,
};
use oubliette_store::Vault;

use super::{Ground, KeyParts, Rows, SeizableCell};
use crate::world::WorldError;

/// Stores that last as long as the test.
pub struct MemoryGround {
    note: PathBuf,
    copies: [Arc<MemoryPages>; 2],
    cells: Vec<Arc<ImageCell>>,
    ledger: Arc<MemoryLedger>,
    engine: Arc<MemoryEngine>,
    blobs: Arc<Keeping>,
    backup: Option<Vec<oubliette_engine::Row>>,
}

impl MemoryGround {
    /// Empty stores, the root split among `cells` cells. The mirror's note goes into `folder`.
    pub fn new(folder: &Path, cells: u8) -> Result<Self, WorldError> {
        let vault = VaultId::random()?;
        let cell = |index| Arc::new(ImageCell(Mutex::new(MemoryCell::split(vault, index, cells))));
        Ok(Self {
            note: folder.join("mirror"),
            copies: Default::default(),
            cells: (0..cells).map(cell).collect(),
            ledger: Arc::new(MemoryLedger::new()),
            engine: Arc::new(MemoryEngine::new()),
            blobs: Arc::default(),
            backup: None,
        })
    }
}

impl Ground for MemoryGround {
    fn key_plane(&mut self, _create: bool) -> Result<KeyParts, WorldError> {
        let seizable = |cell: &Arc<ImageCell>| {
            let (seized, torn) = (cell.clone(), cell.clone());
            SeizableCell {
                cell: cell.clone(),
                image: Arc::new(move || Ok(seized.now().image())),
                put: Arc::new(move |bytes| {
                    *torn.now() = MemoryCell::from_image(bytes.to_vec())?;
                    Ok(())
                }),
            }
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

    fn back_up(&mut self) -> Result<(), WorldError> {
        self.backup = Some(self.engine.range(&[0], &[u8::MAX; 64], usize::MAX, false)?);
        Ok(())
    }

    fn restore(&mut self) -> Result<(), WorldError> {
        let rows = self.backup.clone().ok_or("there is no backup")?;
        self.engine = Arc::new(MemoryEngine::new());
        for row in rows {
            let mut batch = Batch::new();
            batch.put(row.0, row.1);
            self.engine.commit(batch)?;
        }
        Ok(())
    }
}

/// A cell whose bytes can be exchanged.
struct ImageCell(Mutex<MemoryCell>);

impl ImageCell {
    fn now(&self) -> MutexGuard<'_, MemoryCell> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl RootCell for ImageCell {
    fn vault(&self) -> VaultId {
        self.now().vault()
    }
    fn share_index(&self) -> u8 {
        self.now().share_index()
    }
    fn shares(&self) -> u8 {
        self.now().shares()
    }
    fn read(&self) -> Result<CellState, CellError> {
        self.now().read()
    }
    fn point(&self, pointer: &RootPointer) -> Result<(), CellError> {
        self.now().point(pointer)
    }
    fn stage(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError> {
        self.now().stage(epoch, share, pointer)
    }
    fn confirm(&self) -> Result<(), CellError> {
        self.now().confirm()
    }
    fn withdraw(&self) -> Result<(), CellError> {
        self.now().withdraw()
    }
    fn class(&self) -> ErasureClass {
        self.now().class()
    }
}

/// Blobs of which none is ever removed, so that a backup has them all.
#[derive(Default)]
struct Keeping(MemoryBlobs);

impl Blobs for Keeping {
    fn create(&self, expected: Option<u64>) -> Result<Box<dyn BlobWriter>, EngineError> {
        self.0.create(expected)
    }
    fn read_at(&self, blob: &BlobRef, offset: u64, buf: &mut [u8]) -> Result<(), EngineError> {
        self.0.read_at(blob, offset, buf)
    }
    fn len(&self, blob: &BlobRef) -> Result<u64, EngineError> {
        self.0.len(blob)
    }
    fn delete(&self, _blob: &BlobRef) -> Result<(), EngineError> {
        Ok(())
    }
    fn disk_bytes(&self) -> Result<u64, EngineError> {
        self.0.disk_bytes()
    }
    fn close(&self) -> Result<(), EngineError> {
        self.0.close()
    }
}
