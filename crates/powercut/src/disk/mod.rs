//! The disk below the folder: what is durable after so many calls, what is still in flight, and what a power cut may make of that.
//!
//! The model is harsher than any one file system. Only what a later sync of the *same* file covers is durable; a name is durable
//! only after a sync of its folder. Until then each change may have reached the medium or not, in any order, a write in any
//! selection of its 512-byte sectors, a longer size without its data. Kept from real file systems: changes to one name happen in
//! order, a rename is one step, and what was written behind a cut of the file stands only if the cut does.

mod file;
mod names;

use std::collections::BTreeMap;

use crate::dice::Dice;
use crate::image::{Image, Tree};
use crate::record::{Call, Ino, ROOT};
use file::{Change, FileState};
use names::Names;

/// Which of the changes in flight a power cut leaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strategy {
    /// None.
    Nothing,
    /// All.
    Everything,
    /// Those before some moment.
    Prefix,
    /// Each one or not.
    Some,
    /// Each one or not, writes in any selection of their sectors.
    Torn,
    /// All names and sizes, no data.
    Names,
    /// All data, no names.
    Data,
}

impl Strategy {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Nothing, Self::Everything, Self::Prefix, Self::Some, Self::Torn, Self::Names, Self::Data];
}

/// The disk after so many calls.
#[derive(Clone)]
pub struct Disk {
    files: BTreeMap<Ino, FileState>,
    names: Names,
    at: u64,
    /// Chance of a lying sync.
    dice: Dice,
    lies: bool,
}

/// What is kept of the changes in flight.
pub(crate) struct Keep<'a> {
    strategy: Strategy,
    until: u64,
    dice: &'a mut Dice,
}

impl Keep<'_> {
    fn change(&mut self, number: u64) -> bool {
        match self.strategy {
            Strategy::Nothing => false,
            Strategy::Everything | Strategy::Names | Strategy::Data => true,
            Strategy::Prefix => number <= self.until,
            Strategy::Some | Strategy::Torn => self.dice.coin(),
        }
    }

    fn name(&mut self, number: u64) -> bool {
        self.strategy != Strategy::Data && self.change(number)
    }

    /// Whether one sector of a write that is kept has its new bytes.
    fn sector(&mut self) -> bool {
        match self.strategy {
            Strategy::Torn => self.dice.coin(),
            Strategy::Names => false,
            _ => true,
        }
    }
}

impl Disk {
    /// A disk that holds `image`, all of it durable.
    pub fn new(image: &Image, seed: u64) -> Self {
        let mut disk = Self {
            files: BTreeMap::new(),
            names: Names::new(ROOT),
            at: 0,
            dice: Dice::new(seed),
            lies: false,
        };
        for entry in image.numbered() {
            let folder = matches!(entry.tree, Tree::Folder(_));
            disk.names.settled(entry.dir, entry.name, entry.ino, folder);
            if let Tree::File(bytes) = entry.tree {
                disk.files.insert(entry.ino, FileState::new(bytes.clone()));
            }
        }
        disk
    }

    /// The same, with syncs that say they are done and, half of the time, did nothing.
    #[must_use]
    pub fn lying(mut self) -> Self {
        self.lies = true;
        self
    }

    /// One more call.
    pub fn apply(&mut self, call: &Call) {
        self.at += 1;
        let number = self.at;
        match call {
            Call::Create { dir, name, ino, folder } => {
                self.names.create(number, *dir, name, *ino, *folder);
                if !folder {
                    self.files.insert(*ino, FileState::new(Vec::new()));
                }
            }
            Call::Write { ino, offset, data, through } => {
                let change = Change::Write { offset: *offset as usize, data: data.clone() };
                let through = *through && !self.lie();
                self.change(*ino, number, change, through);
            }
            Call::Resize { ino, size } => {
                self.change(*ino, number, Change::Resize { size: *size as usize }, false);
            }
            Call::Punch { ino, offset, length } => {
                let change = Change::Punch { offset: *offset as usize, length: *length as usize };
                self.change(*ino, number, change, false);
            }
            Call::Rename { dir, name, to_dir, to_name } => {
                self.names.rename(number, *dir, name, *to_dir, to_name);
            }
            Call::Remove { dir, name } => self.names.remove(number, *dir, name),
            Call::Sync { ino, done: true } => {
                if !self.lie() {
                    self.sync(*ino);
                }
            }
            Call::Sync { ino, done: false } => {
                if let Some(file) = self.files.get_mut(ino) {
                    file.fail(&mut Dice::new(number));
                }
            }
            Call::Mark(_) => {}
        }
    }

    /// Whether anything is in flight, so that strategies differ.
    pub fn is_settled(&self) -> bool {
        self.names.is_settled() && self.files.values().all(FileState::is_settled)
    }

    /// What a power cut now leaves.
    pub fn cut(&self, strategy: Strategy, dice: &mut Dice) -> Image {
        let first = self.files.values().filter_map(FileState::first).chain(self.names.first()).min();
        let span = self.at - first.unwrap_or(self.at) + 1;
        let until = self.at - dice.below(span);
        let mut keep = Keep { strategy, until, dice };
        let names = self.names.cut(&mut keep);
        let files: BTreeMap<Ino, Vec<u8>> =
            self.files.iter().map(|(ino, file)| (*ino, file.cut(&mut keep))).collect();
        Image(tree(ROOT, &names, &files))
    }

    /// The bytes of a file that are on the medium for sure.
    pub(crate) fn durable(&self, ino: Ino) -> Option<&[u8]> {
        self.files.get(&ino).map(FileState::durable)
    }

    fn change(&mut self, ino: Ino, number: u64, change: Change, through: bool) {
        if let Some(file) = self.files.get_mut(&ino) {
            file.change(number, change, through);
        }
    }

    fn sync(&mut self, ino: Ino) {
        match self.files.get_mut(&ino) {
            Some(file) => file.sync(),
            None => self.names.sync(ino),
        }
    }

    fn lie(&mut self) -> bool {
        self.lies && self.dice.coin()
    }
}

fn tree(
    dir: Ino,
    names: &BTreeMap<Ino, BTreeMap<String, Ino>>,
    files: &BTreeMap<Ino, Vec<u8>>,
) -> BTreeMap<String, Tree> {
    let Some(entries) = names.get(&dir) else { return BTreeMap::new() };
    let inside = |ino: Ino| match files.get(&ino) {
        Some(bytes) => Tree::File(bytes.clone()),
        None => Tree::Folder(tree(ino, names, files)),
    };
    entries.iter().map(|(name, ino)| (name.clone(), inside(*ino))).collect()
}

#[cfg(test)]
mod tests;
