//! `vault.json`: which vault a folder holds and where its cells are. Public; the cells must name the same vault. It is locked
//! while the vault is open.

use std::fs::{File, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use oubliette_crypto::VaultId;
use serde::{Deserialize, Serialize};

use super::cells::ROOT;
use crate::VaultError;

/// The file's name.
pub(super) const NAME: &str = "vault.json";
/// What becomes the file; left by a crash it says nothing.
pub(super) const NEW: &str = "vault.json.new";
/// Version of the folder's layout.
const FORMAT: u32 = 1;
const ENGINE: &str = "sled";

/// What the marker says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Marker {
    pub(super) vault: VaultId,
    /// Where the cells were made, in the order of their shares; relative to the folder.
    pub(super) cells: Vec<PathBuf>,
    /// Files that may still hold a share, and are no cells of this vault.
    pub(super) wipe: Vec<PathBuf>,
    /// Where the vault stands; pinned once it was said.
    pub(super) region: Option<String>,
    /// The vault is not here any more.
    pub(super) moved: Option<Passage>,
    /// The vault is being moved here, and is still there as long as the marker there does not say otherwise.
    pub(super) arriving: Option<Passage>,
}

/// One moving of a vault from folder to folder, as each of the two folders tells of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Passage {
    /// The other folder, absolute: for people, and to look there.
    pub(super) folder: PathBuf,
    /// Random, in hexadecimal; the same in both folders. Disks may be mounted elsewhere meanwhile.
    pub(super) passage: String,
}

/// A member that this version does not know would be lost at the next writing, and a damaged name of one that it knows, `wipe` say,
/// forgotten in silence.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Json {
    vault: String,
    format: u32,
    engine: String,
    #[serde(default = "one_cell")]
    cells: Vec<PathBuf>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    wipe: Vec<PathBuf>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    moved: Option<Passage>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    arriving: Option<Passage>,
}

fn one_cell() -> Vec<PathBuf> {
    vec![PathBuf::from(ROOT)]
}

/// The marker of an open vault, and the lock that keeps other processes out.
pub(super) struct Locked {
    pub(super) marker: Marker,
    file: File,
}

impl Marker {
    /// Of a vault whose cells are at these places.
    pub(super) fn of(vault: VaultId, cells: Vec<PathBuf>, region: Option<String>) -> Self {
        Self { vault, cells, wipe: Vec::new(), region, moved: None, arriving: None }
    }
}

impl Locked {
    /// Locks the folder and reads the marker; `None` if there is none.
    pub(super) fn open(dir: &Path) -> Result<Option<Self>, VaultError> {
        let Some(mut file) = hold(dir)? else { return Ok(None) };
        let marker = read(&mut file, &dir.join(NAME))?;
        Ok(Some(Self { marker, file }))
    }

    /// Writes the marker of a vault that was just made: the last step of making it.
    pub(super) fn create(dir: &Path, marker: Marker) -> Result<Self, VaultError> {
        let file = write(dir, &marker)?;
        Ok(Self { marker, file })
    }

    /// Puts another marker in its place, durably and whole or not at all. The lock goes over to it.
    pub(super) fn replace(&mut self, dir: &Path, marker: Marker) -> Result<(), VaultError> {
        self.file = write(dir, &marker)?;
        self.marker = marker;
        Ok(())
    }

    /// The lock alone.
    pub(super) fn into_lock(self) -> File {
        self.file
    }

    /// Lets other processes in.
    pub(super) fn release(&self) {
        let _ = self.file.unlock();
    }
}

/// Locks a folder's marker, whatever it says; `None` if there is none. Let go of when it is dropped.
pub(super) fn hold(dir: &Path) -> Result<Option<File>, VaultError> {
    let path = dir.join(NAME);
    loop {
        let file = match File::open(&path) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(VaultError::io("opening the vault's marker", &path))?,
        };
        lock(&file, dir, &path)?;
        // Whoever held the lock may have put a new marker in its place meanwhile.
        if is_at(&file, &path) {
            return Ok(Some(file));
        }
    }
}

fn lock(file: &File, dir: &Path, path: &Path) -> Result<(), VaultError> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => Err(VaultError::InUse { path: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(VaultError::io("locking the vault's marker", path)(error)),
    }
}

/// Whether a path leads to this very file.
pub(super) fn is_at(file: &File, path: &Path) -> bool {
    let number = |metadata: std::fs::Metadata| (metadata.dev(), metadata.ino());
    file.metadata().map(number).ok() == std::fs::metadata(path).map(number).ok()
}

/// The new marker is locked before it is seen.
fn write(dir: &Path, marker: &Marker) -> Result<File, VaultError> {
    let json = Json {
        vault: marker.vault.to_string(),
        format: FORMAT,
        engine: ENGINE.to_owned(),
        cells: marker.cells.clone(),
        wipe: marker.wipe.clone(),
        region: marker.region.clone(),
        moved: marker.moved.clone(),
        arriving: marker.arriving.clone(),
    };
    let json = serde_json::to_string_pretty(&json)
        .map_err(|error| VaultError::Other { detail: format!("writing {NAME}: {error}") })?;
    let (path, new) = (dir.join(NAME), dir.join(NEW));
    let written = (|| {
        let mut file = File::create(&new)?;
        file.write_all(format!("{json}\n").as_bytes())?;
        file.sync_all()?;
        file.lock()?;
        std::fs::rename(&new, &path)?;
        File::open(dir)?.sync_all()?;
        Ok(file)
    })();
    written.map_err(VaultError::io("writing the vault's marker", &path))
}

/// The marker of a folder, without locking it.
pub(super) fn peek(dir: &Path) -> Result<Option<Marker>, VaultError> {
    let path = dir.join(NAME);
    match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        opened => {
            let mut file = opened.map_err(VaultError::io("opening the vault's marker", &path))?;
            read(&mut file, &path).map(Some)
        }
    }
}

fn read(file: &mut File, path: &Path) -> Result<Marker, VaultError> {
    let mut json = String::new();
    file.read_to_string(&mut json).map_err(VaultError::io("reading the vault's marker", path))?;
    parse(&json, path)
}

pub(super) fn parse(json: &str, path: &Path) -> Result<Marker, VaultError> {
    let refused = |detail: String| VaultError::Format { detail: format!("{}: {detail}", path.display()) };
    let json: Json = serde_json::from_str(json)
        .map_err(|error| refused(format!("is damaged ({error}); restore it from a backup of the folder")))?;
    if json.format != FORMAT {
        return Err(refused(format!(
            "is of format {}, this version reads {FORMAT}; use the version that wrote it",
            json.format
        )));
    }
    if json.engine != ENGINE {
        return Err(refused(format!("names the engine `{}`, this version has `{ENGINE}`", json.engine)));
    }
    if json.cells.is_empty() {
        return Err(refused("names no root cell; restore it from a backup of the folder".to_owned()));
    }
    let id = data_encoding::HEXLOWER.decode(json.vault.as_bytes()).ok().and_then(|id| id.try_into().ok());
    let vault = id.map(VaultId);
    let vault =
        vault.ok_or_else(|| refused("names no vault id; restore it from a backup of the folder".into()))?;
    let Json { cells, wipe, region, moved, arriving, .. } = json;
    Ok(Marker { vault, cells, wipe, region, moved, arriving })
}
