//! The root cells of a recorded disk, and which shares they hold.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::Path;

use oubliette_keyring::{MemoryCell, RootCell};
use oubliette_powercut::{Call, Image, Ino, Tree};

/// Whether a file of this name is a root cell, or was one.
fn is_cell(name: &str) -> bool {
    name.ends_with(".cell")
}

/// Which calls, after so many, are about a cell, a vault's marker, or a folder that holds one of them.
pub(crate) fn telling(calls: &[Call]) -> Vec<usize> {
    let tells = |name: &str| is_cell(name) || name.starts_with("vault") || name.starts_with("cells-");
    let mut known = HashSet::new();
    let mut points = Vec::new();
    for (n, call) in calls.iter().enumerate() {
        let told = match call {
            Call::Create { name, ino, .. } => tells(name) && known.insert(*ino),
            Call::Rename { to_name: name, .. } | Call::Remove { name, .. } => tells(name),
            Call::Write { ino, .. } | Call::Resize { ino, .. } | Call::Sync { ino, .. } => {
                known.contains(ino)
            }
            Call::Punch { .. } | Call::Mark(_) => false,
        };
        if told {
            points.push(n + 1);
        }
    }
    points
}

/// Every cell of an image, whether the vault knows it or not.
pub(crate) fn in_image(image: &Image) -> Vec<&[u8]> {
    fn walk<'a>(name: &str, tree: &'a Tree, found: &mut Vec<&'a [u8]>) {
        match tree {
            Tree::File(bytes) if is_cell(name) => found.push(bytes),
            Tree::File(_) => {}
            Tree::Folder(entries) => entries.iter().for_each(|(name, tree)| walk(name, tree, found)),
        }
    }
    let mut found = Vec::new();
    image.0.iter().for_each(|(name, tree)| walk(name, tree, &mut found));
    found
}

/// The same of a real folder.
pub(crate) fn in_folder(folder: &Path) -> Vec<Vec<u8>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            found.extend(in_folder(&entry.path()));
        } else if is_cell(&entry.file_name().to_string_lossy()) {
            found.push(fs::read(entry.path()).unwrap());
        }
    }
    found
}

/// Epochs of the whole share slots: a share whose randomness is torn is lost.
pub(crate) fn epochs(cell: &[u8]) -> Vec<u64> {
    let read = MemoryCell::from_image(cell.to_vec()).and_then(|cell| cell.read());
    read.map_or_else(|_| Vec::new(), |state| state.slots.iter().map(|slot| slot.epoch).collect())
}

pub(crate) fn no_old_share(cell: &[u8], oldest: u64, at: &str) {
    let old: Vec<u64> = epochs(cell).into_iter().filter(|epoch| *epoch < oldest).collect();
    assert!(
        old.is_empty(),
        "{at}: a cell still holds the shares of epochs {old:?}, {oldest} is the oldest that may be there"
    );
}

/// The same told by generation: a slot keeps the pointer of the deletion that put its share there.
pub(crate) fn no_share_before(cell: &[u8], generation: u64, at: &str) {
    let cell = MemoryCell::from_image(cell.to_vec()).and_then(|cell| cell.read()).unwrap();
    let found: Vec<u64> = cell.slots.iter().map(|slot| slot.pointer.generation).collect();
    let old = found.iter().any(|found| *found < generation);
    assert!(
        !old,
        "{at}: the cell still holds the shares of generations {found:?}, an erasure was acknowledged in {generation}"
    );
}

/// The cells' files as the programs see them.
#[derive(Default)]
pub(crate) struct LiveCells(HashMap<Ino, Vec<u8>>);

impl LiveCells {
    pub(crate) fn apply(&mut self, call: &Call) {
        match call {
            Call::Create { name, ino, folder: false, .. } if is_cell(name) => {
                self.0.insert(*ino, Vec::new());
            }
            Call::Write { ino, offset, data, .. } => {
                let Some(bytes) = self.0.get_mut(ino) else { return };
                let end = *offset as usize + data.len();
                if bytes.len() < end {
                    bytes.resize(end, 0);
                }
                bytes[*offset as usize..end].copy_from_slice(data);
            }
            _ => {}
        }
    }

    /// The newest epoch that any of them holds.
    pub(crate) fn newest(&self) -> u64 {
        self.0.values().flat_map(|bytes| epochs(bytes)).max().unwrap_or(0)
    }
}
