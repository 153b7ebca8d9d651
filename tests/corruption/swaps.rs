//! Parts of a file exchanged or doubled, files and folders exchanged, and files of another vault.

use std::fs;
use std::path::Path;

use oubliette::{Vault, VaultOptions};

use crate::folder::{put, swap};
use crate::sample::Sample;
use crate::verdict::{Outcome, Seen, look};

const LEDGER_RECORD: usize = 128;
const BLOCK: u64 = 4096;

fn after(change: impl FnOnce(&Path)) -> Seen {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    change(&data);
    look(&data, VaultOptions::default()).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// Both slots and both pointer copies say the same.
#[test]
fn exchanged_halves_of_the_cell_are_harmless() {
    for (a, b, length) in [(16_384, 36_864, 20_480), (4096, 8192, 4096)] {
        let seen = after(|data| swap(&data.join("root.cell"), a, b, length));
        assert_eq!(seen.outcome, Outcome::Harmless, "{a}: {seen}");
    }
    let seen = after(|data| swap(&data.join("root.cell"), 0, 4096, 4096));
    assert!(seen.outcome == Outcome::NotOpened && seen.said.contains("header is damaged"), "{seen}");
}

#[test]
fn pages_at_each_others_places_are_mended_from_the_other_copy() {
    let sample = Sample::make();
    let slots = fs::read(sample.path().join("keys-a/pages.slots")).unwrap();
    let pages: Vec<u64> = (4..slots.len() / 1024)
        .filter(|slot| slots[slot * 1024..].starts_with(b"OP\x01"))
        .map(|slot| slot as u64 * 1024)
        .collect();
    assert!(pages.len() >= 8, "{}", pages.len());
    let mut noticed = 0;
    for pair in pages.chunks_exact(2) {
        let (_folder, data) = sample.copy();
        swap(&data.join("keys-a/pages.slots"), pair[0], pair[1], 1024);
        let seen = look(&data, VaultOptions::default()).unwrap();
        // Two pages of one block, or dead ones, may stand either way round.
        assert!(matches!(seen.outcome, Outcome::Noticed | Outcome::Harmless), "{seen}");
        noticed += u32::from(seen.outcome == Outcome::Noticed);
        let vault = Vault::open(&data, VaultOptions::default()).unwrap();
        assert!(vault.fsck(true, &mut |_, _| ()).unwrap().faults.is_empty());
        vault.close().unwrap();
        drop(vault);
        assert_eq!(look(&data, VaultOptions::default()).unwrap().outcome, Outcome::Harmless);
    }
    assert!(noticed > 0);
}

#[test]
fn records_of_the_ledger_out_of_order_or_doubled_are_named() {
    let sample = Sample::make();
    let file = sample.path().join("ledger/roots");
    let whole = fs::read(&file).unwrap();
    let records: Vec<&[u8]> = whole.chunks(LEDGER_RECORD).collect();
    assert!(records.len() >= 4);
    let last = records.len() - 1;
    let exchanged = |a: usize, b: usize| {
        let mut records = records.clone();
        records.swap(a, b);
        records.concat()
    };
    let doubled = |at: usize, to: usize| {
        let mut records = records.clone();
        records[to] = records[at];
        records.concat()
    };
    for bytes in [
        exchanged(0, 1),
        exchanged(0, last),
        exchanged(last - 1, last),
        doubled(0, 1),
        doubled(last, 0),
        [&whole[..], records[0]].concat(),
        [&whole[..], records[last]].concat(),
    ] {
        let (_folder, data) = sample.copy();
        fs::write(data.join("ledger/roots"), bytes).unwrap();
        let seen = look(&data, VaultOptions::default()).unwrap();
        assert!(seen.outcome == Outcome::Noticed && seen.said.contains("out of order"), "{seen}");
    }
}

#[test]
fn exchanged_extents_of_blobs_are_named() {
    let pack = "blobs/pack-00000001";
    let sample = Sample::make();
    let bytes = fs::read(sample.path().join(pack)).unwrap();
    let used: Vec<u64> = (0..)
        .zip(bytes.chunks(BLOCK as usize))
        .filter(|(_, block)| block.iter().any(|byte| *byte != 0))
        .map(|(n, _)| n)
        .collect();
    assert!(used.len() >= 4, "{used:?}");
    for (a, b) in used.iter().zip(used.iter().rev()).filter(|(a, b)| a < b) {
        let (_folder, data) = sample.copy();
        swap(&data.join(pack), a * BLOCK, b * BLOCK, BLOCK as usize);
        let seen = look(&data, VaultOptions::default()).unwrap();
        assert!(seen.outcome == Outcome::Reported && seen.said.contains("is damaged"), "{a} {b}: {seen}");
    }
}

#[test]
fn exchanged_folders_are_named() {
    let exchange = |data: &Path, a: &str, b: &str| {
        fs::rename(data.join(a), data.join("aside")).unwrap();
        fs::rename(data.join(b), data.join(a)).unwrap();
        fs::rename(data.join("aside"), data.join(b)).unwrap();
    };
    let seen = after(|data| exchange(data, "rows", "keys-b"));
    assert!(seen.outcome == Outcome::NotOpened && seen.said.contains("rows were lost"), "{seen}");
    let seen = after(|data| exchange(data, "keys-a", "keys-b"));
    assert!(
        seen.outcome == Outcome::NotOpened && seen.said.contains("neither copy of the key pages"),
        "{seen}"
    );
}

/// Each file from another vault of the same content.
#[test]
fn parts_of_another_vault_are_named() {
    let (ours, theirs) = (Sample::make(), Sample::make());
    for (part, outcome, words) in [
        ("root.cell", Outcome::NotOpened, "belongs to vault"),
        ("vault.json", Outcome::NotOpened, "belongs to vault"),
        ("keys-a", Outcome::NotOpened, "vault"),
        ("keys-b", Outcome::Noticed, "--repair"),
        ("rows", Outcome::NotOpened, "does not authenticate"),
        ("anchor", Outcome::NotOpened, "neither authenticates"),
        ("blobs", Outcome::Reported, "is damaged"),
        ("ledger", Outcome::Noticed, "another history"),
    ] {
        let (_folder, data) = ours.copy();
        put(&theirs.path().join(part), &data.join(part));
        let seen = look(&data, VaultOptions::default()).unwrap_or_else(|wrong| panic!("{part}: {wrong}"));
        assert!(seen.outcome == outcome && seen.said.contains(words), "{part}: {seen}");
    }
}
