//! Forgetting: the keys first, durably; then rows and blobs, which are noise by then.

use oubliette_crypto::{Class, Path};

use super::{Saves, forgotten_is_absent, slot_name};
use crate::person::{Person, leaf};
use crate::profile::{slot_setting, slot_share};
use crate::rows::{Bounds, Run};
use crate::{Deletion, VaultError};

impl Saves {
    /// Forgets a slot: all versions, its name, its share and what was set for it. Waits until nobody reads or writes there.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Busy`] if a reader does not let go, the keys being gone all the same.
    pub fn forget_slot(&self, game: &str, slot: &str) -> Result<Deletion, VaultError> {
        let name = slot_name(game, slot)?;
        let compartment = self.slot(&name)?.compartment;
        let (share, setting) = (slot_share(compartment)?, slot_setting(compartment)?);
        let mut paths = vec![Path::compartment(Class::Saves, compartment)?];
        for run in [share, setting] {
            // A run in which nothing stands costs a cut as well: only where something does, or did before its row was lost.
            if self.person.highest(run)? > 0 {
                paths.push(Path::compartment(run.class, run.compartment)?);
            }
        }
        let deletion = self.person.cut_named(Class::Saves, &name, compartment, paths)?;
        self.remove(Run::items(Class::Saves, compartment));
        self.remove(Run::meta(Class::Saves, compartment));
        self.remove(share);
        self.remove(setting);
        Ok(deletion)
    }

    /// Forgets one version. The slot keeps its name, and the number is never used again.
    ///
    /// # Errors
    /// As [`Saves::forget_slot`].
    pub fn forget_version(&self, game: &str, slot: &str, version: u64) -> Result<Deletion, VaultError> {
        let name = slot_name(game, slot)?;
        let (place, row) = self.find(&name, Some(version))?;
        forgotten_is_absent(self.person.key(place).map(drop))?;
        self.person.check_number(place)?;
        let deletion = self.person.cut(vec![Path::leaf(&leaf(place))?])?;
        let rows = vec![(place.key(&self.person.handle()), row)];
        self.person.vault.leave_to_sweeper(self.person.vault.forget_rows(rows));
        Ok(deletion)
    }

    fn remove(&self, run: Run) {
        let bounds = Bounds::run(&self.person.handle(), run);
        self.person.vault.leave_to_sweeper(self.person.remove_rows(&bounds));
    }
}

impl Person {
    /// What stands elsewhere about slots: their shares, and what was set for them. It goes when the slots go.
    pub(crate) fn beside_slots(&self) -> Result<Vec<Run>, VaultError> {
        let mut runs = Vec::new();
        for (_, entry) in self.all_named(Class::Saves)? {
            for run in [slot_share(entry.compartment)?, slot_setting(entry.compartment)?] {
                match self.highest(run) {
                    Ok(0) | Err(VaultError::Forgotten) => {}
                    Ok(_) => runs.push(run),
                    Err(other) => return Err(other),
                }
            }
        }
        Ok(runs)
    }
}
