//! What each backup is today: who of the people in it can still be read from it, and until when.

use std::collections::HashMap;

use oubliette_crypto::Handle;

use super::chain::Place;
use super::merge::tally;
use super::store::BackupStore;
use super::tables::Tables;
use super::{BackupInfo, Backups};
use crate::VaultError;
use crate::times::{micros, rfc3339};

/// A backup, and what the vault's keys make of it today.
#[derive(Debug, Clone)]
pub struct Backup {
    /// What its manifest says.
    pub info: BackupInfo,
    /// Whether this vault made it, as its MAC says.
    pub genuine: bool,
    /// Whether all of its segments are there, by their names.
    pub complete: bool,
    /// Who can be read from it; `None` if its tables cannot be read.
    pub readable: Option<Readable>,
}

/// Who can be read from a backup with today's keys.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Readable {
    /// People in it who are in the vault.
    pub living: u64,
    /// People in it who were erased since: their part is noise.
    pub erased: u64,
    /// Until when the holders of an escrow could still read theirs, in microseconds since 1970; `None`: nobody can.
    pub escrow_until: Option<u64>,
}

impl Backup {
    /// In one sentence.
    pub fn says(&self) -> String {
        let Some(Readable { living, erased, escrow_until }) = self.readable else {
            return "it cannot be read: `oubliette backup verify` says what is damaged".to_owned();
        };
        let people = |n: u64| if n == 1 { "1 person".to_owned() } else { format!("{n} people") };
        match (self.genuine, self.complete) {
            (false, _) => "it was not made by this vault".to_owned(),
            (_, false) => "segments of it are missing".to_owned(),
            _ if erased == 0 => format!("holds {} of the vault, nobody who was erased since", people(living)),
            _ => {
                let (gone, living) = (people(erased), people(living));
                match escrow_until {
                    None => format!("unreadable now for {gone} erased since; holds {living} of the vault"),
                    Some(until) => format!(
                        "unreadable for {gone} erased since but by the holders of the escrow, who could read it until {}; holds {living} of the vault",
                        rfc3339(until)
                    ),
                }
            }
        }
    }
}

impl Backups {
    /// Every backup of a place, oldest first, and names of manifests that cannot be read.
    ///
    /// # Errors
    /// Those of the place and of the key plane.
    pub fn list(&self, store: &dyn BackupStore) -> Result<(Vec<Backup>, Vec<String>), VaultError> {
        let place = Place::look(store)?;
        place.must_be_of(self.vault.inner.id, store)?;
        let key = self.key()?;
        let tables = Tables::new(store, self.folder());
        // Of a root that opened any of the erased: the last of them counts.
        let inner = &self.vault.inner;
        let ends = inner.final_after(inner.keyring.generation())?.map(micros);
        let ends = ends.filter(|until| *until > inner.due_time());
        // A handle is looked up once for all backups.
        let mut known = HashMap::new();
        let mut backups = Vec::new();
        for found in &place.backups {
            let manifest = &found.manifest;
            let mut readable = Readable::default();
            let counted = tally(&tables, &manifest.runs, |handle| {
                let living = match known.get(&handle) {
                    Some(living) => *living,
                    None => {
                        let living = self.vault.is_somebody(Handle(handle))?;
                        known.insert(handle, living);
                        living
                    }
                };
                *(if living { &mut readable.living } else { &mut readable.erased }) += 1;
                Ok(())
            });
            readable.escrow_until = ends.filter(|_| readable.erased > 0);
            let readable = match counted {
                Ok(_) => Some(readable),
                Err(VaultError::Corrupt { .. }) => None,
                Err(other) => return Err(other),
            };
            backups.push(Backup {
                info: BackupInfo::of(manifest),
                genuine: found.is_ours(&key),
                complete: place.has_all_of(manifest),
                readable,
            });
        }
        let unreadable = place.unreadable.iter().map(|(name, why)| format!("{name} {why}")).collect();
        Ok((backups, unreadable))
    }
}

impl crate::Vault {
    /// Whether a handle is anybody's: also of somebody who is blocked, or whose page is damaged.
    pub(crate) fn is_somebody(&self, handle: Handle) -> Result<bool, VaultError> {
        match self.by_handle(handle) {
            Ok(person) => Ok(person.is_some()),
            Err(VaultError::SubjectBlocked | VaultError::Corrupt { .. }) => Ok(true),
            Err(other) => Err(other),
        }
    }
}
