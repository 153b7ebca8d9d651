//! Moving a share of the root to another file, when its disk is retired or one fails to forget (docs/doctor.md has the table of
//! what a crash leaves at each step).
//!
//! At every moment the marker's `cells` are the vault's cells, and whatever else may hold a share stands in its `wipe`. So a
//! crash leaves a vault that opens, and whoever opens it next wipes what is to be wiped.

use std::path::{Path, PathBuf};

use oubliette_keyring::{FileCell, RootCell};

use super::Vault;
use super::cells::{self, cell_error};
use super::folder::{self, lock, lock_any};
use super::marker::{self, Locked, Marker};
use crate::VaultError;
use crate::options::VaultOptions;

/// Where the cells of a folder's vault are.
#[derive(Debug, Clone)]
pub struct VaultCells {
    /// The vault's random name.
    pub vault: String,
    /// The cells, in the order of their shares.
    pub cells: Vec<PathBuf>,
    /// Files that held a share and could not be wiped yet.
    pub to_wipe: Vec<PathBuf>,
}

impl VaultCells {
    /// Reads it without opening the vault, so also while a service runs. `None` if the folder holds no vault.
    ///
    /// # Errors
    /// [`VaultError::Format`] if `vault.json` is damaged; [`VaultError::Moved`] if the vault is elsewhere; [`VaultError::Invalid`] if `options.cells` does not fit it.
    pub fn of(dir: &Path, options: &VaultOptions) -> Result<Option<Self>, VaultError> {
        let Some(marker) = marker::peek(dir)? else { return Ok(None) };
        if let Some(moved) = marker.moved {
            return Err(VaultError::Moved { from: dir.to_owned(), to: moved.folder });
        }
        let cells = cells::places(dir, &marker, &options.cells)?;
        let to_wipe = marker.wipe.iter().map(|path| dir.join(path)).collect();
        Ok(Some(Self { vault: marker.vault.to_string(), cells, to_wipe }))
    }
}

impl Vault {
    /// Replaces the cell at `old` by a new one at `new`, under a new root, wipes the old one, and opens the vault. If the old one
    /// cannot be wiped, the vault's [`status`](Vault::status) says so until it is, or is said to be destroyed.
    ///
    /// # Errors
    /// [`VaultError::InUse`] while a service runs; [`VaultError::Invalid`] if `old` is no cell of this vault, or `new` is no place for
    /// one; those of [`Vault::open`].
    pub fn replace_cell(
        dir: &Path,
        old: &Path,
        new: &Path,
        options: VaultOptions,
    ) -> Result<Self, VaultError> {
        let mut locked = lock(dir)?;
        let places = cells::places(dir, &locked.marker, &options.cells)?;
        let index = position(&places, old)?;
        // First: said of a new cell that an attempt left, "remove it" would take away what whoever opens the vault is to wipe.
        if !locked.marker.wipe.is_empty() {
            let waiting = "an earlier cell is not wiped yet: open the vault with its disk mounted, or say that it is destroyed";
            return Err(VaultError::Other { detail: waiting.to_owned() });
        }
        let [_, new] = cells::planned(&[new.to_owned()])?.try_into().unwrap_or_default();
        // Settles the cells; without that a copy of one could be of half a deletion.
        folder::open_keyring(dir, locked.marker.vault, &places, &options, &mut Vec::new())?.close();
        move_share(dir, &mut locked, &places, index, &new)?;
        drop(locked);
        // The marker knows all places by now, and a setting may still name the old one.
        Self::open(dir, VaultOptions { cells: Vec::new(), ..options })
    }

    /// Notes that a file which was to be wiped was destroyed with its disk.
    ///
    /// # Errors
    /// [`VaultError::InUse`] while a service runs; [`VaultError::Invalid`] if no such file is waited for.
    pub fn cell_destroyed(dir: &Path, path: &Path) -> Result<(), VaultError> {
        let mut locked = lock_any(dir)?;
        let gone = std::path::absolute(path).map_err(VaultError::io("finding the place of", path))?;
        let (destroyed, left): (Vec<_>, Vec<_>) = locked
            .marker
            .wipe
            .iter()
            .cloned()
            .partition(|waiting| dir.join(waiting) == gone || waiting == path);
        if destroyed.is_empty() {
            let reason = format!("{} is no file that waits to be wiped", path.display());
            return Err(VaultError::invalid("cell", reason));
        }
        // A vault that was being moved here from a disk that is destroyed is here now.
        let arriving = locked.marker.arriving.clone().filter(|_| !left.is_empty());
        let marker = Marker { wipe: left, arriving, ..locked.marker.clone() };
        locked.replace(dir, marker)
    }
}

/// Which cell a path names; a path that leads to the same file will do.
fn position(places: &[PathBuf], named: &Path) -> Result<usize, VaultError> {
    let real = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path)).ok();
    places.iter().position(|place| real(place) == real(named)).ok_or_else(|| {
        let known: Vec<_> = places.iter().map(|place| place.display().to_string()).collect();
        VaultError::invalid(
            "cell",
            format!("{} is no cell of this vault; its cells are {}", named.display(), known.join(", ")),
        )
    })
}

/// The steps between which a crash may come.
fn move_share(
    dir: &Path,
    locked: &mut Locked,
    places: &[PathBuf],
    index: usize,
    new: &Path,
) -> Result<(), VaultError> {
    let failed = |error| cell_error(error, dir);
    let old = places.get(index).ok_or_else(|| VaultError::invalid("cell", "there is no such share"))?;
    let vault = locked.marker.vault;
    cells::settle_way_to(new)?;
    let from = FileCell::open(old).map_err(failed)?;
    let to = FileCell::create(new, vault, from.share_index(), from.shares()).map_err(failed)?;
    // As recorded from now on; a setting that named other places has said where they are.
    let known: Vec<PathBuf> = places.iter().map(|place| within(dir, place)).collect();
    let begun = Marker { cells: known.clone(), wipe: vec![new.to_owned()], ..locked.marker.clone() };
    locked.replace(dir, begun)?;
    to.adopt(&from).map_err(failed)?;
    let mut cells = known.clone();
    if let Some(cell) = cells.get_mut(index) {
        *cell = new.to_owned();
    }
    let wipe = known.into_iter().nth(index).into_iter().collect();
    locked.replace(dir, Marker { cells, wipe, ..locked.marker.clone() })
}

/// A path as the marker names it.
pub(super) fn within(dir: &Path, place: &Path) -> PathBuf {
    place.strip_prefix(dir).map_or_else(|_| place.to_owned(), Path::to_owned)
}
