//! Releasing a secret: sealed to one recipient, once, and noted before it leaves (docs/formats.md, "Released answers").
//!
//! The vault keeps who asked for what, when and what for, as a use of the account; it keeps neither the answer nor the one key that sealed it. A
//! request has a name of its own, drawn by whoever asks. A name that the account's uses still hold is refused, so that a request
//! that was recorded and sent again brings nothing: those are at least the last 31 since the fields changed.

use std::collections::{BTreeMap, BTreeSet};

use data_encoding::HEXLOWER;
use oubliette_crypto::hpke::{MAX_RELEASE_TEXT, ReleaseContext, ReleasePublicKey, seal_release};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::account::Account;
use super::uses::{StoredRelease, StoredUse, UseKind};
use super::{Credentials, STEAM_CREDENTIALS, SteamFields, account_name, fields};
use crate::VaultError;

/// The plaintext grows to a multiple of this, so that its length tells little of what a secret is.
const STEP: usize = 256;
/// Shorter names could be met by chance.
const MIN_REQUEST: usize = 16;

/// What is asked for.
#[derive(Debug, Clone)]
pub struct ReleaseRequest {
    /// Names of the fields.
    pub fields: Vec<String>,
    /// What for: 1 to 64 letters, digits, `_`, `-`, `.` or `:`. The person sees it.
    pub purpose: String,
    /// The request's own name, never used again: 16 to 64 of the same characters. A random one, if it has none.
    pub request: Option<String>,
    /// To whom.
    pub recipient: Recipient,
    /// The recipient's key, which somebody who may decide that has registered.
    pub key: ReleasePublicKey,
}

/// Who a secret is sealed to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Recipient {
    /// As whoever registered the key calls it.
    pub name: String,
    /// The key's id, in hexadecimal.
    pub key: String,
}

/// A sealed answer, and the facts of it. Nothing here is secret but to whom the recipient's key is known; nothing names the person.
#[derive(Clone)]
pub struct Released {
    /// The answer's random name, 32 hexadecimal digits.
    pub release: String,
    /// The vault that answers, 32 hexadecimal digits.
    pub vault: String,
    /// The request's name.
    pub request: String,
    /// What for.
    pub purpose: String,
    /// To whom.
    pub recipient: Recipient,
    /// Which fields are inside.
    pub fields: Vec<String>,
    /// When, in microseconds since 1970.
    pub time: u64,
    /// HPKE's encapsulated key.
    pub enc: [u8; 32],
    /// HPKE's ciphertext.
    pub ciphertext: Vec<u8>,
}

/// Facts for a log: the length in place of the ciphertext.
impl std::fmt::Debug for Released {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Released")
            .field("release", &self.release)
            .field("request", &self.request)
            .field("purpose", &self.purpose)
            .field("recipient", &self.recipient)
            .field("fields", &self.fields)
            .field("time", &self.time)
            .field("ciphertext_len", &self.ciphertext.len())
            .finish_non_exhaustive()
    }
}

/// What is sealed: JSON, then spaces.
#[derive(Serialize)]
struct Message<'a> {
    account: &'a str,
    fields: BTreeMap<&'a str, &'a str>,
}

impl Credentials {
    /// Seals fields of an account to a recipient. Noted as a use, durably, before this returns; if it cannot be noted nothing is
    /// released.
    ///
    /// # Errors
    /// [`VaultError::ConsentRequired`]; [`VaultError::NotFound`] without the account or one of the fields;
    /// [`VaultError::Replayed`] for a request that was answered before; [`VaultError::Invalid`].
    pub fn release(&self, account: &str, asked: &ReleaseRequest) -> Result<Released, VaultError> {
        let name = account_name(account)?;
        let fields = asked.check()?;
        let release = random()?;
        let request = match &asked.request {
            Some(request) => request.clone(),
            None => HEXLOWER.encode(&random()?),
        };
        self.person.require_consent(STEAM_CREDENTIALS)?;
        let run = self.account(&name)?.place.run();
        // Until the answer: nothing is released after the person's erasure was acknowledged.
        let _operation = self.person.enter()?;
        let _lock = self.person.vault.slots.lock((self.person.handle(), run));
        let stored = self.account(&name)?;
        if stored.place.run() != run {
            // Forgotten and stored anew before the lock was ours.
            return Err(VaultError::Busy);
        }
        if stored.releases().any(|release| release.request == request) {
            return Err(VaultError::Replayed);
        }
        if !fields.iter().all(|field| stored.field_names().iter().any(|stored| stored == field)) {
            return Err(VaultError::NotFound { what: "field in this account" });
        }

        let secrets = self.secrets(&stored)?;
        let vault = self.person.vault.id;
        let context =
            ReleaseContext { vault: &vault, release: &release, request: &request, purpose: &asked.purpose };
        let sealed = seal_release(&asked.key, &context, &message(account, &fields, &secrets)?)?;
        drop(secrets);

        let time = self.person.vault.now();
        let fields: Vec<String> = fields.into_iter().map(str::to_owned).collect();
        let kept = StoredRelease {
            request: request.clone(),
            purpose: asked.purpose.clone(),
            to: asked.recipient.clone(),
            fields: fields.clone(),
        };
        self.note(&stored, &StoredUse { at: time, how: UseKind::Release, release: Some(kept) })?;
        // Too many uses are a matter of space; the next one tries again.
        if let Err(error) = self.prune(&stored) {
            tracing::warn!(%error, "older uses of a credential were not cut");
        }
        if self.person.is_cut(stored.place)? {
            return Err(VaultError::Forgotten);
        }
        Ok(Released {
            release: HEXLOWER.encode(&release),
            vault: vault.to_string(),
            request,
            purpose: asked.purpose.clone(),
            recipient: asked.recipient.clone(),
            fields,
            time,
            enc: sealed.enc,
            ciphertext: sealed.ciphertext,
        })
    }
}

impl ReleaseRequest {
    /// The purpose, if it is a word as it has to be: only then may it stand in a log.
    pub fn purpose_for_logs(&self) -> Option<&str> {
        check_word("purpose", &self.purpose, 1).ok().map(|()| self.purpose.as_str())
    }

    /// The fields by their own names, each once.
    fn check(&self) -> Result<BTreeSet<&'static str>, VaultError> {
        check_word("purpose", &self.purpose, 1)?;
        if let Some(request) = &self.request {
            check_word("request", request, MIN_REQUEST)?;
        }
        let fields = self.fields.iter().map(|field| Ok(fields::known(field)?.0));
        let fields = fields.collect::<Result<BTreeSet<_>, VaultError>>()?;
        if fields.is_empty() {
            return Err(VaultError::invalid("fields", "there must be at least one"));
        }
        Ok(fields)
    }
}

impl Account {
    fn releases(&self) -> impl Iterator<Item = &StoredRelease> {
        self.uses.iter().filter_map(|(_, used)| used.release.as_ref())
    }
}

/// Such words stand in logs: they have no room for what a person said.
fn check_word(field: &'static str, word: &str, least: usize) -> Result<(), VaultError> {
    let fits = (least..=MAX_RELEASE_TEXT).contains(&word.len());
    if fits && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte)) {
        return Ok(());
    }
    Err(VaultError::invalid(
        field,
        format!("must be {least} to {MAX_RELEASE_TEXT} letters, digits, _, -, . or :"),
    ))
}

fn message(
    account: &str,
    fields: &BTreeSet<&'static str>,
    secrets: &SteamFields,
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let fields = fields.iter().filter_map(|field| Some((*field, secrets.0.get(*field)?.as_str())));
    let message = Message { account, fields: fields.collect() };
    let texts =
        message.fields.iter().map(|(field, value)| 6 * (field.len() + value.len()) + 8).sum::<usize>();
    // Room enough that the vector never moves and leaves a copy behind.
    let mut json = Zeroizing::new(Vec::with_capacity(texts + 6 * account.len() + 64 + STEP));
    serde_json::to_writer(&mut *json, &message)
        .map_err(|_| VaultError::invalid("fields", "cannot be released"))?;
    let padded = json.len().next_multiple_of(STEP);
    json.resize(padded, b' ');
    Ok(json)
}

fn random() -> Result<[u8; 16], VaultError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|error| VaultError::Other {
        detail: format!("the system gave no randomness ({error}); nothing was released"),
    })?;
    Ok(bytes)
}
