//! What holders hand over: cards with public keys, and statements that a key was destroyed. JSON, signed (docs/formats.md, section 15).

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use oubliette_crypto::escrow::{EscrowPublicKey, HOLDER_SIGNATURE, HolderPublicKey};
use oubliette_crypto::{HolderKey, labels};
use serde::{Deserialize, Serialize};

use crate::VaultError;

/// Most bytes in a holder's name.
const MAX_NAME: usize = 64;
/// Most keys on one card.
const MAX_KEYS: usize = 64;

/// A holder's public keys, signed by the holder.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolderCard {
    /// The holder's name.
    pub holder: String,
    /// The public half of their signing key, base64url.
    pub sign: String,
    /// Keys of windows.
    pub keys: Vec<WindowKey>,
    /// Over all of this, base64url.
    pub signature: String,
}

/// A public key of one window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowKey {
    /// The window, from 1.
    pub window: u32,
    /// X-Wing, base64url.
    pub public: String,
}

/// A holder says that the key of a window is destroyed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HolderStatement {
    /// The holder's name.
    pub holder: String,
    /// The window.
    pub window: u32,
    /// The key's name, hexadecimal.
    pub key: String,
    /// When it was destroyed, in seconds since the Unix epoch.
    pub destroyed: i64,
    /// Over all of this, base64url.
    pub signature: String,
}

impl HolderCard {
    /// Signs a card.
    pub(super) fn sign(holder: &str, key: &HolderKey, keys: Vec<WindowKey>) -> Result<Self, VaultError> {
        let sign = BASE64URL_NOPAD.encode(key.public().as_bytes());
        let mut card = Self { holder: holder.to_owned(), sign, keys, signature: String::new() };
        card.signature = BASE64URL_NOPAD.encode(&key.sign(&card.signed()?));
        Ok(card)
    }

    /// Reads a card that a holder handed over, and checks its signature.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] if it is none, or was changed.
    pub fn parse(json: &str) -> Result<Self, VaultError> {
        let card: Self = serde_json::from_str(json).map_err(|error| refused("card", error.to_string()))?;
        card.check()?;
        Ok(card)
    }

    /// As text, for a file.
    pub fn to_json(&self) -> String {
        json(self)
    }

    pub(super) fn check(&self) -> Result<(), VaultError> {
        let signed = self.signed()?;
        if signs(&self.public()?, &signed, &self.signature) {
            return Ok(());
        }
        Err(refused("card", format!("the card of `{}` does not bear its holder's signature", self.holder)))
    }

    pub(super) fn public(&self) -> Result<HolderPublicKey, VaultError> {
        public_of(&self.sign)
    }

    /// What is signed: every field, each after its length or of a fixed one.
    fn signed(&self) -> Result<Vec<u8>, VaultError> {
        if self.keys.len() > MAX_KEYS || !self.keys.is_sorted_by(|a, b| a.window < b.window) {
            let why = format!("a card has at most {MAX_KEYS} keys, by window, each window once");
            return Err(refused("card", why));
        }
        let mut bytes = labels::ESCROW_CARD.to_vec();
        name(&mut bytes, "card", &self.holder)?;
        bytes.extend(self.public()?.as_bytes());
        bytes.extend((self.keys.len() as u32).to_be_bytes());
        for key in &self.keys {
            if key.window == 0 {
                return Err(refused("card", "windows count from 1".to_owned()));
            }
            bytes.extend(key.window.to_be_bytes());
            bytes.extend(key.key()?.as_bytes());
        }
        Ok(bytes)
    }
}

impl WindowKey {
    /// The key.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] for bytes that are none.
    pub fn key(&self) -> Result<EscrowPublicKey, VaultError> {
        let bytes = BASE64URL_NOPAD.decode(self.public.as_bytes());
        let key = bytes.ok().and_then(|bytes| EscrowPublicKey::from_slice(&bytes).ok());
        key.ok_or_else(|| {
            refused("card", format!("the key of window {} is no X-Wing public key", self.window))
        })
    }
}

impl HolderStatement {
    /// Signs a statement.
    pub(super) fn sign(
        holder: &str,
        key: &HolderKey,
        window: u32,
        destroyed_key: &[u8; 16],
        destroyed: i64,
    ) -> Result<Self, VaultError> {
        let mut statement = Self {
            holder: holder.to_owned(),
            window,
            key: HEXLOWER.encode(destroyed_key),
            destroyed,
            signature: String::new(),
        };
        statement.signature = BASE64URL_NOPAD.encode(&key.sign(&statement.signed()?));
        Ok(statement)
    }

    /// Reads a statement. Whether it is its holder's is checked when it is filed.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] if it is none.
    pub fn parse(json: &str) -> Result<Self, VaultError> {
        let statement: Self =
            serde_json::from_str(json).map_err(|error| refused("statement", error.to_string()))?;
        statement.signed()?;
        Ok(statement)
    }

    /// As text, for a file.
    pub fn to_json(&self) -> String {
        json(self)
    }

    pub(super) fn is_of(&self, holder: &HolderPublicKey) -> Result<bool, VaultError> {
        Ok(signs(holder, &self.signed()?, &self.signature))
    }

    fn signed(&self) -> Result<Vec<u8>, VaultError> {
        let mut bytes = labels::ESCROW_STATEMENT.to_vec();
        name(&mut bytes, "statement", &self.holder)?;
        bytes.extend(self.window.to_be_bytes());
        let key = HEXLOWER.decode(self.key.as_bytes()).ok().filter(|key| key.len() == 16);
        bytes.extend(key.ok_or_else(|| refused("statement", "it names no key".to_owned()))?);
        bytes.extend(self.destroyed.to_be_bytes());
        Ok(bytes)
    }
}

pub(super) fn public_of(sign: &str) -> Result<HolderPublicKey, VaultError> {
    let bytes = BASE64URL_NOPAD.decode(sign.as_bytes());
    let key = bytes.ok().and_then(|bytes| HolderPublicKey::from_slice(&bytes).ok());
    key.ok_or_else(|| refused("card", "its signing key is no Ed25519 public key".to_owned()))
}

fn signs(key: &HolderPublicKey, message: &[u8], signature: &str) -> bool {
    let bytes = BASE64URL_NOPAD.decode(signature.as_bytes()).unwrap_or_default();
    <[u8; HOLDER_SIGNATURE]>::try_from(bytes).is_ok_and(|signature| key.verifies(message, &signature))
}

pub(super) fn name(bytes: &mut Vec<u8>, field: &'static str, name: &str) -> Result<(), VaultError> {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.@ ".contains(c);
    let length = u8::try_from(name.len()).ok().filter(|n| (1..=MAX_NAME).contains(&usize::from(*n)));
    match length {
        Some(length) if name.chars().all(plain) => {
            bytes.push(length);
            bytes.extend(name.as_bytes());
            Ok(())
        }
        _ => Err(refused(
            field,
            format!("a holder's name has 1 to {MAX_NAME} letters, digits, spaces and -_.@"),
        )),
    }
}

fn json(value: &impl Serialize) -> String {
    // Strings and numbers always serialise.
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

fn refused(field: &'static str, reason: String) -> VaultError {
    VaultError::Invalid { field, reason }
}
