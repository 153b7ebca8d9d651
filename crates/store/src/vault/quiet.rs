//! A vault's folder while nobody works in it.

use std::path::Path;

use oubliette_crypto::VaultId;

use super::folder;
use super::marker::Locked;
use crate::VaultError;

/// Keeps everybody out of a vault's folder, for whoever reads its files by themselves. Let go of when it is dropped.
pub struct VaultLock {
    locked: Locked,
}

impl VaultLock {
    /// Locks the folder. Nothing of the vault is opened.
    ///
    /// # Errors
    /// [`VaultError::InUse`] while somebody works in it, [`VaultError::Moved`], [`VaultError::Format`].
    pub fn of(dir: &Path) -> Result<Self, VaultError> {
        Ok(Self { locked: folder::lock(dir)? })
    }

    /// Whose folder it is.
    pub(crate) fn vault(&self) -> VaultId {
        self.locked.marker.vault
    }
}
