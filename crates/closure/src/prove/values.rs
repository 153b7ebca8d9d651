//! Keys on the rows of the copies, and on the bodies that rows lead to.

use std::collections::{BTreeSet, HashMap, HashSet};

use oubliette_crypto::VaultId;

use crate::carve::{Findings, Row, Sources, Spot};
use crate::fields::Fields;
use crate::path::{Bits, Trie};
use crate::value::{Sealed, read_row};
use crate::{Key, ProveError};

/// Bytes of a body that show whether a key opens it: its head and its first chunk.
const BEGINNING: usize = 56 + 16_400;
const BLOCK: u64 = 4096;

/// What is known of a row.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Mark {
    /// The person's present cover leads to its leaf.
    pub(super) alive: bool,
    /// Its row opened.
    pub(super) open: bool,
    /// Its body is there, and does not open although its row does.
    pub(super) body_closed: bool,
}

/// A key opened a row that was closed.
pub(super) struct Opened {
    pub(super) handle: [u8; 16],
    pub(super) number: usize,
}

/// The rows of the copies, and what is known of each.
pub(super) struct Values<'a> {
    sources: &'a Sources,
    vault: VaultId,
    found: &'a Findings,
    pub(super) marks: HashMap<[u8; 16], Vec<Mark>>,
    /// Keys that opened a row, for being tried elsewhere; no more than a bound.
    pub(super) keys: HashSet<Key>,
    pub(super) trials: u64,
}

/// Leaf keys that are remembered.
const MOST_KEYS: usize = 65_536;

impl<'a> Values<'a> {
    pub(super) fn new(sources: &'a Sources, vault: [u8; 16], found: &'a Findings) -> Self {
        let marks = found.rows.iter().map(|(handle, rows)| (*handle, vec![Mark::default(); rows.len()]));
        Self {
            sources,
            vault: VaultId(vault),
            found,
            marks: marks.collect(),
            keys: HashSet::new(),
            trials: 0,
        }
    }

    /// Follows a person's seeds to every leaf that one of their rows names. `present`: these are the seeds of today.
    pub(super) fn follow(
        &mut self,
        handle: [u8; 16],
        seeds: &[(Bits, Key)],
        present: bool,
    ) -> Result<Vec<Opened>, ProveError> {
        let Some(rows) = self.found.rows.get(&handle) else { return Ok(Vec::new()) };
        let mut trie = Trie::default();
        rows.iter().enumerate().for_each(|(number, row)| trie.insert(&row.place.path(), number));
        let mut tries: Vec<(Key, Vec<usize>)> = Vec::new();
        for (place, seed) in seeds {
            if let Some(node) = trie.at(place) {
                node.descend(seed, &mut |key, numbers| tries.push((key, numbers.to_vec())));
            }
        }
        let mut opened = Vec::new();
        for (key, numbers) in tries {
            for number in numbers {
                if present && let Some(mark) = self.mark(handle, number) {
                    mark.alive = true;
                }
                opened.extend(self.attempt(handle, number, &key)?);
            }
        }
        Ok(opened)
    }

    /// Seeds or leaf keys of unknown place, on every row that is closed. All of those are in memory meanwhile.
    pub(super) fn anywhere(&mut self, keys: &HashSet<Key>) -> Result<Vec<(Key, Opened)>, ProveError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let (mut trie, mut closed) = (Trie::default(), Vec::new());
        for (handle, number) in self.closed() {
            let Some(row) = self.row(&handle, number) else { continue };
            trie.insert(&row.place.path(), closed.len());
            closed.push((handle, number, row.place, self.sources.read(&row.value)?));
        }
        let mut opened = Vec::new();
        for loose in keys {
            let mut tries = vec![(*loose, (0..closed.len()).collect::<Vec<_>>())];
            for node in trie.nodes() {
                node.descend(loose, &mut |key, numbers| tries.push((key, numbers.to_vec())));
            }
            for (key, numbers) in tries {
                for (handle, number, place, value) in numbers.into_iter().filter_map(|at| closed.get(at)) {
                    let Some((mut sealed, _)) = read_row(place, value, self.vault) else { continue };
                    self.trials += sealed.attempt(&key);
                    if sealed.open.is_some() {
                        opened.extend(self.attempt(*handle, *number, &key)?.map(|found| (*loose, found)));
                    }
                }
            }
        }
        Ok(opened)
    }

    /// Leaf keys on every row that is closed.
    pub(super) fn everywhere(&mut self, keys: &HashSet<Key>) -> Result<Vec<Opened>, ProveError> {
        let mut opened = Vec::new();
        for (handle, number) in self.closed() {
            let Some(row) = self.row(&handle, number) else { continue };
            let value = self.sources.read(&row.value)?;
            let Some((mut sealed, _)) = read_row(&row.place, &value, self.vault) else { continue };
            let mut trials = 0;
            let key = keys.iter().find(|key| {
                trials += sealed.attempt(key);
                sealed.open.is_some()
            });
            self.trials += trials;
            if let Some(key) = key {
                opened.extend(self.attempt(handle, number, key)?);
            }
        }
        Ok(opened)
    }

    /// The rows that are closed.
    pub(super) fn closed(&self) -> Vec<([u8; 16], usize)> {
        let of = |(handle, marks): (&[u8; 16], &Vec<Mark>)| {
            let closed = marks.iter().enumerate().filter(|(_, mark)| !mark.open);
            closed.map(|(number, _)| (*handle, number)).collect::<Vec<_>>()
        };
        self.marks.iter().flat_map(of).collect()
    }

    fn mark(&mut self, handle: [u8; 16], number: usize) -> Option<&mut Mark> {
        self.marks.get_mut(&handle)?.get_mut(number)
    }

    fn row(&self, handle: &[u8; 16], number: usize) -> Option<&'a Row> {
        self.found.rows.get(handle)?.get(number)
    }

    /// One key on one row, and where it opens, on its body.
    fn attempt(&mut self, handle: [u8; 16], number: usize, key: &Key) -> Result<Option<Opened>, ProveError> {
        if self.mark(handle, number).is_none_or(|mark| mark.open) {
            return Ok(None);
        }
        let Some(row) = self.row(&handle, number) else { return Ok(None) };
        let value = self.sources.read(&row.value)?;
        let Some((mut sealed, blob)) = read_row(&row.place, &value, self.vault) else { return Ok(None) };
        self.trials += sealed.attempt(key);
        let Some((plain, ..)) = &sealed.open else { return Ok(None) };
        let body_closed = match salt(plain) {
            Some(salt) if blob.is_some() => !self.body(row, blob.unwrap_or_default(), key, &salt)?,
            _ => false,
        };
        if self.keys.len() < MOST_KEYS {
            self.keys.insert(*key);
        }
        if let Some(mark) = self.mark(handle, number) {
            (mark.open, mark.body_closed) = (true, body_closed);
        }
        Ok(Some(Opened { handle, number }))
    }

    /// Whether a body opens. One that is in none of the copies is no failure.
    fn body(&mut self, row: &Row, blob: &[u8], key: &Key, salt: &[u8; 24]) -> Result<bool, ProveError> {
        let mut there = false;
        for spots in self.bodies(row, blob) {
            let mut bytes = Vec::new();
            for spot in &spots {
                bytes.extend(self.sources.read(spot)?);
            }
            bytes.truncate(BEGINNING);
            if !bytes.starts_with(salt) {
                continue;
            }
            there = true;
            let mut sealed = Sealed::body(&bytes, &row.place, self.vault, None);
            self.trials += sealed.attempt(key);
            if sealed.open.is_some_and(|(plain, ..)| !plain.is_empty()) {
                return Ok(true);
            }
        }
        Ok(!there)
    }

    /// Where a body may lie: beside its row in a backup, or in any pack of the number that its reference names.
    fn bodies(&self, row: &Row, blob: &[u8]) -> Vec<Vec<Spot>> {
        let mut places: Vec<Vec<Spot>> = row.body.iter().map(|spot| vec![beginning(spot)]).collect();
        let (extents, length) = extents(blob);
        let packs: BTreeSet<u32> = extents.iter().map(|(pack, ..)| *pack).collect();
        // Each set of packs of one folder; a reference names few.
        let folders: BTreeSet<_> = packs
            .iter()
            .filter_map(|pack| self.found.packs.get(pack))
            .flatten()
            .filter_map(|file| self.sources.path(*file).parent())
            .collect();
        for folder in folders {
            let in_folder = |pack: &u32| {
                let files = self.found.packs.get(pack)?;
                files.iter().copied().find(|file| self.sources.path(*file).parent() == Some(folder))
            };
            // What stands behind the end of a body in its last block is no part of it.
            let mut left = length;
            let spots = extents.iter().map(|(pack, first, blocks)| {
                let here = (u64::from(*blocks) * BLOCK).min(left);
                left -= here;
                let length = u32::try_from(here).unwrap_or(u32::MAX).min(BEGINNING as u32);
                Some(Spot::At { file: in_folder(pack)?, offset: u64::from(*first) * BLOCK, length })
            });
            // As many extents from the front as the beginning needs.
            places.extend(spots.take(5).collect::<Option<Vec<_>>>());
        }
        places
    }
}

fn beginning(spot: &Spot) -> Spot {
    match spot {
        Spot::At { file, offset, length } => {
            Spot::At { file: *file, offset: *offset, length: (*length).min(BEGINNING as u32) }
        }
        here @ Spot::Here(_) => here.clone(),
    }
}

/// Of a blob reference: pack, first block and blocks of each extent, and the length in bytes.
fn extents(blob: &[u8]) -> (Vec<(u32, u32, u32)>, u64) {
    let mut fields = Fields(blob);
    let count = fields.u8().and_then(|_version| fields.u8()).unwrap_or(0);
    let extents = (0..count).map_while(|_| Some((fields.u32()?, fields.u32()?, fields.u32()?))).collect();
    (extents, fields.u64().unwrap_or(0))
}

/// The salt of the body, from a head's plaintext; `None` if there is no body.
fn salt(head: &[u8]) -> Option<[u8; 24]> {
    let mut fields = Fields(head);
    fields.take(2 + 8 + 8)?;
    (fields.u64()? > 0).then(|| fields.array())?
}
