//! Names in a person's tree (docs/formats.md, section 2): what a leaf is called, where it lies, and which few subtrees make
//! up "everything through n". The code is prefix-free, so no leaf lies above another.

mod label;
mod range;
mod span;

pub use label::{Branch, Class, Leaf};
pub use range::{compartments_through, items_through};
pub use span::Span;

use std::fmt;

use crate::CryptoError;

/// Bits in the longest path: class 8, compartment 63, branch 1, seq 127.
pub const MAX_PATH_BITS: usize = 199;

const BYTES: usize = 25;

/// A node of a person's tree, as the bits from its top. Ordered from left to right, a node before what lies below it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Path {
    // The order derived from these two is the documented one because bits past `len` are zero.
    bits: [u8; BYTES],
    len: u8,
}

impl Path {
    /// The whole tree.
    pub const fn top() -> Self {
        Self { bits: [0; BYTES], len: 0 }
    }
    /// Everything of a class.
    pub const fn class(class: Class) -> Self {
        let mut bits = [0; BYTES];
        bits[0] = class as u8;
        Self { bits, len: 8 }
    }
    /// A compartment with its meta. Compartments count from 1.
    pub fn compartment(class: Class, compartment: u32) -> Result<Self, CryptoError> {
        Self::class(class).gamma(compartment.into(), "compartment")
    }
    /// Everything in one half of a compartment.
    pub fn branch(class: Class, compartment: u32, branch: Branch) -> Result<Self, CryptoError> {
        Self::compartment(class, compartment)?.push(branch == Branch::Items)
    }
    /// One leaf.
    pub fn leaf(leaf: &Leaf) -> Result<Self, CryptoError> {
        Self::branch(leaf.class, leaf.compartment, leaf.branch)?.gamma(leaf.seq, "seq")
    }
    /// Number of bits.
    #[expect(clippy::len_without_is_empty, reason = "an empty path is the top, not the absence of one")]
    pub fn len(&self) -> usize {
        self.len.into()
    }
    /// Bit `i` from the top; `None` past the end.
    pub fn bit(&self, i: usize) -> Option<bool> {
        let byte = self.bits.get(i / 8)?;
        (i < self.len()).then_some(byte & (0x80 >> (i % 8)) != 0)
    }
    /// The bits packed from the most significant one, the last byte padded with zeros.
    pub fn packed(&self) -> &[u8] {
        self.bits.get(..self.len().div_ceil(8)).unwrap_or_default()
    }
    /// Reads what [`Path::packed`] answered for a path of `len` bits; `None` unless it has that length and zeros behind its end.
    pub fn unpack(len: u8, packed: &[u8]) -> Option<Self> {
        if usize::from(len) > MAX_PATH_BITS || packed.len() != usize::from(len).div_ceil(8) {
            return None;
        }
        let mut bits = [0; BYTES];
        bits.get_mut(..packed.len())?.copy_from_slice(packed);
        let path = Self { bits, len };
        (path.first(len.into()) == path).then_some(path)
    }
    /// All bits from the top down.
    pub fn bits(&self) -> impl Iterator<Item = bool> + '_ {
        (0..self.len()).filter_map(|i| self.bit(i))
    }
    /// True if `other` is this node or lies below it.
    pub fn is_prefix_of(&self, other: &Self) -> bool {
        self.len <= other.len && self.bits().eq(other.bits().take(self.len()))
    }
    /// The node at the first `len` bits, or this one if there are no more.
    pub fn first(mut self, len: usize) -> Self {
        self.len = self.len.min(u8::try_from(len).unwrap_or(u8::MAX));
        for (at, byte) in self.bits.iter_mut().enumerate() {
            let kept = usize::from(self.len).saturating_sub(8 * at).min(8) as u32;
            *byte &= u8::MAX.checked_shl(8 - kept).unwrap_or(0);
        }
        self
    }
    /// The child on the given side.
    pub(crate) fn push(mut self, bit: bool) -> Result<Self, CryptoError> {
        let at = self.len();
        match self.bits.get_mut(at / 8) {
            Some(byte) if at < MAX_PATH_BITS => *byte |= u8::from(bit) << (7 - at % 8),
            _ => {
                return Err(CryptoError::OutOfRange {
                    what: "length of a tree path",
                    got: at as u64 + 1,
                    allowed: "at most 199 bits",
                });
            }
        }
        self.len += 1;
        Ok(self)
    }
    /// Appends the Elias gamma code of `n`.
    fn gamma(self, n: u64, what: &'static str) -> Result<Self, CryptoError> {
        let zeros =
            n.checked_ilog2().ok_or(CryptoError::OutOfRange { what, got: n, allowed: "at least 1" })?;
        self.push_zeros(zeros)?.push_low_bits(n, zeros + 1)
    }
    fn push_zeros(self, count: u32) -> Result<Self, CryptoError> {
        (0..count).try_fold(self, |path, _| path.push(false))
    }
    /// Appends the lowest `count` bits of `n`, the most significant of them first.
    fn push_low_bits(self, n: u64, count: u32) -> Result<Self, CryptoError> {
        (0..count).rev().try_fold(self, |path, i| path.push(n >> i & 1 == 1))
    }
}

/// The bits as a string of 0 and 1. Names a place, not a person.
impl fmt::Debug for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Path(")?;
        self.bits().try_for_each(|bit| f.write_str(if bit { "1" } else { "0" }))?;
        f.write_str(")")
    }
}

#[cfg(test)]
mod tests;
