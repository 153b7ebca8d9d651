//! How many versions of a slot are kept, and for how long. What is too many or too old is a prefix of the slot's numbers, and one cut takes it.

use std::collections::BTreeMap;

use oubliette_crypto::Class;
use serde::{Deserialize, Serialize};

use super::{Saves, slot_name};
use crate::VaultError;
use crate::names::Name;
use crate::person::{BATCH_ROWS, Person};
use crate::profile::slot_setting;
use crate::rows::{Bounds, Place, Run};
use crate::usage::Tally;

/// In microseconds.
const DAY: u64 = 24 * 3600 * 1_000_000;
/// Largest limit of either kind; more is as good as none.
const MOST: u32 = 1_000_000;

/// What is kept of a slot. The newest version always is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// At most so many versions, 1 to 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u32>,
    /// A version for so many days after a newer one took its place, 1 to 1,000,000.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub days: Option<u32>,
}

/// What is kept where a slot says nothing of its own.
#[derive(Debug, Clone, Default)]
pub struct KeepRules {
    /// Of every slot.
    pub all: Keep,
    /// Of the slots of a game; where it says nothing, as of every slot.
    pub games: BTreeMap<String, Keep>,
}

/// What is kept of one slot, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotKeep {
    /// What was set for this slot.
    pub own: Keep,
    /// What stands: the slot's own, then the game's, then the vault's.
    pub stands: Keep,
}

/// What a slot has too much of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Surplus {
    /// All versions up to this one go; 0 for none.
    pub(super) through: u64,
    /// What they count.
    pub(super) tally: Tally,
}

impl Keep {
    pub(super) fn or(self, other: Self) -> Self {
        Self { last: self.last.or(other.last), days: self.days.or(other.days) }
    }

    fn is_none(self) -> bool {
        self == Self::default()
    }

    /// # Errors
    /// [`VaultError::Invalid`] naming the limit at fault.
    pub fn check(self) -> Result<(), VaultError> {
        for (field, limit) in [("keep_last", self.last), ("keep_days", self.days)] {
            if limit.is_some_and(|limit| !(1..=MOST).contains(&limit)) {
                return Err(VaultError::invalid(field, format!("must be from 1 to {MOST}")));
            }
        }
        Ok(())
    }
}

impl KeepRules {
    pub(super) fn of(&self, game: &str) -> Keep {
        self.games.get(game).copied().unwrap_or_default().or(self.all)
    }
}

impl Saves {
    /// What is kept of a slot.
    ///
    /// # Errors
    /// [`VaultError::NotFound`].
    pub fn keep(&self, game: &str, slot: &str) -> Result<SlotKeep, VaultError> {
        let name = slot_name(game, slot)?;
        let own = self.own_keep(self.slot(&name)?.compartment)?;
        Ok(SlotKeep { own, stands: own.or(self.person.vault.settings.keep.of(game)) })
    }

    /// Sets what is kept of a slot, and forgets what is too much at once. Without limits the slot has nothing of its own any more.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], [`VaultError::Invalid`]; [`VaultError::Busy`] if a reader of an old version does not let go.
    pub fn set_keep(&self, game: &str, slot: &str, keep: Keep) -> Result<SlotKeep, VaultError> {
        keep.check()?;
        let name = slot_name(game, slot)?;
        let compartment = self.slot(&name)?.compartment;
        let setting = slot_setting(compartment)?;
        if keep.is_none() {
            self.person.forget_one(setting)?;
        } else if self.own_keep(compartment)? != keep {
            self.person.put_one(setting, &keep)?;
        }
        let stands = keep.or(self.person.vault.settings.keep.of(game));
        self.person.trim(Run::items(Class::Saves, compartment), stands)?;
        Ok(SlotKeep { own: keep, stands })
    }

    /// What stands for a slot that may not be there yet.
    pub(super) fn keep_of(&self, name: &Name, compartment: u32) -> Result<Keep, VaultError> {
        Ok(self.own_keep(compartment)?.or(self.person.vault.settings.keep.of(name.part(0))))
    }

    fn own_keep(&self, compartment: u32) -> Result<Keep, VaultError> {
        self.person.own_keep(compartment)
    }
}

impl Person {
    pub(super) fn own_keep(&self, compartment: u32) -> Result<Keep, VaultError> {
        let found = self.one::<Keep>(slot_setting(compartment)?)?;
        Ok(found.map(|(keep, _)| keep).unwrap_or_default())
    }

    /// Forgets what is too much of a slot.
    pub(super) fn trim(&self, run: Run, keep: Keep) -> Result<(), VaultError> {
        let surplus = self.surplus(run, keep, None)?;
        self.forget_through(run, surplus.through)
    }

    /// Forgets all versions from the first to this one, as if by a request: what the law or a legal hold wants kept is not read any more, and
    /// cut when it may be. 0 for none.
    pub(super) fn forget_through(&self, run: Run, last: u64) -> Result<(), VaultError> {
        if last == 0 {
            return Ok(());
        }
        let paths = self.uncut_through(run, last)?;
        if !paths.is_empty() {
            self.cut(paths)?;
        }
        let bounds = Bounds::seqs(&self.handle(), run, 0..=last);
        self.vault.leave_to_sweeper(self.remove_rows(&bounds));
        Ok(())
    }

    /// What a slot has too much of, a version that is about to come counted in (its number and its stamp). Only versions that open count: a row
    /// that somebody without keys put there must not push out a true one.
    pub(super) fn surplus(
        &self,
        run: Run,
        keep: Keep,
        coming: Option<(u64, u64)>,
    ) -> Result<Surplus, VaultError> {
        let by_number =
            keep.last.map_or(Ok(0), |last| self.too_many(run, last, coming.map(|(seq, _)| seq)))?;
        // By the time that no jump of the clock hurries.
        let by_age = keep
            .days
            .map_or(Ok(0), |days| self.too_old(run, u64::from(days) * DAY, coming, self.vault.due_time()))?;
        let through = by_number.max(by_age);
        let mut tally = Tally::default();
        if through > 0 {
            self.each_row(Bounds::seqs(&self.handle(), run, 0..=through), &mut |place, row| {
                if !self.is_cut(place)? {
                    tally = tally.plus(self.vault.tally(place, &row)?);
                }
                Ok(true)
            })?;
        }
        Ok(Surplus { through, tally })
    }

    /// The newest version that is one too many; 0 if there is none.
    fn too_many(&self, run: Run, last: u32, coming: Option<u64>) -> Result<u64, VaultError> {
        let (mut upto, mut kept, mut coming) = (u64::MAX, 0, coming);
        let batch = (last as usize + 1).min(BATCH_ROWS);
        loop {
            let rows = self.rows(run, 0..=upto, batch, true)?;
            let Some((lowest, _)) = rows.last() else { return Ok(0) };
            upto = lowest.seq.saturating_sub(1);
            for (place, row) in rows {
                if coming.take_if(|coming| *coming > place.seq).is_some() {
                    kept += 1;
                }
                if kept >= last {
                    // What stands here is one too many if it is a version at all, and so is everything below.
                    if !self.is_cut(place)? {
                        return Ok(place.seq);
                    }
                } else if self.is_vouched_for(place, &row)? {
                    kept += 1;
                }
            }
        }
    }

    /// The newest version that, like all before it, was replaced at least so long ago; 0 if there is none.
    fn too_old(&self, run: Run, age: u64, coming: Option<(u64, u64)>, now: u64) -> Result<u64, VaultError> {
        let (mut old, mut before) = (0, None);
        let mut outlived = |place: Place, stamp: u64| {
            // This one replaced the one before.
            let so_old = stamp.saturating_add(age) <= now;
            if let (Some(before), true) = (before.replace(place.seq), so_old) {
                old = before;
            }
            so_old
        };
        let mut coming = coming;
        self.each_row(Bounds::run(&self.handle(), run), &mut |place, row| {
            if let Some((seq, stamp)) = coming.take_if(|(seq, _)| *seq < place.seq)
                && !outlived(run.at(seq), stamp)
            {
                return Ok(false);
            }
            match self.open(place, &row) {
                Ok(opened) => Ok(outlived(place, opened.created)),
                Err(VaultError::Forgotten | VaultError::Corrupt { .. }) => Ok(true),
                Err(other) => Err(other),
            }
        })?;
        Ok(old)
    }
}
