//! Content around canaries.

use oubliette_adversary::Canary;

/// What content is like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Size {
    /// Fits a row.
    Small,
    /// In a blob, shrinks when compressed; longer than a frame.
    Packed,
    /// In a blob, does not shrink.
    Dense,
}

/// Content with the canary at its beginning, in its middle and at its end.
pub(crate) fn around(canary: &Canary, size: Size) -> Vec<u8> {
    let length = match size {
        Size::Small => 0,
        Size::Packed => 150_000,
        Size::Dense => 40_000,
    };
    let mut state: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut noise = |at: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        if matches!(size, Size::Packed) { (at / 1000) as u8 } else { state as u8 }
    };
    let mut content = canary.as_str().as_bytes().to_vec();
    content.extend((0..length / 2).map(&mut noise));
    content.extend_from_slice(canary.as_str().as_bytes());
    content.extend((0..length / 2).map(&mut noise));
    content.extend_from_slice(canary.as_str().as_bytes());
    content
}
