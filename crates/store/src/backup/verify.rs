//! Reading all of a place's backups again and comparing them with what they should be.

use std::collections::BTreeSet;

use oubliette_crypto::BackupKey;

use super::chain::{Place, read_segment};
use super::manifest::Found;
use super::merge::{Tally, tally};
use super::store::BackupStore;
use super::tables::Tables;
use super::{BackupInfo, BackupProgress, Backups};
use crate::VaultError;

/// What was found.
#[derive(Debug, Clone, Default)]
pub struct VerifiedBackups {
    /// The backups looked at, oldest first.
    pub backups: Vec<BackupInfo>,
    /// Segments read.
    pub segments: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Whether it was also asked who wrote them, which takes the vault's keys.
    pub by_keys: bool,
    /// Segments that no backup needs: of one that was broken off, which the next one uses.
    pub unneeded: u64,
    /// One line for each fault.
    pub faults: Vec<String>,
}

/// Reads every segment of the backup of this id, or of all, without any key: digests, and that each backup holds what it says.
///
/// # Errors
/// Those of the place, and [`VaultError::NotFound`]; what is wrong with backups stands in the answer.
pub fn verify_backups(
    store: &dyn BackupStore,
    id: Option<&str>,
    progress: &mut dyn FnMut(&BackupProgress),
) -> Result<VerifiedBackups, VaultError> {
    verify(store, id, None, progress)
}

impl Backups {
    /// The same, and whether this vault made them.
    ///
    /// # Errors
    /// As [`verify_backups`].
    pub fn verify(
        &self,
        store: &dyn BackupStore,
        id: Option<&str>,
        progress: &mut dyn FnMut(&BackupProgress),
    ) -> Result<VerifiedBackups, VaultError> {
        let _one = self.alone()?;
        verify(store, id, Some(&self.key()?), progress)
    }
}

fn verify(
    store: &dyn BackupStore,
    id: Option<&str>,
    key: Option<&BackupKey>,
    progress: &mut dyn FnMut(&BackupProgress),
) -> Result<VerifiedBackups, VaultError> {
    let place = Place::look(store)?;
    let asked: Vec<&Found> = match id {
        Some(id) => vec![place.find(Some(id))?],
        None => place.backups.iter().collect(),
    };
    let mut report = VerifiedBackups { by_keys: key.is_some(), ..VerifiedBackups::default() };
    if id.is_none() {
        report.unneeded = place.orphans().len() as u64;
        report.faults = place.unreadable.iter().map(|(name, why)| format!("{name} {why}")).collect();
    }
    let mut bad = BTreeSet::new();
    let mut seen = BTreeSet::new();
    let segments: Vec<_> =
        asked.iter().flat_map(|found| found.manifest.segments()).filter(|s| seen.insert(&s.name)).collect();
    let total = segments.iter().map(|segment| segment.bytes).sum();
    for segment in segments {
        let fault = match store.get(&segment.object(), Some(0..0))? {
            None => Some("is missing"),
            Some(_) => match read_segment(store, &segment.name)? {
                None => Some("is damaged"),
                Some(read) if read.named().as_ref() != Some(segment) => Some("is not what its backup says"),
                Some(read) if key.is_some_and(|key| !read.is_ours(key)) => Some("was not made by this vault"),
                Some(_) => None,
            },
        };
        if let Some(fault) = fault {
            bad.insert(segment.name.as_str());
            report.faults.push(format!("{} {fault}", segment.object()));
        }
        report.segments += 1;
        report.bytes += segment.bytes;
        progress(&BackupProgress { what: "reading", done: report.bytes, total });
    }
    let tables = Tables::new(store, None);
    for found in asked {
        let manifest = &found.manifest;
        let name = manifest.object();
        if key.is_some_and(|key| !found.is_ours(key)) {
            report.faults.push(format!("{name} was not made by this vault"));
        }
        let hurt = manifest.segments().filter(|segment| bad.contains(segment.name.as_str())).count();
        if hurt > 0 {
            report.faults.push(format!("{name} cannot be restored whole: {hurt} of its segments are bad"));
        } else {
            let says = Tally { people: manifest.people, rows: manifest.rows, bytes: manifest.bytes };
            if tally(&tables, &manifest.runs, |_| Ok(())).ok() != Some(says) {
                report.faults.push(format!("{name} does not hold what it says"));
            }
        }
        report.backups.push(BackupInfo::of(manifest));
    }
    Ok(report)
}
