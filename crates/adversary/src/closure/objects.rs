//! Every object key on every object.

use std::collections::{HashMap, HashSet};

use oubliette_crypto::kdf::derive_either_key;
use oubliette_crypto::{Codec, Kind, ObjectContext, ObjectKey, VaultId};

use super::Report;
use crate::canary::Canary;
use crate::evidence::Evidence;
use oubliette_closure::Key;
use oubliette_closure::path::Trie;
use oubliette_closure::value::{Place, Sealed, inner, open, read_row, unpack};

/// The sealed objects, and the keys for them.
pub(super) struct Objects<'e> {
    sealed: Vec<Sealed<'e>>,
    /// How many of them stand in or under a row; the others are blobs that no row names, each with a guess at its place.
    certain: usize,
    leaves: Trie,
    trials: u64,
    keys: HashSet<Key>,
}

impl<'e> Objects<'e> {
    pub(super) fn new(evidence: &'e Evidence, vaults: &[[u8; 16]]) -> Self {
        let mut objects =
            Self { sealed: Vec::new(), certain: 0, leaves: Trie::default(), trials: 0, keys: HashSet::new() };
        let mut blobs: HashMap<&[u8], Vec<&'e [u8]>> = HashMap::new();
        evidence.blobs.iter().for_each(|(name, bytes)| blobs.entry(name).or_default().push(bytes));
        let mut named: HashSet<&[u8]> = HashSet::new();
        let mut places = HashSet::new();
        let rows: HashSet<_> = evidence.rows.iter().collect();
        for vault in vaults.iter().map(|vault| VaultId(*vault)) {
            for (key, value) in &rows {
                let Some(place) = Place::read(key) else { continue };
                places.insert((place, vault));
                let Some((row, blob)) = read_row(&place, value, vault) else { continue };
                let head = objects.add(&place, row);
                for bytes in blob.and_then(|blob| blobs.get(blob)).into_iter().flatten() {
                    objects.add(&place, Sealed::body(bytes, &place, vault, Some(head)));
                }
                named.extend(blob);
            }
        }
        objects.certain = objects.sealed.len();
        for bytes in blobs.into_iter().filter(|(name, _)| !named.contains(name)).flat_map(|(_, bytes)| bytes)
        {
            for (place, vault) in &places {
                objects.add(place, Sealed::body(bytes, place, *vault, None));
            }
        }
        objects
    }

    fn add(&mut self, place: &Place, sealed: Sealed<'e>) -> usize {
        let number = self.sealed.len();
        self.leaves.insert(&place.path(), number);
        self.sealed.push(sealed);
        number
    }

    /// Follows a seed down from its place to every leaf that some row names.
    pub(super) fn descend(&mut self, place: &[bool], seed: &Key) {
        if let Some(node) = self.leaves.at(place) {
            let keys = &mut self.keys;
            let (sealed, trials) = (&mut self.sealed, &mut self.trials);
            node.descend(seed, &mut |key, values| {
                keys.insert(key);
                *trials += attempt(sealed, &key, values.iter().copied());
            });
        }
    }

    /// Follows a seed down from wherever it may belong.
    pub(super) fn descend_anywhere(&mut self, seed: &Key) {
        let (sealed, trials) = (&mut self.sealed, &mut self.trials);
        for node in self.leaves.nodes() {
            node.descend(seed, &mut |key, values| *trials += attempt(sealed, &key, values.iter().copied()));
        }
    }

    /// Keys that may be any object's.
    pub(super) fn learn(&mut self, keys: HashSet<Key>) {
        self.keys.extend(keys);
    }

    pub(super) fn open_all(mut self, report: &mut Report) {
        for key in &self.keys {
            self.trials += attempt(&mut self.sealed, key, 0..self.certain);
        }
        report.counts.object_trials = self.trials;
        report.counts.objects = self.certain as u64;
        for sealed in &self.sealed {
            let Some((plain, context, key)) = &sealed.open else { continue };
            report.counts.objects_opened += 1;
            Canary::find(plain, &mut report.reached);
            report.find_audience(plain);
            let head = sealed.head.and_then(|head| self.sealed.get(head)?.open.as_ref());
            let inside = match (context.kind, head) {
                (Kind::Body(Codec::Zstd), head) => {
                    let content = head.and_then(|(head, ..)| unpack(head, plain));
                    Canary::find(&content.unwrap_or_default(), &mut report.reached);
                    None
                }
                (Kind::Body(_), Some((head, ..))) => inner(head, Some(plain), context),
                (Kind::Small, _) => inner(plain, None, context),
                _ => None,
            };
            if let Some((bytes, context)) = inside {
                let plain = self.open_inner(key, bytes, &context, &mut report.counts.object_trials);
                Canary::find(&plain.unwrap_or_default(), &mut report.reached);
            }
        }
    }

    /// A message that two leaves open: the author's, which opened the value around it, with every other key that is known, either way round; and,
    /// should somebody have thought that one is enough, each key alone.
    fn open_inner(
        &self,
        author: &Key,
        bytes: &[u8],
        context: &ObjectContext,
        trials: &mut u64,
    ) -> Option<Vec<u8>> {
        let author = ObjectKey::from_slice(author).ok()?;
        for other in &self.keys {
            let other = ObjectKey::from_slice(other).ok()?;
            let both = [derive_either_key(&author, &other), derive_either_key(&other, &author), other];
            for key in &both {
                *trials += 1;
                if let Some(plain) = open(key, context, bytes) {
                    return Some(plain);
                }
            }
        }
        None
    }
}

/// Tries a key on those that are not open yet; answers the commitments computed.
fn attempt(sealed: &mut [Sealed<'_>], key: &Key, numbers: impl Iterator<Item = usize>) -> u64 {
    let mut trials = 0;
    for number in numbers {
        if let Some(sealed) = sealed.get_mut(number).filter(|sealed| sealed.open.is_none()) {
            trials += sealed.attempt(key);
        }
    }
    trials
}
