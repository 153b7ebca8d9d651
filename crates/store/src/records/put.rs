//! Storing a record.

use std::io::Read;

use oubliette_crypto::Class;
use oubliette_engine::Batch;

use super::{Facts, MAX_CONTENT_TYPE, RecordInfo, Records, purpose_name};
use crate::names::{Meta, Spot};
use crate::objects::Limits;
use crate::policy::RecordRule;
use crate::quota::Quotas;
use crate::rows::Run;
use crate::usage::{Room, Tally};
use crate::{VaultError, check};

/// How a record is to be stored.
#[derive(Debug, Clone, Default)]
pub struct RecordOptions {
    /// Kept and given back; at most 256 bytes.
    pub content_type: Option<String>,
    /// Bytes that will come; another number is a broken upload.
    pub expected_len: Option<u64>,
}

impl Records {
    /// Whether a record of this purpose would be taken, as far as that can be told before its content.
    ///
    /// # Errors
    /// As [`Records::put`].
    pub fn may_put(&self, purpose: &str, options: &RecordOptions) -> Result<(), VaultError> {
        let rule = self.rule(purpose)?;
        check_type(rule, options)?;
        let max = rule.max_size.unwrap_or(self.person.vault.settings.max_save);
        if options.expected_len.is_some_and(|expected| expected > max) {
            return Err(VaultError::TooLarge { what: "the record", limit: max });
        }
        self.person.may_store()?;
        self.require(rule)
    }

    /// Streams `content` in as the record's value, in place of what it was before, which is cut. Nothing is stored unless the reader ends cleanly.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] for a purpose that no setting names; [`VaultError::ConsentRequired`],
    /// [`VaultError::GuardianConsentRequired`], [`VaultError::RegionMismatch`]; [`VaultError::TooLarge`], [`VaultError::Invalid`],
    /// [`VaultError::QuotaExceeded`], [`VaultError::Upload`].
    pub fn put(
        &self,
        purpose: &str,
        id: &str,
        options: &RecordOptions,
        content: &mut dyn Read,
    ) -> Result<RecordInfo, VaultError> {
        let rule = self.rule(purpose)?;
        check::name("id", id)?;
        check_type(rule, options)?;
        let max = rule.max_size.unwrap_or(self.person.vault.settings.max_save);
        if options.expected_len.is_some_and(|expected| expected > max) {
            return Err(VaultError::TooLarge { what: "the record", limit: max });
        }
        let quotas = self.person.limits()?;
        let name = purpose_name(purpose);
        let spot = self.person.spot(Class::Records, &name)?;
        // After the claim: a withdrawal before it is seen here, and one after it cuts what was claimed.
        self.person.may_store()?;
        self.require(rule)?;
        let run = Run::items(Class::Records, spot.compartment());
        let seq = {
            let _lock = self.person.vault.slots.lock((self.person.handle(), run));
            self.person.reserve_seq(run)?
        };
        let facts = Facts { id: id.to_owned(), content_type: options.content_type.clone() };
        let facts = serde_json::to_vec(&facts).map_err(|_| VaultError::invalid("id", "cannot be stored"))?;
        let created = self.person.vault.now();
        let limits = Limits { expected: options.expected_len, max, what: "the record" };
        let draft = self.person.seal_stream(run.at(seq.get()), created, &facts, content, limits)?;

        let _lock = self.person.vault.slots.lock((self.person.handle(), run));
        let seq = seq; // dropped before the lock
        let info = RecordInfo {
            purpose: purpose.to_owned(),
            id: id.to_owned(),
            version: seq.get(),
            size: draft.content_len,
            created,
            content_type: options.content_type.clone(),
            new: self.newest_of(run, purpose, id)?.is_none(),
        };
        {
            let _operation = self.person.enter()?;
            let mut batch = Batch::new();
            draft.add_to(&mut batch)?;
            let meta_run = Run::meta(Class::Records, run.compartment);
            let naming = match &spot {
                Spot::New(_) if self.person.newest(meta_run)?.is_none() => {
                    let meta = Meta::named(name);
                    let sealed = self.person.seal_meta(Class::Records, run.compartment, 1, &meta)?;
                    sealed.add_to(&mut batch)?;
                    Some((meta, sealed))
                }
                _ => None,
            };
            let room =
                Room { limits: &quotas, class: Class::Records, freed: self.replaced(&quotas, run, id)? };
            self.person.vault.commit_within(&self.person, &room, batch)?;
            draft.committed();
            if let Some((meta, sealed)) = naming {
                sealed.committed();
                self.person.learn(Class::Records, run.compartment, meta);
            }
        }
        drop(seq);
        if !info.new {
            self.cut_older_of(run, id)?;
        }
        Ok(info)
    }
}

impl Records {
    /// What the values count that a new one takes the place of, where anything is limited.
    fn replaced(&self, limits: &Quotas, run: Run, id: &str) -> Result<Tally, VaultError> {
        let mut sum = Tally::default();
        if !limits.is_none() {
            for found in self.all_of(run, id)? {
                sum = sum.plus(self.person.vault.tally(found.place, &found.row)?);
            }
        }
        Ok(sum)
    }
}

fn check_type(rule: &RecordRule, options: &RecordOptions) -> Result<(), VaultError> {
    check::short("content_type", options.content_type.as_deref(), MAX_CONTENT_TYPE)?;
    // What follows a semicolon are parameters.
    let essence = |text: &str| text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let given = options.content_type.as_deref().map(essence).unwrap_or_default();
    if rule.content_types.is_empty() || rule.content_types.iter().any(|taken| essence(taken) == given) {
        return Ok(());
    }
    Err(VaultError::invalid("content_type", format!("must be one of {}", rule.content_types.join(", "))))
}
