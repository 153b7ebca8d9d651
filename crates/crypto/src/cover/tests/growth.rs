//! What a busy conversation costs.

use std::collections::BTreeSet;

use super::support::{Disk, item, root_seed};
use crate::Path;
use crate::cover::Cover;
use crate::kdf::hmac;

const SEQS: u64 = 100_000;
const CUTS: usize = 3_000;

/// The `i`-th seq to cut: scattered, and the same in every run.
fn scattered(i: usize) -> u64 {
    let mut bytes = [0; 32];
    hmac(b"scattered", &[&i.to_be_bytes()], &mut bytes);
    u64::from_be_bytes(*bytes.first_chunk().unwrap()) % SEQS + 1
}

#[test]
fn a_deletion_in_a_busy_conversation_rewrites_few_pages() {
    let disk = Disk::default();
    let mut cover = Cover::fresh(root_seed());
    let cuts: Vec<u64> = (0..CUTS).map(scattered).collect();
    for seq in &cuts {
        let mut dead = Vec::new();
        disk.cut(&mut cover, &[Path::leaf(&item(1, *seq)).unwrap()], &mut dead);
        disk.pack(&mut cover, dead);
    }
    let (writes, loads) = (*disk.writes.borrow(), *disk.loads.borrow());
    let dump = disk.dump(&cover);
    println!(
        "{CUTS} cuts: {writes} pages written, {loads} opened, {} pages and {} seeds at the end",
        dump.pages.len(),
        dump.seeds.len()
    );
    assert!(writes <= 7 * CUTS, "{writes} pages written");
    assert!(loads <= 7 * CUTS, "{loads} pages opened");
    assert!(dump.pages.len() * 971 <= dump.seeds.len() * 33 * 2, "pages are at least half full on average");
}

/// Never more seeds than live items, but for those that lead down to the branch and to the items still to come.
#[test]
fn a_cover_is_never_larger_than_what_lives() {
    let last = 500u64;
    let disk = Disk::default();
    let mut cover = Cover::fresh(root_seed());
    let mut cut = BTreeSet::new();
    for seq in (0..3_000).map(|i| scattered(i) % last + 1) {
        disk.cut(&mut cover, &[Path::leaf(&item(1, seq)).unwrap()], &mut vec![]);
        cut.insert(seq);
        let live = last as usize - cut.len();
        let seeds = disk.dump(&cover).seeds.len();
        assert!(seeds <= live + 10 + 2 * (last.ilog2() as usize + 1), "{seeds} seeds for {live} live items");
    }
}
