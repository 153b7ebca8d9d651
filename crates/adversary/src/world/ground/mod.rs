//! Where a vault's bytes lie, below the tape. A planted mistake is a ground of its own that hands out a faulty part.

mod folder;
mod memory;

pub use folder::FolderGround;
pub use memory::MemoryGround;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use oubliette_engine::{Blobs, Engine, PageStore};
use oubliette_keyring::{Keyring, RootCell, RootLedger};
use oubliette_store::Vault;

use super::WorldError;

/// Puts bytes in the place of a cell's.
pub type Put = dyn Fn(&[u8]) -> Result<(), WorldError> + Send + Sync;

/// A cell, and how to get at its bytes past it.
#[derive(Clone)]
pub struct SeizableCell {
    /// The cell.
    pub cell: Arc<dyn RootCell>,
    /// Reads its bytes as a seizure finds them.
    pub image: Arc<dyn Fn() -> Result<Vec<u8>, WorldError> + Send + Sync>,
    /// Puts bytes in their place, as a power cut within a write leaves them.
    pub put: Arc<Put>,
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
    /// A folder whose files are kept and seized.
    fn folder(&self) -> Option<&Path> {
        None
    }
    /// The files in it that forget, which are therefore not kept.
    fn cells(&self) -> Vec<PathBuf> {
        Vec::new()
    }
    /// Copies rows and blobs away, in place of an earlier copy. Between two runs.
    fn back_up(&mut self) -> Result<(), WorldError> {
        Err("this ground makes no backups".into())
    }
    /// Puts that copy back. Between two runs.
    fn restore(&mut self) -> Result<(), WorldError> {
        Err("this ground makes no backups".into())
    }
}
