//! The pass over the slots of all people that forgets what became too old, and cuts shares whose time is over.

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use oubliette_crypto::{Branch, Class};

use super::share::Stored;
use crate::locks::lock;
use crate::names::Meta;
use crate::person::Person;
use crate::profile::{FIRST_SLOT, SlotValue, slot_value};
use crate::rows::{Place, Run};
use crate::{Vault, VaultError};

/// In microseconds.
const DAY: u64 = 24 * 3600 * 1_000_000;

/// How far the pass has come. One a day, and one after each start and each forgetting that failed.
#[derive(Default)]
pub(crate) struct Trimming {
    pass: Mutex<Pass>,
    again: AtomicBool,
}

#[derive(Default)]
struct Pass {
    /// The next row to look at; `None` between two passes.
    at: Option<Vec<u8>>,
    /// When the last pass began, in microseconds since 1970.
    began: Option<u64>,
}

impl Trimming {
    pub(crate) fn begin_again(&self) {
        self.again.store(true, Ordering::Relaxed);
    }
}

impl Vault {
    /// Goes on for so many looks into the rows.
    pub(crate) fn trim(&self, budget: usize) -> Result<(), VaultError> {
        let inner = &*self.inner;
        let mut pass = lock(&inner.trimming.pass);
        let now = inner.due_time();
        let due = pass.began.is_none_or(|began| now >= began.saturating_add(DAY));
        if inner.trimming.again.swap(false, Ordering::Relaxed) || (pass.at.is_none() && due) {
            *pass = Pass { at: Some([[0; 15].as_slice(), &[1]].concat()), began: Some(now) };
        }
        for _ in 0..budget {
            let Some(from) = &pass.at else { return Ok(()) };
            let found = inner.engine.range(from, &[u8::MAX; 64], 1, false)?.pop();
            pass.at = match found {
                Some((key, _)) => Some(self.trim_at(key, now)?),
                None => None,
            };
        }
        Ok(())
    }

    /// Looks at what this row belongs to; answers where to go on.
    fn trim_at(&self, mut key: Vec<u8>, now: u64) -> Result<Vec<u8>, VaultError> {
        let Some((handle, place)) = Place::parse(&key) else {
            key.push(0);
            return Ok(key);
        };
        let run_at = |run: Run| run.at(1).key(&handle);
        let next_person = || [handle.as_bytes().as_slice(), &[u8::MAX; 16]].concat();
        let (class, branch) = (place.class, place.branch);
        if (class, branch) == (Class::Saves, Branch::Meta) {
            return Ok(run_at(Run::items(Class::Saves, 1)));
        }
        let slots = Run::items(Class::Profile, FIRST_SLOT);
        if class != Class::Saves && place.run() < slots {
            return Ok(run_at(slots));
        }
        if class != Class::Saves && slot_value(place.compartment).is_none() {
            return Ok(next_person());
        }
        match self.by_handle(handle) {
            Ok(Some(person)) => {
                let looked = match class {
                    Class::Saves => person.trim_slot(place.run()),
                    _ => person.trim_share(place.run(), now),
                };
                match looked {
                    // Whoever stands in the way now, such as a slow reader, does not at the next pass.
                    Err(error @ (VaultError::Poisoned { .. } | VaultError::DiskFull)) => return Err(error),
                    Err(error) => tracing::debug!(%error, "a slot was left as it is until the next pass"),
                    Ok(()) => {}
                }
            }
            // Gone, or leaving: nothing of theirs is ours.
            Ok(None) | Err(VaultError::SubjectBlocked | VaultError::Corrupt { .. }) => {
                return Ok(next_person());
            }
            Err(other) => return Err(other),
        }
        Ok(match place.compartment.checked_add(1) {
            Some(next) => run_at(Run { compartment: next, ..place.run() }),
            None => next_person(),
        })
    }
}

impl Person {
    /// The game is read from the slot's meta: a pass over everybody must not fill the tables of names.
    fn trim_slot(&self, run: Run) -> Result<(), VaultError> {
        let rules = &self.vault.settings.keep;
        let game = match rules.games.is_empty() {
            true => None,
            false => self.newest(Run::meta(Class::Saves, run.compartment))?,
        };
        let game: Option<Meta> = game.map(|(place, row)| self.open(place, &row)?.facts_as()).transpose()?;
        let of_game = rules.of(game.as_ref().map_or("", |meta| meta.name.part(0)));
        self.trim(run, self.own_keep(run.compartment)?.or(of_game))
    }

    fn trim_share(&self, run: Run, now: u64) -> Result<(), VaultError> {
        if slot_value(run.compartment) != Some(SlotValue::Share) {
            return Ok(());
        }
        match self.one::<Stored>(run)? {
            Some((share, opened)) if share.is_over(|| now) => {
                drop(opened);
                self.forget_one(run).map(drop)
            }
            _ => Ok(()),
        }
    }
}
