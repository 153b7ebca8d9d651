//! The cells of a folder's vault: where they are, making them, opening them, and saying plainly which one is missing.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use oubliette_crypto::VaultId;
use oubliette_keyring::{CellError, FileCell, Keyring, RootCell};

use super::marker::{Locked, Marker};
use crate::VaultError;

/// The first cell, in the vault's folder.
pub(super) const ROOT: &str = "root.cell";
/// Most cells: a share's number is one byte, and nobody has more disks.
const MOST: usize = 16;
/// Tells programs that make backups to pass a folder over (bford.info/cachedir).
const TAG: &str = "Signature: 8a477f597d28d172789f06886806bc55\n# Keys that must not be copied: a copy undoes erasures. Leave this folder out of backups.\n";

/// Cells to be made: `root.cell` and one at each of the paths, as the marker will name them.
pub(super) fn planned(further: &[PathBuf]) -> Result<Vec<PathBuf>, VaultError> {
    let mut cells = vec![PathBuf::from(ROOT)];
    for path in further {
        let refused = |why: &str| VaultError::invalid("cells", format!("{} {why}", path.display()));
        let absolute = std::path::absolute(path).map_err(VaultError::io("finding the place of", path))?;
        if absolute.to_str().is_none() {
            return Err(refused("is no UTF-8 text, which vault.json needs"));
        }
        if absolute.symlink_metadata().is_ok() {
            return Err(refused(
                "is there already; a cell is made where nothing is. Remove it if it is left of a vault that is gone",
            ));
        }
        if !absolute.parent().is_some_and(Path::is_dir) {
            return Err(refused("lies in no folder; mount the disk, or make the folder"));
        }
        if cells.contains(&absolute) {
            return Err(refused("is named twice; each share needs a place of its own"));
        }
        cells.push(absolute);
    }
    if cells.len() > MOST {
        return Err(VaultError::invalid(
            "cells",
            format!("at most {MOST} cells, the one in the folder included"),
        ));
    }
    Ok(cells)
}

/// Makes the names of the folders durable that lead to a new cell, up to its file system's root. Whoever made them for it may not have, and with one of
/// them the share would be gone.
pub(super) fn settle_way_to(cell: &Path) -> Result<(), VaultError> {
    let Some(folder) = cell.parent() else { return Ok(()) };
    let settle = || {
        let folder = folder.canonicalize()?;
        let disk = folder.metadata()?.dev();
        for above in folder.ancestors().skip(1) {
            if above.metadata()?.dev() != disk {
                break;
            }
            match File::open(above).and_then(|above| above.sync_all()) {
                // Who may not read a folder is not the one who made something in it just now.
                Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
                synced => synced?,
            }
        }
        Ok(())
    };
    settle().map_err(VaultError::io("settling the way to the folder", folder))
}

/// Makes the cells, empty. What was made is removed if not all could be.
pub(super) fn make(dir: &Path, id: VaultId, cells: &[PathBuf]) -> Result<Vec<Arc<dyn RootCell>>, VaultError> {
    let shares = u8::try_from(cells.len()).unwrap_or(u8::MAX);
    // The vault's own folder is settled by who makes it.
    cells.iter().skip(1).try_for_each(|cell| settle_way_to(cell))?;
    let mut made: Vec<Arc<dyn RootCell>> = Vec::new();
    for (index, path) in (0..shares).zip(cells) {
        let path = dir.join(path);
        match FileCell::create(&path, id, index, shares) {
            Ok(cell) => made.push(Arc::new(cell)),
            Err(error) => {
                let begun = !matches!(&error, CellError::Io { op: "creating", .. });
                let all = cells.iter().take(made.len() + usize::from(begun));
                all.for_each(|path| drop(fs::remove_file(dir.join(path))));
                return Err(cell_error(error, dir));
            }
        }
    }
    // A folder that holds other things is not tagged: they would be missing from somebody's backup.
    for folder in cells.iter().skip(1).filter_map(|cell| cell.parent()) {
        if fs::read_dir(folder).is_ok_and(|entries| entries.count() == 1) {
            tag(folder);
        }
    }
    Ok(made)
}

/// Marks a folder as one that backups leave out. Best effort: `doctor` says where it is missing.
pub(super) fn tag(folder: &Path) {
    for (name, text) in [("CACHEDIR.TAG", TAG), (".nobackup", "")] {
        let path = folder.join(name);
        if !path.exists() {
            let _ = fs::write(path, text);
        }
    }
}

/// Where the cells are: the marker's places, but those outside of the folder are as the setting says, if it says any.
pub(super) fn places(dir: &Path, marker: &Marker, setting: &[PathBuf]) -> Result<Vec<PathBuf>, VaultError> {
    let outside = marker.cells.iter().filter(|cell| cell.as_path() != Path::new(ROOT)).count();
    if !setting.is_empty() && setting.len() != outside {
        let (dir, named) = (dir.display(), setting.len());
        let detail = format!(
            "the vault in {dir} has {outside} outside of its folder, {named} are named here. The setting says where they are; how many there are was \
             fixed when the vault was made"
        );
        return Err(VaultError::invalid("cells", detail));
    }
    let mut moved = setting.iter();
    let mut places = Vec::new();
    for cell in &marker.cells {
        let named = if cell == Path::new(ROOT) { None } else { moved.next() };
        places.push(match named {
            Some(path) => std::path::absolute(path).map_err(VaultError::io("finding the place of", path))?,
            None => dir.join(cell),
        });
    }
    Ok(places)
}

/// Opens all cells. Each must be there, and be this vault's.
pub(super) fn open(
    dir: &Path,
    id: VaultId,
    places: &[PathBuf],
) -> Result<Vec<Arc<dyn RootCell>>, VaultError> {
    let open = |path: &PathBuf| -> Result<Arc<dyn RootCell>, VaultError> {
        let lost = |detail: String| VaultError::KeysLost { detail: format!("{} {detail}", path.display()) };
        let mount = if places.len() == 1 { "" } else { SPLIT };
        if !path.exists() {
            return Err(lost(format!(
                "is missing. Without it nothing in this vault can be read by anybody; put the file back{mount}. If it was destroyed, the vault's content is erased"
            )));
        }
        let cell = FileCell::open(path).map_err(|error| cell_error(error, dir))?;
        if cell.vault() != id {
            return Err(lost(format!(
                "belongs to vault {}, this folder holds vault {id}. Put the right file back; without it nothing here can be read{mount}",
                cell.vault()
            )));
        }
        Ok(Arc::new(cell))
    };
    places.iter().map(open).collect()
}

/// Said of a missing share.
const SPLIT: &str = ", or mount its disk, and say by the setting `cells` where that is now (the root is split: every share is needed)";

/// Draws a new root if files that held a share wait to be wiped, and wipes them. Answers what is left to do.
pub(super) fn finish_wipes(
    dir: &Path,
    locked: &mut Locked,
    keyring: &Keyring,
) -> Result<Vec<String>, VaultError> {
    if locked.marker.wipe.is_empty() {
        return Ok(Vec::new());
    }
    // Whatever is written from here on is under a root that no such file has a share of.
    keyring.rotate()?;
    wipe_waiting(dir, locked)
}

/// Overwrites files that held a share of an earlier root and are no cells any more. Answers what is left to do; what cannot be reached stays noted.
pub(super) fn wipe_waiting(dir: &Path, locked: &mut Locked) -> Result<Vec<String>, VaultError> {
    let (mut left, mut notes) = (Vec::new(), Vec::new());
    for path in &locked.marker.wipe {
        match FileCell::wipe(&dir.join(path), locked.marker.vault) {
            Ok(()) => tracing::info!("a share that was moved is wiped at its old place"),
            Err(error) => {
                notes.push(format!(
                    "{} may hold a share of an earlier root and was not wiped ({error}): until it is, nobody is erased. Mount its disk, and the next \
                     deletion that is due, or opening, wipes it; if the disk is destroyed, say so by `oubliette doctor --cell-destroyed {0}`",
                    path.display()
                ));
                left.push(path.clone());
            }
        }
    }
    if left.len() < locked.marker.wipe.len() {
        let wiped: Vec<PathBuf> =
            locked.marker.wipe.iter().filter(|path| !left.contains(path)).cloned().collect();
        let marker = Marker { wipe: left, ..locked.marker.clone() };
        locked.replace(dir, marker)?;
        // Noise by now, and known to nobody; until here its absence would have meant an unmounted disk.
        wiped.iter().for_each(|path| drop(fs::remove_file(dir.join(path))));
    }
    Ok(notes)
}

pub(super) fn cell_error(error: CellError, dir: &Path) -> VaultError {
    match error {
        CellError::InUse { .. } => VaultError::InUse { path: dir.to_owned() },
        CellError::Io { op, path, source } => VaultError::io(op, &path)(source),
        CellError::Format { .. } => VaultError::KeysLost {
            detail: format!(
                "{error}. Put the right file back, or use the version that wrote it; without it nothing in this vault can be read"
            ),
        },
        CellError::NotKept { .. } => VaultError::KeysLost { detail: error.to_string() },
        other => VaultError::Other { detail: other.to_string() },
    }
}
