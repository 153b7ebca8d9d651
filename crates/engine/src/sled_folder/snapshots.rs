//! A snapshot that sled was cut off from writing.
//!
//! sled writes `snap.<n>.generating`, syncs it, renames it to `snap.<n>` and removes the older ones. At open it takes every file whose name
//! begins with `snap.` for a snapshot and reads the last one, so a half-written one keeps the store shut; and it writes over an old
//! `.generating` without cutting it, so a longer one would spoil the next. The older snapshot goes only after the new one was synced.
//! So what is found is one of two things:
//!
//! | beside it | it is | answer |
//! |---|---|---|
//! | another snapshot | not needed: sled goes on from the other one, as it would have before | removed |
//! | none | whole: its name was not durable, the removal of the older one was | renamed |
//! | none | torn: the store's first one | removed; sled reads its log from the beginning |

use std::fs;
use std::path::Path;

use crate::EngineError;
use crate::durable::{entries, remove_file, sync_path};

const UNFINISHED: &str = ".generating";
/// Behind the snapshot itself: its length (8) and CRC-32 (4).
const TRAILER: usize = 12;

/// Leaves no unfinished snapshot in sled's data folder. Before sled opens it.
pub(super) fn settle(data: &Path) -> Result<(), EngineError> {
    if !data.exists() {
        return Ok(());
    }
    let snapshots = entries(data)?.into_iter().map(|(path, _)| path).filter(|path| {
        path.file_name().and_then(|name| name.to_str()).is_some_and(|name| name.starts_with("snap."))
    });
    let (unfinished, finished): (Vec<_>, Vec<_>) =
        snapshots.partition(|path| path.to_str().is_some_and(|path| path.ends_with(UNFINISHED)));
    let mut finished = !finished.is_empty();
    for path in unfinished.iter().rev() {
        if finished || !is_whole(path)? {
            tracing::warn!("a snapshot that sled did not finish is removed");
            remove_file(path)?;
            continue;
        }
        fs::rename(path, path.with_extension("")).map_err(EngineError::io("rename", path))?;
        sync_path(data)?;
        finished = true;
    }
    Ok(())
}

fn is_whole(path: &Path) -> Result<bool, EngineError> {
    let bytes = fs::read(path).map_err(EngineError::io("read", path))?;
    let Some((body, trailer)) = bytes.len().checked_sub(TRAILER).and_then(|at| bytes.split_at_checked(at))
    else {
        return Ok(false);
    };
    Ok(trailer.get(8..) == Some(&crc32fast::hash(body).to_le_bytes()[..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(data: &Path) -> Vec<String> {
        let mut names: Vec<_> = fs::read_dir(data)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    /// sled takes a half-written snapshot for the newest one and refuses to open.
    #[test]
    fn a_half_written_snapshot_does_not_keep_the_store_shut() {
        let dir = tempfile::tempdir().unwrap();
        let data = dir.path();
        let config = || sled::Config::new().path(data).flush_every_ms(None);
        config().open().unwrap().insert("a", "1").unwrap();
        let opened = || config().open().unwrap().get("a").unwrap();
        assert_eq!(opened().as_deref(), Some(&b"1"[..]));
        let snapshot = names(data).into_iter().find(|name| name.starts_with("snap.")).unwrap();
        let whole = fs::read(data.join(&snapshot)).unwrap();
        for length in 0..whole.len() {
            fs::write(data.join("snap.FFFFFFFFFFFFFFFF.generating"), &whole[..length]).unwrap();
            settle(data).unwrap();
            assert!(!names(data).iter().any(|name| name.ends_with(UNFINISHED)));
        }
        assert_eq!(opened().as_deref(), Some(&b"1"[..]));
        // Alone it counts if it is whole.
        let snapshot = names(data).into_iter().find(|name| name.starts_with("snap.")).unwrap();
        let unfinished = data.join(format!("{snapshot}{UNFINISHED}"));
        fs::rename(data.join(&snapshot), &unfinished).unwrap();
        settle(data).unwrap();
        assert!(data.join(&snapshot).exists() && !unfinished.exists());
        assert_eq!(opened().as_deref(), Some(&b"1"[..]));
        for length in 0..40 {
            names(data)
                .iter()
                .filter(|name| name.starts_with("snap."))
                .for_each(|name| fs::remove_file(data.join(name)).unwrap());
            fs::write(data.join("snap.0000000000000001.generating"), &whole[..length]).unwrap();
            settle(data).unwrap();
            assert_eq!(names(data).iter().filter(|name| name.starts_with("snap.")).count(), 0);
        }
        assert_eq!(opened().as_deref(), Some(&b"1"[..]));
    }
}
