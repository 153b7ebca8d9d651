//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use super::layout::{Marker, Stage};

pub(crate) fn marker(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some(marker) = Marker::decode(text) {
        assert_eq!(marker.encode(), text);
    }
}

pub(crate) fn marker_seeds() -> Vec<Vec<u8>> {
    [(Stage::Creating, 1), (Stage::Ready, 0x00ab_cdef)]
        .map(|(stage, data)| Marker { stage, data }.encode().into_bytes())
        .to_vec()
}
