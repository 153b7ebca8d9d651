//! What an erasure leaves in the folder, and what an old copy of the folder is still good for: nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "a test fails by panicking, and says how much it looked at"
)]

#[path = "../support/server.rs"]
mod server;

mod folder;
mod forms;
mod life;
mod seizure;

use life::Life;
use oubliette_adversary::{Leak, close, judge};
use seizure::Secrets;
use server::Server;
use std::{collections::BTreeSet, thread, time::Duration};

/// Small and large saves, names, talk, credentials and a consent of three people; one of them is erased.
#[test]
fn an_erased_person_is_in_no_file_and_no_old_copy_opens_them() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let data = at("vault");
    let (leaver, control, friend) = (Life::fresh(), Life::fresh(), Life::fresh());

    let server = Server::start(&data);
    for life in [&leaver, &control, &friend] {
        life.arrive(&server.client());
    }
    for life in [&leaver, &control] {
        life.live(&server.client(), &friend.user);
    }
    assert_eq!(server.stop().code, Some(0));
    // What a backup of the whole folder would have kept.
    folder::copy(&data, &at("old"));
    let before = folder::scratch(&at("old"), |copy| Secrets::of(copy, Some(leaver.user.as_str())));

    let server = Server::start(&data);
    assert!(server::erase(&data, leaver.user.as_str()));
    swept(&data);
    control.is_whole(&server.client(), &friend.user);
    let stopped = server.stop();
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    let after = folder::scratch(&data, |copy| Secrets::of(copy, None));

    // 1. No file holds a key of theirs, or anything they said, in any of the forms it might have been written in.
    let dead: BTreeSet<_> = before.keys.difference(&after.keys).collect();
    assert!(dead.len() > 50, "only {} keys died", dead.len());
    let mut needles: Vec<Vec<u8>> = dead.into_iter().map(|key| key.to_vec()).collect();
    needles.extend(before.cell.difference(&after.cell).map(|share| share.to_vec()));
    needles.extend(masks(&std::fs::read(at("old/root.cell")).unwrap()));
    needles.extend(leaver.canaries().iter().flat_map(|canary| forms::of(canary.as_str())));
    needles.extend(forms::of(leaver.key.as_str()));
    let files = folder::files(&data);
    for (path, bytes) in &files {
        assert_eq!(forms::find(bytes, &needles), None, "{} holds something of the person", path.display());
        assert_eq!(forms::find(path.as_os_str().as_encoded_bytes(), &needles), None);
    }
    assert_eq!(
        forms::find(stopped.stderr.as_bytes(), &needles),
        None,
        "the log holds something of the person"
    );
    // The audit log tells of them, by a name that leads to nobody any more.
    let log = |path: &std::path::Path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("audit-"))
    };
    let told = |bytes: &[u8]| bytes.windows(13).any(|window| window == b"subject erase");
    assert!(files.iter().any(|(path, bytes)| log(path) && told(bytes)), "the audit log was not looked at");
    let bytes: usize = files.iter().map(|(_, bytes)| bytes.len()).sum();
    println!("{} needles in {} files of {bytes} bytes", needles.len(), files.len());

    // 2. Everything old and everything new, with all secrets of today, opens the control and nothing of the leaver.
    let old_cell = std::fs::read(at("old/root.cell")).unwrap();
    let mut evidence = folder::scratch(&at("old"), seizure::stored);
    seizure::add(&mut evidence, folder::scratch(&data, seizure::stored));
    evidence.cells = vec![std::fs::read(data.join("root.cell")).unwrap()];
    evidence.memory = after.memory;
    let live = control.canaries().into_iter().chain(friend.canaries()).collect();
    let gone = leaver.canaries();
    let report = close(&evidence);
    println!("with the cell of today: {}", report.counts);
    assert_eq!(judge(&report, &live, &gone), Ok(()));

    // 3. The same search with the cell of yesterday finds it all: it can see.
    evidence.cells.push(old_cell);
    let report = close(&evidence);
    println!("with the cell of yesterday: {}", report.counts);
    assert!(gone.is_subset(&report.reached), "{:?} are missed", gone.difference(&report.reached));
    assert!(matches!(judge(&report, &live, &gone), Err(Leak::Erased(_))));
}

/// Pieces of what hides the shares in a cell's slots: each is needed to read one (`docs/formats.md`, section 5).
fn masks(cell: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let slots = [16_384, 36_864].into_iter();
    let places = slots.flat_map(|slot| (slot + 4096..slot + 20_480).step_by(512).chain([slot + 32]));
    places.map(|at| cell[at..at + 32].to_vec())
}

/// Waits until the service has removed the rows.
fn swept(data: &std::path::Path) {
    for _ in 0..200 {
        let status = server::run(data, &["--json", "status"]);
        let status: serde_json::Value = serde_json::from_str(&status.stdout).unwrap();
        if status["sweep_queue"] == 0 {
            return;
        }
        thread::sleep(Duration::from_millis(100));
    }
    panic!("nothing swept in 20 seconds");
}
