//! Encrypted maFiles: AES-256-CBC with PKCS #7 padding, in base64, under PBKDF2-HMAC-SHA1 of a pass-phrase. Salt and IV of each file stand in
//! `manifest.json`.
//!
//! The format authenticates nothing: a wrong pass-phrase and a damaged file look alike, and what comes out is believed only if it is a maFile.

use aes::Aes256;
use aes::cipher::{BlockModeDecrypt, KeyIvInit, block_padding::Pkcs7};
use data_encoding::BASE64;
use serde::Deserialize;
use sha1::Sha1;
use zeroize::Zeroizing;

use super::Bad;

/// SteamDesktopAuthenticator's.
const ROUNDS: u32 = 50_000;
const BLOCK: usize = 16;

/// `manifest.json`.
#[derive(Debug, Deserialize)]
pub(super) struct Manifest {
    pub(super) entries: Vec<Entry>,
}

/// One maFile in it. The base64 texts are null where it is not encrypted.
#[derive(Debug, Deserialize)]
pub(super) struct Entry {
    pub(super) filename: String,
    encryption_iv: Option<String>,
    encryption_salt: Option<String>,
}

/// Whether this JSON is a manifest: it has `entries`, which no maFile has.
pub(super) fn is_manifest(json: &[u8]) -> bool {
    #[derive(Deserialize)]
    struct Probe {
        entries: Option<serde::de::IgnoredAny>,
    }
    serde_json::from_slice::<Probe>(json).is_ok_and(|probe| probe.entries.is_some())
}

pub(super) fn manifest(json: &[u8]) -> Result<Manifest, Bad> {
    serde_json::from_slice(json).map_err(|error| {
        format!(
            "is no manifest of SteamDesktopAuthenticator (line {}, column {})",
            error.line(),
            error.column()
        )
    })
}

/// Whether a text is base64 of whole blocks.
pub(super) fn is_ciphertext(text: &[u8]) -> bool {
    matches!(BASE64.decode_len(text.len()), Ok(length) if length >= BLOCK)
        && text.iter().all(|byte| byte.is_ascii_alphanumeric() || b"+/=".contains(byte))
}

/// The maFile inside.
pub(super) fn open(entry: &Entry, ciphertext: &[u8], passphrase: &str) -> Result<Zeroizing<Vec<u8>>, Bad> {
    let part = |name: &str, text: &Option<String>| {
        let text = text
            .as_deref()
            .ok_or_else(|| format!("is encrypted, but its manifest.json has no {name} for it"))?;
        BASE64.decode(text.as_bytes()).map_err(|_| format!("has a damaged {name} in its manifest.json"))
    };
    let salt = part("encryption_salt", &entry.encryption_salt)?;
    let iv = part("encryption_iv", &entry.encryption_iv)?;
    let iv: [u8; BLOCK] =
        iv.try_into().map_err(|_| "has a damaged encryption_iv in its manifest.json".to_owned())?;
    let mut text = Zeroizing::new(
        BASE64.decode(ciphertext).map_err(|_| "is encrypted and damaged: not base64".to_owned())?,
    );

    let mut key = Zeroizing::new([0; 32]);
    pbkdf2::pbkdf2_hmac::<Sha1>(passphrase.as_bytes(), &salt, ROUNDS, key.as_mut_slice());
    let opened = oubliette_crypto::wiped(|| {
        let cipher = cbc::Decryptor::<Aes256>::new(key.as_slice().try_into().ok()?, &iv.into());
        cipher.decrypt_padded::<Pkcs7>(&mut text).ok().map(<[u8]>::len)
    });
    let refused = || "does not open: the pass-phrase is wrong or the file is damaged".to_owned();
    let length = opened.ok_or_else(refused)?;
    text.truncate(length);
    // One wrong pass-phrase in 256 leaves padding that looks right.
    if serde_json::from_slice::<serde::de::IgnoredAny>(&text).is_err() {
        return Err(refused());
    }
    Ok(text)
}
