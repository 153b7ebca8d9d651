//! Runs that hold one value: each new one takes the place of the one before (docs/store.md, rule 4).

use oubliette_engine::Batch;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::objects::Opened;
use crate::person::Person;
use crate::rows::{Bounds, Run};
use crate::{Deletion, VaultError};

impl Person {
    /// The value of such a run, if there is one; its key is lent as long as the second half lives.
    pub(crate) fn one<T: DeserializeOwned>(&self, run: Run) -> Result<Option<(T, Opened)>, VaultError> {
        let Some((place, row)) = self.newest(run)? else { return Ok(None) };
        let opened = match self.open(place, &row) {
            Err(VaultError::Forgotten) => return Ok(None),
            other => other?,
        };
        Ok(Some((opened.facts_as()?, opened)))
    }

    /// Puts a value in the place of the one before, which is cut.
    pub(crate) fn put_one(&self, run: Run, value: &impl Serialize) -> Result<(), VaultError> {
        let json = serde_json::to_vec(value).map_err(|_| VaultError::invalid("value", "cannot be stored"))?;
        let _lock = self.vault.slots.lock((self.handle(), run));
        let place = self.next_of_one(run)?;
        self.replace(self.seal(place, self.vault.now(), &json, &[])?, Batch::new())
    }

    /// Cuts the value; `None` if there was none. One number more than is known is cut: there stood a value whose row a restored backup lost.
    pub(crate) fn forget_one(&self, run: Run) -> Result<Option<Deletion>, VaultError> {
        let _lock = self.vault.slots.lock((self.handle(), run));
        if self.newest(run)?.is_none() {
            return Ok(None);
        }
        let through = self.highest(run)?.saturating_add(1);
        let deletion = self.supersede(self.uncut_through(run, through)?)?;
        self.vault.leave_to_sweeper(self.remove_rows(&Bounds::run(&self.handle(), run)));
        Ok(Some(deletion))
    }
}
