//! Crashes that part a lone change from its row "A" (docs/sled.md, "Anchor").

use std::fs;
use std::path::PathBuf;

use tempfile::TempDir;

use super::*;
use crate::SledMode;
use crate::anchor::{digest, encode_row};
use crate::durable::copy_tree;
use crate::sled_folder::SEGMENT_SIZE;

const SEGMENT: u64 = SEGMENT_SIZE as u64;

struct Place {
    dir: TempDir,
    key: AnchorKey,
}

impl Place {
    /// Rows at commit 3, stopped uncleanly.
    fn new() -> Self {
        let place = Self { dir: tempfile::tempdir().unwrap(), key: AnchorKey::generate().unwrap() };
        let engine = place.open().unwrap();
        for key in [1, 2, 200] {
            engine.commit(put(&[key], &[key; 100])).unwrap();
        }
        place
    }

    fn rows(&self) -> PathBuf {
        self.dir.path().join("rows")
    }

    fn anchor(&self) -> PathBuf {
        self.dir.path().join("anchor")
    }

    fn log(&self) -> PathBuf {
        self.rows().join("data-00000001/db")
    }

    fn options() -> SledOptions {
        SledOptions {
            mode: SledMode::Filtered,
            cache_bytes: 4 << 20,
            copy_before_recovery: false,
            ..SledOptions::default()
        }
    }

    fn open(&self) -> Result<SledEngine, EngineError> {
        SledEngine::open(&self.rows(), &self.anchor(), &self.key, Self::options())
    }

    /// Opens a copy of the rows with another log and anchor.
    fn open_crashed(&self, rows: &Path, log: &[u8], anchor: &[u8]) -> SledEngine {
        fs::remove_dir_all(self.rows()).unwrap();
        copy_tree(rows, &self.rows()).unwrap();
        fs::write(self.log(), log).unwrap();
        fs::write(self.anchor(), anchor).unwrap();
        self.open().unwrap()
    }

    /// Leaves in sled what a crash may leave of a commit that changed these prefixes by a row: row "A", and `rows`.
    /// Answers the state that the commit would have led to.
    fn leave(&self, prefixes: &[u8], rows: &[(&[u8], Option<&[u8]>)]) -> AnchorState {
        let (_, mut state, _) = AnchorFile::open(&self.anchor(), &self.key).unwrap().unwrap();
        state.commit += 1;
        state.rows += 1;
        let digest_key = anchor_digest_key(&self.key);
        for prefix in prefixes {
            state
                .digest_mut(*prefix)
                .unwrap()
                .add(&digest(&digest_key, (&[*prefix << 2, 9], b"new")).unwrap());
        }
        let row = encode_row(&self.key, &state, prefixes).unwrap();
        let folder = SledFolder::open(&self.rows(), Self::options()).unwrap();
        let ops = [(ANCHOR_ROW, Some(row.as_slice()))].into_iter().chain(rows.iter().copied());
        folder.commit(&ops.collect::<Vec<_>>()).unwrap();
        folder.abandon();
        state
    }
}

fn put(key: &[u8], value: &[u8]) -> Batch {
    let mut batch = Batch::new();
    batch.put(key, value);
    batch
}

fn commit_of(engine: &SledEngine) -> u64 {
    engine.rows.state().commit
}

#[test]
fn a_row_a_without_its_lone_change_is_a_commit_that_changed_nothing() {
    let place = Place::new();
    let anchor = fs::read(place.anchor()).unwrap();
    place.leave(&[0], &[]);
    // The second time the crash came again before the anchor was written.
    for _ in 0..2 {
        fs::write(place.anchor(), &anchor).unwrap();
        let engine = place.open().unwrap();
        assert_eq!((commit_of(&engine), engine.sizes().unwrap().rows), (4, 3));
        for key in [1, 2, 200] {
            assert_eq!(engine.get(&[key]).unwrap(), Some(vec![key; 100]));
        }
        assert_eq!(engine.verify().unwrap().faults, Vec::<String>::new());
    }
    place.open().unwrap().commit(put(&[1], b"next")).unwrap();
    let engine = place.open().unwrap();
    assert_eq!((commit_of(&engine), engine.get(&[1]).unwrap()), (5, Some(b"next".to_vec())));
    engine.close().unwrap();
}

#[test]
fn a_row_a_without_its_lone_change_excuses_no_other_loss() {
    let lost = |opened: Result<SledEngine, EngineError>| matches!(opened, Err(EngineError::RowsLost { .. }));
    let place = Place::new();
    place.leave(&[0], &[(&[2], None)]);
    assert!(lost(place.open()));
    assert!(lost(place.open()), "and again: the first look changed nothing");
    // A loss elsewhere is found before it is served.
    let place = Place::new();
    place.leave(&[0], &[(&[200], None)]);
    assert!(place.open().unwrap().get(&[200]).is_err());
    // A batch is whole or not there: what changed several prefixes cannot lose its rows alone.
    let place = Place::new();
    place.leave(&[0, 50], &[]);
    assert!(place.open().unwrap().get(&[1]).is_err());
    // Nor can a commit that the anchor has seen.
    let place = Place::new();
    let seen = place.leave(&[0], &[]);
    let (anchor, ..) = AnchorFile::open(&place.anchor(), &place.key).unwrap().unwrap();
    anchor.write(&Slot::seal(&place.key, &seen, false).unwrap()).unwrap();
    assert!(place.open().unwrap().get(&[1]).is_err());
}

#[test]
fn bookkeeping_left_without_its_row_is_harmless() {
    let place = Place::new();
    place.leave(&[], &[]);
    let engine = place.open().unwrap();
    assert_eq!(commit_of(&engine), 4);
    engine.close().unwrap();
}

/// The log of a lone commit is cut at every few bytes, as a crash may leave it.
#[test]
fn a_lone_commit_is_there_or_not_wherever_its_log_ends() {
    for (key, change) in [([2], Some([7_u8; 90])), ([3], Some([7; 90])), ([2], None)] {
        let place = Place::new();
        let engine = place.open().unwrap();
        let anchor = fs::read(place.anchor()).unwrap();
        let mut image = fs::read(place.log()).unwrap();
        let old = engine.get(&key).unwrap();
        let mut batch = Batch::new();
        match change {
            Some(value) => batch.put(key, value),
            None => batch.delete(key),
        };
        engine.commit(batch).unwrap();
        let crashed = place.dir.path().join("crashed");
        copy_tree(&place.rows(), &crashed).unwrap();
        drop(engine);
        let after = fs::read(crashed.join("data-00000001/db")).unwrap();
        image.resize(after.len(), 0);
        let written: Vec<usize> = (0..after.len()).filter(|at| image[*at] != after[*at]).collect();
        let (mut neither, mut only_a, mut both) = (0, 0, 0);
        for cut in (written[0]..=written[written.len() - 1]).step_by(13).chain([after.len()]) {
            image[..cut].copy_from_slice(&after[..cut]);
            let engine = place.open_crashed(&crashed, &image, &anchor);
            let found = engine.get(&key).unwrap();
            match commit_of(&engine) {
                3 => neither += 1,
                _ if found == old => only_a += 1,
                _ => both += 1,
            }
            let expected = if both > 0 { change.map(|value| value.to_vec()) } else { old.clone() };
            assert_eq!(found, expected, "cut at {cut}");
            assert_eq!(engine.verify().unwrap().faults, Vec::<String>::new(), "cut at {cut}");
        }
        assert!(neither > 0 && only_a > 0 && both > 0, "{neither} {only_a} {both}");
    }
}

/// Where a lone commit spans two segments, two threads write them at once: either may be missing.
#[test]
fn a_lone_commit_is_there_or_not_where_it_spans_two_segments() {
    let place = Place::new();
    let engine = place.open().unwrap();
    let crashed = place.dir.path().join("crashed");
    let value = |n: u64| n.to_be_bytes().repeat(400);
    let (mut spans, mut only_a) = (Vec::new(), 0);
    for n in commit_of(&engine)..600 {
        let (before, anchor) = (fs::read(place.log()).unwrap(), fs::read(place.anchor()).unwrap());
        engine.commit(put(&[3], &value(n))).unwrap();
        if fs::metadata(place.log()).unwrap().len() / SEGMENT > before.len() as u64 / SEGMENT {
            let crashed = crashed.with_extension(n.to_string());
            copy_tree(&place.rows(), &crashed).unwrap();
            spans.push((n, crashed, before, anchor));
        }
    }
    drop(engine);
    for (n, crashed, mut before, anchor) in spans {
        let after = fs::read(crashed.join("data-00000001/db")).unwrap();
        let border = after.len() / SEGMENT as usize * SEGMENT as usize;
        before.resize(after.len(), 0);
        let old_only = [&after[..border], &before[border..]].concat();
        let new_only = [&before[..border], &after[border..]].concat();
        for (log, new_may_count) in [(before, false), (new_only, false), (old_only, true), (after, true)] {
            let engine = place.open_crashed(&crashed, &log, &anchor);
            let found = engine.get(&[3]).unwrap();
            assert!(found == Some(value(n - 1)) || new_may_count && found == Some(value(n)), "commit {n}");
            only_a += u32::from(commit_of(&engine) == n + 1 && found == Some(value(n - 1)));
            assert_eq!(engine.verify().unwrap().faults, Vec::<String>::new(), "commit {n}");
        }
    }
    assert!(only_a > 0, "no commit had its row \"A\" in one segment and its row in the next");
}
