//! The forms of the seeds are read as what they are: a decoder that reads nothing would never panic either.

use std::fs;

use super::{Findings, Sources};
use crate::fuzzing::TARGETS;

#[test]
fn every_form_is_found_wherever_it_stands() {
    let [(_, run, seeds)] = TARGETS;
    let seeds = seeds();
    seeds.iter().for_each(|seed| run(seed));
    // In one file, at odd places; the segment's vault is 03 03 …
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("image"), seeds.join([0; 4999].as_slice())).unwrap();
    let mut sources = Sources::default();
    let files = sources.add(folder.path()).unwrap();
    let found = Findings::gather(&sources, files, &[3; 16], &mut |_, _| ()).unwrap();
    // A row of a node, which the link says again, and one of a backup.
    assert_eq!(found.rows.get(&[1; 16]).map(Vec::len), Some(1));
    assert_eq!(found.rows.get(&[4; 16]).map(Vec::len), Some(1));
    assert!(found.written.contains_key(&[0xab; 32]) && found.written.contains_key(&[7; 32]));
    let row = &found.rows[&[4; 16]][0];
    assert_eq!(sources.read(&row.value).unwrap(), b"value");
}
