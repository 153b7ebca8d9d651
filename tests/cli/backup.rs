//! `oubliette backup`, beside a service and on its folder; to a folder.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use serde_json::Value;

use super::{Served, ended, oubliette};

pub(crate) fn json(output: &std::process::Output) -> Value {
    assert!(output.status.success(), "{output:?}");
    serde_json::from_slice(&output.stdout).unwrap()
}

/// A served vault with two people, and backups set up as said.
pub(crate) fn served(settings: &str) -> Served {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("oubliette.toml"), settings).unwrap();
    let served = Served::start(folder);
    for user in ["alice", "bob"] {
        ended(&served.run(&["subject", "create", user], b""), 0, "active");
        ended(&served.run(&["save", "put", user, "chess", "1", "-"], &[7; 100_000]), 0, "version 1");
    }
    served
}

#[test]
fn a_folder_is_backed_up_checked_and_restored() {
    let served = served("[backup]\nto = \"copies\"\nkeep_last = 1\n");
    let first = json(&served.run(&["backup", "create", "--json"], b""));
    assert_eq!((&first["people"], &first["number"]), (&2.into(), &1.into()));
    ended(&served.run(&["subject", "erase", "bob", "--yes"], b""), 0, "erased");
    ended(&served.run(&["backup", "list"], b""), 0, "unreadable now for 1 person");
    ended(&served.run(&["save", "put", "alice", "chess", "2", "-"], b"e2e4"), 0, "version 1");
    ended(&served.run(&["backup", "create"], b""), 0, "1 people");
    ended(&served.run(&["backup", "verify"], b""), 0, "and who made them");
    ended(&served.run(&["backup", "create", "--region", "us"], b""), 0, "read back");
    ended(&served.run(&["backup", "prune"], b""), 2, "--yes");
    let pruned = json(&served.run(&["backup", "prune", "--yes", "--json"], b""));
    assert_eq!(
        (pruned["removed"].as_array().unwrap().len(), pruned["kept"].as_array().unwrap().len()),
        (2, 1)
    );
    ended(&served.run(&["backup", "verify", "--id", "20260301T120000Z-00000000"], b""), 3, "no such backup");
    let folder = served.stop();
    let at = |arguments: &[&str]| oubliette(folder.path(), arguments);

    // Without any key, on the copies alone.
    let segments: Vec<PathBuf> =
        fs::read_dir(folder.path().join("copies")).unwrap().map(|e| e.unwrap().path()).collect();
    let segment = segments.iter().filter(|path| path.to_str().unwrap().contains("segment-"));
    let segment = segment.max_by_key(|path| fs::metadata(path).unwrap().len()).unwrap();
    let whole = fs::read(segment).unwrap();
    let mut bytes = whole.clone();
    bytes[whole.len() / 2] ^= 1;
    fs::write(segment, bytes).unwrap();
    let name = segment.file_name().unwrap().to_str().unwrap();
    ended(&at(&["backup", "verify", "--offline"]), 5, name);
    ended(&at(&["backup", "verify"]), 5, name);
    let restore = ["backup", "restore", "--from", "copies", "--data", "new", "--keys", "oubliette-data"];
    ended(&at(&restore), 2, "--yes");
    let restore = [restore.as_slice(), &["--yes", "--people"]].concat();
    ended(&at(&restore), 5, name);
    fs::write(segment, whole).unwrap();
    ended(&at(&["backup", "verify", "--offline"]), 0, "not who made them");

    let restored = at(&restore);
    ended(&restored, 0, "1 people whole");
    ended(&restored, 0, "alice");
    ended(&at(&["subject", "show", "alice", "--data", "new"]), 0, "saves: 2 items");
    ended(&at(&["subject", "show", "bob", "--data", "new"]), 3, "erased");
    ended(&at(&["fsck", "--data", "new"]), 0, "read");
    ended(&at(&["status", "--data", "oubliette-data"]), 1, "was moved to");
    ended(&at(&["backup", "create", "--data", "new", "--to", "copies"]), 0, "read back");
}

/// Killed as soon as something of it lies there; the next one goes on from that.
#[test]
fn a_backup_that_was_killed_is_finished_by_the_next_one() {
    let served = served("[backup]\nto = \"copies\"\n");
    for slot in ["a", "b", "c", "d", "e", "f", "g", "h", "i"] {
        ended(
            &served.run(&["save", "put", "alice", "chess", slot, "-"], &super::noise(5 << 20)),
            0,
            "version 1",
        );
    }
    let folder = served.stop();
    let copies = folder.path().join("copies");
    let segments = || {
        let names = fs::read_dir(&copies).into_iter().flatten().map(|entry| entry.unwrap().file_name());
        names.filter(|name| name.to_str().unwrap().starts_with("segment-")).count()
    };
    let mut child = super::command(folder.path(), &["backup", "create"]).spawn().unwrap();
    let begun = Instant::now();
    while segments() == 0 && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(120));
        std::thread::sleep(Duration::from_millis(1));
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(segments() > 0);
    let at = |arguments: &[&str]| oubliette(folder.path(), arguments);
    let made = json(&at(&["backup", "create", "--json"]));
    assert_eq!(made["people"], 2);
    assert!(made["added"].as_u64().unwrap() < (45 << 20) - (3 << 20), "what lay there was used: {made}");
    ended(&at(&["backup", "verify"]), 0, "read and compared");
    ended(
        &at(&["backup", "restore", "--data", "new", "--keys", "oubliette-data", "--yes"]),
        0,
        "2 people whole",
    );
    ended(&at(&["fsck", "--data", "new"]), 0, "read");
}
