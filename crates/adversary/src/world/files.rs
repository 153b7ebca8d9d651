//! Every version of every file of a folder: a file system that keeps them all.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use super::WorldError;
use crate::tape::Tape;

const BLOCK: usize = 4096;
/// Around a part that changed: more than a page, so that a page is whole in the part in which it changed.
const MARGIN: usize = 1024;

/// What the files were like when they were looked at last.
#[derive(Default)]
pub(super) struct Files(Mutex<HashMap<PathBuf, Vec<u8>>>);

impl Files {
    /// Writes down names, and what is new in the files. Of those in `passed_over` nothing. Files come and go meanwhile.
    pub(super) fn keep(&self, folder: &Path, passed_over: &[PathBuf], tape: &Tape) -> Result<(), WorldError> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (path, bytes) in read_all(folder)? {
            tape.other(path.as_os_str().as_encoded_bytes());
            if passed_over.contains(&path) {
                continue;
            }
            let before = known.entry(path).or_default();
            for part in changed(before, &bytes) {
                tape.other(part);
                pages(part).for_each(|page| tape.page(page));
            }
            *before = bytes;
        }
        Ok(())
    }
}

/// Every file below a folder, with its bytes.
pub(super) fn read_all(folder: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, WorldError> {
    let mut files = Vec::new();
    for entry in there(std::fs::read_dir(folder))?.into_iter().flatten() {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(read_all(&path)?);
        } else if path.is_file() {
            files.extend(there(std::fs::read(&path))?.map(|bytes| (path, bytes)));
        }
    }
    Ok(files)
}

fn there<T>(found: std::io::Result<T>) -> std::io::Result<Option<T>> {
    match found {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        found => found.map(Some),
    }
}

/// Everything in these bytes that looks like a page.
pub(super) fn pages(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let starts = bytes.windows(3).enumerate().filter(|(_, window)| window == b"OP\x01");
    starts.filter_map(|(at, _)| bytes.get(at..at + 1024))
}

/// The runs of blocks that differ, with a margin.
fn changed<'a>(before: &[u8], now: &'a [u8]) -> Vec<&'a [u8]> {
    let differs: Vec<bool> = (0..)
        .zip(now.chunks(BLOCK))
        .map(|(n, block)| before.get(n * BLOCK..n * BLOCK + block.len()) != Some(block))
        .collect();
    let mut parts = Vec::new();
    let mut at = 0;
    for run in differs.chunk_by(|a, b| a == b) {
        let (from, to) = (at * BLOCK, (at + run.len()) * BLOCK);
        at += run.len();
        if run.first() == Some(&true) {
            let range = from.saturating_sub(MARGIN)..now.len().min(to + MARGIN);
            parts.extend(now.get(range));
        }
    }
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_changed_is_found_with_what_lies_around_it() {
        let before = vec![1; 5 * BLOCK];
        assert!(changed(&before, &before).is_empty());
        assert_eq!(changed(&[], &before), [before.as_slice()]);
        let mut now = before.clone();
        now[2 * BLOCK] = 2;
        assert_eq!(changed(&before, &now), [&now[2 * BLOCK - MARGIN..3 * BLOCK + MARGIN]]);
        now.push(3);
        assert_eq!(changed(&before, &now).len(), 2);
    }
}
