//! zstd in independent frames of 128 KiB, each kept only where it is smaller, so that a range costs one frame at most.

use oubliette_locked::zstd::{Compressor, decompress};
use zeroize::Zeroizing;

/// Plain bytes in every frame but the last.
pub(crate) const FRAME_LEN: usize = 128 * 1024;
const AS_IS: u32 = 1 << 31;
/// Fastest of the usual levels: saves are written more often than read, and the rest of the path is AES and a disk.
const LEVEL: i32 = 1;

/// Packs frames one after the other and keeps their table.
pub(crate) struct FramePacker {
    compressor: Compressor,
    packed: Zeroizing<Vec<u8>>,
    table: Vec<u8>,
}

impl FramePacker {
    /// `None` if memory is short.
    pub(crate) fn new() -> Option<Self> {
        Some(Self {
            compressor: Compressor::new()?,
            packed: Zeroizing::new(vec![0; FRAME_LEN]),
            table: Vec::new(),
        })
    }

    /// What to store for this frame: at most [`FRAME_LEN`] plain bytes, not empty.
    pub(crate) fn pack<'a>(&'a mut self, frame: &'a [u8]) -> &'a [u8] {
        let room = frame.len().saturating_sub(1);
        // A frame that does not shrink does not fit, which is the one error there can be.
        let shrunk =
            self.packed.get_mut(..room).and_then(|room| self.compressor.compress(LEVEL, frame, room));
        match shrunk.and_then(|length| Some((length, self.packed.get(..length)?))) {
            Some((length, packed)) => {
                self.table.extend_from_slice(&(length as u32).to_be_bytes());
                packed
            }
            None => {
                self.table.extend_from_slice(&(frame.len() as u32 | AS_IS).to_be_bytes());
                frame
            }
        }
    }

    pub(crate) fn table(&self) -> &[u8] {
        &self.table
    }
}

/// Bytes of the table behind this much content.
pub(crate) fn table_len(content_len: u64) -> u64 {
    content_len.div_ceil(FRAME_LEN as u64) * 4
}

/// One frame's place in the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) from: u64,
    pub(crate) stored: u32,
    pub(crate) as_is: bool,
}

/// Reads a table; `None` unless its frames fill exactly `frames_len` bytes.
pub(crate) fn parse_table(table: &[u8], frames_len: u64) -> Option<Vec<Frame>> {
    let (entries, []) = table.as_chunks::<4>() else { return None };
    let mut from = 0u64;
    let mut frames = Vec::with_capacity(entries.len());
    for entry in entries {
        let entry = u32::from_be_bytes(*entry);
        let (stored, as_is) = (entry & !AS_IS, entry & AS_IS != 0);
        if stored as usize > FRAME_LEN {
            return None;
        }
        frames.push(Frame { from, stored, as_is });
        from += u64::from(stored);
    }
    (from == frames_len).then_some(frames)
}

/// The `plain_len` bytes of one stored frame; `None` if it holds anything else.
pub(crate) fn unpack(
    frame: Frame,
    stored: Zeroizing<Vec<u8>>,
    plain_len: usize,
) -> Option<Zeroizing<Vec<u8>>> {
    if frame.as_is {
        return (stored.len() == plain_len).then_some(stored);
    }
    let mut plain = Zeroizing::new(vec![0; plain_len]);
    (decompress(&stored, &mut plain)? == plain_len).then_some(plain)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_does_not_shrink_is_kept_as_it_is() {
        let mut noise = vec![0; FRAME_LEN];
        getrandom::fill(&mut noise).unwrap();
        let mut packer = FramePacker::new().unwrap();
        assert_eq!(packer.pack(&noise), noise);
        assert_eq!(packer.pack(&[5]), [5]);
        let zeros = packer.pack(&vec![0; FRAME_LEN]).len();
        assert!(zeros < 100);
        let frames = parse_table(packer.table(), (FRAME_LEN + 1 + zeros) as u64).unwrap();
        assert_eq!(frames.iter().map(|frame| frame.as_is).collect::<Vec<_>>(), [true, true, false]);
        assert_eq!(frames[2].from, FRAME_LEN as u64 + 1);
    }

    proptest! {
        #[test]
        fn frames_round_trip(byte: u8, runs in proptest::collection::vec((any::<u8>(), 1usize..2000), 1..40)) {
            let plain: Vec<u8> = runs.iter().flat_map(|(b, n)| std::iter::repeat_n(b ^ byte, *n)).collect();
            let mut packer = FramePacker::new().unwrap();
            let stored = Zeroizing::new(packer.pack(&plain).to_vec());
            let frame = parse_table(packer.table(), stored.len() as u64).unwrap()[0];
            prop_assert_eq!(unpack(frame, stored.clone(), plain.len() + 1), None);
            prop_assert_eq!(&*unpack(frame, stored, plain.len()).unwrap(), &plain);
        }

        #[test]
        fn noise_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..200), len in 0usize..300, total in 0u64..400) {
            let _ = parse_table(&bytes, total);
            let frame = Frame { from: 0, stored: bytes.len() as u32, as_is: false };
            let _ = unpack(frame, Zeroizing::new(bytes), len);
        }
    }
}
