//! The parts of a cover and their sizes.

use crate::{PageRef, TreeSeed};

/// Bits of a cut node.
pub(super) const CUT_BITS: usize = 2;
/// Bits of a seed.
pub(super) const SEED_BITS: usize = 2 + 256;
/// Bits of a reference to a page.
pub(super) const PAGE_REF_BITS: usize = 2 + 96 + 256 + 16;
/// Most bits in one fragment.
pub(super) const FRAGMENT_BITS: usize = 7744;
/// Most bits in a root fragment that stands in the state page.
pub(super) const INLINE_BITS: usize = 4992;
/// When an inner node must be divided, its smaller child goes into a page too if it is larger than this.
const SMALL_BITS: usize = 1936;

/// A subtree of the cover.
pub(super) enum Node {
    /// Nothing below is left.
    Cut,
    /// Everything below is whole.
    Seed(TreeSeed),
    /// Left and right child, not both cut.
    Inner(Box<[Node; 2]>),
    /// An inner node that stands in a page of its own.
    Page {
        /// Opens the page.
        page: PageRef,
        /// Size in bits of the fragment in it.
        bits: u16,
    },
}

/// Which children of an inner node stand in pages, by the size in bits that each has inline. Depends on nothing else, so
/// that the partition follows from the set of cuts.
pub(super) fn paged(left: usize, right: usize) -> [bool; 2] {
    if 2 + left + right <= FRAGMENT_BITS {
        return [false; 2];
    }
    let right_is_larger = right > left;
    let smaller_too = left.min(right) > SMALL_BITS;
    [!right_is_larger || smaller_too, right_is_larger || smaller_too]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_partition_turns_at_its_limits() {
        for (left, right, expected) in [
            (2, 258, [false, false]),
            (3871, 3871, [false, false]),
            (3872, 3871, [true, true]),
            (5807, 1936, [true, false]),
            (5806, 1936, [false, false]),
            (5806, 1937, [true, true]),
            (7744, 2, [true, false]),
        ] {
            assert_eq!(paged(left, right), expected, "{left} {right}");
            assert_eq!(paged(right, left), [expected[1], expected[0]], "{right} {left}");
        }
    }
}
