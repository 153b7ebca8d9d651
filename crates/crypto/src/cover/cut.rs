//! Cutting: the seeds beside the way down stay, those on it go.

use super::Load;
use super::node::Node;
use super::read::open;
use crate::stack::wiped;
use crate::tree::child;
use crate::{CryptoError, PageId, Path, TreeSeed};

/// Cuts all of `path`; `node` stands at the first `depth` bits of it. False if it was cut already; then nothing changed.
pub(super) fn cut<E: From<CryptoError>>(
    node: &mut Node,
    path: &Path,
    depth: usize,
    load: &mut Load<'_, E>,
    dead: &mut Vec<PageId>,
) -> Result<bool, E> {
    if matches!(node, Node::Cut) {
        return Ok(false);
    }
    let Some(bit) = path.bit(depth) else {
        // Forgetting needs nothing from below. A page that does not open must not stand in its way.
        let _listed_as_far_as_they_open = collect_pages(node, depth, load, dead);
        *node = Node::Cut;
        return Ok(true);
    };
    match node {
        Node::Cut => Ok(false),
        Node::Seed(seed) => {
            // The assignment drops the seed, and dropping wipes it.
            *node = wiped(|| puncture(seed, path.bits().skip(depth)));
            Ok(true)
        }
        Node::Inner(children) => {
            let [left, right] = children.as_mut();
            let changed = cut(if bit { right } else { left }, path, depth + 1, load, dead)?;
            if matches!((left, right), (Node::Cut, Node::Cut)) {
                *node = Node::Cut;
            }
            Ok(changed)
        }
        Node::Page { page, bits } => {
            let mut inline = open(page, *bits, depth, load)?;
            let changed = cut(&mut inline, path, depth, load, dead)?;
            if changed {
                dead.push(page.id);
                *node = inline;
            }
            Ok(changed)
        }
    }
}

/// Cuts what stands on pages that do not open, as `lost` tells of the error. True if there was any.
pub(super) fn cut_lost<E: From<CryptoError>>(
    node: &mut Node,
    depth: usize,
    load: &mut Load<'_, E>,
    lost: &dyn Fn(&E) -> bool,
    dead: &mut Vec<PageId>,
) -> Result<bool, E> {
    let (id, below) = match node {
        Node::Cut | Node::Seed(_) => return Ok(false),
        Node::Inner(children) => {
            let [left, right] = children.as_mut();
            let changed =
                cut_lost(left, depth + 1, load, lost, dead)? | cut_lost(right, depth + 1, load, lost, dead)?;
            if matches!((left, right), (Node::Cut, Node::Cut)) {
                *node = Node::Cut;
            }
            return Ok(changed);
        }
        Node::Page { page, bits } => (page.id, open(page, *bits, depth, load)),
    };
    let inline = match below {
        Ok(mut inline) => {
            if !cut_lost(&mut inline, depth, load, lost, dead)? {
                return Ok(false);
            }
            inline
        }
        Err(error) if lost(&error) => Node::Cut,
        Err(error) => return Err(error),
    };
    dead.push(id);
    *node = inline;
    Ok(true)
}

/// Adds the ids of all pages at and below `node`, which means to open each of them. Goes on beside a page that does not open, and
/// answers the first error.
pub(super) fn collect_pages<E: From<CryptoError>>(
    node: &Node,
    depth: usize,
    load: &mut Load<'_, E>,
    ids: &mut Vec<PageId>,
) -> Result<(), E> {
    match node {
        Node::Cut | Node::Seed(_) => Ok(()),
        Node::Inner(children) => {
            let [left, right] = children.as_ref();
            let listed = collect_pages(left, depth + 1, load, ids);
            listed.and(collect_pages(right, depth + 1, load, ids))
        }
        Node::Page { page, bits } => {
            ids.push(page.id);
            collect_pages(&open(page, *bits, depth, load)?, depth, load, ids)
        }
    }
}

/// What is left below `seed` once the node at the end of `steps` is cut: the seed beside each step.
fn puncture(seed: &TreeSeed, steps: impl Iterator<Item = bool>) -> Node {
    let mut beside = Vec::new();
    let mut reached: Option<TreeSeed> = None;
    for right in steps {
        let above = reached.as_ref().unwrap_or(seed);
        beside.push((right, Node::Seed(child(above, !right))));
        reached = Some(child(above, right));
    }
    beside.into_iter().rev().fold(Node::Cut, |below, (right, beside)| {
        Node::Inner(Box::new(if right { [beside, below] } else { [below, beside] }))
    })
}
