//! Bearer tokens: random, shown once, kept as hashes in `tokens.json`, scoped, expiring, revocable while serving.
//!
//! The file is replaced atomically and read again whenever it changed, so `oubliette token revoke` takes effect with
//! the next request. If it cannot be read, nobody is let in: a damaged list of tokens must not outlive a revocation.

mod file;
mod release_key;
mod scope;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::{Zeroize, ZeroizeOnDrop};

use self::file::Stamp;
pub(crate) use self::file::{fuzz_file, fuzz_file_seeds};
pub use self::{
    file::{StoredToken, TokenInfo},
    release_key::RegisteredKey,
    scope::{Scope, UnknownScope},
};
use crate::times;

/// Every token starts with this, so that leaked ones can be searched for.
const PREFIX: &str = "obl_";

/// A token in the clear: shown once at creation, presented by clients. Wiped on drop, never printed by `Debug`.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct TokenSecret(Box<str>);

impl TokenSecret {
    /// 32 random bytes as text.
    fn generate() -> Result<Self, TokenError> {
        let mut bytes = zeroize::Zeroizing::new([0u8; 32]);
        getrandom::fill(bytes.as_mut_slice()).map_err(|_| TokenError::NoRandomness)?;
        let mut text = String::with_capacity(64);
        text.push_str(PREFIX);
        data_encoding::BASE64URL_NOPAD.encode_append(bytes.as_slice(), &mut text);
        Ok(Self(text.into_boxed_str()))
    }

    /// The token as it goes into the `Authorization` header.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for TokenSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TokenSecret(..)")
    }
}

/// What a presented token grants.
#[derive(Debug, Clone)]
pub struct Grant {
    /// The token's name, for the operator's eyes.
    pub name: String,
    /// Tells tokens of one name apart: a part of the stored hash, which leads to no token.
    pub(crate) id: [u8; 4],
    scopes: Arc<[Scope]>,
    release_keys: Arc<[RegisteredKey]>,
}

impl Grant {
    /// The key that secrets may be released to for this token, by its name or id.
    pub fn release_key(&self, named: &str) -> Option<&RegisteredKey> {
        // A name first: whoever registered a key under the id of another meant this one.
        let by_name = self.release_keys.iter().find(|key| key.name() == named);
        by_name.or_else(|| self.release_keys.iter().find(|key| key.id() == named))
    }

    /// Whether the token carries this scope.
    pub fn allows(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    /// A name that no other token has, for what takes two people.
    pub(crate) fn one_person(&self) -> String {
        format!("{}/{}", data_encoding::HEXLOWER.encode(&self.id), self.name)
    }

    /// The token's scopes as the audit log writes them.
    pub(crate) fn mask(&self) -> u64 {
        Scope::mask(&self.scopes)
    }
}

/// Why the tokens of a vault folder could not be used or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TokenError {
    /// A file operation failed.
    #[error("{op} failed on {path}: {source}; mend the folder's permissions or free space, then try again")]
    Io {
        /// What was being done.
        op: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// `tokens.json` is not what this program writes.
    #[error("{path} cannot be read ({reason}); put back a copy, or remove it and create new tokens")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// Line and column, never content.
        reason: String,
    },
    /// Another token has this name.
    #[error("a token of this name exists; revoke it first or choose another name")]
    NameTaken,
    /// No token has this name.
    #[error("no token has this name; `oubliette token list` shows them")]
    Unknown,
    /// A name is 1 to 64 printable characters, and a token needs at least one scope.
    #[error("{0}")]
    Invalid(&'static str),
    /// The system gave no random bytes.
    #[error("the system's random source failed; no token was made")]
    NoRandomness,
}

/// The tokens of one vault folder.
#[derive(Debug)]
pub struct Tokens {
    folder: PathBuf,
    loaded: Mutex<Loaded>,
}

#[derive(Debug, Default)]
struct Loaded {
    stamp: Option<Stamp>,
    tokens: Vec<StoredToken>,
}

impl Tokens {
    /// The tokens kept in a vault folder; the file may not exist yet.
    pub fn open(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), loaded: Mutex::default() }
    }

    /// Makes a token. `expires` is in microseconds since 1970.
    pub fn create(
        &self,
        name: &str,
        scopes: &[Scope],
        expires: Option<u64>,
    ) -> Result<(TokenSecret, TokenInfo), TokenError> {
        self.create_with_keys(name, scopes, expires, Vec::new())
    }

    /// Makes a token with the keys that secrets may be released to for it.
    pub fn create_with_keys(
        &self,
        name: &str,
        scopes: &[Scope],
        expires: Option<u64>,
        keys: Vec<RegisteredKey>,
    ) -> Result<(TokenSecret, TokenInfo), TokenError> {
        let (secret, token) = new_token(name, scopes, expires, keys)?;
        let info = token.info().clone();
        self.add(token)?;
        Ok((secret, info))
    }

    /// Puts a token that [`new_token`] made into the list.
    pub fn add(&self, token: StoredToken) -> Result<(), TokenError> {
        check(token.info())?;
        file::change(&self.folder, |tokens| {
            if tokens.iter().any(|there| there.info.name == token.info.name) {
                return Err(TokenError::NameTaken);
            }
            tokens.push(token);
            Ok(())
        })
    }

    /// Makes the token with every scope and writes it to `dev.token`, unless the folder has tokens already.
    /// Answers the path of `dev.token`, if there is one.
    pub fn ensure_dev_token(&self) -> Result<Option<PathBuf>, TokenError> {
        let path = self.folder.join("dev.token");
        if file::exists(&self.folder) {
            return Ok(path.exists().then_some(path));
        }
        // The list comes last: a crash in between leaves a folder without tokens, and the next start begins again.
        let secret = TokenSecret::generate()?;
        file::write_secret(&path, secret.reveal())?;
        self.add(stored(&secret, "dev", Scope::ALL, None, Vec::new()))?;
        Ok(Some(path))
    }

    /// Every token, oldest first.
    pub fn list(&self) -> Result<Vec<TokenInfo>, TokenError> {
        Ok(file::read(&self.folder)?.into_iter().map(|token| token.info).collect())
    }

    /// A token by its name, as it is stored.
    pub(crate) fn find(&self, name: &str) -> Result<Option<StoredToken>, TokenError> {
        Ok(file::read(&self.folder)?.into_iter().find(|token| token.info.name == name))
    }

    /// Takes a token back; running services refuse it from their next request on.
    pub fn revoke(&self, name: &str) -> Result<(), TokenError> {
        file::change(&self.folder, |tokens| {
            let before = tokens.len();
            tokens.retain(|token| token.info.name != name);
            if tokens.len() == before { Err(TokenError::Unknown) } else { Ok(()) }
        })
    }

    /// What the presented token grants; `None` if it is unknown or expired.
    pub fn check(&self, presented: &str) -> Result<Option<Grant>, TokenError> {
        let digest = hash(presented);
        let now = times::now();
        let mut loaded = self.loaded.lock().unwrap_or_else(PoisonError::into_inner);
        let stamp = Stamp::of(&self.folder)?;
        if loaded.stamp.is_none() || loaded.stamp != stamp {
            *loaded = Loaded::default();
            let tokens = file::read(&self.folder)?;
            *loaded = Loaded { stamp, tokens };
        }
        let mut found = None;
        // Every hash is compared in full, so that the time taken says nothing about how near a guess came.
        for token in &loaded.tokens {
            if bool::from(token.hash.ct_eq(&digest)) {
                found = Some(token);
            }
        }
        Ok(found.filter(|token| token.info.expires.is_none_or(|expires| now < expires)).map(|token| Grant {
            name: token.info.name.clone(),
            id: token.id(),
            scopes: token.info.scopes.as_slice().into(),
            release_keys: token.info.release_keys.as_slice().into(),
        }))
    }
}

/// Makes a token that is in no list yet: whoever keeps the list need not see its secret.
///
/// # Errors
/// [`TokenError::Invalid`], [`TokenError::NoRandomness`].
pub fn new_token(
    name: &str,
    scopes: &[Scope],
    expires: Option<u64>,
    keys: Vec<RegisteredKey>,
) -> Result<(TokenSecret, StoredToken), TokenError> {
    let secret = TokenSecret::generate()?;
    let token = stored(&secret, name, scopes, expires, keys);
    check(token.info())?;
    Ok((secret, token))
}

fn stored(
    secret: &TokenSecret,
    name: &str,
    scopes: &[Scope],
    expires: Option<u64>,
    release_keys: Vec<RegisteredKey>,
) -> StoredToken {
    let mut scopes = scopes.to_vec();
    scopes.sort_unstable();
    scopes.dedup();
    let info = TokenInfo { name: name.to_owned(), scopes, created: times::now(), expires, release_keys };
    StoredToken::new(hash(secret.reveal()), &info)
}

fn check(token: &TokenInfo) -> Result<(), TokenError> {
    let name = &token.name;
    if name.is_empty() || name.chars().count() > 64 || name.chars().any(char::is_control) {
        return Err(TokenError::Invalid("a token's name is 1 to 64 printable characters"));
    }
    if token.scopes.is_empty() {
        return Err(TokenError::Invalid("a token needs at least one scope"));
    }
    if !release_key::are_distinct(&token.release_keys) {
        return Err(TokenError::Invalid("two release keys of a token have the same name, or are the same"));
    }
    Ok(())
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests;
