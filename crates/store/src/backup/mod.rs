//! Backups: sealed rows and bodies under random names, in a folder or in a bucket (docs/backup.md).
//!
//! Nothing of the key plane leaves the vault by them, so a backup opens nothing, and forgetting reaches into every one that was ever made. Places are behind
//! one small trait ([`BackupStore`]); what is written there is in docs/formats.md, section 14.

mod catalogue;
mod chain;
mod create;
mod fill;
mod folder;
pub(crate) mod fuzz;
mod manifest;
mod merge;
mod output;
mod prune;
mod restore;
mod s3;
mod segment;
mod store;
mod table;
mod tables;
mod verify;
pub(crate) mod watch;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, TryLockError};

use oubliette_crypto::BackupKey;
use oubliette_crypto::kdf::backup_key;

use crate::locks::lock;
use crate::times::rfc3339;
use crate::{Vault, VaultError};
use manifest::Manifest;

pub use catalogue::{Backup, Readable};
pub use create::NewBackup;
pub use fill::{Filled, fill_from_backup};
pub use prune::{KeepBackups, Pruned};
pub use restore::{RestoreReport, RestoredPerson, RestoredState, restore_backup};
pub use s3::S3Options;
pub use store::{BackupStore, open_backup_store};
pub use verify::{VerifiedBackups, verify_backups};

/// What names of segments begin with.
const SEGMENT: &str = "segment-";

/// Where backups go and how long they stay, where nothing else is said.
#[derive(Clone, Default)]
pub struct BackupSettings {
    /// `s3://bucket/prefix`, or a folder.
    pub to: Option<String>,
    /// Where that place stands, as the platform names its regions. A backup to another region than the vault's is refused.
    pub region: Option<String>,
    /// What stays when backups are removed.
    pub keep: KeepBackups,
    /// How an S3 place is reached.
    pub s3: S3Options,
}

/// What a backup is, as its manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackupInfo {
    /// Its name.
    pub id: String,
    /// The vault's backups are counted from 1.
    pub number: u64,
    /// When it was begun, in microseconds since 1970.
    pub begun: u64,
    /// When it was finished.
    pub finished: u64,
    /// Generation of the key plane at its moment.
    pub generation: u64,
    /// Where it was made to lie, if that was said.
    pub region: Option<String>,
    /// People with rows in it.
    pub people: u64,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of rows and bodies in it.
    pub bytes: u64,
    /// Bytes that were written for it; the rest it shares with backups before it.
    pub added: u64,
}

impl BackupInfo {
    fn of(manifest: &Manifest) -> Self {
        let Manifest { number, begun, finished, generation, people, rows, bytes, added, .. } = *manifest;
        let (id, region) = (manifest.id.clone(), manifest.region.clone());
        Self { id, number, begun, finished, generation, region, people, rows, bytes, added }
    }
}

/// How far long work came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackupProgress {
    /// What is being done.
    pub what: &'static str,
    /// Bytes seen so far.
    pub done: u64,
    /// Of about so many.
    pub total: u64,
}

/// One backup or removal at a time, and how the last backup of this process ended.
#[derive(Default)]
pub(crate) struct Alone {
    one: Mutex<()>,
    failed: Mutex<Option<String>>,
}

impl Alone {
    /// Why the last backup failed, if it did; for the operator.
    pub(crate) fn failed(&self) -> Option<String> {
        lock(&self.failed).clone()
    }

    /// The backup that begins now has failed unless [`Ending::told`] says otherwise.
    fn ending(&self, begun: u64) -> Ending<'_> {
        let says = "a fault of the program broke it off, whose log has the cause".to_owned();
        Ending { alone: self, begun, says: Some(says) }
    }
}

/// Notes how a backup ended when it is dropped: also one that ends by a panic.
struct Ending<'a> {
    alone: &'a Alone,
    begun: u64,
    says: Option<String>,
}

impl Ending<'_> {
    fn told<T>(mut self, made: &Result<T, VaultError>) {
        self.says = made.as_ref().err().map(ToString::to_string);
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        let when = rfc3339(self.begun);
        let failed = self.says.take().map(|why| {
            format!("the last backup, of {when}, failed: {why}. What it wrote stays, and the next one goes on from there")
        });
        *lock(&self.alone.failed) = failed;
    }
}

/// The door to a vault's backups.
#[derive(Clone)]
pub struct Backups {
    vault: Vault,
}

impl Vault {
    /// Backups of this vault.
    pub fn backups(&self) -> Backups {
        Backups { vault: self.clone() }
    }
}

impl Backups {
    /// The settings.
    pub fn settings(&self) -> &BackupSettings {
        &self.vault.inner.settings.backup
    }

    /// Opens a place: the one named, or that of the settings.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] if none is named anywhere; those of [`open_backup_store`].
    pub fn store(&self, location: Option<&str>) -> Result<std::sync::Arc<dyn BackupStore>, VaultError> {
        let location = location.or(self.settings().to.as_deref());
        let location = location.ok_or_else(|| {
            VaultError::invalid(
                "to",
                "names no place; set `backup.to` in the configuration, or name one by `--to` at the command",
            )
        })?;
        open_backup_store(location, &self.settings().s3)
    }

    /// A name for a backup that is about to be made.
    ///
    /// # Errors
    /// Without randomness from the system.
    pub fn fresh_id(&self) -> Result<String, VaultError> {
        manifest::fresh_id(self.vault.inner.now())
    }

    fn alone(&self) -> Result<MutexGuard<'_, ()>, VaultError> {
        match self.vault.inner.backing_up.one.try_lock() {
            Ok(alone) => Ok(alone),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(VaultError::BackupRunning),
        }
    }

    fn key(&self) -> Result<BackupKey, VaultError> {
        Ok(backup_key(&self.vault.inner.keyring.anchor_key()?))
    }

    fn folder(&self) -> Option<&Path> {
        self.vault.inner.dir()
    }
}
