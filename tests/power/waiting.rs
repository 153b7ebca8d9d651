//! A write of sled's that fails while somebody waits for it. sled 0.34.7 wakes nobody where the buffer was one that a batch had still held
//! open when it was full: a process that has lost a write has to end, and hung instead (found by `a_sync_that_fails_once`).

use std::env;
use std::path::Path;
use std::process::{self, Command, Stdio};

use oubliette_engine::{PAGE_SIZE, PageStore, SledOptions, SledPages, deny_sync_file_range};
use oubliette_powercut::{Dice, Folder, Image};

use crate::child::{FAILED, wait};
use crate::scripts::left_out;

const FOLDER: &str = "OUBLIETTE_POWER_PAGES";

/// The child's entry: writes batches of pages, of which sled's buffers do not hold a whole number, until one fails.
#[test]
fn writer() {
    let Ok(folder) = env::var(FOLDER) else { return };
    deny_sync_file_range().unwrap();
    let pages = SledPages::open(&Path::new(&folder).join("pages"), SledOptions::default()).unwrap();
    let mut dice = Dice::new(1);
    for _ in 0..8 {
        let batch: Vec<_> = (0..200)
            .map(|_| {
                let (id, page) = (dice.bytes(size_of::<oubliette_engine::PageId>()), dice.bytes(PAGE_SIZE));
                (id.try_into().unwrap(), page.try_into().unwrap())
            })
            .collect();
        let batch: Vec<_> = batch.iter().map(|(id, page)| (*id, page)).collect();
        if pages.write(&batch).is_err() {
            process::exit(FAILED);
        }
    }
    // Without letting sled go, which syncs once more and panics if that fails.
    process::exit(0);
}

#[test]
fn a_failed_write_that_a_batch_had_closed() {
    let (mut failed, mut good) = (0, 20);
    loop {
        let Ok(folder) = Folder::new(&Image::empty()) else { return left_out() };
        folder.fail_sync_after(good);
        let mut child = Command::new(env::current_exe().unwrap())
            .args(["--exact", "waiting::writer", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::null())
            .spawn()
            .unwrap();
        match wait(&mut child).code() {
            Some(0) => break,
            Some(FAILED) => failed += 1,
            other => panic!("with {good} good syncs it ended with {other:?}"),
        }
        good += 1;
    }
    assert!(failed > 0, "no write met the failure");
    println!("assured: writes of sled's that failed while somebody waited: {failed}, each ended its process");
}
