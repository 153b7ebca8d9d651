//! A service that is told to stop while an operator's command is at work.

use std::fs::{self, OpenOptions};

use super::*;

#[test]
fn a_long_command_of_an_operator_s_does_not_keep_the_service_from_ending() {
    let mut served = Served::start(tempfile::tempdir().unwrap());
    let path = served.folder.path().to_owned();
    ended(&served.run(&["subject", "create", "ann"], b""), 0, "active");
    fs::create_dir(path.join("place")).unwrap();
    // A disk that hangs: a pipe into which nobody writes stands where a manifest has to be.
    let pipe = path.join("place/manifest-20260301T120000Z-00000000");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let asking = command(&path, &["backup", "verify", "--from", "place"]).spawn().unwrap();
    // Opens when the service opened it to read, which then waits for what never comes.
    let silent = OpenOptions::new().write(true).open(&pipe).unwrap();
    assert!(Command::new("kill").arg(served.child.id().to_string()).status().unwrap().success());
    let stopped = served.child.wait().unwrap();
    assert!(stopped.success(), "{stopped}");
    ended(&asking.wait_with_output().unwrap(), 1, "broke off");
    drop(silent);
    // Nothing was left undone.
    ended(&oubliette(&path, &["subject", "show", "ann"]), 0, "active");
    ended(&oubliette(&path, &["fsck"]), 0, "read");
}
