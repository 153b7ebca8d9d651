//! What is left of messages that two leaves open when one of the leaves is gone: noise in the tree of somebody who lives, found by the sweeper.

use oubliette_crypto::Class;

use super::message::Facts;
use super::peer::parse_handle;
use super::side::place_at;
use crate::person::Person;
use crate::rows::{Part, Place, Value};
use crate::{Vault, VaultError};

impl Vault {
    /// Whether a row of this person's is part of an *either* message that nobody can read any more, and may go. The row with the highest number of
    /// its run stays until another one is above it: numbers are counted by rows and cuts, and this leaf is not cut.
    pub(crate) fn is_spent(&self, person: &Person, place: Place, row: &[u8]) -> Result<bool, VaultError> {
        let part = Value::parse(row).map(|value| value.part);
        if place.class != Class::Chat || !matches!(part, Some(Part::EitherAuthor | Part::EitherPeer)) {
            return Ok(false);
        }
        let facts = match person.open(place, row).and_then(|opened| opened.facts_as::<Facts>()) {
            Ok(facts) => facts,
            // Damage is for fsck.
            Err(VaultError::Corrupt { .. } | VaultError::Forgotten) => return Ok(false),
            Err(other) => return Err(other),
        };
        let other_place = if part == Some(Part::EitherAuthor) { facts.with } else { facts.author };
        let name = person.name_of(place.class, place.compartment)?;
        let Some((at, handle)) = other_place.zip(name.and_then(|(name, _)| parse_handle(&name))) else {
            return Ok(false);
        };
        let spent = match self.by_handle(handle) {
            // Under a legal hold, or for as long as the law wants it, the whole of it is kept, though nobody reads it.
            Ok(Some(other)) => other.is_cut(place_at(at))? && !other.is_kept(place_at(at))?,
            Ok(None) => true,
            // Their erasure has begun and not ended, or a page of theirs is lost: not now.
            Err(VaultError::SubjectBlocked | VaultError::Corrupt { .. }) => false,
            Err(other) => return Err(other),
        };
        Ok(spent && person.highest(place.run())? > place.seq)
    }
}
