//! Platform credentials: stored with consent, never returned in the clear, used inside the vault.
//!
//! An account is a compartment named by its meta. Its items are the stored fields, of which the newest count, and *uses*: when the
//! account was used and what for. A use is an item of its own and not an update, because an update would cut and so rewrite the
//! root at every sign-in; the next change of the fields cuts them all.
//!
//! What is stored is used in two ways. Codes and keys are made inside ([`Credentials::guard_code`],
//! [`Credentials::confirmation_key`]). A field itself leaves only sealed to a recipient ([`Credentials::release`]).

mod account;
mod confirmation;
mod fields;
pub(crate) mod fuzz;
mod guard;
mod release;
mod secret;
mod uses;

pub use confirmation::ConfirmationKey;
pub use fields::SteamFields;
pub use guard::GuardCode;
pub use release::{Recipient, ReleaseRequest, Released};
pub use uses::{Use, UseKind};

use account::Facts;
use oubliette_crypto::{Class, Path};
use oubliette_engine::Batch;

use crate::names::{Meta, Name, Spot};
use crate::person::Person;
use crate::rows::{Bounds, Run};
use crate::usage::Room;
use crate::{Deletion, VaultError, check};

/// The purpose whose consent storing and using credentials needs.
pub(crate) const STEAM_CREDENTIALS: &str = "steam_credentials";

const NO_ACCOUNT: VaultError = VaultError::NotFound { what: "account" };
const NO_SECRET: VaultError = VaultError::NotFound { what: "shared secret" };
const NO_IDENTITY: VaultError = VaultError::NotFound { what: "identity secret" };

const MICROS: u64 = 1_000_000;
/// Seconds by which Steam's clock may be said to differ from the vault's.
const MAX_OFFSET: u64 = 24 * 3600;

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
    /// When last used since then, in microseconds since 1970: a release to the moment, codes to the beginning of the day (UTC).
    pub last_used: Option<u64>,
    /// What for, newest first: of each kind of use, and of each purpose and recipient of a release, the last.
    pub uses: Vec<Use>,
}

/// Not whose account.
impl std::fmt::Debug for AccountInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AccountInfo")
            .field("fields", &self.fields)
            .field("updated", &self.updated)
            .field("last_used", &self.last_used)
            .field("uses", &self.uses.len())
            .finish_non_exhaustive()
    }
}

impl Credentials {
    /// Stores the fields of an account in place of what was stored before, which is cut.
    ///
    /// # Errors
    /// [`VaultError::ConsentRequired`]; [`VaultError::Invalid`], naming the field, for one that is unknown or holds what it cannot be.
    pub fn set_steam(&self, account: &str, fields: SteamFields) -> Result<AccountInfo, VaultError> {
        self.store(account, fields, false)
    }

    /// The same, but fields that are stored and not named here stay. An account that is not there comes to be.
    ///
    /// # Errors
    /// As [`Credentials::set_steam`].
    pub fn merge_steam(&self, account: &str, fields: SteamFields) -> Result<AccountInfo, VaultError> {
        self.store(account, fields, true)
    }

    fn store(&self, account: &str, fields: SteamFields, merge: bool) -> Result<AccountInfo, VaultError> {
        let name = account_name(account)?;
        fields.check()?;
        let limits = self.person.limits()?;
        let spot = self.person.spot(Class::Credentials, &name)?;
        // After the claim: a withdrawal before it is seen here, and one after it cuts what was claimed.
        self.person.may_store()?;
        self.person.require_consent(STEAM_CREDENTIALS)?;
        let run = Run::items(Class::Credentials, spot.compartment());
        let _lock = self.person.vault.slots.lock((self.person.handle(), run));
        let fields = if merge { self.over_stored(&name, fields)? } else { fields };
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
        Ok(AccountInfo {
            account: account.to_owned(),
            fields: names,
            updated,
            last_used: None,
            uses: Vec::new(),
        })
    }

    fn over_stored(&self, name: &Name, fields: SteamFields) -> Result<SteamFields, VaultError> {
        match self.account(name) {
            Ok(stored) => Ok(fields.over(self.secrets(&stored)?)),
            Err(VaultError::NotFound { .. }) => Ok(fields),
            Err(other) => Err(other),
        }
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
        let paths = vec![Path::compartment(Class::Credentials, compartment)?];
        let deletion = self.person.cut_named(Class::Credentials, &name, compartment, paths)?;
        for run in [Run::items(Class::Credentials, compartment), Run::meta(Class::Credentials, compartment)] {
            let bounds = Bounds::run(&self.person.handle(), run);
            self.person.vault.leave_to_sweeper(self.person.remove_rows(&bounds));
        }
        Ok(deletion)
    }
}

/// Steam's time in seconds since 1970, where its clock is `offset` seconds ahead of ours.
fn steam_time(now: u64, offset: i64) -> Result<u64, VaultError> {
    if offset.unsigned_abs() > MAX_OFFSET {
        return Err(VaultError::invalid(
            "offset",
            format!("must be at most {MAX_OFFSET} seconds either way"),
        ));
    }
    Ok((now / MICROS).saturating_add_signed(offset))
}

fn account_name(account: &str) -> Result<Name, VaultError> {
    check::name("account", account)?;
    Ok(Name::new(&[account]))
}
