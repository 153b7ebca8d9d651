//! People: creating, finding, erasing.

use std::io::ErrorKind;

use data_encoding::HEXLOWER;
use oubliette_keyring::{ErasureOutcome as Keys, KeyringError, LedgerError, ReceiptSalt, UserId};
use serde::{Serialize, Serializer};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::chats::Chats;
use crate::consents::Consents;
use crate::credentials::Credentials;
use crate::holds::Holds;
use crate::person::Person;
use crate::quota::Quotas;
use crate::records::Records;
use crate::saves::Saves;
use crate::times::micros;
use crate::usage::ClassUsage;
use crate::{Vault, VaultError};

/// What is known of a person beyond their content.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct SubjectFacts {
    /// Where the data must stay, as the platform names its regions.
    pub region: Option<String>,
    /// The year of birth. Who is, or may be, under 14 needs a guardian's consent.
    pub birth_year: Option<u16>,
    /// What shows a guardian's consent, at most 4 KiB. Recorded as the consent `guardian`, whose withdrawal forgets what was stored by it.
    pub guardian_consent: Option<String>,
}

/// Not what shows a guardian's consent.
impl std::fmt::Debug for SubjectFacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubjectFacts").field("region", &self.region).finish_non_exhaustive()
    }
}

/// A person as the vault knows them.
#[derive(Clone)]
pub struct SubjectInfo {
    /// The platform's name for the person.
    pub user: String,
    /// `"active"`.
    pub state: &'static str,
    /// See [`SubjectFacts::region`].
    pub region: Option<String>,
    /// See [`SubjectFacts::birth_year`].
    pub birth_year: Option<u16>,
    /// When created, in microseconds since 1970.
    pub created: u64,
    /// What is stored, by class.
    pub usage: Vec<ClassUsage>,
    /// The limits that stand.
    pub quotas: Quotas,
    /// Whether the person lets others follow their play at all.
    pub follow_play: bool,
}

/// Not who.
impl std::fmt::Debug for SubjectInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubjectInfo")
            .field("state", &self.state)
            .field("created", &self.created)
            .field("usage", &self.usage)
            .finish_non_exhaustive()
    }
}

/// What became of one person that was to be erased.
#[derive(Debug, Clone)]
pub enum ErasureOutcome {
    /// Erased now.
    Erased(ErasureRecord),
    /// Erased before; the record of then.
    AlreadyErased(ErasureRecord),
    /// A legal hold stands: nothing was done.
    Held,
    /// Not in the vault, or erased so long ago that the fence is gone.
    Unknown,
}

/// The facts of an erasure: every copy of the person's keys that is left hangs below a root that no longer opens.
#[derive(Debug, Clone)]
pub struct ErasureRecord {
    /// When acknowledged, in microseconds since 1970.
    pub erased_at: u64,
    /// Generation of the key plane before.
    pub generation_before: u64,
    /// And after.
    pub generation_after: u64,
    /// SHA-256 of the root page before, in hexadecimal.
    pub root_before: String,
    /// And after.
    pub root_after: String,
    /// How sure the root cell's erasure is, E0 to E4.
    pub cell_class: String,
    /// Readers and writers that were cancelled.
    pub leases_drained: u32,
    /// Which deletion this was, in hexadecimal; `None` once nothing knows it any more.
    pub job: Option<String>,
    /// The receipt, a signed note; `None` if it was lost with the ledger.
    pub receipt: Option<String>,
    /// Told once, by the call that asked for this deletion: with it, the user id and the job a receipt is shown to be this person's.
    pub salt: Option<ReceiptSalt>,
}

/// A person's content. A cheap clone; every call answers [`VaultError::SubjectErased`] once the person is erased.
#[derive(Clone)]
pub struct Subject {
    pub(crate) person: Person,
}

impl Vault {
    /// Creates a person or updates the facts; the only way a person comes to be. After an erasure only with `reopen`. The answer's
    /// second half is true if the person was created.
    ///
    /// # Errors
    /// [`VaultError::SubjectErased`] while the fence stands, [`VaultError::SubjectBlocked`], [`VaultError::Invalid`];
    /// [`VaultError::RegionMismatch`] for another region than the vault's without the person's consent.
    pub fn put_subject(
        &self,
        user: &str,
        facts: &SubjectFacts,
        reopen: bool,
    ) -> Result<(SubjectInfo, bool), VaultError> {
        facts.check(self.inner.due_time())?;
        self.check_region(user, facts)?;
        let (keys, created) = self.inner.keyring.create_subject(&user_id(user)?, reopen)?;
        let subject = Subject { person: Person { vault: self.inner.clone(), keys } };
        subject.person.put_guardian_and_birth_year(facts)?;
        subject.person.put_region(facts)?;
        subject.person.put_facts(facts)?;
        Ok((subject.info()?, created))
    }

    /// The door to one person's content.
    ///
    /// # Errors
    /// [`VaultError::SubjectUnknown`], [`VaultError::SubjectBlocked`], [`VaultError::SubjectErased`].
    pub fn subject(&self, user: &str) -> Result<Subject, VaultError> {
        let keys = self.inner.keyring.subject(&user_id(user)?)?;
        Ok(Subject { person: Person { vault: self.inner.clone(), keys } })
    }
}

impl Subject {
    /// Who, since when, and how much is stored. Computed by scanning the person's rows.
    ///
    /// # Errors
    /// [`VaultError::SubjectErased`] and its like.
    pub fn info(&self) -> Result<SubjectInfo, VaultError> {
        let _operation = self.person.enter()?;
        Ok(SubjectInfo {
            user: self.person.keys.user_id().as_str().to_owned(),
            state: "active",
            region: self.person.facts()?.region,
            birth_year: self.person.keys.restrictions().birth_year,
            created: micros(self.person.keys.created()),
            usage: self.person.usage()?,
            quotas: self.quotas()?,
            follow_play: !self.person.keys.restrictions().follow_play_off,
        })
    }

    /// Game saves.
    pub fn saves(&self) -> Saves {
        Saves { person: self.person.clone() }
    }

    /// Conversations and the block list.
    pub fn chats(&self) -> Chats {
        Chats { person: self.person.clone() }
    }

    /// Platform credentials.
    pub fn credentials(&self) -> Credentials {
        Credentials { person: self.person.clone() }
    }

    /// Whatever else is recorded, by purpose.
    pub fn records(&self) -> Records {
        Records { person: self.person.clone() }
    }

    /// Legal holds.
    pub fn holds(&self) -> Holds {
        Holds::of(self.person.clone())
    }

    /// Consents given and withdrawn.
    pub fn consents(&self) -> Consents {
        Consents { person: self.person.clone() }
    }
}

impl From<Keys> for ErasureOutcome {
    fn from(outcome: Keys) -> Self {
        match outcome {
            Keys::Erased(record) => Self::Erased(record.into()),
            Keys::AlreadyErased(record) => Self::AlreadyErased(record.into()),
            Keys::Held => Self::Held,
            Keys::Unknown | Keys::NotDue | Keys::InUse(_) | Keys::Kept(_) | Keys::OldCell => Self::Unknown,
        }
    }
}

impl From<oubliette_keyring::ErasureRecord> for ErasureRecord {
    fn from(record: oubliette_keyring::ErasureRecord) -> Self {
        Self {
            erased_at: micros(record.erased_at),
            generation_before: record.generation_before,
            generation_after: record.generation_after,
            root_before: HEXLOWER.encode(&record.root_before),
            root_after: HEXLOWER.encode(&record.root_after),
            cell_class: record.cell_class.to_string(),
            leases_drained: record.leases_drained,
            job: record.job.map(|job| job.to_string()),
            receipt: None,
            salt: None,
        }
    }
}

impl Serialize for ErasureRecord {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Shown<'a> {
            state: &'static str,
            erased_at: String,
            generation_before: u64,
            generation_after: u64,
            root_before: &'a str,
            root_after: &'a str,
            cell_class: &'a str,
            leases_drained: u32,
            #[serde(skip_serializing_if = "Option::is_none")]
            job: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            receipt: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            salt: Option<String>,
        }
        let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.erased_at) * 1000);
        let erased_at = time.ok().and_then(|time| time.format(&Rfc3339).ok());
        let erased_at = erased_at.ok_or_else(|| serde::ser::Error::custom("a time past the year 9999"))?;
        Shown {
            state: "erased",
            erased_at,
            generation_before: self.generation_before,
            generation_after: self.generation_after,
            root_before: &self.root_before,
            root_after: &self.root_after,
            cell_class: &self.cell_class,
            leases_drained: self.leases_drained,
            job: self.job.as_deref(),
            receipt: self.receipt.as_deref(),
            salt: self.salt.as_ref().map(|salt| HEXLOWER.encode(salt.expose())),
        }
        .serialize(serializer)
    }
}

pub(crate) fn user_id(user: &str) -> Result<UserId, VaultError> {
    UserId::new(user).map_err(|error| VaultError::invalid("user", error.to_string()))
}

impl From<KeyringError> for VaultError {
    fn from(error: KeyringError) -> Self {
        match error {
            KeyringError::Unknown => Self::SubjectUnknown,
            KeyringError::Blocked => Self::SubjectBlocked,
            KeyringError::Held => Self::Held,
            KeyringError::DeletionDue => Self::DeletionDue,
            KeyringError::Erased { at, .. } => Self::SubjectErased { erased_at: micros(at) },
            KeyringError::Forgotten => Self::Forgotten,
            KeyringError::LeasesHeld { .. } => Self::Busy,
            KeyringError::Corrupt { role } => {
                Self::Corrupt { what: format!("a {role} page of the key plane") }
            }
            KeyringError::Poisoned { reason } => Self::Poisoned { reason },
            KeyringError::Cells { .. } => Self::KeysLost { detail: error.to_string() },
            KeyringError::Pages(error) => error.into(),
            KeyringError::TooLarge { what, allowed, .. } => Self::TooLarge { what, limit: allowed as u64 },
            KeyringError::Ledger(LedgerError::Io { source, .. })
                if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) =>
            {
                Self::DiskFull
            }
            KeyringError::CellReplaced(error) => Self::CellReplaced { detail: error.to_string() },
            // The keyring stops at the first failure of a cell; the message names the disk.
            KeyringError::Cell(error) => Self::Poisoned { reason: error.to_string() },
            other => Self::Other { detail: other.to_string() },
        }
    }
}
