//! A folder that is not ours to open, or not what it seems.

use crate::{
    cell::flip,
    sample::Sample,
    server::{self, Server},
};
use oubliette_store::{Vault, VaultError, VaultOptions};
use std::fs;

#[test]
fn a_folder_of_another_process_is_refused_and_its_service_asked() {
    let sample = Sample::make();
    let server = Server::start(&sample.path());
    let second =
        Server::try_start(&server::binary(), &sample.path(), &[]).err().expect("two services on one folder");
    assert_eq!(second.code, Some(1));
    assert!(second.stderr.contains("in use by another process"), "{second:?}");
    let opened = Vault::open(&sample.path(), VaultOptions::default()).err();
    assert!(matches!(opened, Some(VaultError::InUse { .. })), "{opened:?}");

    // Operator commands go through the service that holds the folder, which is none the worse for all this.
    let status = server::run(&sample.path(), &["--json", "status"]);
    assert_eq!(status.code, Some(0), "{status:?}");
    sample.is_whole(&server);
    assert_eq!(server.stop().code, Some(0));
}

#[test]
fn a_folder_that_lost_its_marker_is_not_taken_for_a_new_one() {
    let sample = Sample::make();
    fs::remove_file(sample.path().join("vault.json")).unwrap();
    let refused =
        Server::try_start(&server::binary(), &sample.path(), &[]).err().expect("a vault without a name");
    assert_eq!(refused.code, Some(1), "{refused:?}");
    assert!(refused.stderr.contains("vault.json"), "{refused:?}");
    assert!(!sample.path().join("vault.json").exists());
}

#[test]
fn rows_that_are_gone_are_missed() {
    let sample = Sample::make();
    for rows in ["rows", "anchor"] {
        let (_folder, data) = sample.copy();
        let path = data.join(rows);
        if path.is_dir() {
            fs::remove_dir_all(&path).unwrap()
        } else {
            fs::remove_file(&path).unwrap()
        }
        let refused = Server::try_start(&server::binary(), &data, &[]).err().expect("a vault without rows");
        assert!(!refused.panicked() && refused.code != Some(0), "{rows}: {refused:?}");
        assert!(refused.stderr.contains("error"), "{rows}: {refused:?}");
    }
}

#[test]
fn an_older_copy_of_the_rows_is_recognised() {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    let server = Server::start(&data);
    server.client().put_subject("dora", &Default::default(), false).unwrap();
    sample.items[0].store_again(&server.client());
    assert_eq!(server.stop().code, Some(0));
    fs::remove_dir_all(data.join("rows")).unwrap();
    crate::sample::copy(&sample.path().join("rows"), &data.join("rows"));
    let refused = Server::try_start(&server::binary(), &data, &[]).err().expect("rows of yesterday");
    assert!(refused.stderr.contains("lost or rolled back"), "{refused:?}");
}

/// The record of an early deletion is evidence that is lost. The newest one is made again from cell and key pages, and said so.
#[test]
fn a_damaged_ledger_is_reported() {
    const RECORD: usize = 128;
    let sample = Sample::make();
    let server = Server::start(&sample.path());
    assert!(server::erase(&sample.path(), "ben"));
    server.client().put_subject("dora", &Default::default(), false).unwrap();
    assert_eq!(server.stop().code, Some(0));
    let records = fs::read(sample.path().join("ledger/roots")).unwrap().len() / RECORD;
    assert!(records >= 2);
    for (record, code, said) in [(0, 5, "ledger"), (records - 1, 0, "ledger's newest record")] {
        let (_folder, data) = sample.copy();
        flip(&data.join("ledger/roots"), &[record * RECORD + 50]);
        let fsck = server::run(&data, &["fsck"]);
        assert!(!fsck.panicked() && fsck.code == Some(code), "record {record}: {fsck:?}");
        assert!((fsck.stdout + &fsck.stderr).contains(said), "record {record}");
    }
}
