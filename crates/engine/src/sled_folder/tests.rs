use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use tempfile::TempDir;

use super::*;

fn place() -> (TempDir, PathBuf) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("rows");
    (dir, path)
}

fn options(mode: SledMode) -> SledOptions {
    SledOptions { mode, cache_bytes: 4 << 20, ..SledOptions::default() }
}

fn exclusive(path: &Path) -> Result<SledFolder, EngineError> {
    SledFolder::open(path, options(SledMode::Exclusive))
}

fn put(folder: &SledFolder, key: &[u8], value: &[u8]) {
    folder.commit(&[(key, Some(value))]).unwrap();
}

fn filled(path: &Path) {
    let folder = exclusive(path).unwrap();
    put(&folder, b"a", b"1");
    put(&folder, b"b", b"2");
    folder.close().unwrap();
}

#[test]
fn rows_come_back_in_both_modes_after_clean_and_unclean_stops() {
    for mode in [SledMode::Exclusive, SledMode::Filtered] {
        let (_dir, path) = place();
        let folder = SledFolder::open(&path, options(mode)).unwrap();
        assert_eq!(folder.found(), Found::New);
        folder.commit(&[("a", Some("1")), ("b", Some("2")), ("c", None)]).unwrap();
        folder.commit(&[("b", None), ("d", Some("4"))]).unwrap();
        folder.close().unwrap();
        folder.close().unwrap();
        assert!(matches!(folder.get(b"a"), Err(EngineError::Poisoned { .. })));
        drop(folder);
        for expected in [Found::Clean, Found::Unclean] {
            let folder = SledFolder::open(&path, options(mode)).unwrap();
            assert_eq!(folder.found(), expected);
            let rows = folder.range(b"", None, 9, true).unwrap();
            assert_eq!(rows, [(b"d".to_vec(), b"4".to_vec()), (b"a".to_vec(), b"1".to_vec())]);
            assert_eq!(folder.range(b"b", Some(b"d"), 9, false).unwrap(), []);
            assert_eq!(folder.range(b"d", Some(b"b"), 9, false).unwrap(), []);
            assert_eq!(folder.count().unwrap(), 2);
        }
    }
}

#[test]
fn a_second_opener_is_told_so_within_a_second() {
    let (_dir, path) = place();
    let _first = exclusive(&path).unwrap();
    let start = std::time::Instant::now();
    assert!(matches!(exclusive(&path), Err(EngineError::InUse { .. })));
    assert!(start.elapsed().as_millis() < 1500);
}

#[test]
fn another_segment_size_and_a_lost_marker_are_refused() {
    let (_dir, path) = place();
    filled(&path);
    let marker = path.join("sled-format");
    let text = fs::read_to_string(&marker).unwrap();
    fs::write(&marker, text.replace("524288", "8388608")).unwrap();
    assert!(matches!(exclusive(&path), Err(EngineError::Format { .. })));
    fs::remove_file(&marker).unwrap();
    assert!(matches!(exclusive(&path), Err(EngineError::Format { .. })));
    fs::write(&marker, text).unwrap();
    assert_eq!(exclusive(&path).unwrap().count().unwrap(), 2);
}

#[test]
fn a_missing_log_or_folder_is_not_a_new_store() {
    let (_dir, path) = place();
    filled(&path);
    fs::remove_file(path.join("data-00000001/db")).unwrap();
    assert!(matches!(exclusive(&path), Err(EngineError::RowsLost { .. })));
    fs::remove_dir_all(&path).unwrap();
    let must_exist = SledOptions { create: false, ..options(SledMode::Exclusive) };
    assert!(matches!(SledFolder::open(&path, must_exist), Err(EngineError::RowsLost { .. })));
}

#[test]
fn a_creation_cut_short_is_begun_again() {
    let (_dir, path) = place();
    let layout = Layout::new(&path);
    fs::create_dir_all(layout.data(1)).unwrap();
    fs::write(layout.data(1).join("conf"), b"half").unwrap();
    layout.write_marker(layout::Marker { stage: layout::Stage::Creating, data: 1 }).unwrap();
    let folder = exclusive(&path).unwrap();
    assert_eq!(folder.found(), Found::New);
    put(&folder, b"a", b"1");
}

#[test]
fn foreign_blobs_are_refused() {
    let (_dir, path) = place();
    filled(&path);
    fs::write(path.join("data-00000001/blobs/17"), b"x").unwrap();
    assert!(matches!(exclusive(&path), Err(EngineError::Format { .. })));
}

#[test]
fn the_first_evidence_is_kept_until_a_recovery_is_accepted() {
    let (dir, path) = place();
    let copy = dir.path().join("rows.before-recovery");
    filled(&path);
    drop(exclusive(&path).unwrap());
    assert!(!copy.exists(), "a clean stop needs no copy");
    drop(exclusive(&path).unwrap());
    let first = fs::metadata(&copy).unwrap().modified().unwrap();
    drop(exclusive(&path).unwrap());
    assert_eq!(fs::metadata(&copy).unwrap().modified().unwrap(), first, "never accepted, so never replaced");
    let folder = exclusive(&path).unwrap();
    folder.accept_recovery().unwrap();
    drop(folder);
    drop(exclusive(&path).unwrap());
    assert_ne!(fs::metadata(&copy).unwrap().modified().unwrap(), first);
    assert!(copy.join("data-00000001/db").exists());
}

#[test]
fn a_snapshot_cut_short_does_not_keep_the_store_shut() {
    let (_dir, path) = place();
    filled(&path);
    let half = path.join("data-00000001/snap.7FFFFFFFFFFFFFFF.generating");
    fs::write(&half, b"half").unwrap();
    let folder = exclusive(&path).unwrap();
    assert_eq!(folder.count().unwrap(), 2);
    assert!(!half.exists());
}

/// A process whose sync failed leaves a log that reads well and that the disk does not have.
#[test]
fn after_an_unclean_stop_the_log_is_written_again_before_it_is_believed() {
    let (_dir, path) = place();
    filled(&path);
    drop(exclusive(&path).unwrap());
    let log = path.join("data-00000001/db");
    let before = (fs::read(&log).unwrap(), fs::metadata(&log).unwrap().modified().unwrap());
    let seen = Arc::new(std::sync::Mutex::new(None));
    let note = seen.clone();
    let look = move |data: &Path| {
        let log = data.join("db");
        let modified = fs::metadata(&log).unwrap().modified().unwrap();
        *note.lock().unwrap() = Some((fs::read(log).unwrap(), modified));
        Ok(())
    };
    let looking = SledOptions { verifier: Some(Arc::new(look)), ..options(SledMode::Exclusive) };
    drop(SledFolder::open(&path, looking).unwrap());
    let seen = seen.lock().unwrap().take().unwrap();
    assert_eq!(seen.0, before.0);
    assert!(seen.1 > before.1, "the log was not written before sled opened it");
}

#[test]
fn the_verifier_speaks_first() {
    let (_dir, path) = place();
    filled(&path);
    let refuse = |_: &Path| Err(EngineError::RowsLost { detail: "said the child".into() });
    let refusing = SledOptions { verifier: Some(Arc::new(refuse)), ..options(SledMode::Exclusive) };
    assert!(matches!(SledFolder::open(&path, refusing), Err(EngineError::RowsLost { .. })));
    let read = Arc::new(std::sync::Mutex::new(Vec::new()));
    let seen = read.clone();
    let check = move |data: &Path| check_sled_data(data).map(|rows| seen.lock().unwrap().push(rows));
    let checking = SledOptions { verifier: Some(Arc::new(check)), ..options(SledMode::Exclusive) };
    let folder = SledFolder::open(&path, checking).unwrap();
    assert_eq!(folder.count().unwrap(), 2);
    assert_eq!(*read.lock().unwrap(), [2], "an unclean stop, so every row is read");
}

#[test]
fn what_is_too_large_is_refused_and_harms_nothing() {
    let (_dir, path) = place();
    let folder = exclusive(&path).unwrap();
    let many: Vec<_> = (0..=MAX_OPS as u32).map(|n| (n.to_be_bytes(), Some([0]))).collect();
    assert!(matches!(folder.commit(&many), Err(EngineError::TooLarge { .. })));
    assert!(matches!(folder.commit(&[([0; 65], Some([0]))]), Err(EngineError::TooLarge { .. })));
    assert!(matches!(folder.commit(&[([0], Some([0; MAX_ROW + 1]))]), Err(EngineError::TooLarge { .. })));
    assert_eq!(folder.count().unwrap(), 0);
    folder.commit(&many[..MAX_OPS]).unwrap();
    assert_eq!(folder.count().unwrap(), MAX_OPS as u64);
}

#[test]
fn compaction_keeps_the_rows_and_gives_space_back() {
    for mode in [SledMode::Exclusive, SledMode::Filtered] {
        let (_dir, path) = place();
        let folder = SledFolder::open(&path, options(mode)).unwrap();
        for round in 0..12_u8 {
            let rows: Vec<_> = (0..200_u16).map(|n| (n.to_be_bytes(), Some(vec![round; 4000]))).collect();
            folder.commit(&rows).unwrap();
        }
        let rows = folder.range(b"", None, 1000, false).unwrap();
        let before = folder.disk_bytes().unwrap();
        let refused = folder.compact(|_| Err(EngineError::RowsLost { detail: "test".into() }));
        assert!(matches!(refused, Err(EngineError::RowsLost { .. })));
        drop(folder);
        let folder = SledFolder::open(&path, options(mode)).unwrap();
        assert!(!path.join("data-00000002").exists(), "the half is gone");
        let mut vetted = 0_usize;
        folder
            .compact(|copy| {
                vetted = copy.filter(Result::is_ok).count();
                Ok(())
            })
            .unwrap();
        assert_eq!(vetted, 200);
        assert!(!path.join("data-00000001").exists());
        assert!(folder.disk_bytes().unwrap() < before / 2, "{before}");
        assert_eq!(folder.range(b"", None, 1000, false).unwrap(), rows);
        put(&folder, b"new", b"row");
        drop(folder);
        assert_eq!(SledFolder::open(&path, options(mode)).unwrap().count().unwrap(), 201);
    }
}
