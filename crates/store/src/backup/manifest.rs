//! The manifest of a backup: written last, it makes the backup exist (docs/formats.md, section 14).

use oubliette_crypto::kdf::{BackupForm, backup_mac, verify_backup_mac};
use oubliette_crypto::{BackupKey, VaultId};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::OffsetDateTime;

use crate::VaultError;
use crate::times::date;

const MAGIC: &[u8; 8] = b"OUBBKMAN";
const VERSION: u32 = 1;
const HASH: usize = 32;
/// What names of manifests begin with.
pub(super) const PREFIX: &str = "manifest-";
/// Bytes of a backup's id.
const ID: usize = "20260301T120000Z-0a1b2c3d".len();

/// A segment as a manifest names it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct SegmentRef {
    /// SHA-256 of the whole, in hexadecimal; its name is made of it.
    pub(super) name: String,
    pub(super) bytes: u64,
    /// Bytes of its table.
    pub(super) table: u32,
    /// SHA-256 of its table, in hexadecimal.
    pub(super) digest: String,
}

impl SegmentRef {
    /// Under which it is stored.
    pub(super) fn object(&self) -> String {
        format!("{}{}", super::SEGMENT, self.name)
    }
}

/// What a manifest says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Manifest {
    version: u32,
    vault: String,
    pub(super) id: String,
    pub(super) number: u64,
    pub(super) begun: u64,
    pub(super) finished: u64,
    pub(super) generation: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) region: Option<String>,
    pub(super) people: u64,
    pub(super) rows: u64,
    pub(super) bytes: u64,
    pub(super) added: u64,
    pub(super) runs: Vec<Vec<SegmentRef>>,
}

/// A manifest as it was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) manifest: Manifest,
    digest: [u8; HASH],
    mac: [u8; HASH],
}

impl Manifest {
    /// One that says nothing yet.
    pub(super) fn new(vault: VaultId, id: &str, number: u64, begun: u64) -> Self {
        Self {
            version: VERSION,
            vault: vault.to_string(),
            id: id.to_owned(),
            number,
            begun,
            finished: 0,
            generation: 0,
            region: None,
            people: 0,
            rows: 0,
            bytes: 0,
            added: 0,
            runs: Vec::new(),
        }
    }

    /// Whether it is of this vault.
    pub(super) fn is_of(&self, vault: VaultId) -> bool {
        self.vault == vault.to_string()
    }

    pub(super) fn vault(&self) -> &str {
        &self.vault
    }

    /// Under which it is stored.
    pub(super) fn object(&self) -> String {
        format!("{PREFIX}{}", self.id)
    }

    pub(super) fn segments(&self) -> impl Iterator<Item = &SegmentRef> {
        self.runs.iter().flatten()
    }

    pub(super) fn encode(&self, key: &BackupKey) -> Result<Vec<u8>, VaultError> {
        let json = serde_json::to_vec(self)
            .map_err(|error| VaultError::Other { detail: format!("writing a manifest: {error}") })?;
        let length = u32::try_from(json.len())
            .map_err(|_| VaultError::Other { detail: "a manifest is too long".into() })?;
        let mut bytes = [MAGIC.as_slice(), &length.to_be_bytes(), &json].concat();
        let digest: [u8; HASH] = Sha256::digest(&bytes).into();
        bytes.extend_from_slice(&digest);
        bytes.extend_from_slice(&backup_mac(key, BackupForm::Manifest, &digest));
        Ok(bytes)
    }

    /// What is not well formed, or damaged, is told in words.
    pub(super) fn decode(bytes: &[u8]) -> Result<Found, &'static str> {
        let rest = bytes.strip_prefix(MAGIC).ok_or("is no manifest")?;
        let (length, rest) = rest.split_first_chunk::<4>().ok_or("is cut short")?;
        let (json, rest) =
            rest.split_at_checked(u32::from_be_bytes(*length) as usize).ok_or("is cut short")?;
        let (digest, mac) = rest.split_first_chunk::<HASH>().ok_or("is cut short")?;
        let mac = <[u8; HASH]>::try_from(mac).map_err(|_| "has another length than it says")?;
        let before = bytes.get(..MAGIC.len() + 4 + json.len()).ok_or("is cut short")?;
        if Sha256::digest(before).as_slice() != digest {
            return Err("is damaged");
        }
        let manifest: Self = serde_json::from_slice(json).map_err(|_| "does not read as a manifest")?;
        if manifest.version != VERSION {
            return Err("is of another version");
        }
        let hex = |text: &str, length: usize| {
            text.len() == length && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
        };
        let named = |segment: &SegmentRef| hex(&segment.name, 64) && hex(&segment.digest, 64);
        if !hex(&manifest.vault, 32) || !is_id(&manifest.id) || !manifest.segments().all(named) {
            return Err("names what cannot be");
        }
        Ok(Found { manifest, digest: *digest, mac })
    }
}

impl Found {
    /// Whether the vault of this key wrote it.
    pub(super) fn is_ours(&self, key: &BackupKey) -> bool {
        verify_backup_mac(key, BackupForm::Manifest, &self.digest, &self.mac)
    }
}

/// A fresh id, which sorts by its time.
pub(crate) fn fresh_id(micros: u64) -> Result<String, VaultError> {
    let mut random = [0; 4];
    getrandom::fill(&mut random)
        .map_err(|error| VaultError::Other { detail: format!("the system gave no randomness: {error}") })?;
    let at = date(micros).unwrap_or(OffsetDateTime::UNIX_EPOCH);
    let (year, month, day) = (at.year().clamp(0, 9999), u8::from(at.month()), at.day());
    let (hour, minute, second) = (at.hour(), at.minute(), at.second());
    let random = data_encoding::HEXLOWER.encode(&random);
    Ok(format!("{year:04}{month:02}{day:02}T{hour:02}{minute:02}{second:02}Z-{random}"))
}

/// Whether a text can be an id: digits and letters alone, so that it is safe in a path.
pub(crate) fn is_id(text: &str) -> bool {
    text.len() == ID && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
}
