//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, reason = "a broken promise is told by a panic")]

use oubliette_crypto::Codec;
use std::num::NonZeroU64;
use zeroize::Zeroizing;

use super::frames::{FRAME_LEN, Frame, FramePacker, parse_table, unpack};
use super::head::{BodyMark, Facts, Head};

/// Input: the plaintext of a head object, with what may follow.
pub(crate) fn head(input: &[u8]) {
    if let Some((head, rest)) = Head::decode(input) {
        assert_eq!([head.encode().unwrap().as_slice(), rest].concat(), input);
    }
}

pub(crate) fn head_seeds() -> Vec<Vec<u8>> {
    let facts = || Facts::Here(Zeroizing::new(br#"{"type":"x"}"#.to_vec()));
    let mark = BodyMark { len: NonZeroU64::new(9000).unwrap(), salt: [5; 24] };
    let small = Head { codec: Codec::Plain, content_len: 12, created: 7, body: None, facts: facts() };
    let large = Head { codec: Codec::Zstd, content_len: 9000, created: 8, body: Some(mark), facts: facts() };
    let long = Head {
        codec: Codec::Plain,
        body: Some(mark),
        facts: Facts::InBody(2000),
        content_len: 9,
        created: 9,
    };
    let content = [small.encode().unwrap().as_slice(), b"twelve bytes", &[0; 20]].concat();
    vec![content, large.encode().unwrap().to_vec(), long.encode().unwrap().to_vec()]
}

/// Input: `frames' bytes:4 ‖ expected length:4 ‖ table and, in a second reading, one stored frame`.
pub(crate) fn frames(input: &[u8]) {
    let Some((frames, rest)) = input.split_first_chunk::<4>() else { return };
    let Some((expected, bytes)) = rest.split_first_chunk::<4>() else { return };
    let total = u64::from(u32::from_be_bytes(*frames));
    if let Some(frames) = parse_table(bytes, total) {
        let mut at = 0;
        for Frame { from, stored, .. } in frames {
            assert_eq!(from, at);
            at += u64::from(stored);
        }
        assert_eq!(at, total);
    }
    let expected = (u32::from_be_bytes(*expected) as usize).min(FRAME_LEN);
    for as_is in [false, true] {
        let stored = u32::try_from(bytes.len()).unwrap();
        let frame = Frame { from: 0, stored, as_is };
        if let Some(content) = unpack(frame, Zeroizing::new(bytes.to_vec()), expected) {
            assert_eq!(content.len(), expected);
        }
    }
}

pub(crate) fn frames_seeds() -> Vec<Vec<u8>> {
    let packed = |content: &[u8]| {
        let mut packer = FramePacker::new().unwrap();
        let frame = packer.pack(content).to_vec();
        let length = |n: usize| u32::try_from(n).unwrap().to_be_bytes();
        let table = packer.table().to_vec();
        let head = [length(frame.len()), length(content.len())].concat();
        [[head.as_slice(), &table].concat(), [head.as_slice(), &frame].concat()]
    };
    [packed(&[b'x'; 5000]), packed(b"short"), packed(&[])].into_iter().flatten().collect()
}
