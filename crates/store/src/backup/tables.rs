//! Tables of segments, from the vault's own copies or from the place of the backups.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use super::manifest::SegmentRef;
use super::segment::HEAD;
use super::store::BackupStore;
use crate::VaultError;

/// Where a vault keeps copies of tables.
pub(super) const CACHE: &str = "backup-tables";

/// Reads tables.
pub(super) struct Tables<'s> {
    store: &'s dyn BackupStore,
    cache: Option<PathBuf>,
}

impl<'s> Tables<'s> {
    /// With copies in a vault's folder, if it has one.
    pub(super) fn new(store: &'s dyn BackupStore, vault: Option<&Path>) -> Self {
        Self { store, cache: vault.map(|vault| vault.join(CACHE)) }
    }

    /// A segment's table, which is the one that the manifest means.
    pub(super) fn get(&self, segment: &SegmentRef) -> Result<Vec<u8>, VaultError> {
        let right = |table: &[u8]| HEXLOWER.encode(&Sha256::digest(table)) == segment.digest;
        let copy = self.cache.as_ref().and_then(|cache| fs::read(cache.join(&segment.name)).ok());
        if let Some(table) = copy.filter(|table| right(table)) {
            return Ok(table);
        }
        let (from, length) = (HEAD as u64, u64::from(segment.table));
        let table = self.store.get(&segment.object(), Some(from..from + length))?;
        let table = table.ok_or_else(|| missing(segment))?;
        if !right(&table) {
            return Err(damaged(segment));
        }
        self.keep(segment, &table);
        Ok(table)
    }

    /// Keeps a copy. Best effort: without it the table is fetched again.
    pub(super) fn keep(&self, segment: &SegmentRef, table: &[u8]) {
        let Some(cache) = &self.cache else { return };
        let path = cache.join(&segment.name);
        let part = path.with_extension("new");
        let kept = fs::create_dir_all(cache).and_then(|()| fs::write(&part, table));
        let _ = kept.and_then(|()| fs::rename(&part, &path));
    }

    /// Removes copies of what no backup needs any more.
    pub(super) fn forget_others(&self, needed: &BTreeSet<String>) {
        let Some(cache) = &self.cache else { return };
        for entry in fs::read_dir(cache).into_iter().flatten().flatten() {
            if entry.file_name().to_str().is_none_or(|name| !needed.contains(name)) {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

pub(super) fn missing(segment: &SegmentRef) -> VaultError {
    VaultError::Corrupt { what: format!("the backup's {} (it is missing)", segment.object()) }
}

pub(super) fn damaged(segment: &SegmentRef) -> VaultError {
    VaultError::Corrupt { what: format!("the backup's {}", segment.object()) }
}
