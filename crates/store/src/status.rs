//! Counts, sizes and readiness.

use crate::vault::Inner;
use crate::{Vault, VaultError};

/// How the vault is.
#[derive(Debug, Clone)]
pub struct Status {
    /// The vault's random name.
    pub vault: String,
    /// Commits of the key plane so far.
    pub generation: u64,
    /// People in the vault.
    pub subjects: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub row_bytes: u64,
    /// Bytes that rows occupy on disk.
    pub rows_disk: u64,
    /// Bytes that blobs occupy on disk.
    pub blob_disk: u64,
    /// Erased people whose rows may still be there.
    pub sweep_queue: u64,
    /// How sure the root cell's erasure is, E0 to E4.
    pub cell_class: String,
    /// How the memory is kept that keys live in: `secret`, `locked` or `plain`.
    pub key_memory: String,
    /// What an operator should look at.
    pub problems: Vec<String>,
}

impl Vault {
    /// Counts and sizes.
    ///
    /// # Errors
    /// Those of the engine and the blob store.
    pub fn status(&self) -> Result<Status, VaultError> {
        let Inner { keyring, engine, blobs, .. } = &*self.inner;
        let sizes = engine.sizes()?;
        Ok(Status {
            vault: self.inner.id.to_string(),
            generation: keyring.generation(),
            subjects: keyring.population(),
            rows: sizes.rows,
            row_bytes: sizes.live_bytes,
            rows_disk: sizes.disk_bytes,
            blob_disk: blobs.disk_bytes()?,
            sweep_queue: keyring.sweep_queue().len() as u64,
            cell_class: keyring.erasure_class().to_string(),
            key_memory: key_memory(),
            problems: self
                .inner
                .folder_notes()
                .iter()
                .cloned()
                .chain(self.not_ready())
                .chain(keys_in_plain_memory())
                .collect(),
        })
    }

    /// Reasons why the vault is not ready, such as an ill mirror, an earlier failure or a disk that is almost full; none: ready.
    pub fn not_ready(&self) -> Vec<String> {
        let mut reasons = self.inner.keyring.ill();
        reasons.extend(self.inner.engine.sizes().err().map(|error| error.to_string()));
        reasons.extend(self.inner.blobs.disk_bytes().err().map(|error| error.to_string()));
        reasons.extend(self.inner.low_disk());
        reasons
    }
}

/// How the memory is kept that keys live in: the worst that any key of this process was given.
pub fn key_memory() -> String {
    oubliette_locked::protection().to_string()
}

/// The vault works without: so this is a thing to look at, no reason not to be ready.
fn keys_in_plain_memory() -> Option<String> {
    let most = oubliette_locked::usage().plain_most;
    (most > 0).then(|| {
        format!(
            "{} KiB of keys stood in memory that the system may swap, since no more may be locked: raise the limit (LimitMEMLOCK, `ulimit -l`) or lower memory.key_cache",
            most.div_ceil(1024)
        )
    })
}
