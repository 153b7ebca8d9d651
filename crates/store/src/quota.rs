//! How much a person may store, by class and in all: bytes as they are stored (sealed, compressed, padded), and values.

use oubliette_crypto::Class;
use serde::{Deserialize, Serialize};

use crate::VaultError;
use crate::profile::QUOTA;
use crate::rows::Run;
use crate::subjects::Subject;

/// Most of one thing. `None`: without limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quota {
    /// Bytes as stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Values: save versions, messages, accounts, records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
}

/// Limits by class, and over all classes together. What a person says about themselves (consents, shares, settings) counts in `total` and is
/// never refused for it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// Over all classes.
    #[serde(default, skip_serializing_if = "Quota::is_none")]
    pub total: Quota,
    /// Game saves.
    #[serde(default, skip_serializing_if = "Quota::is_none")]
    pub saves: Quota,
    /// The person's own messages.
    #[serde(default, skip_serializing_if = "Quota::is_none")]
    pub chat: Quota,
    /// Platform credentials.
    #[serde(default, skip_serializing_if = "Quota::is_none")]
    pub credentials: Quota,
    /// Other records.
    #[serde(default, skip_serializing_if = "Quota::is_none")]
    pub records: Quota,
}

impl Quota {
    fn is_none(&self) -> bool {
        *self == Self::default()
    }

    fn or(self, other: Self) -> Self {
        Self { bytes: self.bytes.or(other.bytes), items: self.items.or(other.items) }
    }
}

impl Quotas {
    /// No limits.
    pub const NONE: Self = {
        const NONE: Quota = Quota { bytes: None, items: None };
        Self { total: NONE, saves: NONE, chat: NONE, credentials: NONE, records: NONE }
    };

    /// Nothing is limited.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// These limits, and the others where these say nothing.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        Self {
            total: self.total.or(other.total),
            saves: self.saves.or(other.saves),
            chat: self.chat.or(other.chat),
            credentials: self.credentials.or(other.credentials),
            records: self.records.or(other.records),
        }
    }

    /// The limit of one class.
    pub(crate) fn of(&self, class: Class) -> Quota {
        match class {
            Class::Saves => self.saves,
            Class::Chat => self.chat,
            Class::Credentials => self.credentials,
            Class::Records => self.records,
            Class::Profile => Quota::default(),
        }
    }
}

impl Subject {
    /// Sets this person's own limits; where they say nothing, the vault's stand. What is over a new limit stays, and nothing is added to it.
    ///
    /// # Errors
    /// Those of the stores.
    pub fn set_quotas(&self, quotas: &Quotas) -> Result<(), VaultError> {
        let run = Run::items(Class::Profile, QUOTA);
        if self.own_quotas()? != *quotas {
            self.person.put_one(run, quotas)?;
        }
        self.person.vault.usages.forget_limits(self.person.handle());
        Ok(())
    }

    /// The limits that stand: the person's own, then the vault's.
    ///
    /// # Errors
    /// Those of the stores.
    pub fn quotas(&self) -> Result<Quotas, VaultError> {
        Ok(self.own_quotas()?.or(self.person.vault.settings.quotas))
    }

    fn own_quotas(&self) -> Result<Quotas, VaultError> {
        self.person.own_quotas()
    }
}
