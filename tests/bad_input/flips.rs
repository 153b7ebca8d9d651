//! A byte of the folder is flipped while nobody serves it; then the service shows what it makes of that. What every byte of every file
//! does through the library: `tests/corruption`.

use crate::{
    sample::{Found, Sample},
    server::{self, Server},
};
use std::{
    fs::{self, OpenOptions},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// Places in each file, evenly spaced over those that hold something.
const PLACES: usize = 3;

#[test]
fn any_flipped_byte_through_the_service() {
    let sample = Sample::make();
    let mut wrong = Vec::new();
    for file in files(&sample.path()) {
        let bytes = fs::read(sample.path().join(&file)).unwrap();
        let used: Vec<usize> = (0..bytes.len()).filter(|at| bytes[*at] != 0).collect();
        for n in 0..PLACES {
            let at = used[n * (used.len() - 1) / (PLACES - 1)];
            let (_folder, data) = sample.copy();
            flip_bit(&data.join(&file), at as u64);
            if let Err(what) = service(&sample, &data) {
                wrong.push(format!("{} at {at}: {what}", file.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Whole, or refused by name and reported.
fn service(sample: &Sample, data: &Path) -> Result<(), String> {
    let server = match Server::try_start(&server::binary(), data, &[]) {
        Ok(server) => server,
        Err(ended) if ended.panicked() || ended.code == Some(0) || ended.stderr.trim().len() < 20 => {
            return Err(format!("{ended:?}"));
        }
        Err(_) => return Ok(()),
    };
    let client = server.client_with(&sample.token);
    let mut refused = None;
    for item in &sample.items {
        match item.through_http(&client) {
            Found::Whole => {}
            Found::Refused(said) => refused = refused.or(Some(said)),
            Found::Wrong(what) => return Err(what),
        }
    }
    let fsck = server::run(data, &["fsck"]);
    let log = server.log();
    if fsck.panicked() || log.contains("internal error") {
        return Err(format!("a panic: {fsck:?} {log}"));
    }
    // Tokens that are not known any more, or not readable, are named; the vault itself is not damaged.
    let of_tokens = |said: &String| said.contains("unauthorized") || said.contains("cannot read its tokens");
    match refused.filter(|said| !of_tokens(said)) {
        Some(said) if fsck.code == Some(0) => Err(format!("fsck finds nothing wrong, but: {said}")),
        _ => Ok(()),
    }
}

fn flip_bit(file: &Path, at: u64) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
}

/// Every file of the folder that holds anything.
fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inner)).unwrap().map(Result::unwrap) {
            let (path, metadata) = (inner.join(entry.file_name()), entry.metadata().unwrap());
            match metadata.is_dir() {
                true => folders.push(path),
                false if metadata.len() > 0 => found.push(path),
                false => {}
            }
        }
    }
    found.sort();
    found
}
