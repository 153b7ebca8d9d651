use std::env;
use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use oubliette_engine::{Batch, deny_sync_file_range};

use super::*;

const FOLDER: &str = "OUBLIETTE_TEST_KILL_FOLDER";
const ROUNDS: u64 = 8;

/// The killed one: commits numbered rows and notes each acknowledgement. Does nothing when run by itself.
#[test]
fn child_that_commits_until_it_is_killed() {
    let Ok(folder) = env::var(FOLDER).map(PathBuf::from) else { return };
    if env::var("OUBLIETTE_TEST_KILL_FILTER").is_ok() {
        deny_sync_file_range().unwrap();
    }
    let key = AnchorKey::from_slice(&[7; 32]).unwrap();
    let options = SledOptions { cache_bytes: 1 << 20, ..SledOptions::default() };
    let engine = SledEngine::open(&folder.join("rows"), &folder.join("anchor"), &key, options).unwrap();
    let acknowledged =
        OpenOptions::new().create(true).append(true).open(folder.join("acknowledged")).unwrap();
    let start = engine.range(&[1], &[2], 1, true).unwrap().pop().map_or(0, |(key, _)| number(&key) + 1);
    for n in start.. {
        let mut batch = Batch::new();
        batch.put(row(1, n), n.to_be_bytes().repeat(60)).put(row(200, n), vec![n as u8; 900]);
        if n > 20 {
            batch.delete(row(200, n - 20));
        }
        engine.commit(batch).unwrap();
        let mut alone = Batch::new();
        alone.put(row(100, n), [n as u8; 200]);
        engine.commit(alone).unwrap();
        (&acknowledged).write_all(&n.to_be_bytes()).unwrap();
    }
}

#[test]
fn what_was_acknowledged_outlives_kill_9() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let key = AnchorKey::from_slice(&[7; 32]).unwrap();
    let mut last = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(env::current_exe().unwrap());
        child.args(["--exact", "kill::child_that_commits_until_it_is_killed"]).env(FOLDER, path);
        if round % 2 == 1 {
            child.env("OUBLIETTE_TEST_KILL_FILTER", "1");
        }
        let mut child = child.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        thread::sleep(Duration::from_millis(150 + 37 * round));
        child.kill().unwrap();
        assert!(!child.wait().unwrap().success());
        let (rows, anchor) = (path.join("rows"), path.join("anchor"));
        let engine = SledEngine::open(&rows, &anchor, &key, SledOptions::default()).unwrap();
        let Ok(acknowledged) = fs::read(path.join("acknowledged")) else { continue };
        let (numbers, _) = acknowledged.as_chunks::<8>();
        for n in numbers.iter().copied().map(u64::from_be_bytes) {
            assert_eq!(engine.get(&row(1, n)).unwrap(), Some(n.to_be_bytes().repeat(60)), "row {n}");
            assert_eq!(engine.get(&row(100, n)).unwrap(), Some(vec![n as u8; 200]), "lone row {n}");
            last = last.max(n);
        }
        let report = engine.verify().unwrap();
        assert_eq!(report.faults, Vec::<String>::new());
        // A commit is there with both its rows or not at all.
        let (first, second) =
            (engine.range(&[1], &[2], 1, true).unwrap(), engine.range(&[200], &[201], 1, true).unwrap());
        assert_eq!(first.first().map(|row| number(&row.0)), second.first().map(|row| number(&row.0)));
        if round % 3 == 0 {
            engine.close().unwrap();
        }
    }
    assert!(last > 10, "only {last} commits were made: nothing was tested");
}

fn row(class: u8, n: u64) -> Vec<u8> {
    [&[class], n.to_be_bytes().as_slice()].concat()
}

fn number(key: &[u8]) -> u64 {
    u64::from_be_bytes(key[1..].try_into().unwrap())
}
