//! The wiping allocator, installed for this test: what was freed is not to be found in the process's memory.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test fails by panicking")]
#![cfg(all(target_os = "linux", not(miri)))]

use std::fs::{File, read_to_string};
use std::os::unix::fs::FileExt;

use oubliette_locked::WipingAlloc;

#[global_allocator]
static ALLOC: WipingAlloc = WipingAlloc;

const PAGE: usize = 4096;
/// Kept inverted, so that the search does not find the question.
const MASKED: [u8; 16] = [
    !0x91, !0x2f, !0xc3, !0x58, !0x0d, !0xee, !0x74, !0xba, !0x11, !0x46, !0x9c, !0xd7, !0x33, !0x80, !0xf5,
    !0x6a,
];

/// Number of places in writable memory where the mark stands.
fn copies() -> usize {
    let memory = File::open("/proc/self/mem").unwrap();
    // Not on the heap, and passed over: a search that reads its own buffer finds what it has just read.
    let mut page = [0u8; PAGE];
    let own = page.as_ptr().addr() as u64;
    let mut copies = 0;
    for line in read_to_string("/proc/self/maps").unwrap().lines() {
        let (range, rest) = line.split_once(' ').unwrap();
        let (from, to) = range.split_once('-').unwrap();
        let [from, to] = [from, to].map(|address| u64::from_str_radix(address, 16).unwrap());
        for at in (from..to).step_by(PAGE).filter(|_| rest.starts_with("rw")) {
            let overlaps = at < own + PAGE as u64 && own < at + PAGE as u64;
            if !overlaps && memory.read_exact_at(&mut page, at).is_ok() {
                let found = |place: &&[u8]| place.iter().zip(MASKED).all(|(byte, masked)| *byte == !masked);
                copies += page.windows(16).filter(found).count();
            }
        }
    }
    page.fill(0);
    copies
}

/// A block that is full of the mark. Written byte by byte, so that no register keeps it.
fn marked(length: usize) -> Vec<u8> {
    let mut block = Vec::with_capacity(length);
    block.extend((0..length).map(|at| !std::hint::black_box(MASKED)[at % 16]));
    block
}

#[test]
fn freed_blocks_of_every_size_are_wiped() {
    for length in [16, 24, 100, 1000, 1040, 5000, 70_000, 200_000, 3 << 20] {
        let block = marked(length);
        assert!(copies() >= length / 17, "{length}: the search does not see");
        drop(block);
        assert_eq!(copies(), 0, "{length}: freed");

        let mut block = marked(length);
        block.reserve_exact(length * 2);
        block.truncate(length);
        assert!(copies() <= length / 16, "{length}: grown, the old block is left");
        block.truncate(8);
        block.shrink_to_fit();
        assert_eq!(copies(), 0, "{length}: shrunk");
    }
}
