//! Fragments as bytes. What does not follow from some set of cuts is refused, so one cover has one encoding.

use zeroize::Zeroizing;

use super::node::{CUT_BITS, FRAGMENT_BITS, INLINE_BITS, Node, PAGE_REF_BITS, SEED_BITS, paged};
use crate::path::MAX_PATH_BITS;
use crate::{PAGE_BODY, PageBody, PageRef, TreeSeed};

const CUT: u8 = 0b00;
const SEED: u8 = 0b01;
const INNER: u8 = 0b10;
const PAGE: u8 = 0b11;

/// A page reference with the size of the fragment behind it.
const SIZED_REF: usize = PageRef::LEN + 2;

/// Why bytes are no fragment of a cover. They were authenticated, so this is a fault of the writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum FragmentError {
    /// The bytes end too early.
    #[error("the fragment ends too early")]
    Truncated,
    /// Something stands behind the end.
    #[error("bytes follow the end of the fragment")]
    Trailing,
    /// The number of nodes in front differs from the shape.
    #[error("the fragment's node count does not match its shape")]
    NodeCount,
    /// Padding bits are not zero.
    #[error("the fragment's padding is not zero")]
    Padding,
    /// A node lies deeper than any path leads.
    #[error("the fragment is deeper than any path")]
    TooDeep,
    /// The same cuts would have been written in another shape.
    #[error("the fragment is not in canonical form")]
    NotCanonical,
    /// A size differs from what the reference to the fragment says, or lies outside of its limits.
    #[error("the fragment is {got} bits large, which is not allowed here")]
    Size {
        /// Size in bits.
        got: usize,
    },
}

/// Reads a root fragment from a state page.
pub(super) fn decode_inline(bytes: &[u8]) -> Result<Node, FragmentError> {
    let (root, bits, rest) = decode(bytes, 0)?;
    match rest {
        _ if bits > INLINE_BITS => Err(FragmentError::Size { got: bits }),
        [] => Ok(root),
        _ => Err(FragmentError::Trailing),
    }
}

/// Reads the reference to a root fragment that is too large for the state page.
pub(super) fn decode_root_page(bytes: &[u8]) -> Result<Node, FragmentError> {
    let (page, bits, rest) = page_ref(bytes)?;
    match rest {
        _ if usize::from(bits) <= INLINE_BITS => Err(FragmentError::Size { got: bits.into() }),
        [] => Ok(Node::Page { page, bits }),
        _ => Err(FragmentError::Trailing),
    }
}

/// Reads the fragment in a page. `bits` is what the reference says, `depth` the length of the path to it.
pub(super) fn decode_page(body: &PageBody, bits: u16, depth: usize) -> Result<Node, FragmentError> {
    let (root, got, rest) = decode(body.expose(), depth)?;
    match root {
        _ if got != usize::from(bits) => Err(FragmentError::Size { got }),
        _ if rest.iter().any(|byte| *byte != 0) => Err(FragmentError::Padding),
        // Each page leads at least one step down, so that following pages ends.
        Node::Inner(_) => Ok(root),
        _ => Err(FragmentError::NotCanonical),
    }
}

/// The reference to a root fragment's page, as a state page keeps it.
pub(super) fn encode_root_page(page: &PageRef, bits: u16) -> Zeroizing<Vec<u8>> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(SIZED_REF));
    push_page_ref(&mut bytes, page, bits);
    bytes
}

/// The bytes of a fragment.
pub(super) fn encode(root: &Node) -> Zeroizing<Vec<u8>> {
    // Never grown past their capacity: growing would leave the keys behind in freed memory.
    let mut bytes = Zeroizing::new(Vec::with_capacity(PAGE_BODY));
    let mut payloads = Zeroizing::new(Vec::with_capacity(PAGE_BODY));
    let mut tags = Vec::new();
    walk(root, &mut tags, &mut payloads);
    bytes.extend_from_slice(&(tags.len() as u16).to_be_bytes());
    bytes.extend(tags.chunks(4).map(|four| four.iter().zip([6, 4, 2, 0]).fold(0, |b, (t, s)| b | t << s)));
    bytes.extend_from_slice(&payloads);
    bytes
}

fn walk(node: &Node, tags: &mut Vec<u8>, payloads: &mut Vec<u8>) {
    match node {
        Node::Cut => tags.push(CUT),
        Node::Seed(seed) => {
            tags.push(SEED);
            payloads.extend_from_slice(seed.expose());
        }
        Node::Inner(children) => {
            tags.push(INNER);
            children.iter().for_each(|child| walk(child, tags, payloads));
        }
        Node::Page { page, bits } => {
            tags.push(PAGE);
            push_page_ref(payloads, page, *bits);
        }
    }
}

fn push_page_ref(bytes: &mut Vec<u8>, page: &PageRef, bits: u16) {
    bytes.extend_from_slice(&page.id);
    bytes.extend_from_slice(page.key.expose());
    bytes.extend_from_slice(&bits.to_be_bytes());
}

/// The fragment at the start of `bytes`, its size in bits, and what follows it.
fn decode(bytes: &[u8], depth: usize) -> Result<(Node, usize, &[u8]), FragmentError> {
    let (count, rest) = bytes.split_first_chunk().ok_or(FragmentError::Truncated)?;
    let count = usize::from(u16::from_be_bytes(*count));
    let (tags, payloads) = rest.split_at_checked(count.div_ceil(4)).ok_or(FragmentError::Truncated)?;
    let mut reader = Reader { tags, next: 0, payloads };
    let (root, bits) = reader.node(depth, count)?;
    if reader.next != count {
        return Err(FragmentError::NodeCount);
    }
    if (count..tags.len() * 4).any(|at| reader.tag(at) != Some(CUT)) {
        return Err(FragmentError::Padding);
    }
    if bits > FRAGMENT_BITS {
        return Err(FragmentError::Size { got: bits });
    }
    Ok((root, bits, reader.payloads))
}

struct Reader<'a> {
    tags: &'a [u8],
    next: usize,
    payloads: &'a [u8],
}

impl Reader<'_> {
    fn tag(&self, at: usize) -> Option<u8> {
        Some(self.tags.get(at / 4)? >> (6 - at % 4 * 2) & 0b11)
    }

    /// The next node in preorder and its size in bits where it stands.
    fn node(&mut self, depth: usize, count: usize) -> Result<(Node, usize), FragmentError> {
        let tag = self.tag(self.next).filter(|_| self.next < count).ok_or(FragmentError::NodeCount)?;
        self.next += 1;
        match tag {
            CUT => Ok((Node::Cut, CUT_BITS)),
            SEED => {
                let (seed, rest) = self.payloads.split_at_checked(32).ok_or(FragmentError::Truncated)?;
                self.payloads = rest;
                let seed = TreeSeed::from_slice(seed).map_err(|_| FragmentError::Truncated)?;
                Ok((Node::Seed(seed), SEED_BITS))
            }
            INNER if depth < MAX_PATH_BITS => {
                let (left, left_bits) = self.node(depth + 1, count)?;
                let (right, right_bits) = self.node(depth + 1, count)?;
                inner(left, left_bits, right, right_bits)
            }
            INNER => Err(FragmentError::TooDeep),
            _ => {
                let (page, bits, rest) = page_ref(self.payloads)?;
                self.payloads = rest;
                Ok((Node::Page { page, bits }, PAGE_REF_BITS))
            }
        }
    }
}

/// An inner node, if some set of cuts leads to it.
fn inner(
    left: Node,
    left_bits: usize,
    right: Node,
    right_bits: usize,
) -> Result<(Node, usize), FragmentError> {
    // Two cut children would be a cut parent, two whole ones a seed.
    let idle = matches!((&left, &right), (Node::Cut, Node::Cut) | (Node::Seed(_), Node::Seed(_)));
    let stands = [&left, &right].map(|child| matches!(child, Node::Page { .. }));
    let alone = |child: &Node, here| match child {
        Node::Page { bits, .. } => usize::from(*bits),
        _ => here,
    };
    if idle || stands != paged(alone(&left, left_bits), alone(&right, right_bits)) {
        return Err(FragmentError::NotCanonical);
    }
    Ok((Node::Inner(Box::new([left, right])), 2 + left_bits + right_bits))
}

fn page_ref(bytes: &[u8]) -> Result<(PageRef, u16, &[u8]), FragmentError> {
    let (page, rest) = bytes.split_at_checked(PageRef::LEN).ok_or(FragmentError::Truncated)?;
    let (bits, rest) = rest.split_first_chunk().ok_or(FragmentError::Truncated)?;
    let bits = u16::from_be_bytes(*bits);
    if !(PAGE_REF_BITS + 1..=FRAGMENT_BITS).contains(&bits.into()) {
        return Err(FragmentError::Size { got: bits.into() });
    }
    Ok((PageRef::decode(page).map_err(|_| FragmentError::Truncated)?, bits, rest))
}

#[cfg(test)]
mod tests;
