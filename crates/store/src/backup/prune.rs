//! Removing backups that nobody wants kept.

use std::collections::BTreeSet;

use super::chain::Place;
use super::folder::TMP;
use super::store::BackupStore;
use super::{Backups, SEGMENT};
use crate::VaultError;

/// Microseconds.
const DAY: u64 = 24 * 3600 * 1_000_000;

/// Which backups stay: those that any of the rules wants, and always the newest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeepBackups {
    /// The last so many.
    pub last: Option<u32>,
    /// Those of the last so many days.
    pub days: Option<u32>,
}

/// What was removed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Backups that are gone.
    pub removed: Vec<String>,
    /// Backups that are left.
    pub kept: Vec<String>,
    /// Segments that were removed.
    pub segments: u64,
}

impl Backups {
    /// Removes backups that no rule wants kept, and segments that no backup needs any more. Not while a backup is made.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] without a rule; [`VaultError::BackupRunning`]; [`VaultError::Corrupt`] if a manifest cannot be read, since nobody knows then which
    /// segments it needs; those of the place.
    pub fn prune(&self, store: &dyn BackupStore, keep: KeepBackups) -> Result<Pruned, VaultError> {
        if keep.last.is_none() && keep.days.is_none() {
            return Err(VaultError::invalid(
                "keep",
                "no rule says what stays; say how many, or of how many days",
            ));
        }
        let _one = self.alone()?;
        let place = Place::look(store)?;
        place.must_be_of(self.vault.inner.id, store)?;
        if let Some((name, why)) = place.unreadable.first() {
            return Err(VaultError::Corrupt {
                what: format!(
                    "the backup's {name} ({why}; nothing was removed, since it may need any segment: put it back, or remove it if it is lost)"
                ),
            });
        }
        // What a clock that was set says must not remove: by the time that is believed.
        let now = self.vault.inner.due_time().min(self.vault.inner.now());
        let mut pruned = Pruned::default();
        let mut needed = BTreeSet::new();
        for (newer, found) in place.backups.iter().rev().enumerate() {
            let manifest = &found.manifest;
            let last = keep.last.is_some_and(|last| newer < last as usize);
            let young = keep.days.is_some_and(|days| {
                manifest.finished.saturating_add(u64::from(days).saturating_mul(DAY)) >= now
            });
            if newer == 0 || last || young {
                pruned.kept.push(manifest.id.clone());
                needed.extend(manifest.segments().map(|segment| segment.name.clone()));
            } else {
                pruned.removed.push(manifest.id.clone());
            }
        }
        // Manifests first: a backup is whole, or it is not there.
        for id in &pruned.removed {
            store.remove(&format!("{}{id}", super::manifest::PREFIX))?;
        }
        for segment in place.segments.difference(&needed) {
            store.remove(&format!("{SEGMENT}{segment}"))?;
            pruned.segments += 1;
        }
        for left in store.list()?.iter().filter(|name| name.starts_with(TMP)) {
            store.remove(left)?;
        }
        pruned.kept.reverse();
        pruned.removed.reverse();
        Ok(pruned)
    }
}
