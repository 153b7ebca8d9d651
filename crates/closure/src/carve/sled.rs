//! Rows in sled's log (release 0.34.7), by its messages alone: every message that was ever written and not yet overwritten counts, whether it is
//! current or not, wherever in a file it stands.
//!
//! A message is `crc32:4 LE ‖ kind:1 ‖ length ‖ segment ‖ page`, three numbers of sled's own form, then `length` bytes. Two kinds hold rows: a node (8), with all
//! its rows, and a link (10), with one that was added. Keys are shortened by a prefix that stands in the node's lower border, so a link is understood with
//! the help of any node of the same page.

/// A message that holds rows.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Message<'a> {
    /// Bytes of the whole message.
    pub(super) length: usize,
    /// Of the node that it belongs to.
    pub(super) page: u64,
    pub(super) content: Content<'a>,
}

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content<'a> {
    /// The lower border, how much of it each key lacks, and rows: shortened key, value.
    Node { low: &'a [u8], prefix: usize, rows: Vec<(&'a [u8], &'a [u8])> },
    /// Shortened key, value.
    Link(&'a [u8], &'a [u8]),
    /// A message without rows.
    Other,
}

const NODE: u8 = 8;
const LINK: u8 = 10;
/// No message is longer than a segment.
pub(super) const LONGEST: usize = 16 << 20;
/// Bytes of the longest head.
pub(super) const HEAD: usize = 32;

/// The message at the front of these bytes, if a whole one stands there.
pub(super) fn message(bytes: &[u8]) -> Option<Message<'_>> {
    let kind = *bytes.get(4)?;
    if kind != NODE && kind != LINK {
        return None;
    }
    let mut rest = bytes.get(5..)?;
    let length = usize::try_from(number(&mut rest)?).ok().filter(|length| (1..=LONGEST).contains(length))?;
    number(&mut rest)?;
    let page = number(&mut rest)?;
    let head = bytes.len() - rest.len();
    let body = rest.get(..length)?;
    let mut sum = crc32fast::Hasher::new();
    sum.update(body);
    sum.update(bytes.get(4..head)?);
    if (sum.finalize() ^ u32::MAX).to_le_bytes() != *bytes.first_chunk::<4>()? {
        return None;
    }
    let content = if kind == NODE { node(body) } else { link(body) };
    Some(Message { length: head + length, page, content: content.unwrap_or(Content::Other) })
}

/// How long the message here would be, judged by its head alone; `None` if none can begin here.
pub(super) fn announced(bytes: &[u8]) -> Option<usize> {
    if !matches!(bytes.get(4), Some(&(NODE | LINK))) {
        return None;
    }
    let mut rest = bytes.get(5..)?;
    let length = usize::try_from(number(&mut rest)?).ok().filter(|length| (1..=LONGEST).contains(length))?;
    number(&mut rest)?;
    number(&mut rest)?;
    Some(bytes.len() - rest.len() + length)
}

fn node(body: &[u8]) -> Option<Content<'_>> {
    let mut rest = body;
    number(&mut rest)?;
    number(&mut rest)?;
    let prefix = usize::from(*rest.get(1)?);
    rest = rest.get(2..)?;
    let low = bytes(&mut rest)?;
    bytes(&mut rest)?;
    let (&form, after) = rest.split_first()?;
    rest = after;
    let count = usize::try_from(number(&mut rest)?).ok()?;
    if form != 0 || prefix > low.len() || count > body.len() {
        return None;
    }
    let keys = (0..count).map(|_| bytes(&mut rest)).collect::<Option<Vec<_>>>()?;
    let rows = keys.into_iter().map(|key| Some((key, bytes(&mut rest)?))).collect::<Option<Vec<_>>>()?;
    Some(Content::Node { low, prefix, rows })
}

fn link(body: &[u8]) -> Option<Content<'_>> {
    let (0, mut rest) = body.split_first().map(|(form, rest)| (*form, rest))? else { return None };
    Some(Content::Link(bytes(&mut rest)?, bytes(&mut rest)?))
}

fn bytes<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(number(rest)?).ok()?;
    let (taken, left) = rest.split_at_checked(length)?;
    *rest = left;
    Some(taken)
}

/// A number in sled's form.
fn number(rest: &mut &[u8]) -> Option<u64> {
    let first = *rest.first()?;
    let at = |n: usize| rest.get(n).map(|byte| u64::from(*byte));
    let (value, length) = match first {
        0..=240 => (u64::from(first), 1),
        241..=248 => (240 + 256 * (u64::from(first) - 241) + at(1)?, 2),
        249 => (2288 + 256 * at(1)? + at(2)?, 3),
        _ => {
            let length = usize::from(first) - 247;
            let mut aligned = [0; 8];
            aligned.get_mut(..length)?.copy_from_slice(rest.get(1..=length)?);
            (u64::from_le_bytes(aligned), length + 1)
        }
    };
    *rest = rest.get(length..)?;
    Some(value)
}
