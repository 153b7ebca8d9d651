//! Moving a share by the command.

use crate::server::{self, Server};
use std::fs;

#[test]
fn a_cell_is_replaced_by_the_command() {
    let folder = tempfile::tempdir().unwrap();
    let (data, new) = (folder.path().join("vault"), folder.path().join("new.cell"));
    let service = Server::start(&data);
    service.client().put_subject("ann", &Default::default(), false).unwrap();
    let old = data.join("root.cell");
    let (from, to) = (old.to_str().unwrap(), new.to_str().unwrap());
    let replace = ["doctor", "--replace-cell", from, "--with", to];

    let asked = server::run(&data, &replace);
    assert!(asked.code == Some(2) && asked.stderr.contains("--yes"), "{asked:?}");
    let held = server::run(&data, &[&replace[..], &["--yes"]].concat());
    assert!(held.code == Some(1) && held.stderr.contains("in use"), "{held:?}");
    assert!(!new.exists());
    assert_eq!(service.stop().code, Some(0));

    let lone = server::run(&data, &["doctor", "--replace-cell", from, "--yes"]);
    assert_eq!(lone.code, Some(2), "{lone:?}");
    let kept = fs::read(&old).unwrap();
    let done = server::run(&data, &[&replace[..], &["--yes"]].concat());
    assert!(done.code == Some(0) && done.stdout.contains(to), "{done:?}");
    assert!(!old.exists() && new.exists());
    let service = Server::start(&data);
    assert!(service.client().subject("ann").is_ok());
    assert_eq!(service.stop().code, Some(0));
    // A copy of the old cell in its old place is not looked at, and in the new one it is refused.
    fs::write(&old, &kept).unwrap();
    assert_eq!(Server::start(&data).stop().code, Some(0));
    let current = fs::read(&new).unwrap();
    fs::write(&new, &kept).unwrap();
    let refused = Server::try_start(&server::binary(), &data, &[]).err().unwrap();
    assert!(refused.code == Some(5) && refused.stderr.contains("different age"), "{refused:?}");
    fs::write(&new, current).unwrap();

    let nothing = server::run(&data, &["doctor", "--cell-destroyed", from, "--yes"]);
    assert_eq!(nothing.code, Some(2), "{nothing:?}");

    // As if the old cell's disk had been away: nobody is erased until somebody says what became of it.
    let (marker, away) = (data.join("vault.json"), folder.path().join("away.cell"));
    let mut noted: serde_json::Value = serde_json::from_slice(&fs::read(&marker).unwrap()).unwrap();
    noted["wipe"] = serde_json::json!([away]);
    fs::write(&marker, noted.to_string()).unwrap();
    let erase = ["subject", "erase", "ann", "--yes"];
    let waits = server::run(&data, &erase);
    assert!(waits.code == Some(4) && waits.stderr.contains("--cell-destroyed"), "{waits:?}");
    let gone = server::run(&data, &["doctor", "--cell-destroyed", away.to_str().unwrap(), "--yes"]);
    assert_eq!(gone.code, Some(0), "{gone:?}");
    let erased = server::run(&data, &erase);
    assert_eq!(erased.code, Some(0), "{erased:?}");
}
