//! A file is cut short, made longer, or gone.

use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::child::look_apart;
use crate::flips::{judge, per_file};
use crate::folder::{files, remove, spread};
use crate::items::noise;
use crate::sample::{Sample, of_sled};
use crate::verdict::{Outcome, Verdict};

/// Lengths of a file that this process reads itself, and of one that needs a process of its own for each look.
const HERE: usize = 10;
const APART: usize = 4;
/// A larger file is not cut at every length even when everything is asked for: it is mostly room.
const SMALL: u64 = 64 << 10;

#[derive(Clone, Copy, Debug)]
enum Change {
    Cut(u64),
    Zeros(usize),
    Garbage(usize),
    Gone,
}

impl Change {
    fn make(self, file: &Path) {
        let open = || OpenOptions::new().append(true).open(file).unwrap();
        match self {
            Self::Cut(length) => OpenOptions::new().write(true).open(file).unwrap().set_len(length).unwrap(),
            Self::Zeros(length) => open().write_all(&vec![0; length]).unwrap(),
            Self::Garbage(length) => open().write_all(&noise(length as u64)).unwrap(),
            Self::Gone => remove(file),
        }
    }
}

#[test]
fn a_file_cut_anywhere_is_named_or_harmless() {
    change_files(
        |_| true,
        |file, size| {
            let lengths = match per_file(if of_sled(file) { APART } else { HERE }) {
                Some(count) => spread(size as usize, count),
                None if size <= SMALL => (0..size as usize).collect(),
                None => (0..size as usize).step_by(509).collect(),
            };
            lengths.into_iter().map(|length| Change::Cut(length as u64)).collect()
        },
    );
}

#[test]
fn a_file_with_more_behind_it_is_named_or_harmless() {
    change_files(
        |_| true,
        |_, _| {
            let lengths = [1, 128, 4096];
            lengths.map(Change::Zeros).into_iter().chain(lengths.map(Change::Garbage)).collect()
        },
    );
}

#[test]
fn a_missing_file_is_named_or_harmless() {
    change_files(|_| true, |_, _| vec![Change::Gone]);
}

fn change_files(wanted: impl Fn(&Path) -> bool, changes: impl Fn(&Path, u64) -> Vec<Change>) {
    let sample = Sample::make();
    let mut tally: BTreeMap<(PathBuf, Outcome), u32> = BTreeMap::new();
    let (mut wrong, mut tried) = (Vec::new(), 0);
    for (file, size) in files(&sample.path()).into_iter().filter(|(file, _)| wanted(file)) {
        for change in changes(&file, size) {
            let (_folder, data) = sample.copy();
            change.make(&data.join(&file));
            match look_at(&data, &file) {
                Ok(seen) => *tally.entry((file.clone(), seen.outcome)).or_default() += 1,
                Err(what) => wrong.push(format!("{} {change:?}: {what}", file.display())),
            }
            tried += 1;
        }
    }
    for ((file, outcome), count) in &tally {
        println!("{count:6} {outcome:?} {}", file.display());
    }
    assert!(wrong.is_empty(), "{} of {tried}:\n{}", wrong.len(), wrong.join("\n"));
}

fn look_at(data: &Path, file: &Path) -> Verdict {
    if of_sled(file) { look_apart(data) } else { judge(data, file) }
}
