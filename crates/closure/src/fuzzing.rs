//! The decoders under any bytes: they must read as far as they can, and never panic. See `docs/crash.md` for how fuzz targets are run.

use oubliette_crypto::PageKind;
use oubliette_crypto::fuzzing::Target;

use crate::{carve, cell, page, text, value};

/// One for all that reads other people's bytes.
pub const TARGETS: [Target; 1] = [("carve", carve, seeds)];

/// Input: bytes as a copy may hold them.
fn carve(input: &[u8]) {
    carve::any(input);
    for kind in [PageKind::Root, PageKind::Leaf, PageKind::Vault, PageKind::State, PageKind::Cover] {
        let placed = page::read(kind, input, Some(&Vec::new()));
        let lost = page::read(kind, input, None);
        assert!(placed.covers.is_empty() || lost.covers.is_empty() || kind == PageKind::State);
    }
    cell::pointers(input).for_each(drop);
    let _share_or_not = cell::share(input);
    text::keys(input);
    let _content_or_not = value::unpack(input, input);
}

/// One of each form.
fn seeds() -> Vec<Vec<u8>> {
    let row = |key: &[u8], value: &[u8]| {
        let length = |bytes: &[u8]| u8::try_from(bytes.len()).unwrap_or_default();
        [&[length(key)], key, &[length(value)], value].concat()
    };
    let sealed = |kind: u8, body: &[u8]| {
        let head = [kind, u8::try_from(body.len()).unwrap_or_default(), 1, 7];
        let mut sum = crc32fast::Hasher::new();
        sum.update(body);
        sum.update(&head);
        [&(sum.finalize() ^ u32::MAX).to_le_bytes()[..], &head, body].concat()
    };
    let (low, key) = ([1; 30], [9; 10]);
    let node = [&[0, 0, 0, 20, 30], &low[..], &[0, 0, 1, 10], &key[..], &[5], b"value"].concat();
    let link = [&[0][..], &row(&key, b"value")].concat();
    let mut segment = [b"OUBBKSEG", &[3; 16][..]].concat();
    for number in [1_u32, 42, 5] {
        segment.extend(number.to_be_bytes());
    }
    segment.extend([1, 0, 0, 0, 1, 0]);
    segment.extend([4; 30]);
    segment.extend([5; 8]);
    segment.extend([0, 5]);
    segment.extend(b"value");
    let text = format!("key {} and {:?}", "ab".repeat(32), [7_u8; 32]);
    vec![sealed(8, &node), sealed(10, &link), segment, text.into_bytes(), vec![0; 626]]
}
