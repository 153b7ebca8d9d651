//! Folders of files: copies, what is in them, and small damage to one.

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

/// In memory where that is to be had: damage is not a question of durability.
pub(crate) fn fast_folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory).unwrap() } else { tempfile::tempdir().unwrap() }
}

/// Copies a folder or a file, in place of what is there.
pub(crate) fn put(from: &Path, to: &Path) {
    remove(to);
    if from.is_dir() {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
            put(&entry.path(), &to.join(entry.file_name()));
        }
    } else {
        copy_sparse(from, to);
    }
}

/// Leaves out what is zero: the files of a small vault are mostly room.
fn copy_sparse(from: &Path, to: &Path) {
    const BLOCK: usize = 4096;
    let bytes = fs::read(from).unwrap();
    let file = OpenOptions::new().write(true).create(true).truncate(true).open(to).unwrap();
    file.set_len(bytes.len() as u64).unwrap();
    for (n, block) in bytes.chunks(BLOCK).enumerate() {
        if block.iter().any(|byte| *byte != 0) {
            file.write_all_at(block, (n * BLOCK) as u64).unwrap();
        }
    }
    file.set_permissions(fs::metadata(from).unwrap().permissions()).unwrap();
}

/// Removes a file or a folder, if it is there.
pub(crate) fn remove(path: &Path) {
    match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path).unwrap(),
        Ok(_) => fs::remove_file(path).unwrap(),
        Err(_) => {}
    }
}

/// Every file below a folder that holds anything, by its path from there, sorted, with its size.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, u64)> {
    let mut found = Vec::new();
    let mut folders = vec![PathBuf::new()];
    while let Some(inner) = folders.pop() {
        for entry in fs::read_dir(folder.join(&inner)).unwrap().map(Result::unwrap) {
            let (path, metadata) = (inner.join(entry.file_name()), entry.metadata().unwrap());
            match metadata.is_dir() {
                true => folders.push(path),
                false if metadata.is_file() && metadata.len() > 0 => found.push((path, metadata.len())),
                false => {}
            }
        }
    }
    found.sort();
    found
}

/// Changes bits of one byte in place.
pub(crate) fn flip(file: &Path, at: u64, bits: u8) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, at).unwrap();
    file.write_all_at(&[byte[0] ^ bits], at).unwrap();
}

/// Exchanges two stretches of a file.
pub(crate) fn swap(file: &Path, a: u64, b: u64, length: usize) {
    let file = OpenOptions::new().read(true).write(true).open(file).unwrap();
    let (mut first, mut second) = (vec![0; length], vec![0; length]);
    file.read_exact_at(&mut first, a).unwrap();
    file.read_exact_at(&mut second, b).unwrap();
    file.write_all_at(&second, a).unwrap();
    file.write_all_at(&first, b).unwrap();
}

/// `count` places in a file, evenly spaced over those that hold something, the first and the last included; with `None` all
/// that hold something, and one in each sector of the others.
pub(crate) fn places(bytes: &[u8], count: Option<usize>) -> Vec<u64> {
    let used = || bytes.iter().enumerate().filter(|(_, byte)| **byte != 0).map(|(at, _)| at as u64);
    let Some(count) = count else {
        let empty = bytes.iter().enumerate().filter(|(at, byte)| **byte == 0 && at % 512 == 0);
        let mut all: Vec<u64> = used().chain(empty.map(|(at, _)| at as u64)).collect();
        all.sort_unstable();
        return all;
    };
    let used: Vec<u64> = used().collect();
    let mut places: Vec<u64> =
        spread(used.len(), count.saturating_sub(1)).into_iter().map(|index| used[index]).collect();
    // One in the room that nothing uses.
    places.extend(bytes.iter().position(|byte| *byte == 0).map(|at| at as u64));
    places.sort_unstable();
    places
}

/// At most `count` indices below `length`, evenly spaced, the ends included.
pub(crate) fn spread(length: usize, count: usize) -> Vec<usize> {
    if length <= count {
        return (0..length).collect();
    }
    if count < 2 {
        return (0..count).collect();
    }
    (0..count).map(|n| n * (length - 1) / (count - 1)).collect()
}
