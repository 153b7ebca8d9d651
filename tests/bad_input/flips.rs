//! A byte of the folder is flipped, wherever it may be.
//!
//! Through the library where a start is cheap: every byte of small files, a sample of large ones. Through the service, in
//! a process of its own with its guards around the row engine, a sample of every file.

use crate::{
    sample::{Found, Sample},
    server::{self, Server},
};
use oubliette_store::{Vault, VaultOptions};
use std::{
    collections::BTreeMap,
    fs::{self, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    panic,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Files up to this size are flipped byte by byte.
const SMALL: u64 = 512;
const LIBRARY_TIME: Duration = Duration::from_secs(25);
const SERVICE_TIME: Duration = Duration::from_secs(35);
/// Fewer would prove too little, however slow the machine.
const LEAST: u32 = 30;

/// What damage led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Outcome {
    /// Everything is whole, and nobody had to be told.
    Harmless,
    /// Everything is whole, and `fsck` has something to say.
    Noticed,
    /// Some of it is refused, by name, and `fsck` reports it.
    Reported,
    /// The vault does not open, and says why.
    NotOpened,
}

type Verdict = Result<Outcome, String>;

#[test]
fn any_flipped_byte_through_the_library() {
    let sample = Sample::make();
    // sled may panic on its own threads; the service runs it behind a child process.
    let files = files(&sample.path())
        .into_iter()
        .filter(|(file, _)| !of_sled(file) && *file != Path::new("tokens.json"));
    flip_everywhere(&sample, files.collect(), LIBRARY_TIME, |data| {
        panic::catch_unwind(panic::AssertUnwindSafe(|| library(&sample, data)))
            .unwrap_or_else(|_| Err("a panic".into()))
    });
}

#[test]
fn any_flipped_byte_through_the_service() {
    let sample = Sample::make();
    let files = files(&sample.path());
    flip_everywhere(&sample, files, SERVICE_TIME, |data| service(&sample, data));
}

fn library(sample: &Sample, data: &Path) -> Verdict {
    let vault = match Vault::open(data, VaultOptions::default()) {
        Ok(vault) => vault,
        Err(error) => return named(&error.to_string()),
    };
    let refused = read(sample.items.iter().map(|item| item.through_library(&vault)))?;
    let clean = vault.fsck(false, &mut |_, _| ()).is_ok_and(|report| report.faults.is_empty());
    let _ = vault.close();
    judge(refused, clean)
}

fn service(sample: &Sample, data: &Path) -> Verdict {
    let server = match Server::try_start(&server::binary(), data, &[]) {
        Ok(server) => server,
        Err(ended) if ended.panicked() || ended.code == Some(0) => return Err(format!("{ended:?}")),
        Err(ended) => return named(&ended.stderr),
    };
    let client = server.client_with(&sample.token);
    let refused = read(sample.items.iter().map(|item| item.through_http(&client)))?;
    let fsck = server::run(data, &["fsck"]);
    let log = server.log();
    if fsck.panicked() || log.contains("internal error") {
        return Err(format!("a panic: {fsck:?} {log}"));
    }
    // Tokens that are not known any more, or not readable, are named; the vault itself is not damaged.
    let refused =
        refused.filter(|said| !said.contains("unauthorized") && !said.contains("cannot read its tokens"));
    judge(refused, fsck.code == Some(0))
}

/// The first refusal, if there is one.
fn read(items: impl Iterator<Item = Found>) -> Result<Option<String>, String> {
    let mut refused = None;
    for found in items {
        match found {
            Found::Whole => {}
            Found::Refused(said) => refused = refused.or(Some(said)),
            Found::Wrong(what) => return Err(what),
        }
    }
    Ok(refused)
}

fn named(said: &str) -> Verdict {
    if said.trim().len() > 20 {
        Ok(Outcome::NotOpened)
    } else {
        Err(format!("refused without a reason: {said:?}"))
    }
}

fn judge(refused: Option<String>, clean: bool) -> Verdict {
    match (refused, clean) {
        (None, true) => Ok(Outcome::Harmless),
        (None, false) => Ok(Outcome::Noticed),
        (Some(_), false) => Ok(Outcome::Reported),
        (Some(said), true) => Err(format!("fsck finds nothing wrong, but: {said}")),
    }
}

/// Goes round the files, a place in each at a time, until all small files are done and the time is up.
fn flip_everywhere(
    sample: &Sample,
    files: Vec<(PathBuf, u64)>,
    time: Duration,
    outcome: impl Fn(&Path) -> Verdict,
) {
    let mut tally: BTreeMap<(&Path, Outcome), u32> = BTreeMap::new();
    let mut wrong = Vec::new();
    let (began, mut flips) = (Instant::now(), 0);
    let mut seed = 0x0b11_e77e_u64;
    for turn in 0.. {
        for (file, size) in &files {
            let at = if *size <= SMALL { turn } else { place(&sample.path().join(file), *size, &mut seed) };
            if at >= *size {
                continue;
            }
            let (_folder, data) = sample.copy();
            let bit = 1 << (turn % 8);
            flip_bit(&data.join(file), at, bit);
            match outcome(&data) {
                Ok(outcome) => *tally.entry((file, outcome)).or_default() += 1,
                Err(what) => wrong.push(format!("{} at {at}, bit {bit:#x}: {what}", file.display())),
            }
            flips += 1;
        }
        if flips >= LEAST && began.elapsed() > time || wrong.len() > 10 {
            break;
        }
    }
    for ((file, outcome), count) in &tally {
        println!("{count:5} {outcome:?} {}", file.display());
    }
    assert!(wrong.is_empty(), "{} of {flips} flips:\n{}", wrong.len(), wrong.join("\n"));
}

/// Any place, half of the time one that holds something.
fn place(file: &Path, size: u64, seed: &mut u64) -> u64 {
    let mut next = || {
        *seed ^= *seed << 13;
        *seed ^= *seed >> 7;
        *seed ^= *seed << 17;
        *seed % size
    };
    let any = next();
    if any % 2 == 0 {
        return any;
    }
    let mut file = fs::File::open(file).unwrap();
    for _ in 0..200 {
        let at = next();
        let mut byte = [0];
        file.seek(SeekFrom::Start(at)).unwrap();
        file.read_exact(&mut byte).unwrap();
        if byte != [0] {
            return at;
        }
    }
    any
}

fn flip_bit(file: &Path, at: u64, bit: u8) {
    let mut file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.seek(SeekFrom::Start(at)).unwrap();
    file.read_exact(&mut byte).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[byte[0] ^ bit]).unwrap();
}

/// Every file of the folder that holds anything, and its size.
fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inner)).unwrap().map(Result::unwrap) {
            let (path, metadata) = (inner.join(entry.file_name()), entry.metadata().unwrap());
            match metadata.is_dir() {
                true => folders.push(path),
                false if metadata.len() > 0 => found.push((path, metadata.len())),
                false => {}
            }
        }
    }
    found.sort();
    found
}

fn of_sled(file: &Path) -> bool {
    file.starts_with("rows") || file.starts_with("keys-b")
}
