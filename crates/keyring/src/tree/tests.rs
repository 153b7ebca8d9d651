use std::collections::BTreeMap;
use std::sync::Arc;

use oubliette_crypto::{Handle, PageBody, PageId, PageKind, PageRef, Tag, VaultId};
use oubliette_engine::{MemoryPages, PageStore};
use proptest::prelude::*;

use super::*;
use crate::error::KeyringError;
use crate::pages::{Pages, Staged};
use crate::records::{Fence, PlacedFence};

/// The tree over a store in memory, its pages removed as they die.
struct Tree {
    pages: Pages,
    root: Children,
}

/// The oracle: what each key must say.
type Flat = BTreeMap<EntryKey, u64>;

impl Tree {
    fn new() -> Self {
        let store: Arc<dyn PageStore> = Arc::new(MemoryPages::new());
        Self { pages: Pages::new(VaultId([3; 16]), store, 1 << 16), root: Children::default() }
    }

    fn apply(&mut self, changes: &[(EntryKey, Option<u64>)]) {
        let changes = changes.iter().map(|(key, value)| match value {
            Some(value) => Change::set(entry(*key, *value)),
            None => Change::remove(*key),
        });
        let mut staged = Staged::default();
        self.root = update(&self.pages, &mut staged, &self.root, changes.collect()).unwrap();
        let raw: Vec<_> = staged.pages.iter().map(|(id, raw)| (*id, raw.as_ref())).collect();
        self.pages.store.write(&raw).unwrap();
        self.pages.evict(&staged.dead);
        self.pages.store.remove(&staged.dead).unwrap();
    }

    /// All entries in order, and the shape: for every page its kind and population, in order.
    fn walk(&self) -> Survey<'_> {
        let mut survey =
            Survey { pages: &self.pages, ids: Vec::new(), shape: Vec::new(), entries: Vec::new() };
        for (nibble, child) in self.root.0.iter().enumerate() {
            if let Some(child) = child {
                survey.shape.push((nibble as u8, child.population));
                walk(child, &mut survey).unwrap();
            }
        }
        survey
    }
}

struct Survey<'a> {
    pages: &'a Pages,
    ids: Vec<PageId>,
    shape: Vec<(u8, u32)>,
    entries: Vec<(EntryKey, u64)>,
}

impl Walker for Survey<'_> {
    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.ids.push(page.id);
        self.shape.push((kind as u8, self.entries.len() as u32));
        self.pages.read_stored(kind, page)
    }
    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError> {
        self.entries.push((entry.key(), value(&entry)));
        Ok(())
    }
    fn lost(&mut self, role: &'static str) {
        panic!("{role}");
    }
}

fn entry((tag, kind): EntryKey, value: u64) -> Entry {
    let mut bytes = [9; 44];
    bytes[..8].copy_from_slice(&value.to_be_bytes());
    match kind {
        EntryKind::Person => {
            let state = PageRef::decode(&bytes).unwrap();
            Entry::Person { tag, state, blocked: value.is_multiple_of(2), waits: value.is_multiple_of(3) }
        }
        EntryKind::Handle => Entry::Handle { tag, person: Tag(bytes[..16].try_into().unwrap()) },
        EntryKind::Fence => {
            let handle = Handle(bytes[..16].try_into().unwrap());
            let fence = Fence { handle, erased_at: -1, expires: 2, generation_after: 3, leases_drained: 4 };
            Entry::Fence(PlacedFence { tag, fence })
        }
    }
}

fn value(entry: &Entry) -> u64 {
    let bytes: [u8; 8] = match entry {
        Entry::Person { state, .. } => state.id[..8].try_into().unwrap(),
        Entry::Handle { person, .. } => person.0[..8].try_into().unwrap(),
        Entry::Fence(placed) => placed.fence.handle.0[..8].try_into().unwrap(),
    };
    u64::from_be_bytes(bytes)
}

/// Few leading bits, so that pages split and merge; now and then a deep common prefix.
fn key() -> impl Strategy<Value = EntryKey> {
    let kind = prop_oneof![Just(EntryKind::Person), Just(EntryKind::Handle), Just(EntryKind::Fence)];
    (prop_oneof![Just(0u8), Just(0x10), any::<u8>()], 0u8..4, 0u8..8, kind).prop_map(|(a, b, last, kind)| {
        let mut tag = [0x77; 16];
        (tag[0], tag[1], tag[15]) = (a, b, last);
        (Tag(tag), kind)
    })
}

fn batches() -> impl Strategy<Value = Vec<Vec<(EntryKey, Option<u64>)>>> {
    let change = (key(), prop_oneof![3 => any::<u64>().prop_map(Some), 2 => Just(None)]);
    prop::collection::vec(prop::collection::vec(change, 0..60), 1..12)
}

fn model(flat: &mut Flat, batch: &[(EntryKey, Option<u64>)]) {
    for (key, value) in batch {
        match value {
            Some(value) => flat.insert(*key, *value),
            None => flat.remove(key),
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn any_history_says_what_the_flat_model_says_in_one_shape(batches in batches(), probes in prop::collection::vec(key(), 20)) {
        let (mut tree, mut flat) = (Tree::new(), Flat::new());
        for batch in &batches {
            tree.apply(batch);
            model(&mut flat, batch);
            let survey = tree.walk();
            prop_assert_eq!(&survey.entries, &flat.iter().map(|(k, v)| (*k, *v)).collect::<Vec<_>>());
            prop_assert_eq!(tree.root.population(), flat.len() as u64);
            // Nothing dead is left, and nothing live was removed.
            let mut stored = Vec::new();
            tree.pages.store.for_each_id(&mut |id| stored.push(id)).unwrap();
            stored.sort_unstable();
            let mut live = survey.ids.clone();
            live.sort_unstable();
            prop_assert_eq!(stored, live);
        }
        for key in probes.iter().chain(flat.keys()) {
            let found = find(&tree.pages, &tree.root, *key).unwrap();
            prop_assert_eq!(found.as_ref().map(value), flat.get(key).copied());
        }
        // The same set by one history more: all at once.
        let mut at_once = Tree::new();
        at_once.apply(&flat.iter().map(|(k, v)| (*k, Some(*v))).collect::<Vec<_>>());
        prop_assert_eq!(tree.walk().shape, at_once.walk().shape);
    }

    #[test]
    fn a_change_rewrites_its_path_and_nothing_else(keys in prop::collection::btree_set(any::<[u8; 2]>(), 40..200), at: prop::sample::Index) {
        let mut tree = Tree::new();
        let keys: Vec<EntryKey> = keys.iter().map(|lead| {
            let mut tag = [0; 16];
            tag[..2].copy_from_slice(lead);
            (Tag(tag), EntryKind::Person)
        }).collect();
        tree.apply(&keys.iter().map(|key| (*key, Some(1))).collect::<Vec<_>>());
        let before = tree.walk().ids;
        let changed = keys[at.index(keys.len())];
        tree.apply(&[(changed, Some(2))]);
        let after = tree.walk().ids;
        let kept = before.iter().filter(|id| after.contains(id)).count();
        // Two or three levels below the root: at most that many pages are new.
        prop_assert!(before.len() - kept <= 4, "{} of {} pages were rewritten", before.len() - kept, before.len());
        prop_assert!(before.len() > kept);
        prop_assert_eq!(before.len(), after.len());
    }
}

#[test]
fn the_15th_entry_splits_a_leaf_and_its_removal_merges_it() {
    let mut tree = Tree::new();
    let key = |n: u8| (Tag([0x30 | n, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]), EntryKind::Person);
    (0..14).for_each(|n| tree.apply(&[(key(n), Some(7))]));
    assert_eq!(tree.walk().ids.len(), 1);
    tree.apply(&[(key(14), Some(7))]);
    assert_eq!(tree.walk().ids.len(), 16, "an inner page over fifteen leaves");
    tree.apply(&[(key(3), None)]);
    assert_eq!(tree.walk().ids.len(), 1);
    tree.apply(&(0..14).map(|n| (key(n), None)).chain([(key(14), None)]).collect::<Vec<_>>());
    assert!(tree.root.0.iter().all(Option::is_none));
}

#[test]
fn a_leaf_or_inner_page_that_breaks_its_layout_is_refused() {
    use super::entry::{decode_leaf, encode_leaf};
    use super::node::{decode_inner, encode_inner};
    let entries = [entry((Tag([1; 16]), EntryKind::Fence), 5), entry((Tag([2; 16]), EntryKind::Handle), 6)];
    let leaf = encode_leaf(&entries).unwrap();
    assert_eq!(decode_leaf(&leaf, 2).unwrap().len(), 2);
    assert!(decode_leaf(&leaf, 3).is_err(), "another population than the parent says");
    let [first, second] = entries;
    assert!(decode_leaf(&encode_leaf(&[second, first]).unwrap(), 2).is_err(), "not sorted");
    for (byte, what) in
        [(0, "count"), (18, "kind"), (19, "flags"), (20, "reserved"), (130 + 44, "behind the end")]
    {
        let mut changed = PageBody::zeroed();
        changed.expose_mut().copy_from_slice(leaf.expose());
        changed.expose_mut()[byte] ^= 0x40;
        assert!(decode_leaf(&changed, 2).is_err(), "{what}");
    }
    let child = Child { page: PageRef::generate().unwrap(), population: 20 };
    let mut children = Children::default();
    children.0[5] = Some(child);
    let inner = encode_inner(&children).unwrap();
    assert!(decode_inner(&inner, 20).is_ok() && decode_inner(&inner, 21).is_err());
    let mut changed = PageBody::zeroed();
    changed.expose_mut().copy_from_slice(inner.expose());
    changed.expose_mut()[48 * 5 + 44..48 * 6].fill(0);
    assert!(decode_inner(&changed, 0).is_err(), "a child without entries");
}
