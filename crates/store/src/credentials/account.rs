//! An account as its rows tell it: the newest fields, and the uses since.

use oubliette_crypto::Class;
use serde::{Deserialize, Serialize};

use super::uses::{StoredUse, Use, UseKind};
use super::{AccountInfo, Credentials, NO_ACCOUNT, STEAM_CREDENTIALS, SteamFields, account_name};
use crate::VaultError;
use crate::names::Name;
use crate::person::{BATCH_ROWS, Person};
use crate::rows::{Place, Run};

/// The facts of an item (docs/formats.md, section 8).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Facts {
    /// Names of the fields; their values are the content.
    Fields(Vec<String>),
    /// A use; no content.
    Used(StoredUse),
}

/// The newest fields of an account and the uses since, newest first.
pub(super) struct Account {
    pub(super) place: Place,
    row: Vec<u8>,
    fields: Vec<String>,
    updated: u64,
    pub(super) uses: Vec<(Place, StoredUse)>,
}

/// How often fields that are replaced meanwhile are looked for again.
const TRIES: u32 = 8;

impl Credentials {
    pub(super) fn account(&self, name: &Name) -> Result<Account, VaultError> {
        let compartment = self.person.named(Class::Credentials, name)?.ok_or(NO_ACCOUNT)?.compartment;
        let run = Run::items(Class::Credentials, compartment);
        let mut uses = Vec::new();
        let newest = self.person.newest_fields_after(run, &mut |place, used| uses.push((place, used)))?;
        let Some((place, row, fields, updated)) = newest else { return Err(NO_ACCOUNT) };
        Ok(Account { place, row, fields, updated, uses })
    }

    /// The secrets themselves.
    pub(super) fn secrets(&self, account: &Account) -> Result<SteamFields, VaultError> {
        let opened = self.person.open(account.place, &account.row)?;
        let damaged = opened.corrupt();
        SteamFields::decode(&opened.content()?).ok_or(damaged)
    }

    /// Makes something of an account's secrets inside, and notes that day as one of such a use. `work` gets the vault's time.
    pub(super) fn with_secrets<T>(
        &self,
        account: &str,
        kind: UseKind,
        work: impl Fn(&SteamFields, u64) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        let name = account_name(account)?;
        // Another host may store a token beside this, which replaces the fields and forgets those that were read.
        for _ in 0..TRIES {
            match self.once_with_secrets(&name, kind, &work) {
                Err(VaultError::Forgotten) => {}
                made => return made,
            }
        }
        Err(VaultError::Busy)
    }

    /// [`VaultError::Forgotten`] if the fields that were read are no longer there.
    fn once_with_secrets<T>(
        &self,
        name: &Name,
        kind: UseKind,
        work: impl Fn(&SteamFields, u64) -> Result<T, VaultError>,
    ) -> Result<T, VaultError> {
        self.person.require_consent(STEAM_CREDENTIALS)?;
        let account = self.account(name)?;
        // Until the answer: nothing is told after the person's erasure was acknowledged.
        let _operation = self.person.enter()?;
        let made = work(&self.secrets(&account)?, self.person.vault.now())?;
        // A sign-in does not fail because its day could not be noted.
        if let Err(error) = self.note_day(name, kind) {
            tracing::warn!(%error, "the use of a credential was not noted");
        }
        if self.person.is_cut(account.place)? {
            return Err(VaultError::Forgotten);
        }
        Ok(made)
    }
}

/// Place, row, names of fields, and when they were stored.
type Newest = (Place, Vec<u8>, Vec<String>, u64);

impl Person {
    /// The place of the fields that count in an account's run.
    pub(crate) fn newest_fields(&self, run: Run) -> Result<Option<Place>, VaultError> {
        Ok(self.newest_fields_after(run, &mut |_, _| ())?.map(|(place, ..)| place))
    }

    /// Newest first: uses, then the fields they used. There are few of both, but a restored backup may have brought back many
    /// that were cut.
    fn newest_fields_after(
        &self,
        run: Run,
        each_use: &mut dyn FnMut(Place, StoredUse),
    ) -> Result<Option<Newest>, VaultError> {
        let mut upto = u64::MAX;
        loop {
            let rows = self.rows(run, 0..=upto, BATCH_ROWS, true)?;
            let Some((last, _)) = rows.last() else { return Ok(None) };
            upto = last.seq.saturating_sub(1);
            for (place, row) in rows {
                if self.is_cut(place)? {
                    continue;
                }
                let opened = match self.open(place, &row) {
                    Err(VaultError::Forgotten) => continue,
                    other => other?,
                };
                match opened.facts_as()? {
                    Facts::Used(used) => each_use(place, used),
                    Facts::Fields(fields) => {
                        let updated = opened.created;
                        return Ok(Some((place, row, fields, updated)));
                    }
                }
            }
            if upto == 0 {
                return Ok(None);
            }
        }
    }
}

impl Account {
    pub(super) fn info(self, account: &str) -> AccountInfo {
        let Self { fields, updated, uses, .. } = self;
        let uses = Use::last_of_each(uses.into_iter().map(|(_, used)| used));
        let last_used = uses.iter().map(|used| used.time).max();
        AccountInfo { account: account.to_owned(), fields, updated, last_used, uses }
    }

    pub(super) fn field_names(&self) -> &[String] {
        &self.fields
    }
}
