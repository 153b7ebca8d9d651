//! What goes over the wire. Times are RFC 3339 text in UTC.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};
use zeroize::{Zeroize, ZeroizeOnDrop};

/// One page of a list.
#[derive(Debug, Clone)]
pub struct Listed<T> {
    /// The entries.
    pub items: Vec<T>,
    /// Where the next page begins, if there is one.
    pub next_cursor: Option<String>,
}

/// Facts about a person, given by the caller.
#[derive(Debug, Clone, Default, Serialize)]
pub struct SubjectFacts {
    /// Where the content belongs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// The year of birth.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub birth_year: Option<u16>,
    /// What shows a guardian's consent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guardian_consent: Option<String>,
    /// How much the person may store, in place of what was set before; as it was, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quota: Option<Quotas>,
}

/// What became of a deletion. Either way nobody reads it any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deletion {
    /// Its keys are gone.
    Erased,
    /// Its keys go once a legal hold has ended, or the time is over that the law wants it kept.
    Blocked,
}

impl Deletion {
    /// `erased` or `blocked`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Erased => "erased",
            Self::Blocked => "blocked",
        }
    }
}

/// Limits by class, and over all of them; where they say nothing, the vault's own stand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// Over all classes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<Limit>,
    /// Game saves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub saves: Option<Limit>,
    /// The person's own messages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub chat: Option<Limit>,
    /// Platform credentials.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Limit>,
    /// Other records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub records: Option<Limit>,
}

/// Most of one thing; without limit where absent.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limit {
    /// Bytes as stored: sealed, compressed, padded.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Save versions, messages, accounts, records.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub items: Option<u64>,
}

/// A person, without content.
#[derive(Debug, Clone, Deserialize)]
pub struct Subject {
    /// The user id.
    pub user: String,
    /// `active`, ...
    pub state: String,
    /// Where the content belongs.
    pub region: Option<String>,
    /// The year of birth.
    pub birth_year: Option<u16>,
    /// When the person was created.
    pub created: String,
    /// Usage per class.
    pub usage: BTreeMap<String, Usage>,
    /// The limits that stand, if there are any.
    pub quota: Option<Quotas>,
    /// Whether the person lets others follow their play at all.
    pub follow_play: bool,
}

/// Usage of one class of content.
#[derive(Debug, Clone, Deserialize)]
pub struct Usage {
    /// Stored values.
    pub items: u64,
    /// Bytes as stored.
    pub bytes: u64,
}

/// What a stored save is now.
#[derive(Debug, Clone, Deserialize)]
pub struct SaveStored {
    /// Never used again in its slot.
    pub version: u64,
    /// Bytes.
    pub size: u64,
    /// When it was stored.
    pub created: String,
    /// For `If-Match`; from the header.
    #[serde(skip)]
    pub etag: String,
    /// Whether this was the slot's first version since it came to be; from the status.
    #[serde(skip)]
    pub new_slot: bool,
}

/// One version of a save.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SaveFacts {
    /// Never used again in its slot.
    pub version: u64,
    /// For `If-Match`.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// When it was stored.
    pub created: String,
    /// As given when it was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// `X-Save-Meta`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub meta: Option<serde_json::Value>,
    /// The `device` that it names, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device: Option<String>,
}

/// Who may continue from a slot, as it is asked for.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ShareGiven {
    /// `everyone` or `users`.
    pub audience: String,
    /// With `users`: 1 to 256 user ids.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<String>>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
}

/// Who may continue from a slot.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Share {
    /// `everyone` or `users`.
    pub audience: String,
    /// With `users`: those who are still there.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub users: Option<Vec<String>>,
    /// Until when.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires: Option<String>,
    /// When it was given.
    pub created: String,
    /// False while the person's own switch is off, and once the time is over.
    pub open: bool,
}

/// What is kept of a slot; the newest version always is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Keep {
    /// At most so many versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_last: Option<u32>,
    /// A version for so many days after a newer one took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
}

/// What is kept of a slot, and who says so.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct SlotKeep {
    /// What was set for this slot.
    pub own: Keep,
    /// What stands: the slot's own, then the game's, then the vault's.
    pub stands: Keep,
}

/// A slot and its newest version.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Slot {
    /// The game.
    pub game: String,
    /// The slot.
    pub slot: String,
    /// Newest version.
    pub version: u64,
    /// Its ETag.
    pub etag: String,
    /// Its bytes.
    pub size: u64,
    /// When it was stored.
    pub created: String,
    /// How many versions are kept.
    pub versions: u64,
}

/// A message to be sent.
#[derive(Debug, Clone, Default, Serialize)]
pub struct NewMessage {
    /// Up to 64 KiB of text.
    pub body: String,
    /// The sender's own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// The sender's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// `author`, `either` or `survivor`; if absent, what is set for the conversation or the service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
}

/// One person's settings of one conversation.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChatSettings {
    /// The policy of this person's messages that name none; `None`: the service's default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// Days after which this person's side is forgotten, message by message; `None`: as the service is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub keep_days: Option<u32>,
}

/// A stored message's place.
#[derive(Debug, Clone, Deserialize)]
pub struct Posted {
    /// The same for both sides.
    pub id: String,
    /// Within the author's side.
    pub seq: u64,
    /// When it was stored.
    pub created: String,
}

/// A message.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Message {
    /// The same for both sides.
    pub id: String,
    /// Within the author's side.
    pub seq: u64,
    /// User id of the author, `None` after their erasure.
    pub author: Option<String>,
    /// Text, if it is text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Base64, if it is raw bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub body_base64: Option<String>,
    /// Media type of raw bytes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// When it was stored.
    pub created: String,
    /// The sender's own time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_at: Option<String>,
    /// The sender's own name for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub client_id: Option<String>,
    /// Whose deletion takes it along: `author`, `either` or `survivor`.
    pub policy: String,
}

/// A page of messages, newest first; `next_cursor` is the `before` of the next page.
pub type ChatMessages = Listed<Message>;

/// Which messages to read.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// Only older ones than this id.
    pub before: Option<String>,
    /// Only newer ones than this id.
    pub after: Option<String>,
    /// At most so many, up to 1000.
    pub limit: Option<usize>,
}

/// A conversation.
#[derive(Debug, Clone, Deserialize)]
pub struct Chat {
    /// Names the conversation when the peer is gone.
    pub id: String,
    /// `None` after the peer's erasure.
    pub peer: Option<String>,
    /// Time of the newest message.
    pub last: Option<String>,
    /// How many messages this person sees.
    pub messages: u64,
    /// What the person set for it.
    #[serde(flatten)]
    pub settings: ChatSettings,
}

/// A blocked peer.
#[derive(Debug, Clone, Deserialize)]
pub struct Block {
    /// Who is blocked.
    pub peer: String,
}

/// What signs a player in to Steam. Wiped on drop; `Debug` shows nothing.
#[derive(Default, Serialize, Deserialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields)]
pub struct SteamSecrets {
    /// What a sign-in left behind, short-lived.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// The name typed to sign in, where the account is called otherwise in the vault.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub account_name: Option<String>,
    /// Device id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub device_id: Option<String>,
    /// The machine's token, with which the next sign-in needs no mailed code.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guard_data: Option<String>,
    /// Base64; makes keys for confirmations.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity_secret: Option<String>,
    /// Password.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<String>,
    /// Refresh token.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Takes the authenticator off the account.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub revocation_code: Option<String>,
    /// Base64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub secret_1: Option<String>,
    /// Of the authenticator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial_number: Option<String>,
    /// Base64; mints guard codes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shared_secret: Option<String>,
    /// SteamID64.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub steam_id: Option<String>,
    /// Of the authenticator.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub token_gid: Option<String>,
    /// `otpauth://...`
    #[serde(skip_serializing_if = "Option::is_none")]
    pub uri: Option<String>,
}

impl fmt::Debug for SteamSecrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SteamSecrets(..)")
    }
}

/// A stored account, without secrets.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Account {
    /// The account's name.
    pub account: String,
    /// Which fields are stored.
    pub fields: Vec<String>,
    /// When they were.
    pub updated: String,
    /// When last used since then: a release to the moment, codes to the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
    /// What for, newest first: of each kind of use, and of each purpose and recipient of a release, the last.
    #[serde(default)]
    pub uses: Vec<AccountUse>,
}

/// A use of a stored account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AccountUse {
    /// `guard_code`, `confirmation_key` or `release`.
    pub kind: String,
    /// When.
    pub time: String,
    /// What a release was for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purpose: Option<String>,
    /// To whose key it was sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub recipient: Option<String>,
    /// Which fields it held.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<String>,
}

/// A Steam Guard code.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GuardCode {
    /// Five characters.
    pub code: String,
    /// End of its 30 seconds.
    pub valid_until: String,
    /// The code after it, in the last 5 seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// A key for one confirmation.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ConfirmationKey {
    /// Base64.
    pub key: String,
    /// Steam's time that it was made for, in seconds since 1970.
    pub time: u64,
}

/// What a person agreed to.
#[derive(Debug, Clone, Default, Serialize)]
pub struct ConsentGiven {
    /// Version of the policy shown.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<String>,
    /// When; now, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// How.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<String>,
}

/// A consent given or withdrawn.
#[derive(Debug, Clone, Deserialize)]
pub struct Consent {
    /// For what.
    pub purpose: String,
    /// `given` or `withdrawn`.
    pub state: String,
    /// When.
    pub time: String,
    /// Version of the policy shown.
    pub policy_version: Option<String>,
    /// How.
    pub evidence: Option<String>,
}

/// Whether the service can take reads and writes.
#[derive(Debug, Clone, Deserialize)]
pub struct Ready {
    /// Whether it can.
    pub ready: bool,
    /// Why not.
    pub reasons: Vec<String>,
    /// What needs an operator although the vault is ready.
    #[serde(default)]
    pub warnings: Vec<String>,
    /// How sure the erasure of the root secret is, E0 to E4.
    pub erasure_class: String,
    /// Over how many cells the root secret is split.
    pub cells: usize,
    /// By how many generations the escrow is behind, if there is one.
    #[serde(default)]
    pub escrow_behind: Option<u64>,
}
