//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use oubliette_crypto::{Branch, Class, Handle, Leaf, Path, Tag, VaultId};

use super::{Forgotten, RootRecord};
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

/// Input: records, one after the other; each once as it is, once with its check made right.
pub(crate) fn forgotten(input: &[u8]) {
    let check = |bytes: &[u8]| {
        if let Ok((record, length)) = Forgotten::first(bytes) {
            assert_eq!(record.encode(), bytes[..length]);
        }
        if let Ok(record) = Forgotten::decode(bytes) {
            assert_eq!(record.encode(), bytes);
        }
    };
    check(input);
    if let Some(fields) = input.len().checked_sub(20).map(|end| &input[..end]) {
        let length = (input.len() as u32).to_be_bytes();
        check(&[fields, &Sha256::digest(fields)[..16], &length].concat());
    }
}

pub(crate) fn forgotten_seeds() -> Vec<Vec<u8>> {
    let path = |seq| {
        let leaf = Leaf { class: Class::Saves, compartment: 3, branch: Branch::Items, seq };
        Path::leaf(&leaf).unwrap()
    };
    let record = Forgotten {
        vault: VaultId([1; 16]),
        generation: 9,
        time: -1,
        erased: vec![Handle([2; 16]), Handle([3; 16])],
        erased_at: vec![Tag([4; 16])],
        cuts: vec![(Handle([5; 16]), vec![path(1), path(u64::MAX)]), (Handle([6; 16]), vec![Path::top()])],
    };
    let nothing = Forgotten { erased: vec![], erased_at: vec![], cuts: vec![], ..record.clone() };
    vec![record.encode(), nothing.encode()]
}
