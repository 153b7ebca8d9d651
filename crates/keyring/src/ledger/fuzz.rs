//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use super::RootRecord;
use crate::cell::ErasureClass;
use sha2::{Digest, Sha256};

/// Input: a record; once as it is, once with its check made right, so that the fields are reached.
pub(crate) fn run(input: &[u8]) {
    check(input);
    if let Some(fields) = input.get(..112) {
        check(&[fields, &Sha256::digest(fields)[..16]].concat());
    }
}

fn check(bytes: &[u8]) {
    if let Ok(record) = RootRecord::decode(bytes) {
        assert_eq!(record.encode(), bytes);
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let record = RootRecord {
        generation_before: 3,
        generation_after: 4,
        root_before: [1; 32],
        root_after: [2; 32],
        time: -1,
        removed: u32::MAX,
        cell_class: ErasureClass::E4,
    };
    vec![record.encode().to_vec(), RootRecord { cell_class: ErasureClass::E0, ..record }.encode().to_vec()]
}
