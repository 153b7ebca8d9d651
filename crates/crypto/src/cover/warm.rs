//! The lowest nodes on the way to the keys that were derived last. Whoever writes or reads a run of values takes neighbouring keys,
//! and all but the last few steps to them are the same.
//!
//! Numbers up to 31 have a short way and none is kept for them: a node that leads to few steps above them would lead to much else.
//!
//! A warm node lies below a seed of the cover it belongs to and goes with it: a cut wipes all of them, and whoever drops the cover
//! drops them. So they lead to nothing that the cover does not lead to.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::tree::{descend, descend_to};
use crate::{Leaf, ObjectKey, Path, TreeSeed};

/// Steps from a warm node to a leaf: 32 neighbours share one.
const STEPS: usize = 5;
/// A person is busy in few places at a time.
const KEPT: usize = 4;

/// Newest last.
#[derive(Default)]
pub(super) struct Warm(Mutex<Vec<(Path, TreeSeed)>>);

impl Warm {
    /// Whether a leaf has neighbours that share a node with it, and with nothing else.
    pub(super) fn serves(leaf: &Leaf) -> bool {
        leaf.seq >> STEPS > 0
    }

    /// The key of a leaf below a warm node.
    pub(super) fn derive(&self, path: &Path) -> Option<ObjectKey> {
        let nodes = self.nodes();
        let above = |node: &Path| node.len() + STEPS == path.len() && node.is_prefix_of(path);
        let (node, seed) = nodes.iter().rev().find(|(node, _)| above(node))?;
        Some(descend(seed, path.bits().skip(node.len())))
    }

    /// The key of a leaf from the seed of the node at its first `depth` bits; keeps the node on the way that its neighbours share.
    pub(super) fn derive_from(&self, seed: &TreeSeed, depth: usize, path: &Path) -> ObjectKey {
        let node = path.first(path.len().saturating_sub(STEPS));
        if node.len() <= depth {
            return descend(seed, path.bits().skip(depth));
        }
        let warm = descend_to(seed, node.bits().skip(depth));
        let key = descend(&warm, path.bits().skip(node.len()));
        let mut nodes = self.nodes();
        if nodes.len() == KEPT {
            nodes.remove(0);
        }
        nodes.push((node, warm));
        key
    }

    pub(super) fn clear(&self) {
        self.nodes().clear();
    }

    pub(super) fn show(&self, visit: &mut dyn FnMut(&[u8; 32])) {
        self.nodes().iter().for_each(|(_, seed)| visit(seed.expose()));
    }

    fn nodes(&self) -> MutexGuard<'_, Vec<(Path, TreeSeed)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Branch, Class, Cover, CryptoError, Leaf, Path, TreeSeed, items_through};

    fn leaf(compartment: u32, seq: u64) -> Leaf {
        Leaf { class: Class::Chat, compartment, branch: Branch::Items, seq }
    }

    fn fresh() -> Cover {
        Cover::fresh(TreeSeed::from_slice(&[7; 32]).unwrap())
    }

    fn key(cover: &Cover, leaf: &Leaf) -> Option<[u8; 32]> {
        let found = cover.derive::<CryptoError>(leaf, &mut |_| Err(CryptoError::Unopenable)).unwrap();
        found.map(|key| *key.expose())
    }

    #[test]
    fn keys_are_the_same_warm_and_cold() {
        let warm = fresh();
        let leaves = (1..200_u64).chain([3, 1 << 20, (1 << 20) + 1, u64::MAX]).flat_map(|seq| {
            [leaf(1, seq), leaf(2, seq), leaf(9, seq / 3 + 1), Leaf { branch: Branch::Meta, ..leaf(1, seq) }]
        });
        for leaf in leaves {
            assert_eq!(key(&warm, &leaf), key(&fresh(), &leaf), "{leaf:?}");
        }
    }

    #[test]
    fn a_cut_leaves_no_warm_node_and_no_way_to_what_was_cut() {
        let mut cover = fresh();
        (60..70).for_each(|seq| assert!(key(&cover, &leaf(1, seq)).is_some()));
        let count = |cover: &Cover| {
            let mut count = 0;
            cover.secrets_in_memory(&mut |_| count += 1);
            count
        };
        let warm = count(&cover) - 1;
        assert!((1..=4).contains(&warm), "{warm} warm nodes");
        let paths = [vec![Path::leaf(&leaf(1, 65)).unwrap()], items_through(Class::Chat, 1, 61).unwrap()].concat();
        let mut cold = fresh();
        for cover in [&mut cover, &mut cold] {
            cover.cut::<CryptoError>(&paths, &mut |_| Err(CryptoError::Unopenable), &mut Vec::new()).unwrap();
        }
        assert_eq!(count(&cover), count(&cold));
        for seq in 58..72 {
            let expected = (seq > 61 && seq != 65).then(|| key(&fresh(), &leaf(1, seq)).unwrap());
            assert_eq!(key(&cover, &leaf(1, seq)), expected, "{seq}");
        }
    }
}
