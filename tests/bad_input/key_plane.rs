//! The two copies of the key plane.

use crate::{
    cell::flip,
    sample::Sample,
    server::{self, Server},
};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
};

fn status(data: &Path) -> Value {
    let ended = server::run(data, &["--json", "status"]);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    serde_json::from_str(&ended.stdout).unwrap()
}

#[test]
fn a_lost_copy_is_made_anew_and_said_so() {
    let sample = Sample::make();
    for copy in ["keys-a", "keys-b"] {
        let (_folder, data) = sample.copy();
        fs::remove_dir_all(data.join(copy)).unwrap();
        let server = Server::start(&data);
        sample.is_whole(&server);
        let problems = status(&data)["problems"].to_string();
        assert!(problems.contains(copy) && problems.contains("made anew"), "{problems}");
        assert_eq!(server.stop().code, Some(0));

        // It is a full copy: the other one can go now.
        let other = if copy == "keys-a" { "keys-b" } else { "keys-a" };
        fs::remove_dir_all(data.join(other)).unwrap();
        let server = Server::start(&data);
        sample.is_whole(&server);
        assert_eq!(server::run(&data, &["fsck"]).code, Some(0));
    }
}

/// `--repair` once said that it mended every page of a copy that took none of them.
#[test]
fn a_copy_that_does_not_open_is_made_anew_by_repair() {
    let sample = Sample::make();
    for garbage in [false, true] {
        let (_folder, data) = sample.copy();
        let slots = data.join("keys-a/pages.slots");
        if garbage {
            fs::write(&slots, vec![0x5a; 70_000]).unwrap()
        } else {
            fs::remove_file(&slots).unwrap()
        }
        assert_eq!(server::run(&data, &["fsck"]).code, Some(5));

        // A service that holds the folder cannot open the copy again, and says so.
        let server = Server::start(&data);
        sample.is_whole(&server);
        let held = server::run(&data, &["fsck", "--repair"]);
        assert!(held.code == Some(5) && held.stdout.contains("could not be mended"), "{held:?}");
        assert_eq!(server.stop().code, Some(0));

        let mended = server::run(&data, &["fsck", "--repair"]);
        assert!(mended.code == Some(0) && mended.stdout.contains("made anew"), "{mended:?}");
        assert_eq!(server::run(&data, &["fsck"]).code, Some(0));
        fs::remove_dir_all(data.join("keys-b")).unwrap();
        sample.is_whole(&Server::start(&data));
    }
}

#[test]
fn both_copies_lost_is_refused() {
    let sample = Sample::make();
    for copy in ["keys-a", "keys-b"] {
        fs::remove_dir_all(sample.path().join(copy)).unwrap();
    }
    let refused =
        Server::try_start(&server::binary(), &sample.path(), &[]).err().expect("a vault without keys");
    assert!(!refused.panicked() && refused.stderr.contains("the keys are lost"), "{refused:?}");
}

#[test]
fn a_flipped_page_of_the_slot_file_is_reported_and_mended() {
    page_flip(|data| data.join("keys-a/pages.slots"));
}

#[test]
fn a_flipped_page_of_the_database_is_reported_and_mended() {
    page_flip(|data| largest(&data.join("keys-b")));
}

/// A page in use is reported and mended, content is whole all the same; a page that nobody needs is no fault.
fn page_flip(file: impl Fn(&Path) -> PathBuf) {
    let sample = Sample::make();
    let pages = pages_in(&fs::read(file(&sample.path())).unwrap());
    let mut reported = 0;
    // A database keeps old writes in front of new ones, mostly: where the last dozen hold none in use the search goes on.
    for (n, page) in pages.into_iter().rev().enumerate() {
        if n >= 12 && reported > 0 {
            break;
        }
        let (_folder, data) = sample.copy();
        flip(&file(&data), &[page + 100]);
        let looked = server::run(&data, &["fsck"]);
        assert!(!looked.panicked() && matches!(looked.code, Some(0 | 5)), "{looked:?}");
        reported += u32::from(looked.code == Some(5));
        let (_folder, served) = sample.copy();
        flip(&file(&served), &[page + 100]);
        sample.is_whole(&Server::start(&served));

        let mended = server::run(&data, &["fsck", "--repair"]);
        assert_eq!(mended.code, Some(0), "{mended:?}");
        let after = server::run(&data, &["fsck"]);
        assert_eq!(after.code, Some(0), "{after:?}");
        sample.is_whole(&Server::start(&data));
    }
    assert!(reported > 0, "no damage was noticed");
}

/// Where pages begin, by their first bytes.
fn pages_in(bytes: &[u8]) -> Vec<usize> {
    bytes.windows(3).enumerate().filter(|(_, window)| *window == b"OP\x01").map(|(at, _)| at).collect()
}

fn largest(dir: &Path) -> PathBuf {
    let mut files = Vec::new();
    let mut folders = vec![dir.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                folders.push(entry.path())
            } else {
                files.push((metadata.len(), entry.path()))
            }
        }
    }
    files.into_iter().max().unwrap().1
}
