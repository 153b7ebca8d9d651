//! The audit log: who did what to whom, refusals included, and no content (docs/audit.md; layout: docs/formats.md, section 12).
//!
//! Records are chained by hashes and only ever appended. People stand in it under a pseudonym that is kept in their state page alone: after an
//! erasure it leads to nobody. Room for the record is kept *before* an operation ([`Audit::begin`]), and the record is durable *before* its outcome
//! is told ([`AuditAttempt::record`]).

pub(crate) mod fuzz;
mod head;
mod log;
mod medium;
mod read;
mod record;
mod recover;
#[cfg(test)]
mod tests;
mod verify;
mod walk;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use oubliette_crypto::{Pseudonym, VaultId};
use oubliette_keyring::{Keyring, KeyringError};

use self::medium::Medium;
use crate::options::{Clock, SystemClock};
use crate::page::{Listed, Page};
use crate::subjects::user_id;
use crate::vault::VaultLock;
use crate::{Vault, VaultError};

pub use log::Attempt as AuditAttempt;
pub(crate) use log::Log;
pub use read::{AuditFilter, AuditOutcome};
pub use record::{ActorKind, AuditEntry, AuditKind, AuditRecord};
pub use verify::{AuditReport, verify as verify_audit};

/// The audit log of a vault.
pub struct Audit<'a> {
    log: &'a Arc<Log>,
    keyring: &'a Keyring,
}

impl Vault {
    /// The vault's audit log. The vault writes into it when it is opened and closed; whoever lets others use the vault writes what they do.
    pub fn audit(&self) -> Audit<'_> {
        Audit { log: &self.inner.audit, keyring: &self.inner.keyring }
    }
}

impl Audit<'_> {
    /// Keeps room for the record of an operation that is about to begin.
    ///
    /// # Errors
    /// The operation must not begin: [`VaultError::DiskFull`], [`VaultError::AuditFailed`].
    pub fn begin(&self) -> Result<AuditAttempt, VaultError> {
        self.log.begin()
    }

    /// The name in the log of a living person; `None` if there is nobody of this user id.
    ///
    /// # Errors
    /// Those of the key plane.
    pub fn pseudonym(&self, user: &str) -> Result<Option<Pseudonym>, VaultError> {
        let Ok(user) = user_id(user) else { return Ok(None) };
        match self.keyring.even_leaving(&user) {
            Ok(subject) => Ok(Some(subject.pseudonym())),
            Err(KeyringError::Unknown | KeyringError::Blocked | KeyringError::Erased { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Who among the living is meant by these names: a walk over everybody. Whoever is not in the answer is gone.
    ///
    /// # Errors
    /// Those of the key plane.
    pub fn resolve(
        &self,
        wanted: &std::collections::BTreeSet<Pseudonym>,
    ) -> Result<std::collections::BTreeMap<Pseudonym, String>, VaultError> {
        let mut found = std::collections::BTreeMap::new();
        self.keyring.each_person(&mut |pseudonym, user| {
            if wanted.contains(&pseudonym) {
                found.insert(pseudonym, user.as_str().to_owned());
            }
        })?;
        Ok(found)
    }

    /// A page of the records that fit, oldest first. A page may hold few or none although more follow. Damaged records are left out; the gap shows
    /// in the numbers.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] for a limit or cursor that is none; those of reading.
    pub fn entries(&self, filter: &AuditFilter, page: &Page) -> Result<Listed<AuditRecord>, VaultError> {
        self.log.entries(filter, page)
    }

    /// The folder of the log's files, if it has one.
    pub fn folder(&self) -> Option<PathBuf> {
        self.log.medium.folder()
    }

    /// Checks every record; see [`verify_audit`].
    ///
    /// # Errors
    /// Those of reading.
    pub fn verify(&self) -> Result<AuditReport, VaultError> {
        verify::check(&*self.log.medium, Some(self.log.durable()), None).map_err(|error| VaultError::Other {
            detail: format!("the audit log could not be read: {error}"),
        })
    }
}

/// Every whole record of the log in a folder that fits, oldest first; the folder may belong to a running service.
///
/// # Errors
/// Those of reading.
pub fn read_audit(
    dir: &Path,
    filter: &AuditFilter,
    visit: &mut dyn FnMut(AuditRecord),
) -> Result<(), VaultError> {
    let medium = medium::Folder::peek(dir);
    let mut read = || {
        let Some(last) = medium.numbers()?.last().copied() else { return Ok(()) };
        let end = medium.length(last)?;
        read::each(&medium, filter.from, None, (last, end), &mut |record, _| {
            if filter.fits(&record) {
                visit(record);
            }
            read::Next::Go
        })
        .map(|_| ())
    };
    read().map_err(VaultError::io("reading the audit log", dir))
}

/// The audit log of a vault's folder in which nobody works, for what changes the folder without opening the vault. Keeps everybody else out.
pub struct QuietAudit {
    log: Arc<Log>,
    _alone: VaultLock,
}

impl QuietAudit {
    /// Opens the log; the cells and keys of the vault may be anywhere.
    ///
    /// # Errors
    /// [`VaultError::InUse`] while somebody works in the folder; [`VaultError::Moved`], [`VaultError::Format`]; those of [`Audit::begin`].
    pub fn open(dir: &Path) -> Result<Self, VaultError> {
        let alone = VaultLock::of(dir)?;
        let log = open(Some(&dir.join("ledger")), alone.vault(), Arc::new(SystemClock), false)?;
        Ok(Self { log, _alone: alone })
    }

    /// As [`Audit::begin`].
    ///
    /// # Errors
    /// As there.
    pub fn begin(&self) -> Result<AuditAttempt, VaultError> {
        self.log.begin()
    }

    /// Records that the log was closed.
    ///
    /// # Errors
    /// [`VaultError::AuditFailed`].
    pub fn close(self) -> Result<(), VaultError> {
        self.log.close()
    }
}

/// The log in a folder, which is there; without one it is kept in memory and ends with the process.
pub(crate) fn open(
    dir: Option<&Path>,
    vault: VaultId,
    clock: Arc<dyn Clock>,
    fresh: bool,
) -> Result<Arc<Log>, VaultError> {
    let medium: Box<dyn Medium> = match dir {
        Some(dir) => {
            Box::new(medium::Folder::open(dir).map_err(VaultError::io("opening the audit log", dir))?)
        }
        None => Box::new(medium::Memory::default()),
    };
    Log::open(medium, vault, clock, log::Sizes::default(), fresh)
}

/// The first file of a new vault's log, which is there before the vault counts as made: from then on a folder without one lost it.
pub(crate) fn make(dir: &Path, vault: VaultId) -> Result<(), VaultError> {
    let start = record::start(vault.as_bytes());
    let head = head::Head { vault, number: 1, first: 1, time: 0, chain: start };
    let made = std::fs::create_dir_all(dir)
        .and_then(|()| medium::Folder::open(dir)?.create(1, &head.encode(), head::HEAD as u64));
    made.map_err(VaultError::io("beginning the audit log", dir))
}
