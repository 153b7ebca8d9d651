//! What a withdrawn consent takes with it: use stops and what depended on it is forgotten, and nothing else.

use oubliette_crypto::{Branch, Class, Path, compartments_through};
use oubliette_keyring::RestrictionChange;

use crate::credentials::STEAM_CREDENTIALS;
use crate::forgetting::stands;
use crate::minors::{CONTENT, CROSS_BORDER, GUARDIAN, together};
use crate::person::Person;
use crate::rows::{Bounds, Run};
use crate::{Deletion, VaultError};

impl Person {
    /// Notes the withdrawal and cuts in the same commit of the key plane; where that takes more than one commit, the withdrawal is in the first.
    pub(crate) fn stop_and_forget(&self, purpose: &str) -> Result<Deletion, VaultError> {
        let mut change = vec![RestrictionChange::WithdrawConsent(purpose.to_owned())];
        let restrictions = self.keys.restrictions();
        let all =
            (purpose == GUARDIAN && self.is_child()) || (purpose == CROSS_BORDER && restrictions.foreign);
        let classes: &[Class] = match purpose {
            _ if all => &CONTENT,
            STEAM_CREDENTIALS => &[Class::Credentials],
            _ => &[],
        };
        let mut deletion = self.forget_classes(&mut change, classes)?;
        if !all {
            deletion = deletion.and(self.forget_purposes(&mut change, purpose)?);
        }
        if let Some(change) = change.pop() {
            self.restrict(change)?;
        }
        Ok(deletion)
    }

    /// Forgets all of these classes. What is to change with it is in the first commit.
    pub(crate) fn forget_classes(
        &self,
        change: &mut Vec<RestrictionChange>,
        classes: &[Class],
    ) -> Result<Deletion, VaultError> {
        let mut outcomes = Vec::new();
        for class in classes {
            let beside = if *class == Class::Saves { self.beside_slots()? } else { Vec::new() };
            // Before the lock, which this may ask for.
            let not_before = self.earliest(&[Path::class(*class)])?;
            let cut = {
                // New compartments of the class cannot come to be meanwhile: whoever makes one asks for the consent under the person's lock.
                let _lock = self.vault.people.lock((self.handle(), *class));
                let promised = self.vault.reserved.highest_compartment(self.handle(), *class);
                let highest = self.highest_compartment(*class)?.max(promised);
                let mut paths = compartments_through(*class, past(highest))?;
                for run in &beside {
                    paths.push(Path::compartment(run.class, run.compartment)?);
                }
                self.cut_from(std::mem::take(change), paths, not_before)
            };
            if !stands(&cut) {
                return cut;
            }
            self.unlearn_all(*class);
            if *class == Class::Chat {
                self.vault.conversations.forget_person(self.handle());
            }
            outcomes.push(cut);
            for run in beside {
                self.vault.leave_to_sweeper(self.remove_rows(&Bounds::run(&self.handle(), run)));
            }
            for branch in [Branch::Items, Branch::Meta] {
                self.vault.leave_to_sweeper(self.remove_rows(&Bounds::branch(
                    &self.handle(),
                    *class,
                    branch,
                )));
            }
        }
        Ok(together(outcomes.into_iter().collect::<Result<Vec<_>, _>>()?))
    }

    /// Forgets the records of all purposes that this consent covers: each is one compartment.
    fn forget_purposes(
        &self,
        change: &mut Vec<RestrictionChange>,
        consent: &str,
    ) -> Result<Deletion, VaultError> {
        let mut outcomes = Vec::new();
        let rules = self.vault.settings.policy.records.iter();
        for (purpose, rule) in rules.filter(|(_, rule)| rule.consent.as_deref() == Some(consent)) {
            let name = crate::records::purpose_name(purpose);
            let (cut, compartments) = {
                // As above.
                let _lock = self.vault.people.lock((self.handle(), Class::Records));
                let known = self.named_locked(Class::Records, &name)?.map(|entry| entry.compartment);
                let promised = self.vault.reserved.promised(self.handle(), Class::Records, &name);
                let mut compartments: Vec<u32> = known.into_iter().chain(promised).collect();
                compartments.dedup();
                let paths = compartments.iter().map(|n| Path::compartment(Class::Records, *n));
                let paths = paths.collect::<Result<Vec<_>, _>>()?;
                let mut not_before = 0;
                for path in paths.iter().filter(|_| rule.retention.minimum_days.is_some()) {
                    not_before = not_before.max(self.kept_until(path, rule.retention)?);
                }
                for path in &paths {
                    not_before = not_before.max(self.promised_until(path).unwrap_or(0));
                }
                (self.cut_from(std::mem::take(change), paths, not_before), compartments)
            };
            if !stands(&cut) {
                return cut;
            }
            // Whose name is gone was forgotten before: it may still wait, or be read by somebody whom that deletion gave up waiting for.
            if compartments.is_empty() {
                self.vault.keyring.drain_forgotten(&self.keys, &Path::class(Class::Records))?;
            }
            if compartments.is_empty() && self.promised_until(&Path::class(Class::Records)).is_some() {
                outcomes.push(Ok(Deletion::Blocked));
            }
            outcomes.push(cut);
            for compartment in compartments {
                self.unlearn(Class::Records, &name, compartment);
                for run in [Run::items(Class::Records, compartment), Run::meta(Class::Records, compartment)] {
                    self.vault.leave_to_sweeper(self.remove_rows(&Bounds::run(&self.handle(), run)));
                }
            }
        }
        Ok(together(outcomes.into_iter().collect::<Result<Vec<_>, _>>()?))
    }
}

/// How far a whole class is cut: 65,536 compartments or more past the highest one in sight. A restored backup of the rows may have taken
/// away rows of later compartments, and whoever has copies of these must not read them either. Costs few seeds, since it ends a block.
fn past(highest: u32) -> u32 {
    highest.checked_add(1 << 16).map_or(highest, |past| past | 0xffff)
}
