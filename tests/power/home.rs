//! Where the vault and its root cell are after so many moves, and how the vault is found again when the power failed within one.
//!
//! Folders are numbered `vault`, `vault-1`, … and lie beside each other on the recorded disk. The cell goes by turns to a folder of its own beside them and back
//! into the vault's. A moved vault takes a cell in its folder along and leaves one elsewhere where it is.

use std::path::{Path, PathBuf};
use std::{fs, io};

use oubliette_store::{Vault, VaultError};

use crate::actor::{Actor, options};
use crate::history::History;
use crate::model::Op;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Home {
    base: PathBuf,
    folders: usize,
    cells: usize,
}

/// What whoever comes after a cut within a move does first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum First {
    /// Opens the vault, in whichever folder it is.
    Look,
    /// Gives the same command again.
    Again,
}

impl Home {
    /// Of a vault that was made in the folder `base` and went through `ops`.
    pub(crate) fn after(base: &Path, ops: &[Op]) -> Self {
        let count = |wanted: &Op| ops.iter().filter(|op| *op == wanted).count();
        Self { base: base.to_owned(), folders: count(&Op::Move), cells: count(&Op::MoveCell) }
    }

    pub(crate) fn folder(&self) -> PathBuf {
        match self.folders {
            0 => self.base.join("vault"),
            n => self.base.join(format!("vault-{n}")),
        }
    }

    fn cell(&self) -> PathBuf {
        match self.cells {
            0 => self.folder().join("root.cell"),
            n if n % 2 == 1 => self.base.join(format!("cells-{n}")).join("root.cell"),
            n => self.folder().join(format!("root-{n}.cell")),
        }
    }

    /// Where it is after this operation.
    pub(crate) fn then(&self, op: &Op) -> Self {
        let mut next = self.clone();
        next.folders += usize::from(*op == Op::Move);
        next.cells += usize::from(*op == Op::MoveCell);
        next
    }

    /// Moves the closed vault to the next folder. What the move before left behind is removed first.
    pub(crate) fn move_vault(&self) -> Result<(), VaultError> {
        self.left_behind().iter().try_for_each(|folder| gone(fs::remove_dir_all(folder)))?;
        let next = self.then(&Op::Move).folder();
        let moved = Vault::move_to(&self.folder(), &next, &options(false), &mut |_, _| ())?;
        if moved.notes.is_empty() { Ok(()) } else { Err(other(format!("left to do: {:?}", moved.notes))) }
    }

    /// Moves the root cell of the closed vault to its next place, whose folder the operator makes.
    pub(crate) fn move_cell(&self) -> Result<Vault, VaultError> {
        let next = self.then(&Op::MoveCell).cell();
        if let Some(folder) = next.parent().filter(|folder| !folder.exists()) {
            fs::create_dir(folder).map_err(|error| other(format!("making {}: {error}", folder.display())))?;
        }
        Vault::replace_cell(&self.folder(), &self.cell(), &next, options(false))
    }

    /// The same when it was cut off before, doing what each refusal says (docs/doctor.md, "Replacing a cell").
    fn move_cell_again(&self) -> Result<Vault, VaultError> {
        let next = self.then(&Op::MoveCell).cell();
        for _ in 0..3 {
            let refused = match self.move_cell() {
                Ok(vault) => return Ok(vault),
                Err(error) => error,
            };
            let said = refused.to_string();
            if said.contains("is no cell of this vault; its cells are") {
                return Vault::open(&self.folder(), options(false));
            } else if said.contains("open the vault") {
                Vault::open(&self.folder(), options(false))?.close()?;
            } else if said.contains("Remove it if it is left") {
                gone(fs::remove_file(&next))?;
            } else {
                return Err(refused);
            }
        }
        self.move_cell()
    }

    /// The folder that the last move left, if it was not removed yet.
    fn left_behind(&self) -> Option<PathBuf> {
        let folders = self.folders.checked_sub(1)?;
        Some(Self { folders, ..self.clone() }.folder()).filter(|folder| folder.exists())
    }

    /// No folder that the vault left opens.
    pub(crate) fn others_are_shut(&self) -> Result<(), String> {
        match self.left_behind().map(|folder| Vault::open(&folder, options(false))) {
            Some(Ok(_)) => Err("a folder that the vault left opens".to_owned()),
            _ => Ok(()),
        }
    }
}

/// Opens the vault of `history` in `base` after so many acknowledged operations, where the power may have failed within the next.
pub(crate) fn find(
    base: &Path,
    history: History,
    acknowledged: usize,
    first: First,
) -> Result<Actor, VaultError> {
    let ops = history.ops();
    let home = Home::after(base, ops.get(..acknowledged).unwrap_or(&ops));
    match (ops.get(acknowledged), first) {
        (Some(Op::Move), First::Again) => {
            home.move_vault()?;
            Actor::open(home.then(&Op::Move))
        }
        (Some(Op::Move), First::Look) => either(&home, home.then(&Op::Move)),
        (Some(Op::MoveCell), First::Again) => {
            let vault = home.move_cell_again()?;
            Ok(Actor::of(home.then(&Op::MoveCell), vault))
        }
        _ => Actor::open(home),
    }
}

/// Of two folders exactly one opens, and the other says why it does not.
fn either(old: &Home, new: Home) -> Result<Actor, VaultError> {
    match Actor::open(old.clone()) {
        Ok(actor) => match Vault::open(&new.folder(), options(false)) {
            Ok(_) => Err(other("both folders of a move open".to_owned())),
            Err(VaultError::Format { .. }) => Ok(actor),
            Err(error) => Err(other(format!("the folder that the vault did not reach says: {error}"))),
        },
        Err(VaultError::Moved { to, .. }) if to == new.folder() => Actor::open(new),
        Err(error) => Err(error),
    }
}

fn gone(removed: io::Result<()>) -> Result<(), VaultError> {
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(other(format!("removing: {error}"))),
        _ => Ok(()),
    }
}

fn other(detail: String) -> VaultError {
    VaultError::Other { detail }
}
