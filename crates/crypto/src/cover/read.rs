//! Looking into a cover without changing it. Pages are opened on the way and dropped again.

use super::Load;
use super::fragment::{FragmentError, decode_page};
use super::node::Node;
use super::warm::Warm;
use crate::tree::descend;
use crate::{CryptoError, ObjectKey, PageRef, Path};

/// Which numbers below a base are wholly cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HighestCut {
    /// Not one.
    None,
    /// This is the highest of them.
    Some(u64),
    /// The base itself, and with it every number there could ever be.
    All,
}

/// Opens the fragment behind a page reference at `depth`.
pub(super) fn open<E: From<CryptoError>>(
    page: &PageRef,
    bits: u16,
    depth: usize,
    load: &mut Load<'_, E>,
) -> Result<Node, E> {
    Ok(decode_page(&load(page)?, bits, depth).map_err(CryptoError::from)?)
}

/// The key of the leaf at `path`; `node` stands at the first `depth` bits of it.
pub(super) fn derive<E: From<CryptoError>>(
    node: &Node,
    path: &Path,
    depth: usize,
    load: &mut Load<'_, E>,
    warm: Option<&Warm>,
) -> Result<Option<ObjectKey>, E> {
    match node {
        Node::Cut => Ok(None),
        Node::Seed(seed) => Ok(Some(match warm {
            Some(warm) => warm.derive_from(seed, depth, path),
            None => descend(seed, path.bits().skip(depth)),
        })),
        Node::Inner(children) => {
            // Cuts never go below a leaf, so an inner node at a leaf was not written by this code.
            let bit = path.bit(depth).ok_or(CryptoError::Fragment(FragmentError::TooDeep))?;
            derive(side(children, bit), path, depth + 1, load, warm)
        }
        Node::Page { page, bits } => derive(&open(page, *bits, depth, load)?, path, depth, load, warm),
    }
}

/// True if all of `path` is cut.
pub(super) fn is_cut<E: From<CryptoError>>(
    node: &Node,
    path: &Path,
    depth: usize,
    load: &mut Load<'_, E>,
) -> Result<bool, E> {
    match (node, path.bit(depth)) {
        (Node::Cut, _) => Ok(true),
        (Node::Seed(_), _) | (_, None) => Ok(false),
        (Node::Inner(children), Some(bit)) => is_cut(side(children, bit), path, depth + 1, load),
        (Node::Page { page, bits }, _) => is_cut(&open(page, *bits, depth, load)?, path, depth, load),
    }
}

/// Walks down to `base`, then along the gamma code.
pub(super) fn highest_cut<E: From<CryptoError>>(
    node: &Node,
    base: &Path,
    depth: usize,
    load: &mut Load<'_, E>,
) -> Result<HighestCut, E> {
    match (node, base.bit(depth)) {
        (Node::Cut, _) => Ok(HighestCut::All),
        (Node::Seed(_), _) => Ok(HighestCut::None),
        (Node::Inner(children), Some(bit)) => highest_cut(side(children, bit), base, depth + 1, load),
        (Node::Page { page, bits }, Some(_)) => {
            highest_cut(&open(page, *bits, depth, load)?, base, depth, load)
        }
        (_, None) => Ok(match highest_code(node, Code::Zeros(0), depth, load)? {
            Some(n) => HighestCut::Some(n),
            None => HighestCut::None,
        }),
    }
}

/// How much of a gamma code has been read.
#[derive(Clone, Copy)]
enum Code {
    /// So many zeros.
    Zeros(u32),
    /// The number's first bits, and how many are missing.
    Number { read: u64, missing: u32 },
}

/// The highest number that is wholly cut among those whose code goes on from `code`. Larger numbers are tried first, and a
/// node with no cut below is a seed, so the search goes astray only where a number is cut in part.
fn highest_code<E: From<CryptoError>>(
    node: &Node,
    code: Code,
    depth: usize,
    load: &mut Load<'_, E>,
) -> Result<Option<u64>, E> {
    let children = match (node, code) {
        (_, Code::Zeros(64..)) | (Node::Seed(_), _) => return Ok(None),
        (Node::Cut, Code::Zeros(_)) => return Ok(Some(u64::MAX)),
        (Node::Cut, Code::Number { read, missing }) => {
            return Ok(Some(read << missing | ((1 << missing) - 1)));
        }
        (_, Code::Number { missing: 0, .. }) => return Ok(None),
        (Node::Page { page, bits }, _) => {
            return highest_code(&open(page, *bits, depth, load)?, code, depth, load);
        }
        (Node::Inner(children), _) => children,
    };
    let (higher, lower) = match code {
        Code::Zeros(k) => ((false, Code::Zeros(k + 1)), (true, Code::Number { read: 1, missing: k })),
        Code::Number { read, missing } => {
            let next = |bit| Code::Number { read: read << 1 | u64::from(bit), missing: missing - 1 };
            ((true, next(true)), (false, next(false)))
        }
    };
    for (bit, code) in [higher, lower] {
        if let Some(n) = highest_code(side(children, bit), code, depth + 1, load)? {
            return Ok(Some(n));
        }
    }
    Ok(None)
}

fn side(children: &[Node; 2], right: bool) -> &Node {
    let [left_child, right_child] = children;
    if right { right_child } else { left_child }
}
