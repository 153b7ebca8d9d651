//! Messages that are past their time: passed over by readers at once, cut by the sweeper.

use oubliette_crypto::{Class, items_through};

use super::peer::parse_handle;
use super::side::{last_before, load};
use crate::VaultError;
use crate::names::Entry;
use crate::person::Person;
use crate::rows::Place;

/// In microseconds.
const DAY: u64 = 24 * 3600 * 1_000_000;

impl Person {
    /// How long items of this side are kept, in microseconds; `None`: for ever.
    fn keeping(&self, entry: &Entry) -> Option<u64> {
        let vault = self.vault.settings.policy.chat.maximum_days;
        let days = vault.into_iter().chain(entry.keep).min();
        days.map(|days| u64::from(days).saturating_mul(DAY))
    }

    /// The highest order of this side that is past its time by the clock; 0 if there is none. An item's order is never below the time at which
    /// it was stored.
    pub(super) fn past_keeping(&self, entry: &Entry) -> u64 {
        self.keeping(entry).map_or(0, |keep| self.vault.now().saturating_sub(keep))
    }

    /// Cuts the items of a side that are past their time, this one among them or not, judged by the time that no jump of the clock hurries.
    pub(crate) fn cut_aged(&self, place: Place, row: &[u8]) -> Result<(), VaultError> {
        let Some((name, entry)) = self.name_of(Class::Chat, place.compartment)? else { return Ok(()) };
        let Some(keep) = self.keeping(&entry).filter(|_| parse_handle(&name).is_some()) else {
            return Ok(());
        };
        let before = self.vault.due_time().saturating_sub(keep);
        match load(self, place, row.to_vec()) {
            Ok(Some(found)) if found.facts.order < before => {}
            Ok(_) | Err(VaultError::Corrupt { .. }) => return Ok(()),
            Err(other) => return Err(other),
        }
        let last = last_before(self, place.run(), before)?;
        if last == 0 {
            return Ok(());
        }
        self.cut(items_through(Class::Chat, place.compartment, last)?).map(drop)
    }
}
