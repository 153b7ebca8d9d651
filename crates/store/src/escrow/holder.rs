//! What a holder does, on a machine of their own and in a folder of their own: make keys for windows, open a share of a sealed root, destroy
//! a window's key and say so.
//!
//! A key file forgets like a root cell (docs/formats.md, section 5): the key is hidden under 16 KiB of fresh randomness, so a medium that keeps some of the
//! overwritten sectors keeps nothing. One that keeps all of them (a snapshot, a copy, a backup of the folder) keeps the key: the same is asked of
//! the holder's disk as of a cell's.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use data_encoding::BASE64URL_NOPAD;
use oubliette_crypto::escrow::Share;
use oubliette_crypto::{EscrowSeed, EscrowShare, HolderKey, labels};
use oubliette_keyring::EscrowBlob;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{HolderCard, HolderStatement, WindowKey, place};
use crate::VaultError;

const MAGIC: &[u8; 8] = b"OUBHOLD1";
const RANDOMNESS: usize = 16 << 10;
/// Magic, window, zeros, masked key, its name; then the randomness and a check.
const HEAD: usize = 8 + 4 + 4 + 32 + 16;
const KEY_FILE: usize = HEAD + RANDOMNESS + 16;

/// Text that holds a key: wiped when dropped.
#[derive(Serialize, Deserialize)]
#[serde(transparent)]
struct SecretText(String);

impl SecretText {
    fn of(key: &[u8; 32]) -> Self {
        Self(BASE64URL_NOPAD.encode(key))
    }
    fn bytes(&self) -> Option<Zeroizing<Vec<u8>>> {
        BASE64URL_NOPAD.decode(self.0.as_bytes()).map(Zeroizing::new).ok()
    }
}

impl Drop for SecretText {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

/// A holder's signing key and name, in a file of their folder.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    holder: String,
    sign: SecretText,
}

/// A share that a holder opened, for whoever brings the vault back. Secret.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OpenedShare {
    /// The vault, hexadecimal.
    pub vault: String,
    /// Of which root.
    pub generation: u64,
    /// Of which window.
    pub window: u32,
    /// Which share.
    pub number: u8,
    /// Its value, base64url.
    value: SecretText,
}

/// By what is no secret.
impl std::fmt::Debug for OpenedShare {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "OpenedShare({} of generation {}, ..)", self.number, self.generation)
    }
}

/// Makes keys for windows `from` and the `count - 1` after it, and the holder's signing key if there is none yet. A key that is there stays. Answers the card to hand
/// over.
///
/// # Errors
/// [`VaultError::Invalid`] for a name that is none, or another holder's folder; those of the disk.
pub fn keygen(folder: &Path, holder: &str, from: u32, count: u32) -> Result<HolderCard, VaultError> {
    if from == 0 || count == 0 || count > 64 {
        return Err(VaultError::invalid("window", "windows count from 1, and a card holds 1 to 64 keys"));
    }
    super::card::name(&mut Vec::new(), "holder", holder)?;
    fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(folder)
        .map_err(VaultError::io("making the folder", folder))?;
    let sign = identity(folder, Some(holder))?.1;
    let mut keys = Vec::new();
    for window in from..from.saturating_add(count) {
        let path = key_path(folder, window);
        let key = if path.exists() {
            read_key(&path)?.1
        } else {
            let key = EscrowSeed::generate()?;
            write_key(&path, window, &key)?;
            key
        };
        keys.push(WindowKey { window, public: BASE64URL_NOPAD.encode(key.public().as_bytes()) });
    }
    HolderCard::sign(holder, &sign, keys)
}

/// Opens the holder's share of a sealed root.
///
/// # Errors
/// [`VaultError::Invalid`] if none of its shares is sealed to the key that the folder has for its window; [`VaultError::NotFound`] if it has none.
pub fn open(folder: &Path, blob: &EscrowBlob) -> Result<OpenedShare, VaultError> {
    let path = key_path(folder, blob.head.window);
    if !path.exists() {
        return Err(VaultError::NotFound {
            what: "key for the window of this root; it was destroyed, or is another holder's",
        });
    }
    let share = blob.open_share(&read_key(&path)?.1);
    let share = share
        .map_err(|_| VaultError::invalid("root", "none of its shares is sealed to this holder's key"))?;
    Ok(OpenedShare {
        vault: blob.head.vault.to_string(),
        generation: blob.head.generation,
        window: blob.head.window,
        number: share.number,
        value: SecretText::of(share.value.expose()),
    })
}

/// Overwrites the key of a window where it lies, removes what is left, and answers the signed statement. Called again after it was done it says that there is nothing.
///
/// # Errors
/// [`VaultError::NotFound`] if there is no such key; [`VaultError::Other`] if the medium did not keep what was written over it: then nothing is stated.
pub fn destroy(folder: &Path, window: u32, now: i64) -> Result<HolderStatement, VaultError> {
    let path = key_path(folder, window);
    if !path.exists() {
        return Err(VaultError::NotFound {
            what: "key for this window; it was destroyed before, or never made",
        });
    }
    let (identity, sign) = identity(folder, None)?;
    let id = read_key(&path)?.1.public().id();
    wipe(&path)?;
    HolderStatement::sign(&identity.holder, &sign, window, &id, now)
}

impl OpenedShare {
    /// Reads a share from a file's text.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] if it is none; nothing of it is repeated.
    pub fn parse(json: &str) -> Result<Self, VaultError> {
        let share: Self = serde_json::from_str(json)
            .map_err(|_| VaultError::invalid("share", "it is no share of a root in escrow"))?;
        share.share()?;
        Ok(share)
    }

    /// As text, for a file that nobody else reads.
    pub fn to_json(&self) -> Zeroizing<String> {
        Zeroizing::new(serde_json::to_string_pretty(self).unwrap_or_default() + "\n")
    }

    pub(crate) fn share(&self) -> Result<Share, VaultError> {
        let value = self.value.bytes().and_then(|bytes| EscrowShare::from_slice(&bytes).ok());
        let value = value.ok_or_else(|| VaultError::invalid("share", "it has no value of 32 bytes"))?;
        Ok(Share { number: self.number, value })
    }
}

fn key_path(folder: &Path, window: u32) -> PathBuf {
    folder.join(format!("window-{window:08}.key"))
}

/// The holder's name and signing key. A new one is made only for a holder who is named.
fn identity(folder: &Path, named: Option<&str>) -> Result<(Identity, HolderKey), VaultError> {
    let path = folder.join("holder.json");
    if let (false, Some(holder)) = (path.exists(), named) {
        let key = HolderKey::generate()?;
        let identity = Identity { holder: holder.to_owned(), sign: SecretText::of(key.expose()) };
        let json = Zeroizing::new(serde_json::to_string_pretty(&identity).unwrap_or_default() + "\n");
        place::write(&path, json.as_bytes())?;
    }
    let refused = || VaultError::invalid("folder", format!("{} holds no holder's keys", folder.display()));
    let json = fs::read_to_string(&path).map(Zeroizing::new).map_err(|_| refused())?;
    let identity: Identity = serde_json::from_str(&json).map_err(|_| refused())?;
    if named.is_some_and(|named| named != identity.holder) {
        let reason = format!("{} holds the keys of `{}`", folder.display(), identity.holder);
        return Err(VaultError::invalid("holder", reason));
    }
    let bytes = identity.sign.bytes().ok_or_else(refused)?;
    let key = HolderKey::from_slice(&bytes).map_err(|_| refused())?;
    Ok((identity, key))
}

fn write_key(path: &Path, window: u32, key: &EscrowSeed) -> Result<(), VaultError> {
    let mut bytes = Zeroizing::new(vec![0; KEY_FILE]);
    let (head, rest) = bytes.split_at_mut(HEAD);
    let (randomness, check) = rest.split_at_mut(RANDOMNESS);
    getrandom::fill(randomness).map_err(oubliette_crypto::CryptoError::Random)?;
    let masked = Zeroizing::new(masked(key.expose(), randomness));
    let fields = [MAGIC.as_slice(), &window.to_be_bytes(), &[0; 4], masked.as_slice(), &key.public().id()];
    head.iter_mut().zip(fields.into_iter().flatten()).for_each(|(to, from)| *to = *from);
    let digest = Sha256::new().chain_update(&*head).chain_update(&*randomness).finalize();
    check.iter_mut().zip(digest).for_each(|(to, from)| *to = from);
    // In its place from the beginning: a file that is renamed leaves nothing behind, but one that was written twice might.
    let written = (|| {
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
        file.write_all_at(&bytes, 0)?;
        file.sync_all()?;
        fs::File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
    })();
    written.map_err(VaultError::io("writing", path))
}

/// The window and key of a file.
pub(crate) fn read_key(path: &Path) -> Result<(u32, EscrowSeed), VaultError> {
    let bytes = Zeroizing::new(fs::read(path).map_err(VaultError::io("reading", path))?);
    parse_key(&bytes).ok_or_else(|| {
        VaultError::invalid(
            "key",
            format!("{} is no holder's key of a window, or is damaged", path.display()),
        )
    })
}

/// A key file's window and key; `None` if it is none.
pub(crate) fn parse_key(bytes: &[u8]) -> Option<(u32, EscrowSeed)> {
    let (head, rest) = bytes.split_at_checked(HEAD)?;
    let (randomness, check) = rest.split_at_checked(RANDOMNESS)?;
    let digest = Sha256::new().chain_update(head).chain_update(randomness).finalize();
    if digest.get(..16)? != check || head.get(..8)? != MAGIC || head.get(12..16)? != [0; 4] {
        return None;
    }
    let window = u32::from_be_bytes(*head.get(8..)?.first_chunk()?);
    let key = Zeroizing::new(masked(head.get(16..)?.first_chunk()?, randomness));
    let key = EscrowSeed::from_slice(key.as_slice()).ok()?;
    (head.get(48..)? == key.public().id()).then_some((window, key))
}

/// Hides a key, or shows it again.
fn masked(key: &[u8; 32], randomness: &[u8]) -> [u8; 32] {
    let mut mask: [u8; 32] =
        Sha256::new().chain_update(labels::ESCROW_MASK).chain_update(randomness).finalize().into();
    mask.iter_mut().zip(key).for_each(|(mask, byte)| *mask ^= byte);
    mask
}

/// Overwrites a file where it lies, sees that it was kept, and removes it.
fn wipe(path: &Path) -> Result<(), VaultError> {
    let overwrite = || -> std::io::Result<bool> {
        let file = OpenOptions::new().read(true).write(true).open(path)?;
        let mut noise = vec![0; usize::try_from(file.metadata()?.len()).unwrap_or(KEY_FILE)];
        getrandom::fill(&mut noise).map_err(std::io::Error::other)?;
        file.write_all_at(&noise, 0)?;
        file.sync_all()?;
        let mut back = vec![0; noise.len()];
        file.read_exact_at(&mut back, 0)?;
        Ok(back == noise)
    };
    if !overwrite().map_err(VaultError::io("overwriting", path))? {
        let detail = format!(
            "{} did not keep what was written over it: destroy the medium, then state that by hand",
            path.display()
        );
        return Err(VaultError::Other { detail });
    }
    fs::remove_file(path).map_err(VaultError::io("removing", path))
}
