//! Consents. What was given permits and is an item; what was withdrawn restricts and stands in the person's state, so that no restored
//! backup lifts it.

use oubliette_crypto::Class;
use oubliette_engine::Batch;
use oubliette_keyring::RestrictionChange;
use serde::{Deserialize, Serialize};

use crate::person::Person;
use crate::profile::CONSENTS;
use crate::rows::{Bounds, Run};
use crate::{Deletion, VaultError, check};

const MAX_PURPOSE: usize = 128;
const MAX_VERSION: usize = 256;
pub(crate) const MAX_EVIDENCE: usize = 4096;
const GIVEN: &str = "given";
const WITHDRAWN: &str = "withdrawn";

/// One person's consents.
#[derive(Clone)]
pub struct Consents {
    pub(crate) person: Person,
}

/// How a consent was given.
#[derive(Clone, Default)]
pub struct ConsentGiven {
    /// Version of the policy that was agreed to, at most 256 bytes.
    pub policy_version: Option<String>,
    /// When, in microseconds since 1970; now if not said.
    pub time: Option<u64>,
    /// Whatever shows it, at most 4 KiB.
    pub evidence: Option<String>,
}

/// Lengths in place of what was agreed to and of what shows it.
impl std::fmt::Debug for ConsentGiven {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsentGiven")
            .field("time", &self.time)
            .field("evidence_len", &self.evidence.as_ref().map(String::len))
            .finish_non_exhaustive()
    }
}

/// Something that happened to a consent.
#[derive(Clone)]
pub struct ConsentEvent {
    /// What for.
    pub purpose: String,
    /// `"given"` or `"withdrawn"`.
    pub state: &'static str,
    /// When, in microseconds since 1970.
    pub time: u64,
    /// See [`ConsentGiven::policy_version`].
    pub policy_version: Option<String>,
    /// See [`ConsentGiven::evidence`].
    pub evidence: Option<String>,
}

/// Lengths in place of what for and of what shows it.
impl std::fmt::Debug for ConsentEvent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConsentEvent")
            .field("purpose_len", &self.purpose.len())
            .field("state", &self.state)
            .field("time", &self.time)
            .field("evidence_len", &self.evidence.as_ref().map(String::len))
            .finish_non_exhaustive()
    }
}

/// The content of an item (docs/formats.md, section 8).
#[derive(Serialize, Deserialize)]
struct Stored {
    purpose: String,
    given: bool,
    time: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    policy_version: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
}

impl Consents {
    /// Records that consent was given. Lifts an earlier withdrawal, once the record is durable.
    ///
    /// # Errors
    /// [`VaultError::Invalid`].
    pub fn give(&self, purpose: &str, consent: &ConsentGiven) -> Result<ConsentEvent, VaultError> {
        check_purpose(purpose)?;
        check::short("policy version", consent.policy_version.as_deref(), MAX_VERSION)?;
        check::short("evidence", consent.evidence.as_deref(), MAX_EVIDENCE)?;
        let now = self.person.vault.now();
        let time = consent.time.unwrap_or(now);
        if time > now {
            return Err(VaultError::invalid("time", "lies in the future"));
        }
        let event = Stored {
            purpose: purpose.to_owned(),
            given: true,
            time,
            policy_version: consent.policy_version.clone(),
            evidence: consent.evidence.clone(),
        };
        let _lock = self.lock();
        self.record(&event)?;
        if self.person.keys.restrictions().withdrawn.contains(purpose) {
            self.person.restrict(RestrictionChange::GiveConsent(purpose.to_owned()))?;
        }
        Ok(event.into())
    }

    /// Withdraws a consent: use stops in the same commit of the key plane that forgets what depended on it. Withdrawing
    /// `steam_credentials` forgets all platform credentials; one that a purpose of records needs, the records of that purpose;
    /// `guardian` and `cross_border`, all content of somebody who may not store without. Withdrawing again goes on with what was left of it.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if this consent was never given; [`VaultError::Busy`].
    pub fn withdraw(&self, purpose: &str) -> Result<Deletion, VaultError> {
        check_purpose(purpose)?;
        let _lock = self.lock();
        let last = self.person.last_consent(purpose)?.ok_or(VaultError::NotFound { what: "consent" })?;
        let deletion = self.person.stop_and_forget(purpose)?;
        if last.given {
            let time = self.person.vault.now();
            let purpose = purpose.to_owned();
            self.record(&Stored { purpose, given: false, time, policy_version: None, evidence: None })?;
        }
        Ok(deletion)
    }

    /// What shows the consent that counts for this purpose.
    pub(crate) fn newest_evidence(&self, purpose: &str) -> Result<Option<String>, VaultError> {
        if !self.person.has_consent(purpose)? {
            return Ok(None);
        }
        Ok(self.person.last_consent(purpose)?.and_then(|event| event.evidence))
    }

    /// Everything that happened, newest first.
    ///
    /// # Errors
    /// [`VaultError::SubjectErased`] and its like.
    pub fn history(&self) -> Result<Vec<ConsentEvent>, VaultError> {
        let mut events = Vec::new();
        self.person.each_consent(&mut |event| events.push(event.into()))?;
        events.reverse();
        Ok(events)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, ()> {
        self.person.vault.slots.lock((self.person.handle(), Run::items(Class::Profile, CONSENTS)))
    }

    fn record(&self, event: &Stored) -> Result<(), VaultError> {
        let run = Run::items(Class::Profile, CONSENTS);
        let content =
            serde_json::to_vec(event).map_err(|_| VaultError::invalid("consent", "cannot be stored"))?;
        let place = run.at(self.person.next_seq(run)?);
        self.person.commit(self.person.seal(place, self.person.vault.now(), &[], &content)?, Batch::new())
    }
}

impl Person {
    /// # Errors
    /// [`VaultError::ConsentRequired`] unless this consent was given, was not withdrawn, and is not outdated.
    pub(crate) fn require_consent(&self, purpose: &str) -> Result<(), VaultError> {
        if self.has_consent(purpose)? {
            return Ok(());
        }
        Err(VaultError::ConsentRequired { purpose: purpose.to_owned() })
    }

    /// Whether this consent counts: it was given, not withdrawn, and to the current policy where that matters.
    pub(crate) fn has_consent(&self, purpose: &str) -> Result<bool, VaultError> {
        if self.keys.restrictions().withdrawn.contains(purpose) {
            return Ok(false);
        }
        let Some(event) = self.last_consent(purpose)?.filter(|event| event.given) else { return Ok(false) };
        let rule = self.vault.settings.policy.consents.get(purpose);
        Ok(rule
            .is_none_or(|rule| !rule.renew || rule.version.is_none() || rule.version == event.policy_version))
    }

    fn last_consent(&self, purpose: &str) -> Result<Option<Stored>, VaultError> {
        let mut last = None;
        self.each_consent(&mut |event| {
            if event.purpose == purpose {
                last = Some(event);
            }
        })?;
        Ok(last)
    }

    fn each_consent(&self, visit: &mut dyn FnMut(Stored)) -> Result<(), VaultError> {
        let bounds = Bounds::run(&self.handle(), Run::items(Class::Profile, CONSENTS));
        self.each_row(bounds, &mut |place, row| {
            let opened = self.open(place, &row)?;
            let damaged = opened.corrupt();
            visit(serde_json::from_slice(&opened.content()?).map_err(|_| damaged)?);
            Ok(true)
        })
    }
}

impl From<Stored> for ConsentEvent {
    fn from(event: Stored) -> Self {
        let Stored { purpose, given, time, policy_version, evidence } = event;
        Self { purpose, state: if given { GIVEN } else { WITHDRAWN }, time, policy_version, evidence }
    }
}

fn check_purpose(purpose: &str) -> Result<(), VaultError> {
    check::length("purpose", purpose, 1, MAX_PURPOSE)
}
