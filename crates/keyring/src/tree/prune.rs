//! Taking lost pages out of the tree, when an operator has given them up.

use oubliette_crypto::PageKind;

use super::entry::decode_leaf;
use super::node::decode_inner;
use super::update::{Subtree, Update};
use super::{Child, Children, Entry};
use crate::error::KeyringError;
use crate::pages::{Pages, Staged};

/// The root's children without what opens from no copy, and the people that are left. Reads the whole tree.
pub(crate) fn prune(
    pages: &Pages,
    staged: &mut Staged,
    root: &Children,
) -> Result<(Children, u64), KeyringError> {
    let mut prune = Prune { tree: Update { pages, staged }, persons: 0 };
    let mut children = Children::default();
    for (slot, child) in children.0.iter_mut().zip(&root.0) {
        if let Some(child) = child {
            let left = prune.child(child, 1)?;
            *slot = prune.tree.write(left)?;
        }
    }
    Ok((children, prune.persons))
}

struct Prune<'a> {
    tree: Update<'a>,
    persons: u64,
}

impl Prune<'_> {
    fn child(&mut self, child: &Child, depth: usize) -> Result<Subtree, KeyringError> {
        let page = match self.tree.pages.read_stored(child.kind(), &child.page) {
            Ok(page) => page,
            Err(KeyringError::Corrupt { .. }) => return Ok(self.give_up(child)),
            Err(error) => return Err(error),
        };
        if child.kind() == PageKind::Leaf {
            let Ok(entries) = decode_leaf(&page, child.population) else { return Ok(self.give_up(child)) };
            let persons = entries.iter().filter(|entry| matches!(entry, Entry::Person { .. })).count();
            self.persons += persons as u64;
            return Ok(Subtree::Kept(child.duplicate()?));
        }
        let Ok(children) = decode_inner(&page, child.population) else { return Ok(self.give_up(child)) };
        let mut below = Vec::with_capacity(children.0.len());
        for child in &children.0 {
            below.push(child.as_ref().map_or(Ok(Subtree::Empty), |child| self.child(child, depth + 1))?);
        }
        let whole = children.0.iter().flatten().map(|child| Some(child.page.id));
        if below.iter().filter(|left| !matches!(left, Subtree::Empty)).map(Subtree::kept).eq(whole) {
            return Ok(Subtree::Kept(child.duplicate()?));
        }
        self.tree.staged.dead.push(child.page.id);
        self.tree.gather(below, depth)
    }

    fn give_up(&mut self, child: &Child) -> Subtree {
        tracing::error!(entries = child.population, "a lost page of the key tree is given up");
        self.tree.staged.dead.push(child.page.id);
        Subtree::Empty
    }
}
