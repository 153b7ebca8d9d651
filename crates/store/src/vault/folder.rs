//! The vault's folder: what lies where, making it, opening it, and saying plainly what is missing.

use std::fs::{DirBuilder, File, Permissions};
use std::io::ErrorKind;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};

use oubliette_crypto::VaultId;
use oubliette_engine::{EngineError, KeyPlane, Mirror, PackBlobs, PageStore, SledEngine, SledOptions};
use oubliette_keyring::{FileLedger, Keyring, KeyringError, KeyringOptions, LedgerError, RootCell};

use super::Parts;
use super::cells::{self, ROOT, cell_error};
use super::marker::{self, Locked, Marker};
use super::relocate;
use crate::VaultError;
use crate::locks::lock as held;
use crate::options::{KeyringClock, RemakeCopies, VaultOptions};

/// What a folder must not hold when a vault is made in it.
pub(super) const OURS: [&str; 8] =
    [marker::NAME, ROOT, "keys-a", "keys-b", "rows", "blobs", "anchor", "ledger"];
/// Less free space than this is a reason not to be ready.
const LOW_DISK: u64 = 64 << 20;

/// An open folder. Holds the lock that keeps other processes out.
pub(super) struct Folder {
    dir: PathBuf,
    held: Mutex<Held>,
    /// What is said of each copy of the key plane that was made anew when it was opened.
    made_anew: Vec<String>,
}

/// What changes while it is open.
struct Held {
    locked: Locked,
    /// What is said of each file that waits to be wiped.
    unwiped: Vec<String>,
}

impl Folder {
    pub(super) fn create(dir: &Path, options: &VaultOptions) -> Result<(Self, Parts), VaultError> {
        make_dir(dir)?;
        std::fs::set_permissions(dir, Permissions::from_mode(0o700))
            .map_err(VaultError::io("setting the permissions", dir))?;
        if let Some(found) = OURS.into_iter().find(|name| dir.join(name).exists()) {
            let detail = if dir.join(marker::NAME).exists() {
                format!("{} holds a vault already; open it, or choose another folder", dir.display())
            } else {
                format!(
                    "{} holds `{found}` but no vault: its making was interrupted, or `{}` was lost. Restore that, or choose another folder",
                    dir.display(),
                    marker::NAME
                )
            };
            return Err(VaultError::Format { detail });
        }
        let planned = cells::planned(&options.cells)?;
        let id = VaultId::random()?;
        let made = cells::make(dir, id, &planned)?;
        let plane = key_plane(dir, id, options);
        let keyring =
            Keyring::create(Arc::new(plane.create()?), made, ledger(dir)?, keyring_options(options))
                .map_err(|error| keyring_error(error, dir))?;
        [&plane.a, &plane.b].into_iter().for_each(|folder| cells::tag(folder));
        let parts = parts(dir, keyring, options, true)?;
        crate::audit::make(&audit_place(dir, options), id)?;
        let locked = Locked::create(dir, Marker::of(id, planned, options.region.clone()))?;
        let held = Mutex::new(Held { locked, unwiped: Vec::new() });
        Ok((Self { dir: dir.to_owned(), held, made_anew: Vec::new() }, parts))
    }

    pub(super) fn open(dir: &Path, options: &VaultOptions) -> Result<(Self, Parts), VaultError> {
        let mut locked = lock(dir)?;
        let mut made_anew = Vec::new();
        let places = cells::places(dir, &locked.marker, &options.cells)?;
        let keyring = open_keyring(dir, locked.marker.vault, &places, options, &mut made_anew)?;
        let unwiped = cells::finish_wipes(dir, &mut locked, &keyring)?;
        keyring.old_cell_waits(!unwiped.is_empty());
        pin_region(dir, &mut locked, options)?;
        let parts = parts(dir, keyring, options, false)?;
        made_anew.iter().chain(&unwiped).for_each(|note| tracing::warn!("{note}"));
        Ok((Self { dir: dir.to_owned(), held: Mutex::new(Held { locked, unwiped }), made_anew }, parts))
    }

    /// Where the vault stands.
    pub(super) fn region(&self) -> Option<String> {
        held(&self.held).locked.marker.region.clone()
    }

    /// The folder itself.
    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    /// What was found at open, and what waits to be wiped now.
    pub(super) fn notes(&self) -> Vec<String> {
        self.made_anew.iter().chain(&held(&self.held).unwiped).cloned().collect()
    }

    /// The copy of the key plane that was made of the other one, if one was: it holds nothing that the other lost.
    pub(super) fn made_anew(&self) -> Option<&str> {
        self.made_anew.first().map(String::as_str)
    }

    /// Where the set-up of an escrow stands.
    pub(super) fn escrow(&self) -> PathBuf {
        self.dir.join("ledger").join("escrow.json")
    }

    /// Where the audit log lies.
    pub(super) fn audit(&self, options: &VaultOptions) -> PathBuf {
        audit_place(&self.dir, options)
    }

    /// Where receipts and log lie.
    pub(super) fn ledger(&self) -> PathBuf {
        self.dir.join("ledger")
    }

    /// Lets other processes in.
    pub(super) fn release(&self) {
        held(&self.held).locked.release();
    }

    /// Whether a file that may still hold a share waits to be wiped: what it opens is not gone for sure.
    pub(super) fn waits_for_wipes(&self) -> bool {
        !held(&self.held).unwiped.is_empty()
    }

    /// Tries the waiting wipes again: a disk may have come back. The root was changed when the folder was opened. True if one still waits.
    pub(super) fn wipe_again(&self) -> Result<bool, VaultError> {
        let mut held = held(&self.held);
        if !held.unwiped.is_empty() {
            held.unwiped = cells::wipe_waiting(&self.dir, &mut held.locked)?;
        }
        Ok(!held.unwiped.is_empty())
    }

    pub(super) fn low_disk(&self) -> Option<String> {
        let free =
            rustix::fs::statvfs(&self.dir).ok().map(|disk| disk.f_bavail.saturating_mul(disk.f_frsize))?;
        (free < LOW_DISK)
            .then(|| format!("only {} MiB are free on the disk of {}", free >> 20, self.dir.display()))
    }
}

/// Makes a folder (0700) and those above it that are missing. Their names are durable when it returns, also that of a folder which was
/// there: whoever made it may have been cut off before syncing it.
pub(super) fn make_dir(dir: &Path) -> Result<(), VaultError> {
    let above = |path: &Path| match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
        _ => PathBuf::from("."),
    };
    let mut holders = vec![above(dir)];
    while let Some(missing) = holders.last().filter(|holder| !holder.exists()).cloned() {
        holders.push(above(&missing));
    }
    DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(dir)
        .map_err(VaultError::io("making the folder", dir))?;
    holders.iter().try_for_each(|holder| {
        let synced = File::open(holder).and_then(|holder| holder.sync_all());
        synced.map_err(VaultError::io("syncing the folder", holder))
    })
}

/// A region that is said for the first time is pinned; another one than the pinned is refused.
fn pin_region(dir: &Path, locked: &mut Locked, options: &VaultOptions) -> Result<(), VaultError> {
    match (&locked.marker.region, &options.region) {
        (Some(pinned), Some(said)) if pinned != said => Err(VaultError::Format {
            detail: format!(
                "this vault stands in the region `{pinned}`, the setting `region` says `{said}`: its content must not change its region so. Correct the setting, \
                 or make a vault there for those who consent"
            ),
        }),
        (None, Some(said)) => {
            let marker = Marker { region: Some(said.clone()), ..locked.marker.clone() };
            locked.replace(dir, marker)
        }
        _ => Ok(()),
    }
}

/// The marker, locked, of a vault that is here and nowhere else.
pub(super) fn lock(dir: &Path) -> Result<Locked, VaultError> {
    let mut locked = lock_any(dir)?;
    relocate::settle(dir, &mut locked)?;
    Ok(locked)
}

/// The marker, locked, wherever its vault is.
pub(super) fn lock_any(dir: &Path) -> Result<Locked, VaultError> {
    Locked::open(dir)?.ok_or_else(|| no_marker(dir))
}

/// The key plane over its cells, with what a crash interrupted finished.
pub(super) fn open_keyring(
    dir: &Path,
    id: VaultId,
    places: &[PathBuf],
    options: &VaultOptions,
    made_anew: &mut Vec<String>,
) -> Result<Keyring, VaultError> {
    let cells: Vec<Arc<dyn RootCell>> = cells::open(dir, id, places)?;
    let plane = key_plane(dir, id, options);
    let pages = open_key_plane(&plane, options, made_anew)?;
    let keyring = Keyring::open(Arc::new(pages), cells, ledger(dir)?, keyring_options(options));
    let keyring = keyring.map_err(|error| keyring_error(error, dir))?;
    [&plane.a, &plane.b].into_iter().filter(|folder| folder.exists()).for_each(|folder| cells::tag(folder));
    Ok(keyring)
}

/// While a vault is opened nothing was refused yet: a failing cell is told as what it is.
fn keyring_error(error: KeyringError, dir: &Path) -> VaultError {
    match error {
        KeyringError::Cell(error) => cell_error(error, dir),
        error => error.into(),
    }
}

fn no_marker(dir: &Path) -> VaultError {
    let detail = if dir.join(ROOT).exists() {
        format!(
            "{} holds a root cell but no `{}`: restore that file (it holds no secret), or remove the folder if its making was interrupted",
            dir.display(),
            marker::NAME
        )
    } else {
        format!(
            "{} holds no vault; make one there with `oubliette serve`, or name the right folder",
            dir.display()
        )
    };
    VaultError::Format { detail }
}

/// Opens the copies of the key plane; one whose folder is missing is made anew from the other, if the options do not forbid that. A link whose target is not there
/// is no missing folder: the disk that it leads to is, and a copy made in its place would lie on the disk of the other one.
fn open_key_plane(
    plane: &KeyPlane,
    options: &VaultOptions,
    made_anew: &mut Vec<String>,
) -> Result<Mirror, VaultError> {
    let lost = |error| key_plane_error(error, plane);
    let folders = [&plane.a, &plane.b];
    if folders.iter().all(|folder| !folder.exists()) {
        return Err(keys_lost(plane, "both are missing"));
    }
    for (n, folder) in folders.into_iter().enumerate() {
        let missing = !folder.exists() && !folder.is_symlink();
        if missing && options.remake_key_copies != RemakeCopies::Nothing {
            plane.recreate(n).map_err(lost)?;
            made_anew.push(format!("{} was missing and was made anew from the other copy", folder.display()));
        }
    }
    let pages = plane.open(&mut |_, _| ()).map_err(lost)?;
    let gone = pages.gone();
    if options.remake_key_copies != RemakeCopies::Broken || gone.is_empty() {
        return Ok(pages);
    }
    if let Some(link) = folders.into_iter().find(|folder| folder.is_symlink() && !folder.exists()) {
        return Err(VaultError::Format {
            detail: format!(
                "{} is a link to a folder that is not there: mount the disk that holds it. To give that copy up, remove the link, then repair",
                link.display()
            ),
        });
    }
    pages.close()?;
    drop(pages);
    for (n, folder) in folders.into_iter().enumerate().filter(|(n, _)| gone.contains(n)) {
        plane.recreate(n).map_err(lost)?;
        made_anew.push(format!("{} did not open and was made anew from the other copy", folder.display()));
    }
    plane.open(&mut |_, _| ()).map_err(lost)
}

/// Without a copy that opens there is nothing to rebuild the other from.
fn key_plane_error(error: EngineError, plane: &KeyPlane) -> VaultError {
    match &error {
        EngineError::RowsLost { detail } => keys_lost(plane, detail),
        EngineError::Corrupt { .. } => keys_lost(plane, &error.to_string()),
        EngineError::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
            keys_lost(plane, &error.to_string())
        }
        _ => error.into(),
    }
}

fn keys_lost(plane: &KeyPlane, why: &str) -> VaultError {
    VaultError::KeysLost {
        detail: format!(
            "neither copy of the key pages, {} and {}, can be used ({why}). Mount the disk that holds one, or put back the one that was there last; without it nothing in this vault can be read, and a backup of the rows does not help",
            plane.a.display(),
            plane.b.display()
        ),
    }
}

pub(super) fn key_plane(dir: &Path, id: VaultId, options: &VaultOptions) -> KeyPlane {
    KeyPlane::in_folder(dir, *id.as_bytes(), options.engine.sled.clone())
}

fn audit_place(dir: &Path, options: &VaultOptions) -> PathBuf {
    options.audit.clone().unwrap_or_else(|| dir.join("ledger"))
}

fn ledger(dir: &Path) -> Result<Arc<FileLedger>, VaultError> {
    let folder = dir.join("ledger");
    make_dir(&folder)?;
    let ledger =
        FileLedger::open(&folder.join("roots")).map_err(|error: LedgerError| KeyringError::from(error))?;
    Ok(Arc::new(ledger))
}

pub(super) fn keyring_options(options: &VaultOptions) -> KeyringOptions {
    let default = KeyringOptions::default();
    KeyringOptions {
        clock: Arc::new(KeyringClock(options.settings().clock)),
        clock_tolerance: options.settings().clock_tolerance,
        page_cache_bytes: options.key_cache.unwrap_or(default.page_cache_bytes),
        ..default
    }
}

fn parts(dir: &Path, keyring: Keyring, options: &VaultOptions, create: bool) -> Result<Parts, VaultError> {
    let sled = SledOptions { create, ..options.engine.sled.clone() };
    let engine = SledEngine::open(&dir.join("rows"), &dir.join("anchor"), &keyring.anchor_key()?, sled)?;
    let blobs = PackBlobs::open(&dir.join("blobs"))?;
    Ok(Parts { keyring: Arc::new(keyring), engine: Arc::new(engine), blobs: Arc::new(blobs) })
}
