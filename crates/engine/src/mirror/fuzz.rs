//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

/// A note that names neither copy counts for both.
pub(crate) fn note(input: &[u8]) {
    let stale = super::note::parse(input);
    assert!(stale.contains(&true));
    assert_eq!(super::note::parse(super::note::text(stale).as_bytes()), stale);
}

pub(crate) fn note_seeds() -> Vec<Vec<u8>> {
    [[true, false], [false, true], [true, true]].map(|stale| super::note::text(stale).into_bytes()).to_vec()
}
