//! The root cell: without it nothing can be read, so what is wrong with it must be said plainly.

use crate::{
    sample::Sample,
    server::{self, Server},
};
use std::{fs, path::Path};

/// Where the share slots stand in the file (`docs/formats.md`, section 5).
const SLOTS: [usize; 2] = [16_384, 36_864];

fn refused(data: &Path) -> String {
    let ended =
        Server::try_start(&server::binary(), data, &[]).err().expect("a vault without its keys serves");
    assert!(ended.code == Some(1) || ended.code == Some(5), "{ended:?}");
    assert!(!ended.panicked(), "{ended:?}");
    ended.stderr
}

#[test]
fn a_missing_cell_is_refused() {
    let sample = Sample::make();
    let cell = sample.path().join("root.cell");
    fs::remove_file(&cell).unwrap();
    let said = refused(&sample.path());
    assert!(said.contains("root.cell is missing") && said.contains("put the file back"), "{said}");
    assert!(!cell.exists(), "a new cell would make the loss final");
}

#[test]
fn a_foreign_cell_is_refused() {
    let (ours, theirs) = (Sample::make(), Sample::make());
    fs::copy(theirs.path().join("root.cell"), ours.path().join("root.cell")).unwrap();
    let said = refused(&ours.path());
    assert!(said.contains("belongs to vault"), "{said}");
}

#[test]
fn an_old_cell_is_refused() {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    let server = Server::start(&data);
    assert!(server::erase(&data, "ben"));
    assert_eq!(server.stop().code, Some(0));
    fs::copy(sample.path().join("root.cell"), data.join("root.cell")).unwrap();
    let said = refused(&data);
    assert!(said.contains("Cell and key pages are of different age"), "{said}");
}

#[test]
fn one_damaged_slot_is_mended_from_the_other() {
    let sample = Sample::make();
    // In the record, in the randomness that hides the share, and at the end of it.
    for at in SLOTS.into_iter().flat_map(|slot| [slot + 33, slot + 4096 + 500, slot + 20_479]) {
        let (_folder, data) = sample.copy();
        let cell = data.join("root.cell");
        flip(&cell, &[at]);
        let damaged = fs::read(&cell).unwrap();
        let server = Server::start(&data);
        sample.is_whole(&server);
        assert_eq!(server.stop().code, Some(0));
        let mended = fs::read(&cell).unwrap();
        assert!(damaged != mended, "the slot at {at} was left as it was");
        // The other slot can go now.
        let other = if at < SLOTS[1] { SLOTS[1] } else { SLOTS[0] };
        flip(&cell, &[other + 33]);
        sample.is_whole(&Server::start(&data));
    }
}

#[test]
fn two_damaged_slots_are_refused_and_left_alone() {
    let sample = Sample::make();
    let (_folder, data) = sample.copy();
    let cell = data.join("root.cell");
    flip(&cell, &SLOTS.map(|slot| slot + 40));
    let damaged = fs::read(&cell).unwrap();
    let said = refused(&data);
    assert!(said.contains("keys are lost"), "{said}");
    assert!(fs::read(&cell).unwrap() == damaged, "an expert may still mend what nobody wrote over");
}

#[test]
fn damaged_pointers_do_no_harm() {
    let sample = Sample::make();
    for places in [&[4096 + 20][..], &[8192 + 20], &[4096 + 20, 8192 + 20]] {
        let (folder, data) = sample.copy();
        flip(&data.join("root.cell"), places);
        match Server::try_start(&server::binary(), &data, &[]) {
            Ok(server) => sample.is_whole(&server),
            // Insertions after the last deletion are known to the pointer copies alone.
            Err(ended) => {
                assert!(places.len() == 2 && ended.stderr.contains("keys"), "{places:?}: {ended:?}")
            }
        }
        drop(folder);
    }
}

#[test]
fn a_cell_that_was_put_back_serves_again() {
    let sample = Sample::make();
    let cell = sample.path().join("root.cell");
    let (kept, _data) = sample.copy();
    fs::remove_file(&cell).unwrap();
    refused(&sample.path());
    fs::copy(kept.path().join("vault/root.cell"), &cell).unwrap();
    sample.is_whole(&Server::start(&sample.path()));
}

pub(crate) fn flip(file: &Path, places: &[usize]) {
    let mut bytes = fs::read(file).unwrap();
    places.iter().for_each(|at| bytes[*at] ^= 0x10);
    fs::write(file, bytes).unwrap();
}
