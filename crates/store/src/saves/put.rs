//! Storing a version.

use std::io::Read;

use oubliette_crypto::Class;
use oubliette_engine::Batch;

use super::keep::{Keep, Surplus};
use super::{Condition, Facts, MAX_CONTENT_TYPE, MAX_META, PutOptions, SaveInfo, Saves, slot_name, tag};
use crate::VaultError;
use crate::check;
use crate::names::{Meta, Name, Spot};
use crate::objects::{Draft, Limits};
use crate::quota::Quotas;
use crate::reserve::Seq;
use crate::rows::Run;
use crate::usage::{Room, Tally};

impl Saves {
    /// Streams `content` in as the slot's next version. Nothing is stored unless the reader ends cleanly. Memory does not grow with the
    /// content. The condition is judged against the newest version at the moment of the commit; of unconditional writes that overlap,
    /// the one that began later is the newer.
    ///
    /// # Errors
    /// [`VaultError::VersionConflict`], [`VaultError::TooLarge`], [`VaultError::QuotaExceeded`], [`VaultError::Upload`] if the reader fails or ends early,
    /// [`VaultError::Forgotten`] if the slot is forgotten meanwhile, [`VaultError::Invalid`].
    pub fn put(
        &self,
        game: &str,
        slot: &str,
        options: &PutOptions,
        content: &mut dyn Read,
    ) -> Result<SaveInfo, VaultError> {
        let name = slot_name(game, slot)?;
        let facts = facts(options)?;
        let max = self.person.vault.settings.max_save;
        if options.expected_len.is_some_and(|expected| expected > max) {
            return Err(VaultError::TooLarge { what: "the save", limit: max });
        }
        let condition = options.condition.as_ref().unwrap_or(&Condition::None);
        let spot = self.person.spot(Class::Saves, &name)?;
        self.person.may_store()?;
        let run = Run::items(Class::Saves, spot.compartment());
        self.judge(&name, run, condition)?; // a hopeless upload is refused before it is read
        let rule = Rule { limits: self.person.limits()?, keep: self.keep_of(&name, run.compartment)? };
        if !rule.limits.is_none() {
            let freed = self.surplus(run, &rule, (u64::MAX, self.person.vault.now()))?.tally;
            self.person.expect_room(&rule.room(freed))?;
        }
        let seq = {
            let _lock = self.person.vault.slots.lock((self.person.handle(), run));
            self.person.reserve_seq(run)?
        };
        let limits = Limits { expected: options.expected_len, max, what: "the save" };
        let created = self.person.vault.now();
        let draft = self.person.seal_stream(run.at(seq.get()), created, &facts, content, limits)?;
        let created = draft.created;
        let info = SaveInfo {
            game: game.to_owned(),
            slot: slot.to_owned(),
            version: seq.get(),
            tag: tag(draft.value()),
            size: draft.content_len,
            created,
            content_type: options.content_type.clone(),
            meta: options.meta.clone(),
            new_slot: false,
        };
        let (new_slot, surplus) = self.commit(name, spot, seq, draft, condition, &rule)?;
        // The save stands. What is too much and cannot be forgotten now is at the next save or pass.
        if let Err(error) = self.person.forget_through(run, surplus.through) {
            self.person.vault.trimming.begin_again();
            tracing::warn!(%error, "versions that are too many were left for the next pass");
        }
        Ok(SaveInfo { new_slot, ..info })
    }

    /// Judges and commits under the slot's lock. Answers whether the slot held no version, and what it has too much of now; that is cut
    /// without the lock, since a cut waits for uploads that wait for the lock.
    fn commit(
        &self,
        name: Name,
        spot: Spot,
        seq: Seq,
        draft: Draft,
        condition: &Condition,
        rule: &Rule,
    ) -> Result<(bool, Surplus), VaultError> {
        let person = &self.person;
        let run = draft.place.run();
        let _lock = person.vault.slots.lock((person.handle(), run));
        let seq = seq; // dropped before the lock
        let _operation = person.enter()?;
        let new_slot = self.judge(&name, run, condition)?;
        let mut batch = Batch::new();
        draft.add_to(&mut batch)?;
        let meta_run = Run::meta(Class::Saves, run.compartment);
        let naming = match &spot {
            Spot::New(_) if person.newest(meta_run)?.is_none() => {
                let meta = Meta::named(name);
                let sealed = person.seal_meta(Class::Saves, run.compartment, 1, &meta)?;
                sealed.add_to(&mut batch)?;
                Some((meta, sealed))
            }
            _ => None,
        };
        let surplus = self.surplus(run, rule, (draft.place.seq, draft.created))?;
        person.vault.commit_within(person, &rule.room(surplus.tally), batch)?;
        draft.committed();
        if let Some((meta, sealed)) = naming {
            sealed.committed();
            person.learn(Class::Saves, run.compartment, meta);
        }
        drop(seq);
        Ok((new_slot, surplus))
    }

    /// What the slot will have too much of with a version of this number and time.
    fn surplus(&self, run: Run, rule: &Rule, coming: (u64, u64)) -> Result<Surplus, VaultError> {
        self.person.surplus(run, rule.keep, Some(coming))
    }

    /// True if the slot holds no version.
    fn judge(&self, name: &Name, run: Run, condition: &Condition) -> Result<bool, VaultError> {
        let newest = self.person.newest(run)?;
        let empty = newest.is_none();
        if *condition != Condition::None {
            let newest = newest.map(|(place, row)| Ok::<_, VaultError>(self.open(name, place, &row)?.0));
            condition.judge(newest.transpose()?)?;
        }
        Ok(empty)
    }
}

/// What stands for a slot and its owner while a version is stored.
struct Rule {
    limits: Quotas,
    keep: Keep,
}

impl Rule {
    fn room(&self, freed: Tally) -> Room<'_> {
        Room { limits: &self.limits, class: Class::Saves, freed }
    }
}

fn facts(options: &PutOptions) -> Result<Vec<u8>, VaultError> {
    check::short("content_type", options.content_type.as_deref(), MAX_CONTENT_TYPE)?;
    check::short("meta", options.meta.as_deref(), MAX_META)?;
    if let Some(meta) = &options.meta {
        // Read as a whole, since every list reads it so.
        serde_json::from_str::<serde_json::Value>(meta)
            .map_err(|_| VaultError::invalid("meta", "must be JSON"))?;
    }
    let facts = Facts { content_type: options.content_type.clone(), meta: options.meta.clone() };
    serde_json::to_vec(&facts).map_err(|_| VaultError::invalid("meta", "cannot be stored"))
}
