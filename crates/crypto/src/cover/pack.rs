//! Dividing a cover into pages. The partition follows from sizes alone; a page that stays one and was not opened by a cut is
//! not written again.

use super::node::{CUT_BITS, INLINE_BITS, Node, PAGE_REF_BITS, SEED_BITS, paged};
use super::read::open;
use super::{CoverForm, Load, PackedCover, Write, fragment};
use crate::{CryptoError, PageBody, PageId};

/// What packing needs from outside.
pub(super) struct Pages<'a, 'l, 'w, E> {
    /// Opens a page.
    pub(super) load: &'a mut Load<'l, E>,
    /// Writes a page.
    pub(super) write: &'a mut Write<'w, E>,
    /// Pages that no longer belong to the cover.
    pub(super) dead: &'a mut Vec<PageId>,
}

pub(super) fn pack<E: From<CryptoError>>(
    root: &mut Node,
    pages: &mut Pages<'_, '_, '_, E>,
) -> Result<PackedCover, E> {
    let bits = settle(root, 0, pages)?;
    place(root, bits, bits > INLINE_BITS, 0, pages)?;
    Ok(match root {
        Node::Page { page, bits } => {
            PackedCover { form: CoverForm::Page, bytes: fragment::encode_root_page(page, *bits) }
        }
        inline => PackedCover { form: CoverForm::Inline, bytes: fragment::encode(inline) },
    })
}

/// Partitions everything below `node` and answers the size in bits that `node` has inline. A page's inside is settled
/// already: nothing below it changed.
fn settle<E: From<CryptoError>>(
    node: &mut Node,
    depth: usize,
    pages: &mut Pages<'_, '_, '_, E>,
) -> Result<usize, E> {
    let children = match node {
        Node::Cut => return Ok(CUT_BITS),
        Node::Seed(_) => return Ok(SEED_BITS),
        Node::Page { bits, .. } => return Ok((*bits).into()),
        Node::Inner(children) => children,
    };
    let [left, right] = children.as_mut();
    let left_bits = settle(left, depth + 1, pages)?;
    let right_bits = settle(right, depth + 1, pages)?;
    let [left_paged, right_paged] = paged(left_bits, right_bits);
    let left_bits = place(left, left_bits, left_paged, depth + 1, pages)?;
    let right_bits = place(right, right_bits, right_paged, depth + 1, pages)?;
    Ok(2 + left_bits + right_bits)
}

/// Puts `node`, of `bits` inline, into a page or takes it out of one; answers the bits it takes where it stands.
fn place<E: From<CryptoError>>(
    node: &mut Node,
    bits: usize,
    paged: bool,
    depth: usize,
    pages: &mut Pages<'_, '_, '_, E>,
) -> Result<usize, E> {
    match (&*node, paged) {
        (Node::Page { .. }, true) => Ok(PAGE_REF_BITS),
        (Node::Page { page, bits }, false) => {
            let inline = open(page, *bits, depth, pages.load)?;
            pages.dead.push(page.id);
            let bits = usize::from(*bits);
            *node = inline;
            Ok(bits)
        }
        (_, true) => {
            let page = (pages.write)(&page_body(node))?;
            *node = Node::Page { page, bits: bits as u16 };
            Ok(PAGE_REF_BITS)
        }
        (_, false) => Ok(bits),
    }
}

/// A fragment of at most 7,744 bits is at most 971 bytes long and fits.
fn page_body(node: &Node) -> PageBody {
    let mut body = PageBody::zeroed();
    body.expose_mut().iter_mut().zip(fragment::encode(node).iter()).for_each(|(to, from)| *to = *from);
    body
}
