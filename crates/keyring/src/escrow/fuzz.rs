//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use oubliette_crypto::{EscrowSeed, RootKey, VaultId};
use sha2::{Digest, Sha256};

use super::{EscrowBlob, EscrowTo};
use crate::cell::RootPointer;

/// Input: a blob; once as it is, once with its check made right, so that the fields are reached.
pub(crate) fn run(input: &[u8]) {
    check(input);
    if let Some(fields) = input.len().checked_sub(16).map(|end| &input[..end]) {
        check(&[fields, &Sha256::digest(fields)[..16]].concat());
    }
}

fn check(bytes: &[u8]) {
    if let Some(blob) = EscrowBlob::decode(bytes) {
        assert_eq!(blob.encode(), bytes);
    }
}

/// Sealed anew at each call, under keys that nobody keeps.
pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let blob = |threshold, holders: u8| {
        let holders = (0..holders).map(|n| EscrowSeed::from_slice(&[n; 32]).unwrap().public()).collect();
        let (vault, root) = (VaultId([1; 16]), RootKey::generate().unwrap());
        let pointer = RootPointer {
            vault,
            generation: 3,
            epoch: 2,
            root_page: [9; 12],
            salt: [1; 32],
            root_hash: [2; 32],
            mac: [0; 32],
        };
        EscrowBlob::seal(&EscrowTo { window: 4, threshold, holders }, &root, &pointer, 5).unwrap().encode()
    };
    // With one holder: a second one's share is longer than a corpus may have.
    vec![blob(1, 1)]
}
