//! What stands in memory when a deletion is acknowledged: nothing of what it took.

use std::collections::HashSet;

use oubliette_crypto::tree::{tree_child, tree_leaf_key};
use oubliette_crypto::{Path, TreeSeed};

use super::*;

type Key = [u8; 32];

/// Every key in memory, and the plaintext of every cached page.
#[derive(Default)]
struct Memory {
    keys: HashSet<Key>,
    pages: Vec<Vec<u8>>,
}

impl Memory {
    fn of(keyring: &Keyring) -> Self {
        let mut memory = Self::default();
        keyring.secrets_in_memory(&mut |secret| memory.see(&secret));
        memory
    }

    fn see(&mut self, secret: &MemorySecret<'_>) {
        match secret {
            MemorySecret::Key(key) => self.keys.extend([**key]),
            MemorySecret::Page(_, body) => self.pages.push(body.expose().to_vec()),
        }
    }

    /// Whether one of `secrets` stands anywhere, in pages at any bit: fragments of covers are packed.
    fn holds_any(&self, secrets: &HashSet<Key>) -> bool {
        let beginnings: HashSet<u64> = secrets.iter().map(beginning).collect();
        let in_page = |page: &Vec<u8>| {
            let mut window = 0_u64;
            let bits = page.iter().flat_map(|byte| (0..8).rev().map(move |n| u64::from(byte >> n & 1)));
            bits.enumerate().any(|(n, bit)| {
                window = window << 1 | bit;
                n >= 63 && beginnings.contains(&window)
            })
        };
        !self.keys.is_disjoint(secrets) || self.pages.iter().any(in_page)
    }
}

fn beginning(key: &Key) -> u64 {
    u64::from_be_bytes(key[..8].try_into().unwrap())
}

/// The seeds from the one in memory that leads to a leaf down to its key; empty if there is none.
fn way_to(memory: &Memory, leaf: &Leaf, key: &Key) -> HashSet<Key> {
    let bits: Vec<bool> = Path::leaf(leaf).unwrap().bits().collect();
    for candidate in &memory.keys {
        for depth in 0..=bits.len() {
            let mut seed = TreeSeed::from_slice(candidate).unwrap();
            let mut way = HashSet::from([*candidate]);
            for bit in &bits[depth..] {
                seed = tree_child(&seed, *bit);
                way.insert(*seed.expose());
            }
            if tree_leaf_key(&seed).expose() == key {
                way.insert(*key);
                return way;
            }
        }
    }
    HashSet::new()
}

#[test]
fn a_cut_leaves_no_ancestor_of_the_leaf_in_memory() {
    let ground = Ground::new();
    let keyring = ground.create();
    keyring.bulk_create((0..30).map(|n| user(&format!("{n}")))).unwrap();
    let subject = keyring.subject(&user("7")).unwrap();
    // Whole at first, so the ways to all leaves begin at one seed.
    let whole = Memory::of(&keyring);
    let ways = [200, 7, 8, 60].map(|seq| {
        let leaf = item(1, seq);
        let way = way_to(&whole, &leaf, &key_of(&subject, &leaf).unwrap());
        assert!(way.len() > 10);
        (seq, leaf, way)
    });
    for (seq, leaf, way) in ways {
        // From the second on the cover fills pages, and this reads them into the cache.
        assert!(key_of(&subject, &leaf).is_some());
        let neighbour = key_of(&subject, &item(1, seq + 1));
        assert!(Memory::of(&keyring).holds_any(&way), "item {seq} is within reach until it is cut");
        keyring.cut(&subject, vec![Path::leaf(&leaf).unwrap()]).unwrap();
        assert!(!Memory::of(&keyring).holds_any(&way), "item {seq}");
        assert_eq!(key_of(&subject, &item(1, seq + 1)), neighbour, "what was not cut is still there");
        assert!(!Memory::of(&keyring).holds_any(&way), "nor does reading beside item {seq} bring it back");
    }
}

#[test]
fn an_acknowledged_erasure_has_emptied_every_cache() {
    let ground = Ground::new();
    let keyring = ground.create();
    keyring.bulk_create((0..30).map(|n| user(&format!("{n}")))).unwrap();
    let subject = keyring.subject(&user("7")).unwrap();
    let odd = (0..300).map(|n| Path::leaf(&item(1, 2 * n + 1)).unwrap()).collect();
    keyring.cut(&subject, odd).unwrap();
    let idle: Vec<Key> = (1..300).filter_map(|n| key_of(&subject, &item(1, 2 * n))).collect();
    assert_eq!(idle.len(), 299, "and their cover pages are in the cache");
    let mut theirs = Memory::default();
    subject.secrets_in_memory(&mut |secret| theirs.see(&secret));
    let pages: HashSet<_> = keyring.core.pages.cached().into_iter().collect();
    assert!(!theirs.keys.is_empty() && Memory::of(&keyring).holds_any(&theirs.keys));

    keyring.erase(&[user("7")]).unwrap();
    assert!(!Memory::of(&keyring).holds_any(&theirs.keys));
    let mut held = Memory::default();
    subject.secrets_in_memory(&mut |secret| held.see(&secret));
    assert!(held.keys.is_empty(), "nor in what the caller still holds");
    keyring.rotate().unwrap();
    let mut stored = HashSet::new();
    ground.pages.for_each_id(&mut |id| stored.extend([id])).unwrap();
    let left: HashSet<_> = keyring.core.pages.cached().into_iter().collect();
    assert!(left.is_subset(&stored) && !pages.is_subset(&left));
}
