//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use super::reference::{Extent, Reference};
use crate::BlobRef;

pub(crate) fn reference(input: &[u8]) {
    let blob = BlobRef(input.to_vec());
    if let Ok(reference) = Reference::parse(&blob) {
        assert_eq!(reference.encode(), blob);
    }
}

pub(crate) fn reference_seeds() -> Vec<Vec<u8>> {
    let extents = |n: u32| (0..n).map(|n| Extent { pack: 1 + n / 4, first: n * 10, blocks: 3 }).collect();
    [(0, 0), (1, 12_288), (9, 70_000), (100, 1)]
        .map(|(n, length)| Reference { extents: extents(n), length }.encode().0)
        .to_vec()
}
