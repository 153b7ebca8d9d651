//! The person's own facts: compartment 1 of the profile, one value, replaced as a whole.

use oubliette_crypto::Class;
use oubliette_engine::Batch;
use serde::{Deserialize, Serialize};

use crate::consents::MAX_EVIDENCE;
use crate::minors;
use crate::person::Person;
use crate::rows::Run;
use crate::subjects::SubjectFacts;
use crate::{VaultError, check};

/// Compartments of the class profile (docs/formats.md, section 8). They have no metas: their numbers are their names.
pub(crate) const FACTS: u32 = 1;
pub(crate) const CONSENTS: u32 = 2;
pub(crate) const QUOTA: u32 = 3;
pub(crate) const REQUESTS: u32 = 32;
/// From here on two for each slot of saves: its share, and what is kept of it.
pub(crate) const FIRST_SLOT: u32 = 256;
/// And up to here: the days of answers begin there, which hold many values each.
const END_OF_SLOTS: u32 = crate::once::FIRST;

/// What the profile says of a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum SlotValue {
    Share,
    Keep,
}

/// The share of the slot in this compartment of saves.
pub(crate) fn slot_share(slot: u32) -> Result<Run, VaultError> {
    of_slot(slot, 0)
}

/// What is kept of the slot in this compartment of saves.
pub(crate) fn slot_setting(slot: u32) -> Result<Run, VaultError> {
    of_slot(slot, 1)
}

fn of_slot(slot: u32, which: u32) -> Result<Run, VaultError> {
    let compartment =
        slot.checked_sub(1).and_then(|slot| slot.checked_mul(2)?.checked_add(FIRST_SLOT + which));
    let limit = u64::from((END_OF_SLOTS - FIRST_SLOT) / 2);
    let compartment = compartment.filter(|compartment| *compartment < END_OF_SLOTS);
    let compartment = compartment.ok_or(VaultError::TooLarge { what: "the number of slots", limit })?;
    Ok(Run::items(Class::Profile, compartment))
}

/// What a compartment of the profile says of a slot, if it does.
pub(crate) fn slot_value(compartment: u32) -> Option<SlotValue> {
    let kind = if compartment.is_multiple_of(2) { SlotValue::Share } else { SlotValue::Keep };
    (FIRST_SLOT..END_OF_SLOTS).contains(&compartment).then_some(kind)
}

/// Whether a compartment of the profile holds one value.
pub(crate) fn holds_one(compartment: u32) -> bool {
    compartment == FACTS || compartment == QUOTA || slot_value(compartment).is_some()
}

const MAX_REGION: usize = 64;
/// Nobody alive was born before.
const EARLIEST_BIRTH: u16 = 1900;

/// How the facts are stored.
#[derive(Default, Serialize, Deserialize)]
struct Stored {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<String>,
}

impl SubjectFacts {
    /// `now` is in microseconds since 1970.
    pub(crate) fn check(&self, now: u64) -> Result<(), VaultError> {
        self.region.as_deref().map_or(Ok(()), |region| check::length("region", region, 1, MAX_REGION))?;
        check::short("guardian_consent", self.guardian_consent.as_deref(), MAX_EVIDENCE)?;
        let this_year = minors::year(now);
        match self.birth_year {
            Some(year) if year < EARLIEST_BIRTH || i32::from(year) > this_year => Err(VaultError::invalid(
                "birth_year",
                format!("must be from {EARLIEST_BIRTH} to {this_year}"),
            )),
            _ => Ok(()),
        }
    }
}

impl Person {
    /// Those that stand in the profile: the region.
    pub(crate) fn facts(&self) -> Result<SubjectFacts, VaultError> {
        let Some((place, row)) = self.newest(Run::items(Class::Profile, FACTS))? else {
            return Ok(SubjectFacts::default());
        };
        let stored: Stored = self.open(place, &row)?.facts_as()?;
        Ok(SubjectFacts { region: stored.region, ..SubjectFacts::default() })
    }

    /// Facts left out stay as they are.
    pub(crate) fn put_facts(&self, facts: &SubjectFacts) -> Result<(), VaultError> {
        let run = Run::items(Class::Profile, FACTS);
        let _lock = self.vault.slots.lock((self.handle(), run));
        let before = self.facts()?;
        let region = facts.region.clone().or_else(|| before.region.clone());
        let after = SubjectFacts { region, ..SubjectFacts::default() };
        if after == before {
            return Ok(());
        }
        let json = serde_json::to_vec(&Stored { region: after.region })
            .map_err(|_| VaultError::invalid("region", "cannot be stored"))?;
        let place = self.next_of_one(run)?;
        self.replace(self.seal(place, self.vault.now(), &json, &[])?, Batch::new())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A sweep took the answers of a day for one value that was replaced, and cut all but the newest.
    #[test]
    fn the_days_of_answers_are_no_slots() {
        for compartment in [crate::once::FIRST, crate::once::FIRST + 1, u32::MAX, CONSENTS, REQUESTS] {
            assert!(!holds_one(compartment), "{compartment}");
        }
        assert!(holds_one(FACTS) && holds_one(FIRST_SLOT) && holds_one(crate::once::FIRST - 1));
        assert!(slot_share(1 << 30).is_err() && slot_setting((1 << 30) - FIRST_SLOT / 2).is_ok());
    }
}
