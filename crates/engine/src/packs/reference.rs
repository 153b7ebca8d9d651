//! Blob references: which extents, in order, and how many bytes.

use crate::BlobRef;

/// Extents are counted in blocks of this many bytes.
pub(super) const BLOCK: u64 = 4096;
/// So that a reference has at most 2,048 bytes.
pub(super) const MAX_EXTENTS: usize = 169;
const VERSION: u8 = 1;

/// Consecutive blocks of one pack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Extent {
    pub(super) pack: u32,
    pub(super) first: u32,
    pub(super) blocks: u32,
}

/// A parsed reference: extents that exist once each, in order, with room for `length` bytes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Reference {
    pub(super) extents: Vec<Extent>,
    /// Bytes; 0 while the blob is being written.
    pub(super) length: u64,
}

impl Reference {
    /// At most [`MAX_EXTENTS`] extents, which the writer sees to.
    pub(super) fn encode(&self) -> BlobRef {
        let mut bytes = vec![VERSION, self.extents.len().min(MAX_EXTENTS) as u8];
        for extent in self.extents.iter().take(MAX_EXTENTS) {
            bytes.extend(extent.pack.to_be_bytes());
            bytes.extend(extent.first.to_be_bytes());
            bytes.extend(extent.blocks.to_be_bytes());
        }
        bytes.extend(self.length.to_be_bytes());
        BlobRef(bytes)
    }

    /// The fault, if the bytes are not a reference that `encode` can have made.
    pub(super) fn parse(blob: &BlobRef) -> Result<Self, &'static str> {
        let [VERSION, n, rest @ ..] = blob.0.as_slice() else { return Err("unknown version") };
        let n = usize::from(*n);
        let (extents, length) = rest.split_at_checked(n * 12).ok_or("shorter than its extents")?;
        let length = u64::from_be_bytes(length.try_into().map_err(|_| "not as long as its extents say")?);
        if n > MAX_EXTENTS {
            return Err("too many extents");
        }
        let extents: Vec<Extent> = extents
            .as_chunks::<12>()
            .0
            .iter()
            .map(|[a, b, c, d, e, f, g, h, i, j, k, l]| Extent {
                pack: u32::from_be_bytes([*a, *b, *c, *d]),
                first: u32::from_be_bytes([*e, *f, *g, *h]),
                blocks: u32::from_be_bytes([*i, *j, *k, *l]),
            })
            .collect();
        check(&extents, length)?;
        Ok(Self { extents, length })
    }
}

fn check(extents: &[Extent], length: u64) -> Result<(), &'static str> {
    let mut end = 0; // of the extent before, as (pack, block)
    let mut room = 0;
    for extent in extents {
        // Extents are handed out in ascending order, so a reference that goes back overlaps or was not made here.
        let first = (u64::from(extent.pack) << 32) | u64::from(extent.first);
        if extent.blocks == 0 || extent.pack == 0 || extent.first.checked_add(extent.blocks).is_none() {
            return Err("an extent that cannot be");
        }
        if first < end {
            return Err("extents that overlap or go back");
        }
        end = first + u64::from(extent.blocks);
        room += u64::from(extent.blocks) * BLOCK;
    }
    if length > room { Err("longer than its extents") } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn what_parses_encodes_to_the_same_bytes(
            mut bytes in prop::collection::vec(any::<u8>(), 0..60),
            shaped in any::<bool>(),
        ) {
            if shaped && bytes.len() >= 10 {
                bytes[0] = VERSION;
                bytes[1] = ((bytes.len() - 10) / 12) as u8;
                bytes.truncate(10 + usize::from(bytes[1]) * 12);
                let from = bytes.len() - 8;
                bytes[from..from + 6].fill(0);
            }
            let blob = BlobRef(bytes);
            if let Ok(reference) = Reference::parse(&blob) {
                prop_assert_eq!(reference.encode(), blob);
            }
        }

        #[test]
        fn round_trip(starts in prop::collection::vec((1u32..5, 0u32..1000), 0..169), less in 0u64..4096) {
            let mut extents: Vec<_> = starts
                .iter()
                .map(|(pack, first)| Extent { pack: *pack, first: *first * 8, blocks: 8 })
                .collect();
            extents.sort_by_key(|extent| (extent.pack, extent.first));
            extents.dedup();
            let length = (extents.len() as u64 * 8 * BLOCK).saturating_sub(less);
            let reference = Reference { extents, length };
            let blob = reference.encode();
            prop_assert!(blob.0.len() <= 2048);
            prop_assert_eq!(Reference::parse(&blob), Ok(reference));
        }
    }

    #[test]
    fn impossible_references_are_refused() {
        let whole = Extent { pack: 1, first: 8, blocks: 8 };
        let cases = [
            (vec![Extent { blocks: 0, ..whole }], 0),
            (vec![Extent { pack: 0, ..whole }], 0),
            (vec![Extent { first: u32::MAX, ..whole }], 0),
            (vec![whole, whole], 0),
            (vec![whole, Extent { first: 12, ..whole }], 0),
            (vec![Extent { pack: 2, ..whole }, whole], 0),
            (vec![whole], 8 * BLOCK + 1),
            (vec![], 1),
        ];
        for (extents, length) in cases {
            assert!(Reference::parse(&Reference { extents, length }.encode()).is_err());
        }
        let good = Reference { extents: vec![whole], length: 9 }.encode();
        assert!(Reference::parse(&good).is_ok());
        for cut in 0..good.0.len() {
            assert!(Reference::parse(&BlobRef(good.0[..cut].to_vec())).is_err(), "{cut}");
        }
    }
}
