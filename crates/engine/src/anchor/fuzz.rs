//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use oubliette_crypto::AnchorKey;
use oubliette_crypto::kdf::{AnchorForm, seal_anchor};

use super::record::{AnchorState, decode_row, decode_slot, encode_row, encode_slot};

fn key() -> AnchorKey {
    AnchorKey::from_slice(&[1; 32]).unwrap()
}

/// Input: once as the value of row "A", once as `header:9 ‖ body` of one that is sealed with the right key, so that the fields are reached.
pub(crate) fn row(input: &[u8]) {
    let _refused_or_ours = decode_row(&key(), input).is_some();
    let Some((header, body)) = input.split_at_checked(9) else { return };
    let sealed = seal_anchor(&key(), AnchorForm::Row, header, body).unwrap();
    if let Some(row) = decode_row(&key(), &[header, &sealed].concat()) {
        let applied = row.apply(AnchorState::empty());
        assert_eq!(applied.commit, u64::from_be_bytes(header[1..].try_into().unwrap()));
        assert_eq!(body.len(), 1 + usize::from(body[0]) * 33 + 16);
    }
}

pub(crate) fn row_seeds() -> Vec<Vec<u8>> {
    let state = AnchorState { commit: 5, rows: 2, bytes: 99, ..AnchorState::empty() };
    let plain = |count: u8| {
        let digests = (0..count).flat_map(|n| [vec![n], vec![n; 32]].concat());
        let numbers = [2_u64.to_be_bytes(), 99_u64.to_be_bytes()].concat();
        [vec![1, 0, 0, 0, 0, 0, 0, 0, 5, count], digests.collect(), numbers].concat()
    };
    vec![encode_row(&key(), &state, &[0, 63]).unwrap(), plain(0), plain(1), plain(20)]
}

/// Input: `header:24 ‖ bytes`: a true slot with this header in place of its own, and the bytes XORed onto the rest.
pub(crate) fn slot(input: &[u8]) {
    let Some((header, rest)) = input.split_first_chunk::<24>() else { return };
    let state = AnchorState { commit: 5, rows: 2, bytes: 99, ..AnchorState::empty() };
    let mut slot = encode_slot(&key(), &state, true).unwrap();
    let ours = slot[..24] == *header;
    slot[..24].copy_from_slice(header);
    slot[24..].iter_mut().zip(rest).for_each(|(byte, change)| *byte ^= change);
    let whole = ours && rest.iter().take(slot.len() - 24).all(|change| *change == 0);
    assert_eq!(decode_slot(&key(), &slot), whole.then_some((state, true)));
    assert_eq!(decode_slot(&key(), input), None);
}

pub(crate) fn slot_seeds() -> Vec<Vec<u8>> {
    let state = AnchorState { commit: 5, rows: 2, bytes: 99, ..AnchorState::empty() };
    let slot = encode_slot(&key(), &state, true).unwrap();
    vec![slot[..24].to_vec(), [&slot[..24], &[0, 0, 1]].concat(), vec![0; 24], slot[..1000].to_vec()]
}
