//! `tokens.json`: names, scopes, times and hashes; 0600, replaced atomically under a lock.

use std::{
    fs::{self, File, OpenOptions, Permissions},
    io::{ErrorKind, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::{RegisteredKey, Scope, TokenError};
use crate::times;

/// A token as the operator sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TokenInfo {
    /// Unique in the vault.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// When it was made, microseconds since 1970 (RFC 3339 in the file).
    #[serde(with = "rfc3339")]
    pub created: u64,
    /// When it ends.
    #[serde(with = "rfc3339_option", default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<u64>,
    /// To whom secrets may be released for it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub release_keys: Vec<RegisteredKey>,
}

/// A token as stored: who has it can check a token, and not present one.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StoredToken {
    #[serde(with = "hex32", rename = "sha256")]
    pub(super) hash: [u8; 32],
    #[serde(flatten)]
    pub(super) info: TokenInfo,
}

impl StoredToken {
    pub(super) fn new(hash: [u8; 32], info: &TokenInfo) -> Self {
        Self { hash, info: info.clone() }
    }

    /// What is known of it.
    pub fn info(&self) -> &TokenInfo {
        &self.info
    }

    /// Tells tokens of one name apart.
    pub(crate) fn id(&self) -> [u8; 4] {
        self.hash.first_chunk().copied().unwrap_or_default()
    }
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct TokenFile {
    version: u32,
    tokens: Vec<StoredToken>,
    /// SHA-256 of the tokens as compact JSON: one damaged byte could otherwise make a token good for longer. Left out by whoever writes the file by
    /// hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    check: Option<String>,
}

impl TokenFile {
    fn new(tokens: Vec<StoredToken>) -> Result<Self, serde_json::Error> {
        let check = Some(check(&tokens)?);
        Ok(Self { version: 1, tokens, check })
    }

    /// The tokens, or what is wrong with the file.
    fn parse(bytes: &[u8]) -> Result<Vec<StoredToken>, String> {
        let file: Self = serde_json::from_slice(bytes)
            .map_err(|error| format!("no token list at line {}, column {}", error.line(), error.column()))?;
        if file.version != 1 {
            return Err(format!("version {} is not 1", file.version));
        }
        match (&file.check, check(&file.tokens)) {
            (None, _) => Ok(file.tokens),
            (Some(said), Ok(found)) if *said == found => Ok(file.tokens),
            _ => {
                Err("its check does not match its tokens; leave the check out after a change by hand"
                    .to_owned())
            }
        }
    }
}

fn check(tokens: &[StoredToken]) -> Result<String, serde_json::Error> {
    Ok(data_encoding::HEXLOWER.encode(&Sha256::digest(serde_json::to_vec(tokens)?)))
}

/// Tells whether the file is the one read before. A replacement is a new inode, so no change within one tick of the
/// clock is missed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Stamp {
    inode: u64,
    modified: (i64, i64),
    length: u64,
}

impl Stamp {
    /// `None` while there is no file.
    pub(super) fn of(folder: &Path) -> Result<Option<Self>, TokenError> {
        let path = path(folder);
        match fs::metadata(&path) {
            Ok(meta) => Ok(Some(Self {
                inode: meta.ino(),
                modified: (meta.mtime(), meta.mtime_nsec()),
                length: meta.len(),
            })),
            Err(source) if source.kind() == ErrorKind::NotFound => Ok(None),
            Err(source) => Err(TokenError::Io { op: "looking at the tokens", path, source }),
        }
    }
}

pub(super) fn exists(folder: &Path) -> bool {
    path(folder).exists()
}

/// All tokens; none while there is no file.
pub(super) fn read(folder: &Path) -> Result<Vec<StoredToken>, TokenError> {
    let path = path(folder);
    let bytes = match fs::read(&path) {
        Ok(bytes) => bytes,
        Err(source) if source.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(TokenError::Io { op: "reading the tokens", path, source }),
    };
    TokenFile::parse(&bytes).map_err(|reason| TokenError::Damaged { path, reason })
}

/// Reads, changes and replaces the list while holding its lock; nothing is written if `change` refuses.
pub(super) fn change(
    folder: &Path,
    change: impl FnOnce(&mut Vec<StoredToken>) -> Result<(), TokenError>,
) -> Result<(), TokenError> {
    let io = |op, path: &Path| {
        let path = path.to_owned();
        move |source| TokenError::Io { op, path, source }
    };
    let lock_path = folder.join("tokens.lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .mode(0o600)
        .open(&lock_path)
        .map_err(io("opening the lock of the tokens", &lock_path))?;
    lock.lock().map_err(io("locking the tokens", &lock_path))?;
    let mut tokens = read(folder)?;
    change(&mut tokens)?;
    let path = path(folder);
    let text = TokenFile::new(tokens).and_then(|file| serde_json::to_vec_pretty(&file)).map_err(|error| {
        TokenError::Io { op: "writing the tokens", path: path.clone(), source: error.into() }
    })?;
    replace(folder, &path, &text).map_err(io("writing the tokens", &path))
}

/// Writes a secret into a file of its own, 0600 from the first byte.
pub(super) fn write_secret(path: &Path, secret: &str) -> Result<(), TokenError> {
    let folder = path.parent().unwrap_or(Path::new("."));
    replace(folder, path, format!("{secret}\n").as_bytes()).map_err(|source| TokenError::Io {
        op: "writing the token",
        path: path.to_owned(),
        source,
    })
}

fn replace(folder: &Path, path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let mut next = path.as_os_str().to_owned();
    next.push(".new");
    let next = PathBuf::from(next);
    let mut file = OpenOptions::new().create(true).write(true).truncate(true).mode(0o600).open(&next)?;
    file.set_permissions(Permissions::from_mode(0o600))?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&next, path)?;
    File::open(folder)?.sync_all()
}

fn path(folder: &Path) -> PathBuf {
    folder.join("tokens.json")
}

mod rfc3339 {
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(micros: &u64, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::times::text(*micros))
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
        super::times::micros(&String::deserialize(from)?).ok_or_else(|| D::Error::custom("no RFC 3339 time"))
    }
}

mod rfc3339_option {
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(micros: &Option<u64>, to: S) -> Result<S::Ok, S::Error> {
        match micros {
            Some(micros) => super::rfc3339::serialize(micros, to),
            None => to.serialize_none(),
        }
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<u64>, D::Error> {
        super::rfc3339::deserialize(from).map(Some)
    }
}

mod hex32 {
    use data_encoding::HEXLOWER;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(bytes: &[u8; 32], to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&HEXLOWER.encode(bytes))
    }
    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<[u8; 32], D::Error> {
        let bytes = HEXLOWER.decode(String::deserialize(from)?.as_bytes()).map_err(D::Error::custom)?;
        bytes.try_into().map_err(|_| D::Error::custom("a hash has 32 bytes"))
    }
}

/// See [`crate::fuzzing`]. Input: the file's text; what is read is written and read again as the same.
#[allow(clippy::unwrap_used, reason = "a broken promise is told by a panic")]
pub(crate) fn fuzz_file(input: &[u8]) {
    if let Ok(tokens) = TokenFile::parse(input) {
        let json = serde_json::to_vec(&TokenFile::new(tokens).unwrap()).unwrap();
        let again = TokenFile::new(TokenFile::parse(&json).unwrap()).unwrap();
        assert_eq!(serde_json::to_vec(&again).unwrap(), json);
    }
}

#[allow(clippy::unwrap_used, reason = "a broken promise is told by a panic")]
pub(crate) fn fuzz_file_seeds() -> Vec<Vec<u8>> {
    let token = |expires| {
        let info = TokenInfo {
            name: "a".to_owned(),
            scopes: Scope::ALL.iter().take(2).copied().collect(),
            created: 1_700_000_000_000_000,
            expires,
            release_keys: expires.map(|_| super::release_key::sample()).into_iter().collect(),
        };
        StoredToken::new([7; 32], &info)
    };
    let whole = TokenFile::new(vec![token(None), token(Some(1_800_000_000_123_456))]).unwrap();
    let by_hand = TokenFile { check: None, ..TokenFile::new(vec![token(None)]).unwrap() };
    [whole, by_hand, TokenFile::new(Vec::new()).unwrap()]
        .map(|file| serde_json::to_vec_pretty(&file).unwrap())
        .to_vec()
}
