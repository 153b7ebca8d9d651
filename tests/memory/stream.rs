//! Content that is made while it is read: half of it shrinks, half does not, and no two blocks are alike.

use std::io::{self, Read};

pub(crate) struct Content {
    left: u64,
    state: u64,
}

impl Content {
    pub(crate) fn new(length: u64) -> Self {
        Self { left: length, state: 0x0b11_e77e }
    }
}

/// Deterministic by position: readers may ask for pieces of any size.
impl Read for Content {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let length = into.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
        for byte in &mut into[..length] {
            let at = self.left;
            self.left -= 1;
            if at.is_multiple_of(8) {
                self.state ^= self.state << 13;
                self.state ^= self.state >> 7;
                self.state ^= self.state << 17;
            }
            // Every other MiB is text-like.
            let noise = (self.state >> (8 * (at % 8))) as u8;
            *byte = if (at >> 20).is_multiple_of(2) { noise } else { b'a' + noise % 4 };
        }
        Ok(length)
    }
}
