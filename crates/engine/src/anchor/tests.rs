//! What an anchor file says after a write that was cut short, and after damage (docs/sled.md, "Anchor").

use std::fs;
use std::os::unix::fs::FileExt;

use oubliette_crypto::AnchorKey;
use oubliette_crypto::kdf::{AnchorForm, seal_anchor};
use proptest::prelude::*;
use tempfile::TempDir;

use super::*;
use crate::anchor::digest::Digest;

const SLOT: u64 = 4096;
const SECTOR: usize = 512;

/// An anchor file with records, and where they stand.
struct Written {
    dir: TempDir,
    key: AnchorKey,
    file: AnchorFile,
    area: Area,
    state: AnchorState,
    /// Place and length of each record, both copies together.
    places: Vec<(u64, usize)>,
}

impl Written {
    fn new() -> Self {
        let (dir, key) = (tempfile::tempdir().unwrap(), AnchorKey::generate().unwrap());
        let file = AnchorFile::create(&dir.path().join("anchor"), &key).unwrap();
        let (area, state) = (Area::default(), AnchorState::empty());
        Self { dir, key, file, area, state, places: Vec::new() }
    }

    /// Three commits, of which the second takes more than a block.
    fn with_three() -> Self {
        let mut written = Self::new();
        [3, 90, 3].into_iter().for_each(|rows| written.commit(rows));
        written
    }

    /// The next commit's state and record, of so many rows.
    fn next(&self, rows: u8) -> (AnchorState, Sealed) {
        let mut next = AnchorState { commit: self.state.commit + 1, ..self.state.clone() };
        next.rows += u64::from(rows);
        next.digest_mut(9).unwrap().0 = [next.commit as u8; 32];
        let keys: Vec<_> = (0..rows).map(|n| [36, n]).collect();
        let value = [next.commit as u8; 100];
        let changes = keys.iter().map(|key| (key.as_slice(), (key[1] % 3 > 0).then_some(value.as_slice())));
        let record = Sealed::new(&self.key, &next, &[9], changes, self.state.chain).unwrap();
        next.chain = record.chain;
        (next, record)
    }

    fn commit(&mut self, rows: u8) {
        let (next, record) = self.next(rows);
        let mut probe = Area::default();
        self.places.iter().for_each(|(_, length)| {
            probe.take(0, length / redo::BLOCK);
        });
        self.places.push((probe.take(0, record.bytes.len() / redo::BLOCK), record.bytes.len()));
        self.file.append(&mut self.area, next.commit, &record).unwrap();
        self.state = next;
    }

    fn path(&self) -> PathBuf {
        self.dir.path().join("anchor")
    }

    fn open(&self) -> Result<Anchored, EngineError> {
        AnchorFile::open(&self.path(), &self.key).map(Option::unwrap)
    }

    fn overwrite(&self, at: u64, bytes: &[u8]) {
        fs::OpenOptions::new().write(true).open(self.path()).unwrap().write_all_at(bytes, at).unwrap();
    }

    fn damage(&self, at: u64) {
        let bytes = fs::read(self.path()).unwrap();
        self.overwrite(at, &[bytes[at as usize] ^ 0x20]);
    }
}

fn lost(opened: Result<Anchored, EngineError>) -> bool {
    matches!(opened, Err(EngineError::RowsLost { .. }))
}

#[test]
fn records_come_back_in_order_with_what_they_lead_to() {
    let written = Written::with_three();
    let found = written.open().unwrap();
    assert_eq!((found.covered, found.redo.len(), found.clean), (0, 3, false));
    assert_eq!(found.state, written.state);
    assert_eq!(found.redo[1].changes.len(), 90);
    assert_eq!(found.redo[0].changes, [(vec![36, 0], None), (vec![36, 1], Some(vec![1; 100])), (vec![36, 2], Some(vec![1; 100]))]);
    written.file.write_slots(&written.key, &written.state, true).unwrap();
    let covered = written.open().unwrap();
    assert_eq!((covered.covered, covered.redo.len(), covered.clean), (3, 0, true));
}

/// The write of a record is cut at each sector, from the front, from the back, and with one sector missing.
#[test]
fn a_torn_record_is_there_or_not() {
    let written = Written::with_three();
    let (next, record) = written.next(90);
    let place = written.places.iter().map(|(at, length)| at + *length as u64).max().unwrap();
    let (mut there, mut not) = (0, 0);
    let sectors = record.bytes.len() / SECTOR;
    for cut in 0..=sectors {
        let front: Vec<usize> = (0..cut).collect();
        let back: Vec<usize> = (cut..sectors).collect();
        let hole: Vec<usize> = (0..sectors).filter(|sector| *sector != cut).collect();
        for kept in [front, back, hole] {
            let mut torn = vec![0; record.bytes.len()];
            for at in kept.iter().map(|sector| sector * SECTOR) {
                torn[at..at + SECTOR].copy_from_slice(&record.bytes[at..at + SECTOR]);
            }
            written.overwrite(place, &torn);
            let found = written.open().unwrap();
            if found.state == next {
                there += 1;
            } else {
                assert_eq!(found.state, written.state, "cut at sector {cut}");
                not += 1;
            }
        }
    }
    assert!(there > sectors && not > sectors / 2, "{there} {not}");
}

#[test]
fn a_torn_slot_leaves_the_other_and_the_records() {
    let written = Written::with_three();
    let before = fs::read(written.path()).unwrap();
    written.file.write_slots(&written.key, &written.state, false).unwrap();
    let after = fs::read(written.path()).unwrap();
    // Slot 0 is written before slot 1.
    for cut in (0..=2 * SLOT as usize).step_by(SECTOR) {
        written.overwrite(0, &[&after[..cut], &before[cut..2 * SLOT as usize]].concat());
        let found = written.open().unwrap();
        assert_eq!(found.state, written.state, "cut at {cut}");
        assert_eq!(found.covered + found.redo.len() as u64, 3);
    }
}

#[test]
fn a_damaged_record_is_read_from_its_other_copy_or_named() {
    let places = Written::with_three().places;
    for (index, (at, length)) in places.into_iter().enumerate() {
        let half = length as u64 / 2;
        for step in [0, 9, 17, 21, 30, 41, 80, 200] {
            let written = Written::with_three();
            written.damage(at + step);
            assert_eq!(written.open().unwrap().state, written.state, "record {index}, byte {step}");
            written.damage(at + half + step);
            let found = written.open();
            // Both copies of the last one: it cannot be told from a torn one, if the engine does not know better.
            if index == 2 {
                assert_eq!(found.unwrap().state.commit, 2);
            } else {
                assert!(lost(found), "record {index}, byte {step}");
            }
        }
        let written = Written::with_three();
        written.damage(at + half + 100);
        assert_eq!(written.open().unwrap().state, written.state, "record {index}");
    }
}

#[test]
fn a_record_of_another_history_is_named() {
    let written = Written::with_three();
    let before = fs::read(written.path()).unwrap();
    let mut other = written;
    other.commit(1);
    let place = other.places[3];
    let fourth = fs::read(other.path()).unwrap()[place.0 as usize..][..place.1].to_vec();
    // The same vault went on from the same commit in another way.
    fs::write(other.path(), &before).unwrap();
    other.places.pop();
    other.area = Area::default();
    let mut fork = Written { state: AnchorState::empty(), places: Vec::new(), ..other };
    [3, 90, 3].into_iter().for_each(|rows| fork.commit(rows));
    fork.overwrite(place.0, &fourth);
    assert!(lost(fork.open()));
}

#[test]
fn stale_records_and_free_space_do_not_matter() {
    let written = Written::with_three();
    written.file.write_slots(&written.key, &written.state, false).unwrap();
    let end = fs::metadata(written.path()).unwrap().len();
    let places = written.places.iter().flat_map(|(at, length)| [*at + 3, *at + *length as u64 / 2 + 50]);
    for at in places.chain([end - 1, end / 2]) {
        written.damage(at);
        assert_eq!(written.open().unwrap().state, written.state);
    }
}

#[test]
fn a_shorter_file_is_named_and_a_longer_one_harmless() {
    let written = Written::with_three();
    let bytes = fs::read(written.path()).unwrap();
    fs::write(written.path(), [bytes.as_slice(), &[7; 5000]].concat()).unwrap();
    assert_eq!(written.open().unwrap().state, written.state);
    for length in [bytes.len() - 1, 8192, 8193, 9000] {
        let mut other = bytes.clone();
        other.resize(length, 0);
        fs::write(written.path(), other).unwrap();
        assert!(matches!(written.open(), Err(EngineError::Corrupt { what: "the anchor's redo area", .. })));
    }
    fs::write(written.path(), &bytes[..100]).unwrap();
    assert!(matches!(written.open(), Err(EngineError::Corrupt { what: "both slots of the anchor", .. })));
}

/// The record of crates/crypto/vectors/tree.py, made from docs/formats.md alone.
#[test]
fn the_frozen_record_opens() {
    let vectors = include_str!("../../../crypto/vectors/tree.json");
    let bytes = |name: &str| {
        let (_, rest) = vectors.split_once(&format!("\"{name}\": \"")).unwrap();
        let text = rest.split('"').next().unwrap();
        let digits = text.as_bytes().chunks(2);
        digits.map(|pair| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap()).collect::<Vec<_>>()
    };
    let key = AnchorKey::from_slice(&bytes("anchor key")).unwrap();
    let record = [bytes("anchor redo header"), bytes("anchor redo")].concat();
    let found = Redo::decode(&key, &record, 6).unwrap();
    assert_eq!(found.commit, 7);
    assert_eq!(found.changes, [(b"key 1".to_vec(), Some(b"value".to_vec())), (b"key 2".to_vec(), None)]);
    let state = found.apply(AnchorState::empty());
    assert_eq!((state.commit, state.rows, state.bytes), (7, 3, 99));
    assert_eq!(state.digest(26), Digest(bytes("anchor redo body")[2..34].try_into().unwrap()));
    assert_eq!(state.chain, *record.last_chunk().unwrap());
    assert!(Redo::decode(&key, &record, 7).is_none(), "known already");
}

proptest! {
    #[test]
    fn decoding_never_panics(bytes: Vec<u8>, body in prop::collection::vec(any::<u8>(), 0..200), honest: bool) {
        let key = AnchorKey::from_slice(&[7; 32]).unwrap();
        let _ = Redo::decode(&key, &bytes, 0);
        let mut record = b"OUBREDO1".to_vec();
        record.extend_from_slice(&9_u64.to_be_bytes());
        let length = if honest { body.len() as u32 + 48 } else { body.len() as u32 };
        record.extend_from_slice(&length.to_be_bytes());
        record.resize(40, 0);
        let sealed = seal_anchor(&key, AnchorForm::Redo, &record, &body).unwrap();
        record.extend_from_slice(&sealed);
        let found = Redo::decode(&key, &record, 0);
        prop_assert!(honest || found.is_none());
    }

    #[test]
    fn any_change_comes_back(
        rows in prop::collection::btree_map(
            prop::collection::vec(any::<u8>(), 1..=64),
            prop::option::of(prop::collection::vec(any::<u8>(), 0..300)),
            0..40,
        ),
        prefixes in prop::collection::btree_set(0_u8..64, 0..64),
    ) {
        let key = AnchorKey::from_slice(&[7; 32]).unwrap();
        let mut state = AnchorState { commit: 5, rows: 6, bytes: 7, ..AnchorState::empty() };
        for prefix in &prefixes {
            state.digest_mut(*prefix).unwrap().0 = [*prefix; 32];
        }
        let changes = rows.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        let prefixes: Vec<u8> = prefixes.into_iter().collect();
        let record = Sealed::new(&key, &state, &prefixes, changes, [3; 16]).unwrap();
        state.chain = record.chain;
        let lengths = rows.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len));
        prop_assert!(record.bytes.len() <= blocks_for(rows.len(), lengths.sum()) * redo::BLOCK);
        for copy in record.bytes.chunks(record.bytes.len() / 2) {
            let found = Redo::decode(&key, copy, 4).unwrap();
            prop_assert_eq!(found.apply(AnchorState::empty()), state.clone());
            prop_assert!(found.changes.into_iter().eq(rows.clone()));
            prop_assert_eq!(found.follows, [3; 16]);
        }
    }
}
