//! Paths of leaves (docs/formats.md, section 2), and the trie of those that some row names: seeds are followed only there.

use std::collections::BTreeMap;

use oubliette_crypto::TreeSeed;
use oubliette_crypto::tree::{tree_child, tree_leaf_key};

use crate::Key;

/// A place in a person's tree, from the top.
pub type Bits = Vec<bool>;

/// The path of a leaf.
pub fn leaf(class: u8, compartment: u32, branch: u8, seq: u64) -> Bits {
    let mut bits: Bits = (0..8).rev().map(|i| class >> i & 1 == 1).collect();
    gamma(&mut bits, compartment.into());
    bits.push(branch == 1);
    gamma(&mut bits, seq);
    bits
}

fn gamma(bits: &mut Bits, n: u64) {
    let length = u64::BITS - n.leading_zeros();
    bits.extend((1..length).map(|_| false));
    bits.extend((0..length).rev().map(|i| n >> i & 1 == 1));
}

/// Leaves by path, each with whatever stands there.
#[derive(Default)]
pub struct Trie {
    children: BTreeMap<bool, Trie>,
    /// Numbers of the sealed values at this leaf.
    values: Vec<usize>,
}

impl Trie {
    /// Puts a value at a leaf.
    pub fn insert(&mut self, path: &[bool], value: usize) {
        match path.split_first() {
            None => self.values.push(value),
            Some((bit, rest)) => self.children.entry(*bit).or_default().insert(rest, value),
        }
    }

    /// The node at a place.
    pub fn at(&self, path: &[bool]) -> Option<&Self> {
        path.iter().try_fold(self, |node, bit| node.children.get(bit))
    }

    /// Nodes from here on, in no order.
    pub fn nodes(&self) -> Vec<&Self> {
        let mut nodes = vec![self];
        let mut next = 0;
        while let Some(node) = nodes.get(next).copied() {
            nodes.extend(node.children.values());
            next += 1;
        }
        nodes
    }

    /// Every leaf key below this node whose seed is `seed`, and what may open with it.
    pub fn descend(&self, seed: &Key, visit: &mut dyn FnMut(Key, &[usize])) {
        let Ok(seed) = TreeSeed::from_slice(seed) else { return };
        if !self.values.is_empty() {
            visit(*tree_leaf_key(&seed).expose(), &self.values);
        }
        for (bit, child) in &self.children {
            child.descend(tree_child(&seed, *bit).expose(), visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use oubliette_crypto::{Branch, Class, Leaf, Path};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Two readings of one page of documentation.
        #[test]
        fn paths_are_those_of_the_vault(class in 1u8..=5, compartment in 1u32.., items: bool, seq in 1u64..) {
            let branch = if items { Branch::Items } else { Branch::Meta };
            let theirs = Leaf { class: Class::try_from(class).unwrap(), compartment, branch, seq };
            let theirs: Vec<bool> = Path::leaf(&theirs).unwrap().bits().collect();
            prop_assert_eq!(leaf(class, compartment, u8::from(items), seq), theirs);
        }
    }
}
