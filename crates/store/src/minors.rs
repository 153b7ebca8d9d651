//! Who may not store without somebody's consent: children without a guardian's, and people of another region without their own. Both
//! restrict, so they stand in the state, where no restored backup lifts them; the consents permit, and are items.

use oubliette_crypto::Class;
use oubliette_keyring::RestrictionChange;
use time::OffsetDateTime;

use crate::consents::ConsentGiven;
use crate::person::Person;
use crate::subjects::{SubjectFacts, user_id};
use crate::times::micros;
use crate::{Consents, Deletion, Subject, Vault, VaultError};

/// The consent of a guardian.
pub(crate) const GUARDIAN: &str = "guardian";
/// The consent to data in another region.
pub(crate) const CROSS_BORDER: &str = "cross_border";
/// From this age on nobody needs a guardian.
const OF_AGE: i32 = 14;
/// Everything that a person stores. Their facts and consents stay: by them they are known.
pub(crate) const CONTENT: [Class; 4] = [Class::Saves, Class::Chat, Class::Credentials, Class::Records];

/// The year (UTC) at this moment, in microseconds since 1970.
pub(crate) fn year(now: u64) -> i32 {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(now) * 1000);
    time.map_or(i32::MAX, OffsetDateTime::year)
}

/// Whether somebody born in this year may be under 14. The birthday may be the last day of the year, and is celebrated there a day before UTC
/// has it; so it is the end of the year that counts.
fn may_be_a_child(birth_year: u16, now: u64) -> bool {
    year(now) - i32::from(birth_year) <= OF_AGE
}

impl Person {
    /// Asked before anything is stored, once the place for it is claimed: whoever forbids it then forgets what was claimed before.
    ///
    /// # Errors
    /// [`VaultError::GuardianConsentRequired`], [`VaultError::RegionMismatch`].
    pub(crate) fn may_store(&self) -> Result<(), VaultError> {
        let restrictions = self.keys.restrictions();
        if self.is_child() && !self.has_consent(GUARDIAN)? {
            return Err(VaultError::GuardianConsentRequired);
        }
        if restrictions.foreign && !self.has_consent(CROSS_BORDER)? {
            return Err(VaultError::RegionMismatch);
        }
        Ok(())
    }

    /// Whether they are, or may be, under 14.
    pub(crate) fn is_child(&self) -> bool {
        let year = self.keys.restrictions().birth_year;
        year.is_some_and(|year| may_be_a_child(year, self.vault.due_time()))
    }

    /// A child's content that was stored without a guardian's consent is forgotten.
    pub(crate) fn put_guardian_and_birth_year(&self, facts: &SubjectFacts) -> Result<(), VaultError> {
        if let Some(reference) = &facts.guardian_consent {
            let consents = Consents { person: self.clone() };
            let given = ConsentGiven { evidence: Some(reference.clone()), ..ConsentGiven::default() };
            if consents.newest_evidence(GUARDIAN)?.as_deref() != Some(reference) {
                consents.give(GUARDIAN, &given)?;
            }
        }
        let Some(year) = facts.birth_year else { return Ok(()) };
        self.restrict(RestrictionChange::BirthYear(year))?;
        if self.is_child() && !self.has_consent(GUARDIAN)? {
            self.forget_classes(&mut Vec::new(), &CONTENT)?;
        }
        Ok(())
    }

    /// Whether the region is another than the vault's is noted where no backup undoes it.
    pub(crate) fn put_region(&self, facts: &SubjectFacts) -> Result<(), VaultError> {
        let (Some(theirs), Some(ours)) = (&facts.region, &self.vault.settings.region) else { return Ok(()) };
        let foreign = theirs != ours;
        if self.keys.restrictions().foreign != foreign {
            self.restrict(RestrictionChange::Foreign(foreign))?;
        }
        Ok(())
    }
}

impl Vault {
    /// Where the vault stands, if that was said.
    pub fn region(&self) -> Option<&str> {
        self.inner.settings.region.as_deref()
    }

    /// Whether the vault's content may be copied to this region, as a backup is: only to its own, since not everybody in it has consented to another.
    ///
    /// # Errors
    /// [`VaultError::RegionMismatch`].
    pub fn may_copy_to(&self, region: Option<&str>) -> Result<(), VaultError> {
        match (self.region(), region) {
            (Some(ours), Some(other)) if ours != other => Err(VaultError::RegionMismatch),
            _ => Ok(()),
        }
    }

    /// Nobody is created in, or moved to, a region that is not the vault's, unless they have consented to it.
    pub(crate) fn check_region(&self, user: &str, facts: &SubjectFacts) -> Result<(), VaultError> {
        if self.may_copy_to(facts.region.as_deref()).is_ok() {
            return Ok(());
        }
        match self.inner.keyring.subject(&user_id(user)?) {
            Ok(keys) => {
                let person = Person { vault: self.inner.clone(), keys };
                if person.has_consent(CROSS_BORDER)? { Ok(()) } else { Err(VaultError::RegionMismatch) }
            }
            Err(_) => Err(VaultError::RegionMismatch),
        }
    }
}

impl Subject {
    /// Whether this person's content may go to a region, as an export does: to the vault's own, and elsewhere with their consent
    /// `cross_border`.
    ///
    /// # Errors
    /// [`VaultError::RegionMismatch`].
    pub fn may_leave_to(&self, region: Option<&str>) -> Result<(), VaultError> {
        let vault = &self.person.vault;
        match (&vault.settings.region, region) {
            (Some(ours), Some(other)) if ours != other && !self.person.has_consent(CROSS_BORDER)? => {
                Err(VaultError::RegionMismatch)
            }
            _ => Ok(()),
        }
    }

    /// How long the law wants something of this person kept, in microseconds since 1970; `None` if nothing is. Whoever erases a person on request waits
    /// for it; [`Vault::erase`] does not.
    ///
    /// # Errors
    /// Those of reading the person's rows.
    pub fn kept_until(&self) -> Result<Option<u64>, VaultError> {
        let until = micros(self.person.kept_by_law()?);
        Ok(Some(until).filter(|until| *until > self.person.vault.due_time()))
    }
}

/// Answers of several deletions, taken together.
pub(crate) fn together(all: impl IntoIterator<Item = Deletion>) -> Deletion {
    all.into_iter().fold(Deletion::Erased, Deletion::and)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_of_age_before_the_year_is_over() {
        let day = 24 * 3600 * 1_000_000;
        let new_year_2025 = 1_735_689_600 * 1_000_000;
        assert_eq!((year(new_year_2025), year(new_year_2025 - 1)), (2025, 2024));
        for (born, child) in [(2012, true), (2011, true), (2010, false), (1990, false)] {
            assert_eq!(may_be_a_child(born, new_year_2025), child, "{born}");
            assert_eq!(may_be_a_child(born, new_year_2025 + 364 * day), child, "{born}");
        }
        assert!(may_be_a_child(2010, new_year_2025 - 1));
    }
}
