//! Public keys that an operator registers with a token: secrets leave only sealed to one of them.

use std::str::FromStr;

use data_encoding::BASE64URL_NOPAD;
use oubliette_store::ReleasePublicKey;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

const MAX_NAME: usize = 64;

/// An X25519 public key under a name. As text `NAME=KEY`, or `KEY` alone, whose name is then its id; the key in base64url.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisteredKey {
    name: String,
    key: ReleasePublicKey,
    /// Of the key; kept because every look-up asks for it.
    id: String,
}

impl RegisteredKey {
    /// The operator's name for it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's own name, 32 hexadecimal digits: the same wherever it is registered.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The key.
    pub fn key(&self) -> &ReleasePublicKey {
        &self.key
    }

    fn new(name: Option<&str>, key: &str) -> Result<Self, BadReleaseKey> {
        let bytes = BASE64URL_NOPAD.decode(key.trim_end_matches('=').as_bytes());
        let bytes = bytes.map_err(|_| BadReleaseKey("a release key is 32 bytes in base64url"))?;
        let key = ReleasePublicKey::from_slice(&bytes)
            .map_err(|_| BadReleaseKey("this is no X25519 public key of 32 bytes that can be sealed to"))?;
        let id = key.id().to_string();
        let name = name.map_or_else(|| id.clone(), str::to_owned);
        // It stands in logs and problem documents, and is said in requests.
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-.:".contains(&byte);
        if !(1..=MAX_NAME).contains(&name.len()) || !name.bytes().all(plain) {
            return Err(BadReleaseKey("a release key's name is 1 to 64 letters, digits, _, -, . or :"));
        }
        Ok(Self { name, key, id })
    }
}

/// Neither two of one name nor one key twice.
pub(super) fn are_distinct(keys: &[RegisteredKey]) -> bool {
    let pairs =
        keys.iter().enumerate().flat_map(|(n, key)| keys.iter().skip(n + 1).map(move |other| (key, other)));
    !pairs.into_iter().any(|(key, other)| key.name == other.name || key.id == other.id)
}

/// Why a text is no release key.
#[derive(Debug, thiserror::Error)]
#[error("{0}; `oubliette credential keygen` makes a pair")]
pub struct BadReleaseKey(&'static str);

impl FromStr for RegisteredKey {
    type Err = BadReleaseKey;

    fn from_str(text: &str) -> Result<Self, BadReleaseKey> {
        // Padding is at the end alone: base64url has no other `=`.
        match text.trim_end_matches('=').rsplit_once('=') {
            Some((name, key)) => Self::new(Some(name), key),
            None => Self::new(None, text),
        }
    }
}

/// In `tokens.json` (docs/formats.md, section 11).
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    name: String,
    key: String,
}

impl Serialize for RegisteredKey {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let key = BASE64URL_NOPAD.encode(self.key.as_bytes());
        Stored { name: self.name.clone(), key }.serialize(to)
    }
}

impl<'de> Deserialize<'de> for RegisteredKey {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let Stored { name, key } = Stored::deserialize(from)?;
        Self::new(Some(&name), &key).map_err(D::Error::custom)
    }
}

/// For the seeds of the fuzz target: the public key of RFC 7748, section 6.1.
#[allow(clippy::unwrap_used, reason = "a constant of ours")]
pub(super) fn sample() -> RegisteredKey {
    "host=3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08".parse().unwrap()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_in_their_spellings() {
        let key = sample();
        assert_eq!(key.name(), "host");
        let bare: RegisteredKey = "3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08=".parse().unwrap();
        assert_eq!((bare.name(), bare.key()), (key.id(), key.key()));
        let padded: RegisteredKey = "host=3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08=".parse().unwrap();
        assert_eq!(padded, key);
        let json = serde_json::to_string(&key).unwrap();
        assert_eq!(serde_json::from_str::<RegisteredKey>(&json).unwrap(), key);
        for wrong in [
            "",
            "host=",
            "=3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
            "a b=3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08",
            "host=3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK0",
            "host=3p7bfXt9wbTTW2HC7OQ1Nz+DQ8hbeGdNrfx+FG+IK08",
            // Of low order.
            "host=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
        ] {
            assert!(wrong.parse::<RegisteredKey>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn names_and_keys_come_once() {
        let key = sample();
        assert!(are_distinct(std::slice::from_ref(&key)));
        assert!(!are_distinct(&[key.clone(), key.clone()]));
        let renamed: RegisteredKey = "other=3p7bfXt9wbTTW2HC7OQ1Nz-DQ8hbeGdNrfx-FG-IK08".parse().unwrap();
        assert!(!are_distinct(&[key, renamed]));
    }
}
