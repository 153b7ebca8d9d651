//! Whatever else a platform records about a person: orders, addresses, registrations, feedback with pictures; JSON or bytes.
//!
//! Records are grouped by *purpose*, and purposes are settings. Each purpose is one compartment of the person's tree, named by its meta, so that one
//! cut forgets all records of the purpose, also those whose rows a restored backup took away. A record is an item of it; its id stands sealed
//! beside its content, and is found by looking at the heads. A newer value of the same id takes the next number, and the older one is cut.

mod find;
mod list;
mod put;

use oubliette_crypto::{Class, Path};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::names::Name;
use crate::objects::{Content, Opened};
use crate::person::{Person, leaf};
use crate::policy::{RecordRule, Retention};
use crate::rows::{Place, Run};
use crate::{Deletion, VaultError, check};

pub use put::RecordOptions;

const MAX_CONTENT_TYPE: usize = 256;
const NO_RECORD: VaultError = VaultError::NotFound { what: "record" };

/// One person's records.
#[derive(Clone)]
pub struct Records {
    pub(crate) person: Person,
}

/// What is known of a record, without its content.
#[derive(Clone)]
pub struct RecordInfo {
    /// What it is recorded for.
    pub purpose: String,
    /// Its name within the purpose.
    pub id: String,
    /// Grows with each value; never used again within the purpose.
    pub version: u64,
    /// Bytes of content.
    pub size: u64,
    /// When stored, in microseconds since 1970.
    pub created: u64,
    /// As it was given.
    pub content_type: Option<String>,
    /// Only in the answer of `put`: there was none of this id before.
    pub new: bool,
}

/// No names.
impl std::fmt::Debug for RecordInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordInfo")
            .field("version", &self.version)
            .field("size", &self.size)
            .field("created", &self.created)
            .finish_non_exhaustive()
    }
}

/// The facts of an item (docs/formats.md, section 8).
#[derive(Serialize, Deserialize)]
pub(crate) struct Facts {
    id: String,
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
}

/// Reads verified plaintext; a deletion of the record waits for its drop.
pub struct RecordReader {
    info: RecordInfo,
    content: Content,
}

impl RecordReader {
    /// What is known of it.
    pub fn info(&self) -> &RecordInfo {
        &self.info
    }

    /// The next verified bytes, at most 128 KiB; `None` at the end.
    ///
    /// # Errors
    /// [`VaultError::Forgotten`], [`VaultError::Corrupt`].
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, VaultError> {
        Ok(self.content.next_chunk()?.map(|mut piece: Zeroizing<Vec<u8>>| std::mem::take(&mut *piece)))
    }

    /// True once the content was forgotten: drop the reader promptly.
    pub fn cancelled(&self) -> bool {
        self.content.cancelled()
    }
}

impl Records {
    /// A record.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], also for a purpose that no setting names; [`VaultError::ConsentRequired`].
    pub fn get(&self, purpose: &str, id: &str) -> Result<RecordReader, VaultError> {
        let (info, opened) = self.newest(purpose, id)?;
        Ok(RecordReader { info, content: opened.into_content()? })
    }

    /// What is known of a record.
    ///
    /// # Errors
    /// As [`Records::get`].
    pub fn info(&self, purpose: &str, id: &str) -> Result<RecordInfo, VaultError> {
        Ok(self.newest(purpose, id)?.0)
    }

    /// Forgets a record. One that the law wants kept is not read any more, and cut when it may be.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Busy`].
    pub fn forget(&self, purpose: &str, id: &str) -> Result<Deletion, VaultError> {
        let rule = self.rule(purpose)?;
        check::name("id", id)?;
        let run = self.run(purpose)?.ok_or(NO_RECORD)?;
        let _lock = self.person.vault.slots.lock((self.person.handle(), run));
        let found = self.all_of(run, id)?;
        let mut not_before = 0;
        for found in &found {
            not_before = not_before.max(rule.retention.earliest(found.created));
        }
        if found.is_empty() {
            return Err(NO_RECORD);
        }
        let deletion = self.person.cut_from(Vec::new(), paths(&found)?, not_before)?;
        self.remove(found);
        Ok(deletion)
    }

    fn newest(&self, purpose: &str, id: &str) -> Result<(RecordInfo, Opened), VaultError> {
        let rule = self.rule(purpose)?;
        check::name("id", id)?;
        self.require(rule)?;
        let run = self.run(purpose)?.ok_or(NO_RECORD)?;
        self.newest_of(run, purpose, id)?.ok_or(NO_RECORD)
    }

    fn rule(&self, purpose: &str) -> Result<&RecordRule, VaultError> {
        check::name("purpose", purpose)?;
        let rules = &self.person.vault.settings.policy.records;
        rules.get(purpose).ok_or(VaultError::NotFound { what: "purpose; the vault's settings name them" })
    }

    fn require(&self, rule: &RecordRule) -> Result<(), VaultError> {
        rule.consent.as_deref().map_or(Ok(()), |consent| self.person.require_consent(consent))
    }

    /// Where a purpose's records stand, if there were any.
    fn run(&self, purpose: &str) -> Result<Option<Run>, VaultError> {
        let entry = self.person.named(Class::Records, &purpose_name(purpose))?;
        Ok(entry.map(|entry| Run::items(Class::Records, entry.compartment)))
    }

    fn remove(&self, found: Vec<Found>) {
        let handle = self.person.handle();
        let rows = found.into_iter().map(|found| (found.place.key(&handle), found.row)).collect();
        self.person.vault.leave_to_sweeper(self.person.vault.forget_rows(rows));
    }
}

/// A row of a record.
pub(crate) struct Found {
    pub(crate) place: Place,
    row: Vec<u8>,
    created: u64,
}

fn paths(found: &[Found]) -> Result<Vec<Path>, VaultError> {
    Ok(found.iter().map(|found| Path::leaf(&leaf(found.place))).collect::<Result<_, _>>()?)
}

/// What the compartment of a purpose is called.
pub(crate) fn purpose_name(purpose: &str) -> Name {
    Name::new(&[purpose])
}

impl Person {
    /// The compartments of records, each with the retention of its purpose. One that no setting names any more has none.
    pub(crate) fn record_rules(&self) -> Result<Vec<(u32, Retention)>, VaultError> {
        let rules = &self.vault.settings.policy.records;
        if rules.is_empty() {
            return Ok(Vec::new());
        }
        let named = self.all_named(Class::Records)?.into_iter();
        let retention = |name: &Name| rules.get(name.part(0)).map(|rule| rule.retention).unwrap_or_default();
        Ok(named.map(|(name, entry)| (entry.compartment, retention(&name))).collect())
    }

    /// Finishes a replacement that a crash interrupted: of two values of one id the newer counts, and the older is cut. Only a value that opens replaces another.
    pub(crate) fn settle_record(&self, place: Place) -> Result<(), VaultError> {
        let id = match self.row(place)?.map(|row| self.open(place, &row)?.facts_as::<Facts>()) {
            Some(Ok(facts)) => facts.id,
            Some(Err(VaultError::Forgotten | VaultError::Corrupt { .. })) | None => return Ok(()),
            Some(Err(other)) => return Err(other),
        };
        Records { person: self.clone() }.cut_older_of(place.run(), &id)
    }
}

/// See [`crate::fuzzing`].
#[allow(clippy::unwrap_used, reason = "a broken promise is told by a panic")]
pub(crate) fn fuzz_facts(json: &[u8]) {
    let Ok(facts) = serde_json::from_slice::<Facts>(json) else { return };
    let again: Facts = serde_json::from_slice(&serde_json::to_vec(&facts).unwrap()).unwrap();
    assert!(again.id == facts.id && again.content_type == facts.content_type);
}
