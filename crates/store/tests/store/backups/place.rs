//! A place for backups in memory, which counts, fails and is damaged as a test wants.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard};

use oubliette_crypto::kdf::backup_key;
use oubliette_engine::{MemoryBlobs, MemoryEngine};
use oubliette_keyring::KeyringError;
use oubliette_store::{BackupInfo, BackupStore, Filled, NewBackup, Vault, VaultError, fill_from_backup};

use crate::world::World;

#[derive(Default)]
pub(crate) struct Place {
    objects: Mutex<BTreeMap<String, Vec<u8>>>,
    pub(crate) put: AtomicU64,
    pub(crate) got: AtomicU64,
    /// Writes that succeed before all others fail; 0: no end.
    pub(crate) fail_after: AtomicUsize,
    writes: AtomicUsize,
}

impl Place {
    pub(crate) fn objects(&self) -> MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        self.objects.lock().unwrap()
    }

    /// Bytes of all that lies there.
    pub(crate) fn bytes(&self) -> u64 {
        self.objects().values().map(|bytes| bytes.len() as u64).sum()
    }

    /// The next writes succeed, so many of them; 0: all.
    pub(crate) fn allow(&self, writes: usize) {
        self.writes.store(0, Ordering::SeqCst);
        self.fail_after.store(writes, Ordering::SeqCst);
    }

    /// Bytes moved since the last call, both ways.
    pub(crate) fn moved(&self) -> (u64, u64) {
        (self.put.swap(0, Ordering::SeqCst), self.got.swap(0, Ordering::SeqCst))
    }

    pub(crate) fn names(&self, prefix: &str) -> Vec<String> {
        self.objects().keys().filter(|name| name.starts_with(prefix)).cloned().collect()
    }
}

impl BackupStore for Place {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError> {
        let allowed = self.fail_after.load(Ordering::SeqCst);
        if self.writes.fetch_add(1, Ordering::SeqCst) >= allowed && allowed > 0 {
            return Err(VaultError::BackupTarget { detail: "no space is left for it".to_owned() });
        }
        self.put.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        self.objects().insert(name.to_owned(), bytes.to_vec());
        Ok(())
    }

    fn get(&self, name: &str, part: Option<Range<u64>>) -> Result<Option<Vec<u8>>, VaultError> {
        let objects = self.objects();
        let Some(bytes) = objects.get(name) else { return Ok(None) };
        let part = part.map_or(0..bytes.len(), |part| {
            let end = (part.end as usize).min(bytes.len());
            (part.start as usize).min(end)..end
        });
        self.got.fetch_add(part.len() as u64, Ordering::SeqCst);
        Ok(Some(bytes[part].to_vec()))
    }

    fn list(&self) -> Result<Vec<String>, VaultError> {
        Ok(self.objects().keys().cloned().collect())
    }

    fn remove(&self, name: &str) -> Result<(), VaultError> {
        self.objects().remove(name);
        Ok(())
    }

    fn at_once(&self) -> usize {
        2
    }
}

pub(crate) fn back_up(vault: &Vault, place: &Place) -> Result<BackupInfo, VaultError> {
    vault.backups().create(place, &NewBackup::default(), &mut |_| ())
}

/// The rows and bodies of a backup in the place of what the world has. Of the erased, too, if `noise`.
pub(crate) fn bring_back(
    world: &mut World,
    place: &Place,
    id: Option<&str>,
    noise: bool,
) -> Result<(Filled, Vault), VaultError> {
    let (vault, keyring) = world.open_with_keyring();
    drop(vault);
    let (engine, blobs) = (Arc::new(MemoryEngine::new()), Arc::new(MemoryBlobs::new()));
    (world.engine, world.blobs) = (engine, blobs);
    let key = backup_key(&keyring.anchor_key().unwrap());
    let mut wanted = |handle| match keyring.subject_by_handle(&handle) {
        Err(KeyringError::Unknown | KeyringError::Erased { .. }) => Ok(noise),
        _ => Ok(true),
    };
    let id_of_vault = keyring.vault_id();
    let filled = fill_from_backup(
        place,
        id,
        id_of_vault,
        &key,
        &world.engine,
        &world.blobs,
        &mut wanted,
        &mut |_| (),
    )?;
    drop(keyring);
    Ok((filled, world.open()))
}
