//! Folders: copying and reading them whole.

use std::{
    fs,
    path::{Path, PathBuf},
};

pub(crate) fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let (source, target) = (entry.path(), to.join(entry.file_name()));
        if source.is_dir() {
            copy(&source, &target);
        } else if source.is_file() {
            // A socket of a running service is no content.
            fs::copy(source, target).unwrap();
        }
    }
}

/// Lets `look` open a copy: opening may write.
pub(crate) fn scratch<T>(folder: &Path, look: impl FnOnce(&Path) -> T) -> T {
    let scratch = tempfile::tempdir().unwrap();
    let inner = scratch.path().join("copy");
    copy(folder, &inner);
    look(&inner)
}

/// Every file with its bytes.
pub(crate) fn files(folder: &Path) -> Vec<(PathBuf, Vec<u8>)> {
    let mut found = Vec::new();
    for path in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path))
        } else {
            found.push((path.clone(), fs::read(path).unwrap()))
        }
    }
    found
}
