//! A vault whose rows come from a backup and whose keys are those of today.
//!
//! The key plane moves into the new folder (`crate::relocate_keys`): two live folders of one vault would each miss the other's erasures. Whoever was
//! erased stays erased, since nothing of the key plane comes from the backup; so do holds, blocks and withdrawn consents, which stand there, and the
//! ledger. Until the move is over the new folder's marker says `arriving`, and nobody opens it; cut off, the same call begins the rows anew.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oubliette_crypto::Handle;
use oubliette_crypto::kdf::backup_key;
use oubliette_engine::{Blobs, Engine, PackBlobs, SledEngine, SledOptions};
use oubliette_keyring::{Keyring, KeyringError};

use super::fill::{Filled, fill_from_backup};
use super::store::BackupStore;
use super::{BackupInfo, BackupProgress};
use crate::person::{BATCH_ROWS, Person};
use crate::rows::Place;
use crate::vault::Relocation;
use crate::{Vault, VaultError, VaultOptions, relocate_keys};

/// What a restore brought.
#[derive(Debug, Clone)]
pub struct RestoreReport {
    /// From which backup; `None` if the rows had been restored before and only the end was left to do.
    pub backup: Option<BackupInfo>,
    /// The folder that the vault is in now.
    pub to: PathBuf,
    /// The root generation that it stands at.
    pub generation: u64,
    /// What is left to do, such as an old cell that could not be wiped.
    pub notes: Vec<String>,
    /// Rows that are back.
    pub rows: u64,
    /// Of these, rows that were forgotten since the backup: noise, which the sweeper removes.
    pub forgotten: u64,
    /// Everybody in the vault, and everybody who was in the backup.
    pub people: Vec<RestoredPerson>,
}

/// What became of one person.
#[derive(Clone, PartialEq, Eq)]
pub struct RestoredPerson {
    /// The platform's name for the person; `None` for whoever is gone: nobody knows it any more.
    pub user: Option<String>,
    /// The person's random name in rows.
    pub handle: String,
    /// How they come out of it.
    pub state: RestoredState,
    /// Their rows in the backup.
    pub rows: u64,
    /// Of these, rows that were forgotten since.
    pub forgotten: u64,
}

/// Not who.
impl std::fmt::Debug for RestoredPerson {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RestoredPerson")
            .field("state", &self.state)
            .field("rows", &self.rows)
            .finish_non_exhaustive()
    }
}

/// How somebody comes out of a restore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RestoredState {
    /// What the backup has of them is back.
    Whole,
    /// Erased since the backup: their part of it is noise, and was left out.
    Noise,
    /// Came after the backup: nothing of theirs is in it.
    Newer,
}

impl RestoredState {
    /// In one word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Whole => "whole",
            Self::Noise => "noise",
            Self::Newer => "newer",
        }
    }
}

impl RestoreReport {
    /// How many people came out of it so.
    pub fn count(&self, state: RestoredState) -> u64 {
        self.people.iter().filter(|person| person.state == state).count() as u64
    }
}

/// Makes a vault in `data`, which must be empty or absent: rows and bodies from the backup of this id (or the newest), keys, ledger and tokens from the vault in `keys`,
/// which moves. The vault in `keys` opens no more afterwards. Called again after a crash it begins anew, or finishes what is left.
///
/// # Errors
/// Those of [`relocate_keys`], of the place, and [`VaultError::Corrupt`] with the name of what is damaged in the backup; the vault in `keys` stays what it was.
pub fn restore_backup(
    store: &dyn BackupStore,
    id: Option<&str>,
    data: &Path,
    keys: &Path,
    options: &VaultOptions,
    progress: &mut dyn FnMut(&BackupProgress),
) -> Result<RestoreReport, VaultError> {
    let mut filled = None;
    let moved = relocate_keys(keys, data, options, &mut |relocation| {
        filled = Some(fill(store, id, relocation, options, progress)?);
        Ok(())
    })?;
    // The marker knows where its cells are; the setting may still name the old places.
    let vault = Vault::open(data, VaultOptions { cells: Vec::new(), ..options.clone() })?;
    let report = report(&vault, filled.as_ref(), moved.notes);
    let closed = vault.close();
    let report = report?;
    closed?;
    Ok(report)
}

/// Fills the new folder's row plane.
fn fill(
    store: &dyn BackupStore,
    id: Option<&str>,
    relocation: &Relocation<'_>,
    options: &VaultOptions,
    progress: &mut dyn FnMut(&BackupProgress),
) -> Result<Filled, VaultError> {
    let Relocation { target, keyring, .. } = relocation;
    let anchor = keyring.anchor_key()?;
    let sled = SledOptions { create: true, ..options.engine.sled.clone() };
    let engine: Arc<dyn Engine> =
        Arc::new(SledEngine::open(&target.join("rows"), &target.join("anchor"), &anchor, sled)?);
    let blobs: Arc<dyn Blobs> = Arc::new(PackBlobs::open(&target.join("blobs"))?);
    let key = backup_key(&anchor);
    let wanted = &mut |handle| is_somebody(keyring, handle);
    let filled = fill_from_backup(store, id, keyring.vault_id(), &key, &engine, &blobs, wanted, progress);
    let closed = engine.close().and_then(|()| blobs.close());
    let filled = filled?;
    closed?;
    Ok(filled)
}

/// Also of somebody who is blocked, or whose page is damaged.
fn is_somebody(keyring: &Keyring, handle: Handle) -> Result<bool, VaultError> {
    match keyring.subject_by_handle(&handle) {
        Ok(_) | Err(KeyringError::Blocked | KeyringError::Corrupt { .. }) => Ok(true),
        Err(KeyringError::Unknown | KeyringError::Erased { .. }) => Ok(false),
        Err(other) => Err(other.into()),
    }
}

fn report(vault: &Vault, filled: Option<&Filled>, notes: Vec<String>) -> Result<RestoreReport, VaultError> {
    let mut rows = rows_of_all(vault)?;
    let total = rows.values().map(|(rows, _)| rows).sum();
    let forgotten = rows.values().map(|(_, forgotten)| forgotten).sum();
    let mut users = Vec::new();
    vault.inner.keyring.each_person(&mut |_, user| users.push(user.clone()))?;
    users.sort_by(|a, b| a.as_str().cmp(b.as_str()));
    let mut people = Vec::new();
    for user in users {
        // Whoever is blocked has begun to leave.
        let Ok(keys) = vault.inner.keyring.subject(&user) else { continue };
        let found = rows.remove(&keys.handle());
        let (own, gone) = found.unwrap_or_default();
        // In whole seconds: who came in the backup's own second and has nothing in it is told as newer, so that somebody looks.
        let made = u64::try_from(keys.created()).unwrap_or(0);
        let came_later = filled.is_some_and(|filled| made >= filled.backup.finished / 1_000_000);
        let state = if found.is_none() && came_later { RestoredState::Newer } else { RestoredState::Whole };
        let (user, handle) = (Some(user.as_str().to_owned()), keys.handle().to_string());
        people.push(RestoredPerson { user, handle, state, rows: own, forgotten: gone });
    }
    for (handle, rows) in filled.iter().flat_map(|filled| &filled.left_out) {
        people.push(RestoredPerson {
            user: None,
            handle: handle.to_string(),
            state: RestoredState::Noise,
            rows: *rows,
            forgotten: 0,
        });
    }
    Ok(RestoreReport {
        backup: filled.map(|filled| filled.backup.clone()),
        to: vault.inner.dir().map(Path::to_owned).unwrap_or_default(),
        generation: vault.inner.keyring.generation(),
        notes,
        rows: total,
        forgotten,
        people,
    })
}

/// By person: rows, and how many of them were forgotten since.
fn rows_of_all(vault: &Vault) -> Result<BTreeMap<Handle, (u64, u64)>, VaultError> {
    let mut found: BTreeMap<Handle, (u64, u64)> = BTreeMap::new();
    let mut person: Option<Person> = None;
    // Handle 0 is the vault's own.
    let mut from = [[0; 15].as_slice(), &[1]].concat();
    loop {
        let rows = vault.inner.engine.range(&from, &[u8::MAX; 64], BATCH_ROWS, false)?;
        let Some((last, _)) = rows.last() else { return Ok(found) };
        from = [last.as_slice(), &[0]].concat();
        for (key, _) in &rows {
            let Some((handle, place)) = Place::parse(key) else { continue };
            if person.as_ref().is_none_or(|person| person.handle() != handle) {
                person = match vault.by_handle(handle) {
                    Err(VaultError::SubjectBlocked | VaultError::Corrupt { .. }) => None,
                    other => other?,
                };
            }
            let count = found.entry(handle).or_default();
            count.0 += 1;
            if person.as_ref().is_some_and(|person| person.is_cut(place).unwrap_or(false)) {
                count.1 += 1;
            }
        }
    }
}
