//! How long a sealed object is, and where in it a chunk lies.
//!
//! Each plaintext length has exactly one sealed length, and most sealed lengths belong to no object at all; a length that
//! answers `None` here is an error of the caller or a damaged object.

use std::ops::Range;

use super::{CHUNK_LEN, HEADER_LEN, TAG_LEN};

/// Bytes of a whole chunk with its tag.
pub const SEALED_CHUNK_LEN: usize = CHUNK_LEN + TAG_LEN;
/// Chunks in one object, at most: a limit of the format, for the counter must not reach the random part of the nonce.
pub const MAX_CHUNKS: u64 = 1 << 38;
/// Bytes of plaintext in one object, at most (the last chunk is never whole).
pub const MAX_PLAIN_LEN: u64 = MAX_CHUNKS * CHUNK_LEN as u64 - 1;

/// Bytes of the object that holds `plain_len` bytes; `None` past [`MAX_PLAIN_LEN`].
pub const fn sealed_len(plain_len: u64) -> Option<u64> {
    if plain_len > MAX_PLAIN_LEN {
        return None;
    }
    Some(HEADER_LEN as u64 + plain_len + (last_chunk(plain_len) + 1) * TAG_LEN as u64)
}

/// Bytes of plaintext in an object of `sealed_len` bytes; `None` if no object has that length.
pub const fn plain_len(sealed_len: u64) -> Option<u64> {
    let Some(body) = sealed_len.checked_sub(HEADER_LEN as u64) else { return None };
    let whole = body / SEALED_CHUNK_LEN as u64;
    let Some(last) = (body % SEALED_CHUNK_LEN as u64).checked_sub(TAG_LEN as u64) else { return None };
    if whole >= MAX_CHUNKS {
        return None;
    }
    Some(whole * CHUNK_LEN as u64 + last)
}

/// The number of the last chunk, counted from 0.
pub const fn last_chunk(plain_len: u64) -> u64 {
    plain_len / CHUNK_LEN as u64
}

/// The chunk that holds byte `position` of the plaintext, and the byte's place within that chunk.
pub const fn chunk_at(position: u64) -> (u64, usize) {
    (position / CHUNK_LEN as u64, (position % CHUNK_LEN as u64) as usize)
}

/// Where chunk `index` lies in an object that holds `plain_len` bytes, its tag included; `None` past the last chunk.
pub const fn chunk_range(index: u64, plain_len: u64) -> Option<Range<u64>> {
    let Some(end) = sealed_len(plain_len) else { return None };
    if index > last_chunk(plain_len) {
        return None;
    }
    let from = HEADER_LEN as u64 + index * SEALED_CHUNK_LEN as u64;
    let whole_to = from + SEALED_CHUNK_LEN as u64;
    Some(from..if whole_to < end { whole_to } else { end })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn known_lengths() {
        assert_eq!(sealed_len(0), Some(72));
        assert_eq!(sealed_len(16_383), Some(56 + 16_399));
        assert_eq!(sealed_len(16_384), Some(56 + 16_400 + 16));
        assert_eq!(sealed_len(32_769), Some(32_873));
        assert_eq!(sealed_len(MAX_PLAIN_LEN), Some(56 + MAX_CHUNKS * 16_400 - 1));
        assert_eq!(sealed_len(MAX_PLAIN_LEN + 1), None);
        assert_eq!(sealed_len(u64::MAX), None);
    }

    #[test]
    fn lengths_that_no_object_has() {
        let impossible =
            [0, 55, 56, 71, 56 + 16_400, 56 + 16_400 + 15, 56 + MAX_CHUNKS * 16_400 + 16, u64::MAX];
        for sealed in impossible {
            assert_eq!(plain_len(sealed), None, "{sealed}");
        }
    }

    proptest! {
        #[test]
        fn lengths_are_inverse(plain in 0..=MAX_PLAIN_LEN) {
            prop_assert_eq!(plain_len(sealed_len(plain).unwrap()), Some(plain));
        }

        #[test]
        fn a_sealed_length_is_known_or_refused(sealed: u64) {
            if let Some(plain) = plain_len(sealed) {
                prop_assert_eq!(sealed_len(plain), Some(sealed));
            }
        }

        #[test]
        fn chunks_tile_the_object(plain in 0u64..200_000) {
            let mut at = HEADER_LEN as u64;
            for index in 0..=last_chunk(plain) {
                let range = chunk_range(index, plain).unwrap();
                prop_assert_eq!(range.start, at);
                prop_assert_eq!(range.end - range.start == SEALED_CHUNK_LEN as u64, index < last_chunk(plain));
                at = range.end;
            }
            prop_assert_eq!(Some(at), sealed_len(plain));
            prop_assert_eq!(chunk_range(last_chunk(plain) + 1, plain), None);
        }

        #[test]
        fn a_position_lies_in_its_chunk(plain in 1u64..=MAX_PLAIN_LEN, at: u64) {
            let position = at % plain;
            let (index, within) = chunk_at(position);
            let range = chunk_range(index, plain).unwrap();
            prop_assert!((within as u64) < range.end - range.start - TAG_LEN as u64);
            prop_assert_eq!(index * CHUNK_LEN as u64 + within as u64, position);
        }
    }
}
