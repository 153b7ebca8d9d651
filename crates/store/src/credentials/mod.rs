//! Platform credentials: stored with consent, never returned in the clear, used inside the vault.
//!
//! An account is a compartment named by its meta. Its items are the stored fields, of which the newest count, and *uses*: when the
//! account was used, to the day. A use is an item of its own and not an update, because an update would cut and so rewrite the
//! root at every sign-in; the next change of the fields cuts them all.

mod fields;
mod guard;
mod uses;

pub use fields::SteamFields;
pub use guard::GuardCode;

use oubliette_crypto::{Class, Path};
use oubliette_engine::Batch;
use serde::{Deserialize, Serialize};

use crate::names::{Meta, Name, Spot};
use crate::person::{BATCH_ROWS, Person};
use crate::rows::{Bounds, Place, Run};
use crate::usage::Room;
use crate::{Deletion, VaultError, check};

/// The purpose whose consent storing and using credentials needs.
pub(crate) const STEAM_CREDENTIALS: &str = "steam_credentials";

const NO_ACCOUNT: VaultError = VaultError::NotFound { what: "account" };

/// One person's credentials.
#[derive(Clone)]
pub struct Credentials {
    pub(crate) person: Person,
}

/// What is stored for an account, without secrets.
#[derive(Clone)]
pub struct AccountInfo {
    /// The account's name on the platform.
    pub account: String,
    /// Names of the fields stored.
    pub fields: Vec<String>,
    /// When they were stored, in microseconds since 1970.
    pub updated: u64,
    /// The beginning of the day (UTC) of the last use since then, in microseconds since 1970.
    pub last_used: Option<u64>,
}

/// Not whose account.
impl std::fmt::Debug for AccountInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountInfo")
            .field("fields", &self.fields)
            .field("updated", &self.updated)
            .field("last_used", &self.last_used)
            .finish_non_exhaustive()
    }
}

/// The facts of an item (docs/formats.md, section 8).
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Facts {
    /// Names of the fields; their values are the content.
    Fields(Vec<String>),
    /// When used, in microseconds since 1970; no content.
    Used(u64),
}

/// The newest fields of an account and the uses since.
struct Account {
    place: Place,
    row: Vec<u8>,
    fields: Vec<String>,
    updated: u64,
    last_used: Option<u64>,
    uses: Vec<Place>,
}

impl Credentials {
    /// Stores the fields of an account in place of what was stored before, which is cut.
    ///
    /// # Errors
    /// [`VaultError::ConsentRequired`]; [`VaultError::Invalid`] for an unknown field or a shared secret that is none.
    pub fn set_steam(&self, account: &str, fields: SteamFields) -> Result<AccountInfo, VaultError> {
        let name = account_name(account)?;
        fields.check()?;
        let limits = self.person.limits()?;
        let spot = self.person.spot(Class::Credentials, &name)?;
        // After the claim: a withdrawal before it is seen here, and one after it cuts what was claimed.
        self.person.may_store()?;
        self.person.require_consent(STEAM_CREDENTIALS)?;
        let run = Run::items(Class::Credentials, spot.compartment());
        let _lock = self.person.vault.slots.lock((self.person.handle(), run));
        let names = fields.names();
        let facts = serde_json::to_vec(&Facts::Fields(names.clone()))
            .map_err(|_| VaultError::invalid("fields", "cannot be stored"))?;
        let updated = self.person.vault.now();
        let place = self.person.next_of_one(run)?;
        let draft = self.person.seal(place, updated, &facts, &fields.encode()?)?;
        let mut batch = Batch::new();
        let meta_run = Run::meta(Class::Credentials, run.compartment);
        let naming = match &spot {
            Spot::New(_) if self.person.newest(meta_run)?.is_none() => {
                let meta = Meta::named(name);
                let sealed = self.person.seal_meta(Class::Credentials, run.compartment, 1, &meta)?;
                sealed.add_to(&mut batch)?;
                Some((meta, sealed))
            }
            _ => None,
        };
        let room = Room { limits: &limits, class: Class::Credentials, freed: self.person.tally_of(run)? };
        self.person.commit_within(&room, draft, batch)?;
        if let Some((meta, sealed)) = naming {
            sealed.committed();
            self.person.learn(Class::Credentials, run.compartment, meta);
        }
        self.person.cut_older(place)?;
        Ok(AccountInfo { account: account.to_owned(), fields: names, updated, last_used: None })
    }

    /// What is stored for an account.
    ///
    /// # Errors
    /// [`VaultError::NotFound`].
    pub fn steam(&self, account: &str) -> Result<AccountInfo, VaultError> {
        let stored = self.account(&account_name(account)?)?;
        Ok(stored.info(account))
    }

    /// All accounts, by name.
    ///
    /// # Errors
    /// [`VaultError::SubjectErased`] and its like.
    pub fn list_steam(&self) -> Result<Vec<AccountInfo>, VaultError> {
        let mut accounts = Vec::new();
        for (name, _) in self.person.all_named(Class::Credentials)? {
            match self.account(&name) {
                Ok(stored) => accounts.push(stored.info(name.part(0))),
                Err(VaultError::NotFound { .. }) => {}
                Err(other) => return Err(other),
            }
        }
        Ok(accounts)
    }

    /// Forgets an account with its name.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Busy`].
    pub fn forget_steam(&self, account: &str) -> Result<Deletion, VaultError> {
        let name = account_name(account)?;
        let compartment = self.person.named(Class::Credentials, &name)?.ok_or(NO_ACCOUNT)?.compartment;
        let cut = self.person.cut(vec![Path::compartment(Class::Credentials, compartment)?]);
        self.person.unlearn(Class::Credentials, &name, compartment);
        let deletion = cut?;
        for run in [Run::items(Class::Credentials, compartment), Run::meta(Class::Credentials, compartment)] {
            let bounds = Bounds::run(&self.person.handle(), run);
            self.person.vault.leave_to_sweeper(self.person.remove_rows(&bounds));
        }
        Ok(deletion)
    }

    fn account(&self, name: &Name) -> Result<Account, VaultError> {
        let compartment = self.person.named(Class::Credentials, name)?.ok_or(NO_ACCOUNT)?.compartment;
        let run = Run::items(Class::Credentials, compartment);
        let (mut uses, mut last_used) = (Vec::new(), None);
        // Newest first: uses, then the fields they used. There are few of both.
        for (place, row) in self.person.rows(run, 0..=u64::MAX, BATCH_ROWS, true)? {
            let opened = match self.person.open(place, &row) {
                Err(VaultError::Forgotten) => continue,
                other => other?,
            };
            match opened.facts_as()? {
                Facts::Used(at) => {
                    last_used = last_used.max(Some(at));
                    uses.push(place);
                }
                Facts::Fields(fields) => {
                    let updated = opened.created;
                    return Ok(Account { place, row, fields, updated, last_used, uses });
                }
            }
        }
        Err(NO_ACCOUNT)
    }
}

impl Person {
    /// The place of the fields that count in an account's run.
    pub(crate) fn newest_fields(&self, run: Run) -> Result<Option<Place>, VaultError> {
        for (place, row) in self.rows(run, 0..=u64::MAX, BATCH_ROWS, true)? {
            if !self.is_cut(place)? && matches!(self.open(place, &row)?.facts_as()?, Facts::Fields(_)) {
                return Ok(Some(place));
            }
        }
        Ok(None)
    }
}

impl Account {
    fn info(self, account: &str) -> AccountInfo {
        let Self { fields, updated, last_used, .. } = self;
        AccountInfo { account: account.to_owned(), fields, updated, last_used }
    }
}

fn account_name(account: &str) -> Result<Name, VaultError> {
    check::name("account", account)?;
    Ok(Name::new(&[account]))
}
