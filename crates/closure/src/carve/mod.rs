//! Finding stored forms in files of any kind: a vault's folder, a backup, an image of a disk, a log. By what the forms look like, not by the names of
//! files; but for bodies in packs, whose place a row tells by file name and block.
//!
//! Files are read in windows, and of what is found only its place is kept: about 100 bytes for each row, 40 for each page. A row that stands
//! sealed in a redo record is kept whole.

mod backup;
mod redo;
mod scan;
mod sled;
mod sources;

#[cfg(test)]
mod tests;

use std::collections::{HashMap, HashSet};

use sha2::{Digest, Sha256};

use crate::cell::Pointer;
use crate::value::Place;
use crate::{Key, ProveError};

pub use sources::Sources;
pub(crate) use sources::io;

/// Where bytes stand.
#[derive(Debug, Clone)]
pub(crate) enum Spot {
    /// In a file, by number.
    At { file: u32, offset: u64, length: u32 },
    /// Nowhere in clear.
    Here(Box<[u8]>),
}

/// A row that was found.
pub(crate) struct Row {
    pub(crate) place: Place,
    pub(crate) value: Spot,
    /// Where its body begins, if that was found with it.
    pub(crate) body: Option<Spot>,
}

/// A share of a root secret.
pub(crate) struct Share {
    pub(crate) bytes: Key,
    /// Which share, if a cell's header stands where one must.
    pub(crate) index: Option<u8>,
    pub(crate) file: u32,
}

/// All that was found in some files.
#[derive(Default)]
pub struct Findings {
    pub(crate) pages: HashMap<[u8; 12], Vec<(u32, u64)>>,
    pub(crate) rows: HashMap<[u8; 16], Vec<Row>>,
    pub(crate) shares: Vec<Share>,
    pub(crate) pointers: HashSet<Pointer>,
    /// Keys that somebody wrote down as text, and in which file.
    pub(crate) written: HashMap<Key, u32>,
    pub(crate) packs: HashMap<u32, Vec<u32>>,
    /// Places of redo records.
    redo: Vec<Spot>,
    seen: HashSet<[u8; 16]>,
    seen_pages: HashSet<[u8; 16]>,
}

impl Findings {
    /// Reads files from end to end; `vault` is the vault's id, and pages and cells of others are passed over. `progress` is told each file and
    /// the bytes read so far.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn gather(
        sources: &Sources,
        files: std::ops::Range<u32>,
        vault: &[u8; 16],
        progress: &mut dyn FnMut(&str, u64),
    ) -> Result<Self, ProveError> {
        let mut findings = Self::default();
        let mut done = 0;
        for file in files {
            let name = sources.name(file);
            done +=
                scan::file(sources, file, vault, &mut findings, &mut |bytes| progress(&name, done + bytes))?;
        }
        Ok(findings)
    }

    /// Opens the redo records and takes in the rows of them that stand nowhere else.
    pub(crate) fn open_redo(&mut self, sources: &Sources, anchors: &[Key]) -> Result<(), ProveError> {
        for spot in std::mem::take(&mut self.redo) {
            let record = sources.read(&spot)?;
            let rows = anchors.iter().find_map(|anchor| redo::rows(&record, anchor)).unwrap_or_default();
            for (key, value) in rows {
                let here = Spot::Here(value.clone().into());
                self.row(&key, &value, here, None);
            }
        }
        Ok(())
    }

    fn row(&mut self, key: &[u8], value: &[u8], spot: Spot, body: Option<Spot>) {
        let Some(place) = Place::read(key) else { return };
        if self.seen.insert(short(&[key, value])) {
            self.rows.entry(place.handle).or_default().push(Row { place, value: spot, body });
        }
    }

    fn page(&mut self, raw: &[u8], file: u32, offset: u64) {
        let Some(id) = raw.get(4..16).and_then(|id| id.try_into().ok()) else { return };
        if self.seen_pages.insert(short(&[raw])) {
            self.pages.entry(id).or_default().push((file, offset));
        }
    }
}

/// Everything that does not need a file, on any bytes: for the fuzz target.
pub(crate) fn any(input: &[u8]) {
    if let Some(message) = sled::message(input) {
        assert!(message.length <= input.len() && sled::announced(input) == Some(message.length));
    }
    for kept in backup::read(input) {
        assert!(kept.row.1 > 0 && Place::read(&kept.key).is_none_or(|place| place.handle == kept.key[..16]));
    }
    let _length_or_not = redo::length(input);
}

/// Tells bytes apart.
fn short(parts: &[&[u8]]) -> [u8; 16] {
    let mut digest = Sha256::new();
    parts.iter().for_each(|part| digest.update(part));
    digest.finalize().first_chunk().copied().unwrap_or_default()
}
