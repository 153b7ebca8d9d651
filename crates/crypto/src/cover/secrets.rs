//! What a cover holds in memory, for the tape adversary.

use super::Cover;
use super::node::Node;

impl Cover {
    /// Shows every seed and every page key that this cover holds. For the tape adversary, which seizes what is in memory;
    /// nothing else has a use for it.
    pub fn secrets_in_memory(&self, visit: &mut dyn FnMut(&[u8; 32])) {
        show(&self.root, visit);
        self.warm.show(visit);
    }
}

fn show(node: &Node, visit: &mut dyn FnMut(&[u8; 32])) {
    match node {
        Node::Cut => {}
        Node::Seed(seed) => visit(seed.expose()),
        Node::Inner(children) => children.iter().for_each(|child| show(child, visit)),
        Node::Page { page, .. } => visit(page.key.expose()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use crate::{Branch, Class, CryptoError, Leaf, Path, TreeSeed};

    use super::*;

    #[test]
    fn all_seeds_are_shown_and_no_cut_one() {
        let mut cover = Cover::fresh(TreeSeed::from_slice(&[7; 32]).unwrap());
        let seeds = |cover: &Cover| {
            let mut seeds = HashSet::new();
            cover.secrets_in_memory(&mut |seed| {
                seeds.insert(*seed);
            });
            seeds
        };
        assert_eq!(seeds(&cover), HashSet::from([[7; 32]]));
        let leaf = Leaf { class: Class::Chat, compartment: 1, branch: Branch::Items, seq: 1 };
        let path = Path::leaf(&leaf).unwrap();
        cover.cut::<CryptoError>(&[path], &mut |_| Err(CryptoError::Unopenable), &mut Vec::new()).unwrap();
        assert_eq!(seeds(&cover).len(), path.len());
        assert!(!seeds(&cover).contains(&[7; 32]));
    }
}
