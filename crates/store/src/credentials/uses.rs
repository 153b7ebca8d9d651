//! When an account was used.

use oubliette_crypto::Path;
use oubliette_engine::Batch;

use super::{Account, Credentials, Facts};
use crate::VaultError;
use crate::person::leaf;

const DAY: u64 = 24 * 3600 * 1_000_000;
/// Uses kept since the fields last changed; more are cut together.
const MAX_USES: usize = 31;

impl Credentials {
    /// Writes at most one row a day; cuts once a month.
    pub(super) fn note_use(&self, account: &Account) -> Result<(), VaultError> {
        let now = self.person.vault.now();
        let day = now - now % DAY;
        if account.last_used.is_some_and(|last| last >= day) {
            return Ok(());
        }
        let run = account.place.run();
        let _lock = self.person.vault.slots.lock((self.person.handle(), run));
        let facts = serde_json::to_vec(&Facts::Used(day))
            .map_err(|_| VaultError::invalid("time", "cannot be stored"))?;
        let place = run.at(self.person.next_seq(run)?);
        self.person.commit(self.person.seal(place, now, &facts, &[])?, Batch::new())?;
        if account.uses.len() >= MAX_USES {
            let paths =
                account.uses.iter().map(|place| Path::leaf(&leaf(*place))).collect::<Result<Vec<_>, _>>()?;
            self.person.supersede(paths)?;
            let handle = self.person.handle();
            let rows = account.uses.iter().map(|place| (place.key(&handle), Vec::new())).collect();
            self.person.vault.leave_to_sweeper(self.person.vault.forget_rows(rows));
        }
        Ok(())
    }
}
