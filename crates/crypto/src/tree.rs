//! The puncturable function behind a person's tree: Goldreich, Goldwasser and Micali's construction over HMAC-SHA256. A seed
//! gives everything below its node and nothing beside or above it.

use crate::kdf::hmac;
use crate::secret::Secret;
use crate::stack::wiped;
use crate::{ObjectKey, TreeSeed, labels};

/// The seed of the left (`false`) or right child.
pub fn tree_child(seed: &TreeSeed, right: bool) -> TreeSeed {
    wiped(|| child(seed, right))
}

/// The object key of a leaf, from the seed at that leaf.
pub fn tree_leaf_key(seed: &TreeSeed) -> ObjectKey {
    wiped(|| leaf_key(seed))
}

/// The object key at the end of `steps`, which lead down from the seed's node.
pub(crate) fn descend(seed: &TreeSeed, steps: impl IntoIterator<Item = bool>) -> ObjectKey {
    let mut steps = steps.into_iter();
    wiped(|| match steps.next() {
        None => leaf_key(seed),
        Some(first) => leaf_key(&steps.fold(child(seed, first), |seed, right| child(&seed, right))),
    })
}

/// The seed of the node at the end of `steps`.
pub(crate) fn descend_to(seed: &TreeSeed, steps: impl IntoIterator<Item = bool>) -> TreeSeed {
    let mut steps = steps.into_iter();
    wiped(|| match steps.next() {
        None => TreeSeed::fill(|copy| copy.copy_from_slice(seed.expose())),
        Some(first) => steps.fold(child(seed, first), |seed, right| child(&seed, right)),
    })
}

/// [`tree_child`] for callers that wipe the stack once after many steps.
pub(crate) fn child(seed: &TreeSeed, right: bool) -> TreeSeed {
    TreeSeed::fill(|child| hmac(seed.expose(), &[labels::TREE_CHILD, &[u8::from(right)]], child))
}

fn leaf_key(seed: &TreeSeed) -> ObjectKey {
    ObjectKey::fill(|key| hmac(seed.expose(), &[labels::TREE_LEAF], key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn children_and_leaf_keys_all_differ() {
        let seed = TreeSeed::from_slice(&[1; 32]).unwrap();
        let (left, right) = (tree_child(&seed, false), tree_child(&seed, true));
        let key = tree_leaf_key(&seed);
        assert_ne!(left.expose(), right.expose());
        assert_ne!(left.expose(), key.expose());
        assert_ne!(right.expose(), key.expose());
        assert_eq!(descend(&seed, []).expose(), key.expose());
        assert_eq!(descend(&seed, [true]).expose(), tree_leaf_key(&right).expose());
    }
}
