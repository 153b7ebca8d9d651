//! Many short byte strings, looked for at once.

use std::collections::HashMap;

const ZEROS: [u8; 4096] = [0; 4096];

/// Byte strings of 16 bytes and more.
pub(crate) struct Needles {
    /// By their first eight bytes.
    heads: HashMap<[u8; 8], Vec<Vec<u8>>>,
    /// One bit for each three bytes that a needle begins with: almost every place in memory is passed over by it.
    first: Vec<u64>,
    len: usize,
}

impl Needles {
    pub(crate) fn new(needles: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let mut all = Self { heads: HashMap::new(), first: vec![0; (1 << 24) / u64::BITS as usize], len: 0 };
        for needle in needles {
            assert!(needle.len() >= 16, "a needle of {} bytes stands somewhere by chance", needle.len());
            let (word, bit) = place(&needle);
            all.first[word] |= bit;
            all.heads.entry(*needle.first_chunk().unwrap()).or_default().push(needle);
            all.len += 1;
        }
        all
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &[u8]> {
        self.heads.values().flatten().map(Vec::as_slice)
    }

    /// Length of the longest: how far pieces of a memory must overlap.
    pub(crate) fn longest(&self) -> usize {
        self.heads.values().flatten().map(Vec::len).max().unwrap_or(0)
    }

    /// Calls `found` with each place where a needle begins.
    pub(crate) fn find(&self, hay: &[u8], mut found: impl FnMut(usize, &[u8])) {
        // Most of a memory is pages of zeros, and no needle begins with many.
        for (page, start) in hay.chunks(ZEROS.len()).zip((0..).step_by(ZEROS.len())) {
            if *page == ZEROS[..page.len()] {
                continue;
            }
            let end = hay.len().min(start + page.len() + 7);
            for (window, at) in hay[start..end].windows(8).zip(start..) {
                let (word, bit) = place(window);
                if self.first[word] & bit == 0 {
                    continue;
                }
                let Some(candidates) = self.heads.get(window) else { continue };
                for needle in candidates.iter().filter(|needle| hay[at..].starts_with(needle)) {
                    found(at, needle);
                }
            }
        }
    }
}

fn place(bytes: &[u8]) -> (usize, u64) {
    let index = usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2]);
    (index / u64::BITS as usize, 1 << (index % u64::BITS as usize))
}

/// Halves of keys as they stand, which are a cipher's first two round keys, and as HMAC lays them over its two pads.
pub(crate) fn keys_of(keys: impl IntoIterator<Item = [u8; 32]>) -> Needles {
    Needles::new(keys.into_iter().flat_map(|key| {
        [0, 0x36, 0x5c].into_iter().flat_map(move |pad| {
            key.chunks(16).map(|half| half.iter().map(|byte| byte ^ pad).collect()).collect::<Vec<_>>()
        })
    }))
}

#[test]
fn every_needle_is_found_where_it_is() {
    let needles = Needles::new([b"sixteen letters.".to_vec(), b"sixteen letters and more".to_vec()]);
    let mut places = Vec::new();
    needles.find(b"..sixteen letters.sixteen letters and more", |at, needle| places.push((at, needle.len())));
    assert_eq!(places, [(2, 16), (18, 24)]);
    assert_eq!((needles.len(), needles.longest()), (2, 24));
    // Across pages, and behind one of zeros.
    let mut hay = vec![0; 20_000];
    for at in [4090, 8192, 12_288 - 16, 19_984] {
        hay[at..at + 16].copy_from_slice(b"sixteen letters.");
    }
    let mut places = Vec::new();
    needles.find(&hay, |at, _| places.push(at));
    assert_eq!(places, [4090, 8192, 12_272, 19_984]);
    let key: [u8; 32] = std::array::from_fn(|at| at as u8);
    let padded: Vec<u8> = key[16..].iter().map(|byte| byte ^ 0x5c).collect();
    let mut found = 0;
    keys_of([key]).find(&padded, |_, _| found += 1);
    assert_eq!(found, 1);
}
