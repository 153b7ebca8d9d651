//! When an account was used, and what for.

use oubliette_crypto::Path;
use oubliette_engine::Batch;
use serde::{Deserialize, Serialize};

use super::account::{Account, Facts};
use super::{Credentials, Recipient};
use crate::VaultError;
use crate::names::Name;
use crate::person::leaf;

const DAY: u64 = 24 * 3600 * 1_000_000;
/// Uses kept since the fields last changed. With one more the older ones are cut together, so that a cut is rare.
const MAX_USES: usize = 64;
/// As many stay then.
const KEPT_USES: usize = 32;

/// How an account was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UseKind {
    /// A Guard code was made.
    GuardCode,
    /// A key for a confirmation was made.
    ConfirmationKey,
    /// Fields were sealed to a recipient.
    Release,
}

impl UseKind {
    /// `guard_code`, `confirmation_key`, `release`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::GuardCode => "guard_code",
            Self::ConfirmationKey => "confirmation_key",
            Self::Release => "release",
        }
    }
}

/// A use, as the person may see it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Use {
    /// How.
    pub kind: UseKind,
    /// When, in microseconds since 1970: a release to the moment, codes and keys to the beginning of the day (UTC).
    pub time: u64,
    /// What for, as the one who asked said; of a release alone.
    pub purpose: Option<String>,
    /// To whose key; of a release alone.
    pub recipient: Option<String>,
    /// Which fields; of a release alone.
    pub fields: Vec<String>,
}

/// A use as stored (docs/formats.md, section 8).
#[derive(Serialize, Deserialize)]
pub(super) struct StoredUse {
    pub(super) at: u64,
    pub(super) how: UseKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) release: Option<StoredRelease>,
}

/// What is kept of a release: to whom, what for, and the names that must not come again.
#[derive(Serialize, Deserialize)]
pub(super) struct StoredRelease {
    pub(super) request: String,
    pub(super) purpose: String,
    pub(super) to: Recipient,
    pub(super) fields: Vec<String>,
}

impl Use {
    /// Of each kind, purpose and recipient the newest, of uses newest first.
    pub(super) fn last_of_each(uses: impl Iterator<Item = StoredUse>) -> Vec<Self> {
        let mut last: Vec<Self> = Vec::new();
        for used in uses.map(Self::from) {
            let same = |other: &Self| {
                (other.kind, &other.purpose, &other.recipient) == (used.kind, &used.purpose, &used.recipient)
            };
            if !last.iter().any(same) {
                last.push(used);
            }
        }
        last
    }
}

impl From<StoredUse> for Use {
    fn from(used: StoredUse) -> Self {
        let (purpose, recipient, fields) = match used.release {
            Some(release) => (Some(release.purpose), Some(release.to.name), release.fields),
            None => (None, None, Vec::new()),
        };
        Self { kind: used.how, time: used.at, purpose, recipient, fields }
    }
}

impl Credentials {
    /// Notes the day of a use: at most one row a day and kind.
    pub(super) fn note_day(&self, name: &Name, how: UseKind) -> Result<(), VaultError> {
        let now = self.person.vault.now();
        let at = now - now % DAY;
        let noted = |account: &Account| account.uses.iter().any(|(_, used)| used.how == how && used.at >= at);
        let account = self.account(name)?;
        if noted(&account) {
            return Ok(());
        }
        let run = account.place.run();
        let _lock = self.person.vault.slots.lock((self.person.handle(), run));
        let account = self.account(name)?;
        if noted(&account) || account.place.run() != run {
            return Ok(());
        }
        self.note(&account, &StoredUse { at, how, release: None })?;
        self.prune(&account)
    }

    /// Durable when it returns. For callers that hold the lock of the account's run.
    pub(super) fn note(&self, account: &Account, used: &StoredUse) -> Result<(), VaultError> {
        let run = account.place.run();
        // The tag of `Facts` by hand: a reference cannot be put into it.
        let facts = serde_json::to_vec(&serde_json::json!({ "used": used }))
            .map_err(|_| VaultError::invalid("use", "cannot be stored"))?;
        debug_assert!(matches!(serde_json::from_slice(&facts), Ok(Facts::Used(_))));
        let place = run.at(self.person.next_seq(run)?);
        let draft = self.person.seal(place, self.person.vault.now(), &facts, &[])?;
        self.person.commit(draft, Batch::new())
    }

    /// Cuts all but the newest uses once there are too many, with the one that was noted since `account` was read.
    pub(super) fn prune(&self, account: &Account) -> Result<(), VaultError> {
        if account.uses.len() < MAX_USES {
            return Ok(());
        }
        let old = account.uses.get(KEPT_USES - 1..).unwrap_or_default();
        let paths = old.iter().map(|(place, _)| Path::leaf(&leaf(*place))).collect::<Result<Vec<_>, _>>()?;
        self.person.supersede(paths)?;
        let handle = self.person.handle();
        let rows = old.iter().map(|(place, _)| (place.key(&handle), Vec::new())).collect();
        self.person.vault.leave_to_sweeper(self.person.vault.forget_rows(rows));
        Ok(())
    }
}
