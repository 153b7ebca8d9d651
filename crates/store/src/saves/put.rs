//! Storing a version.

use std::io::Read;

use oubliette_crypto::Class;
use oubliette_engine::Batch;

use super::{Condition, Facts, MAX_CONTENT_TYPE, MAX_META, PutOptions, SaveInfo, Saves, slot_name, tag};
use crate::VaultError;
use crate::check;
use crate::names::{Meta, Name, Spot};
use crate::objects::{Draft, Limits};
use crate::person::conflict;
use crate::reserve::Seq;
use crate::rows::Run;

impl Saves {
    /// Streams `content` in as the slot's next version. Nothing is stored unless the reader ends cleanly. Memory does not grow with the
    /// content. The condition is judged against the newest version at the moment of the commit; of unconditional writes that overlap,
    /// the one that began later is the newer.
    ///
    /// # Errors
    /// [`VaultError::VersionConflict`], [`VaultError::TooLarge`], [`VaultError::Upload`] if the reader fails or ends early,
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
        let seq = {
            let _lock = self.person.vault.slots.lock((self.person.handle(), run));
            self.person.reserve_seq(run)?
        };
        let limits = Limits { expected: options.expected_len, max, what: "the save" };
        let created = self.person.vault.now();
        let draft = self.person.seal_stream(run.at(seq.get()), created, &facts, content, limits)?;
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
        let new_slot = self.commit(name, spot, seq, draft, condition)?;
        Ok(SaveInfo { new_slot, ..info })
    }

    /// Judges and commits under the slot's lock. True if the slot held no version.
    fn commit(
        &self,
        name: Name,
        spot: Spot,
        seq: Seq,
        draft: Draft,
        condition: &Condition,
    ) -> Result<bool, VaultError> {
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
                let meta = Meta { name, from: None };
                let sealed = person.seal_meta(Class::Saves, run.compartment, 1, &meta)?;
                sealed.add_to(&mut batch)?;
                Some((meta, sealed))
            }
            _ => None,
        };
        person.vault.engine.commit(batch).map_err(conflict)?;
        draft.committed();
        if let Some((meta, sealed)) = naming {
            sealed.committed();
            person.learn(Class::Saves, run.compartment, meta);
        }
        drop(seq);
        Ok(new_slot)
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

fn facts(options: &PutOptions) -> Result<Vec<u8>, VaultError> {
    check::short("content type", options.content_type.as_deref(), MAX_CONTENT_TYPE)?;
    check::short("save meta", options.meta.as_deref(), MAX_META)?;
    if let Some(meta) = &options.meta {
        serde_json::from_str::<serde::de::IgnoredAny>(meta)
            .map_err(|_| VaultError::invalid("save meta", "must be JSON"))?;
    }
    let facts = Facts { content_type: options.content_type.clone(), meta: options.meta.clone() };
    serde_json::to_vec(&facts).map_err(|_| VaultError::invalid("save meta", "cannot be stored"))
}
