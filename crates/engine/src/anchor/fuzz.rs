//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use oubliette_crypto::AnchorKey;
use oubliette_crypto::kdf::{AnchorForm, seal_anchor};

use super::record::{AnchorState, decode_row, decode_slot, encode_row, encode_slot};
use super::redo::{Redo, Sealed};

fn key() -> AnchorKey {
    AnchorKey::from_slice(&[1; 32]).unwrap()
}

fn state() -> AnchorState {
    let mut state = AnchorState { commit: 5, rows: 2, bytes: 99, chain: [3; 16], ..AnchorState::empty() };
    state.digest_mut(0).unwrap().0 = [7; 32];
    state.digest_mut(63).unwrap().0 = [8; 32];
    state
}

/// Input: once as the value of row "A", once as `header:9 ‖ body` of one that is sealed with the right key, so that the fields are reached.
pub(crate) fn row(input: &[u8]) {
    let _refused_or_ours = decode_row(&key(), input).is_some();
    let Some((header, body)) = input.split_at_checked(9) else { return };
    let sealed = seal_anchor(&key(), AnchorForm::Row, header, body).unwrap();
    let commit = u64::from_be_bytes(header[1..].try_into().unwrap());
    let right = header[0] == 2 && body.is_empty();
    assert_eq!(decode_row(&key(), &[header, &sealed].concat()), right.then_some(commit));
}

pub(crate) fn row_seeds() -> Vec<Vec<u8>> {
    vec![encode_row(&key(), 5).unwrap(), vec![2, 0, 0, 0, 0, 0, 0, 0, 5], vec![2, 0, 0, 0, 0, 0, 0, 0, 5, 1]]
}

/// Input: `header:24 ‖ bytes`: a true slot with this header in place of its own, and the bytes XORed onto the rest.
pub(crate) fn slot(input: &[u8]) {
    let Some((header, rest)) = input.split_first_chunk::<24>() else { return };
    let mut slot = encode_slot(&key(), &state(), true).unwrap();
    let ours = slot[..24] == *header;
    slot[..24].copy_from_slice(header);
    slot[24..].iter_mut().zip(rest).for_each(|(byte, change)| *byte ^= change);
    let whole = ours && rest.iter().take(slot.len() - 24).all(|change| *change == 0);
    assert_eq!(decode_slot(&key(), &slot), whole.then(|| (state(), true)));
}

pub(crate) fn slot_seeds() -> Vec<Vec<u8>> {
    let slot = encode_slot(&key(), &state(), true).unwrap();
    vec![slot[..24].to_vec(), [&slot[..24], &[0, 0, 1]].concat(), vec![0; 24], slot[..200].to_vec()]
}

/// Input: `header:40 ‖ body` of a record that is sealed with the right key and says its true length, so that the fields are reached.
pub(crate) fn redo(input: &[u8]) {
    let _refused = Redo::decode(&key(), input, 0).is_some();
    let Some((header, body)) = input.split_first_chunk::<40>() else { return };
    let mut header = *header;
    header[16..20].copy_from_slice(&(body.len() as u32 + 48).to_be_bytes());
    let sealed = seal_anchor(&key(), AnchorForm::Redo, &header, body).unwrap();
    let Some(redo) = Redo::decode(&key(), &[header.as_slice(), &sealed].concat(), 0) else { return };
    assert!(Redo::decode(&key(), &[header.as_slice(), &sealed].concat(), redo.commit).is_none());
    let prefixes = redo.prefixes();
    if prefixes.is_sorted_by(|a, b| a < b) && prefixes.last().is_none_or(|last| *last < 64) {
        let after = redo.apply(AnchorState::empty());
        let changes = redo.changes.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let again = Sealed::new(&key(), &after, &prefixes, changes, redo.follows).unwrap();
        let again = Redo::decode(&key(), &again.bytes, 0).unwrap();
        assert_eq!((again.commit, again.follows, &again.changes), (redo.commit, redo.follows, &redo.changes));
        let chain = after.chain;
        assert_eq!(AnchorState { chain, ..again.apply(AnchorState::empty()) }, after);
    }
}

pub(crate) fn redo_seeds() -> Vec<Vec<u8>> {
    let mut header = b"OUBREDO1".to_vec();
    header.extend_from_slice(&[&5_u64.to_be_bytes()[..], &[0; 8], &[3; 16]].concat());
    let numbers = [2_u64.to_be_bytes(), 99_u64.to_be_bytes()].concat();
    let put = |key: &[u8], value: &[u8]| {
        [&[key.len() as u8], key, &[1], &(value.len() as u16).to_be_bytes(), value].concat()
    };
    let record = |digests: &[u8], rows: &[Vec<u8>]| {
        let changed = digests.iter().flat_map(|prefix| [vec![*prefix], vec![9; 32]].concat()).collect();
        let count = (rows.len() as u16).to_be_bytes().to_vec();
        [header.clone(), vec![digests.len() as u8], changed, numbers.clone(), count, rows.concat()].concat()
    };
    vec![
        record(&[], &[]),
        record(&[1], &[put(b"key", b"value")]),
        record(&[0, 63], &[put(b"a", &[]), [&[1][..], b"b", &[0]].concat(), put(&[6; 64], &[7; 700])]),
    ]
}
