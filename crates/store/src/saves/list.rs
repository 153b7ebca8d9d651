//! Slots and versions, page by page.

use oubliette_crypto::Class;

use super::{SaveInfo, Saves, SlotInfo, slot_name};
use crate::names::{Entry, Name};
use crate::page::{Listed, Page};
use crate::rows::{Bounds, Run};
use crate::{VaultError, check};

impl Saves {
    /// Slots in the order in which they came to be, each with its newest version. A cursor stays good while slots come and go.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] for a cursor that is not ours.
    pub fn list(&self, game: Option<&str>, page: &Page) -> Result<Listed<SlotInfo>, VaultError> {
        game.map_or(Ok(()), |game| check::name("game", game))?;
        let limit = page.limit()?;
        let after = page.after::<4>()?.map(u32::from_be_bytes);
        let mut slots = self.person.all_named(Class::Saves)?;
        slots.retain(|(name, _)| game.is_none_or(|game| game == name.part(0)));
        // A cursor is a compartment, which says nothing; so the order of pages is that of the compartments.
        slots.sort_by_key(|(_, entry)| entry.compartment);
        let mut items: Vec<SlotInfo> = Vec::new();
        let mut last = None;
        for (name, entry) in
            slots.into_iter().filter(|(_, entry)| after.is_none_or(|after| entry.compartment > after))
        {
            if items.len() == limit {
                return Ok(Listed::more(items, last.map(u32::to_be_bytes)));
            }
            last = Some(entry.compartment);
            items.extend(self.slot_info(&name, entry)?);
        }
        Ok(Listed::end(items))
    }

    /// The versions of a slot, newest first.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if there is no such slot.
    pub fn versions(&self, game: &str, slot: &str, page: &Page) -> Result<Listed<SaveInfo>, VaultError> {
        let name = slot_name(game, slot)?;
        let limit = page.limit()?;
        let below = page.after::<8>()?.map(u64::from_be_bytes);
        let run = Run::items(Class::Saves, self.slot(&name)?.compartment);
        let mut upto = below.map_or(u64::MAX, |below| below.saturating_sub(1));
        let mut items: Vec<SaveInfo> = Vec::new();
        loop {
            let rows = self.person.rows(run, 0..=upto, (limit + 1).min(64), true)?;
            let Some((oldest, _)) = rows.last() else { break };
            upto = oldest.seq.saturating_sub(1);
            for (place, row) in rows {
                if items.len() == limit {
                    let last = items.last().map(|item| item.version.to_be_bytes());
                    return Ok(Listed::more(items, last));
                }
                items.extend(absent_if_forgotten(self.open(&name, place, &row))?.map(|(info, _)| info));
            }
        }
        if items.is_empty() && below.is_none() {
            return Err(VaultError::NotFound { what: "save slot" });
        }
        Ok(Listed::end(items))
    }

    /// `None` for a slot without a version.
    fn slot_info(&self, name: &Name, entry: Entry) -> Result<Option<SlotInfo>, VaultError> {
        let run = Run::items(Class::Saves, entry.compartment);
        let Some(Some((place, row))) = absent_if_forgotten(self.person.newest(run))? else { return Ok(None) };
        let Some((latest, _)) = absent_if_forgotten(self.open(name, place, &row))? else { return Ok(None) };
        let mut versions = 0;
        self.person.each_row(Bounds::run(&self.person.handle(), run), &mut |place, _| {
            versions += u64::from(!self.person.is_cut(place)?);
            Ok(true)
        })?;
        Ok(Some(SlotInfo { latest, versions }))
    }
}

/// What is forgotten between two looks is passed over.
fn absent_if_forgotten<T>(result: Result<T, VaultError>) -> Result<Option<T>, VaultError> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(VaultError::Forgotten) => Ok(None),
        Err(other) => Err(other),
    }
}
