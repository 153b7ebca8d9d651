//! The operator's commands about backups.

use oubliette_store::{BackupProgress, KeepBackups, NewBackup, Pruned, Vault, VaultError, VerifiedBackups};
use serde::{Deserialize, Serialize};

use super::{Answer, Command};
use crate::backups::BackupView;

/// What `backup list` shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupsListed {
    /// Oldest first.
    pub backups: Vec<BackupView>,
    /// Manifests that cannot be read, and why.
    pub unreadable: Vec<String>,
}

/// What `backup verify` found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupsVerified {
    /// Ids of the backups looked at.
    pub backups: Vec<String>,
    /// Segments read.
    pub segments: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Whether it was asked by the vault's keys who made them.
    pub by_keys: bool,
    /// Segments that no backup needs.
    pub unneeded: u64,
    /// One line for each fault.
    pub faults: Vec<String>,
}

impl From<VerifiedBackups> for BackupsVerified {
    fn from(found: VerifiedBackups) -> Self {
        let VerifiedBackups { backups, segments, bytes, by_keys, unneeded, faults } = found;
        let backups = backups.into_iter().map(|backup| backup.id).collect();
        Self { backups, segments, bytes, by_keys, unneeded, faults }
    }
}

/// What `backup prune` removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupsPruned {
    /// Ids of backups that are gone.
    pub removed: Vec<String>,
    /// Ids of those that are left.
    pub kept: Vec<String>,
    /// Segments that were removed.
    pub segments: u64,
}

/// What is told as progress is the number of bytes that there are in all.
pub const TOTAL: &str = "bytes in all";

/// The commands about backups.
pub(super) fn carry_out(
    vault: &Vault,
    command: &Command,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<Answer, VaultError> {
    let backups = vault.backups();
    let mut told = |at: &BackupProgress| {
        progress(TOTAL, at.total);
        progress(at.what, at.done);
    };
    match command {
        Command::BackupCreate { to, full, region } => {
            let store = backups.store(to.as_deref())?;
            let new = NewBackup { id: None, full: *full, region: region.clone() };
            let made = backups.create(&*store, &new, &mut told)?;
            Ok(Answer::Backup(Box::new(made.into())))
        }
        Command::BackupVerify { from, id } => {
            let store = backups.store(from.as_deref())?;
            Ok(Answer::BackupsVerified(backups.verify(&*store, id.as_deref(), &mut told)?.into()))
        }
        Command::BackupPrune { from, last, days } => {
            let store = backups.store(from.as_deref())?;
            let said = KeepBackups { last: *last, days: *days };
            let keep = if said == KeepBackups::default() { backups.settings().keep } else { said };
            let Pruned { removed, kept, segments } = backups.prune(&*store, keep)?;
            Ok(Answer::BackupsPruned(BackupsPruned { removed, kept, segments }))
        }
        // Of these four, `backup list` is left.
        command => {
            let from = if let Command::BackupList { from } = command { from.as_deref() } else { None };
            let (listed, unreadable) = backups.list(&*backups.store(from)?)?;
            let backups = listed.into_iter().map(Into::into).collect();
            Ok(Answer::Backups(BackupsListed { backups, unreadable }))
        }
    }
}
