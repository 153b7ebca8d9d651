//! The few subtrees that are exactly "everything numbered 1 to n".

use super::{Branch, Class, Path};
use crate::CryptoError;

/// The items 1 to `n` of a compartment, as at most 126 disjoint subtrees, ascending.
pub fn items_through(class: Class, compartment: u32, n: u64) -> Result<Vec<Path>, CryptoError> {
    through(Path::branch(class, compartment, Branch::Items)?, n, "seq")
}

/// The compartments 1 to `n` of a class, metas included.
pub fn compartments_through(class: Class, n: u32) -> Result<Vec<Path>, CryptoError> {
    through(Path::class(class), n.into(), "compartment")
}

/// The codes of 1 to `n` below `base`. The numbers 2^k to 2^(k+1) - 1 are the perfect subtree at `0^k 1`: full blocks go
/// whole, of the last one the dyadic pieces.
fn through(base: Path, n: u64, what: &'static str) -> Result<Vec<Path>, CryptoError> {
    let last = n.checked_ilog2().ok_or(CryptoError::OutOfRange { what, got: n, allowed: "at least 1" })?;
    let block = |k| base.push_zeros(k)?.push(true);
    let mut pieces = (0..last).map(block).collect::<Result<Vec<_>, _>>()?;
    // `count` numbers of the last block are covered, out of 2^last.
    let count = u128::from(n) + 1 - (1 << last);
    if count == 1 << last {
        pieces.push(block(last)?);
        return Ok(pieces);
    }
    let count = count as u64;
    for size in (0..last).rev().filter(|size| count >> size & 1 == 1) {
        // The numbers before this piece fill whole pieces of twice its size; it is the left child after them.
        let above = count >> (size + 1);
        pieces.push(block(last)?.push_low_bits(above, last - size - 1)?.push(false)?);
    }
    Ok(pieces)
}
