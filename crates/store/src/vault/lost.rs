//! What is left of a vault that comes back from escrow: its folder, locked while it is read, and its cells.
//!
//! A cell that still holds a share opens, with the key pages of its time, whoever lived then, and no root of the new vault changes that. So the new vault
//! wipes every cell of the old one, and waits for each that it does not reach. A place is passed over only where nothing of the vault can be.

use std::fs::File;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use oubliette_crypto::VaultId;
use oubliette_keyring::{CellError, FileCell, RootCell};

use super::cells::ROOT;
use super::marker::{self, Locked};
use super::{RecoverFrom, relocate};
use crate::VaultError;

/// The vault that was lost.
#[derive(Default)]
pub(super) struct Lost {
    pub(super) region: Option<String>,
    /// Files that may hold a share of it; absolute.
    pub(super) cells: Vec<PathBuf>,
    /// What is taken for true, since nobody else can know.
    pub(super) notes: Vec<String>,
    /// Locks of the folders.
    held: Vec<File>,
}

impl Lost {
    pub(super) fn of(from: &RecoverFrom, vault: VaultId) -> Result<Self, VaultError> {
        let mut lost = Self::default();
        if let Some(old) = &from.old {
            lost.look(old, vault)?;
        }
        let ledger = from.ledger.canonicalize().ok();
        let others = [from.rows.as_deref(), ledger.as_deref().and_then(Path::parent)];
        for folder in others.into_iter().flatten() {
            let path = folder.join(marker::NAME);
            // One process that locks a file twice shuts itself out.
            if !lost.held.iter().any(|held| marker::is_at(held, &path)) {
                lost.held.extend(marker::hold(folder)?);
            }
        }
        Ok(lost)
    }

    fn look(&mut self, dir: &Path, vault: VaultId) -> Result<(), VaultError> {
        let dir = std::path::absolute(dir).map_err(VaultError::io("finding the place of", dir))?;
        let Some(mut locked) = Locked::open(&dir)? else {
            // Perhaps its disk is not mounted. Where other cells were is not known.
            return self.cell(dir.join(ROOT), vault, None);
        };
        if locked.marker.vault != vault {
            let reason = format!("{} holds another vault than the shares are of", dir.display());
            return Err(VaultError::invalid("old", reason));
        }
        relocate::settle(&dir, &mut locked)?;
        for cell in &locked.marker.cells {
            self.cell(dir.join(cell), vault, Some(&dir))?;
        }
        for cell in &locked.marker.wipe {
            self.cell(dir.join(cell), vault, None)?;
        }
        self.region.clone_from(&locked.marker.region);
        self.held.push(locked.into_lock());
        Ok(())
    }

    /// Notes a cell, unless another vault's stands there by now. One that lay in the folder `with` and is not there was lost with its keys: it is what
    /// one comes back from, so it is not waited for.
    fn cell(&mut self, path: PathBuf, vault: VaultId, with: Option<&Path>) -> Result<(), VaultError> {
        match FileCell::open(&path) {
            Ok(cell) if cell.vault() != vault => return Ok(()),
            Err(CellError::InUse { path }) => return Err(VaultError::InUse { path }),
            Err(CellError::Io { source, .. })
                if source.kind() == ErrorKind::NotFound
                    && with.is_some_and(|folder| is_missing_in(folder, &path)) =>
            {
                self.notes.push(format!(
                    "{} is not there and counts as destroyed: if a disk or a copy still has it, destroy that, for it opens whoever lived then",
                    path.display()
                ));
                return Ok(());
            }
            _ => {}
        }
        if !self.cells.contains(&path) {
            self.cells.push(path);
        }
        Ok(())
    }

    /// A new cell at the place of one that is waited for would be taken for it.
    pub(super) fn keep_clear_of(&self, new: &Path, cells: &[PathBuf]) -> Result<(), VaultError> {
        let root = new.join(ROOT);
        for path in std::iter::once(&root).chain(cells) {
            let place = real(path)?;
            for old in &self.cells {
                if real(old)? == place {
                    let reason = format!(
                        "the vault that was lost had a cell at {}, which is to be wiped: choose another place for the new one",
                        path.display()
                    );
                    return Err(VaultError::invalid("cells", reason));
                }
            }
        }
        Ok(())
    }
}

/// Whether a folder is there and a name in it is not. Of a folder further down nothing is known: another disk may belong there. So with a link.
fn is_missing_in(folder: &Path, path: &Path) -> bool {
    let missing = path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    let within = path.parent().and_then(|parent| parent.canonicalize().ok());
    missing && within.is_some() && within == folder.canonicalize().ok()
}

/// A path that goes through no link, but for its last step; as far as its folder is there.
fn real(path: &Path) -> Result<PathBuf, VaultError> {
    let absolute = std::path::absolute(path).map_err(VaultError::io("finding the place of", path))?;
    let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else { return Ok(absolute) };
    Ok(folder.canonicalize().map_or_else(|_| absolute.clone(), |folder| folder.join(name)))
}
