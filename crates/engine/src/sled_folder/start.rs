//! From a path to an opened sled, step by step (docs/sled.md, "Open").

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use super::layout::{Layout, Marker, Stage};
use super::live::{Live, sled_error};
use super::{SEGMENT_SIZE, SledOptions, snapshots};
use crate::EngineError;
use crate::durable::{
    copy_tree, entries, remove_folder, replace_file, settle_files_on_medium, sync_parent, sync_path,
    sync_tree, write_again,
};

const FIRST: u32 = 1;

/// What the folder was like before it was opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Found {
    /// There was nothing.
    New,
    /// Everything was written and closed.
    Clean,
    /// The last process ended without closing.
    Unclean,
}

/// Checks the folder and opens sled in it. The caller holds the lock.
pub(super) fn start(layout: &Layout, options: &SledOptions) -> Result<(Live, Found), EngineError> {
    let Some(marker) = layout.read_marker()? else { return create(layout, options) };
    if marker.stage == Stage::Creating {
        return finish_creation(layout, marker.data, options);
    }
    let data = layout.data(marker.data);
    check_files(&data)?;
    layout.remove_leftovers(marker.data)?;
    let clean = layout.take_clean()?;
    if clean {
        // Whoever set the sign had synced everything without an error, so the page cache is what the medium has.
        sync_path(&data.join("db"))?;
    } else {
        // A snapshot may be durable before the log it describes: after a kill the log is only in the page cache. After a failed sync it
        // is there alone, for good.
        settle_files_on_medium(&data)?;
        keep_evidence(layout, options)?;
        write_again(&data.join("db"))?;
    }
    if let Some(verify) = &options.verifier {
        verify(&data)?;
        sync_path(&data.join("db"))?;
    }
    let live = open_data(&data, marker.data, options.cache_bytes)?;
    Ok((live, if clean { Found::Clean } else { Found::Unclean }))
}

/// Opens sled in a data folder and makes durable what that wrote.
pub(super) fn open_data(data: &Path, number: u32, cache_bytes: u64) -> Result<Live, EngineError> {
    snapshots::settle(data)?;
    let config = sled::Config::new()
        .path(data)
        .cache_capacity(cache_bytes)
        .segment_size(SEGMENT_SIZE)
        .flush_every_ms(None)
        .use_compression(false);
    let deadline = Instant::now() + Duration::from_secs(1);
    let db = loop {
        match config.open() {
            Ok(db) => break db,
            // sled frees its lock some time after it was dropped.
            Err(sled::Error::Io(error)) if error.to_string().contains("could not acquire lock") => {
                if Instant::now() > deadline {
                    return Err(EngineError::InUse { path: data.to_owned() });
                }
                thread::sleep(Duration::from_millis(20));
            }
            Err(error) => return Err(sled_error(data)(error)),
        }
    };
    // sled never syncs its settings, its snapshots, or a folder.
    sync_tree(data)?;
    Live::new(db, data, number)
}

fn create(layout: &Layout, options: &SledOptions) -> Result<(Live, Found), EngineError> {
    if layout.has_data()? {
        return Err(EngineError::Format {
            path: layout.folder.clone(),
            detail:
                "it holds data but its file sled-format is missing; restore the folder whole from a backup"
                    .into(),
        });
    }
    if !options.create {
        return Err(EngineError::RowsLost { detail: format!("{} is empty", layout.folder.display()) });
    }
    layout.write_marker(Marker { stage: Stage::Creating, data: FIRST })?;
    finish_creation(layout, FIRST, options)
}

/// Nothing was acknowledged while the marker said `creating`, so what is there may go.
fn finish_creation(
    layout: &Layout,
    number: u32,
    options: &SledOptions,
) -> Result<(Live, Found), EngineError> {
    let data = layout.data(number);
    remove_folder(&data)?;
    let live = open_data(&data, number, options.cache_bytes)?;
    layout.write_marker(Marker { stage: Stage::Ready, data: number })?;
    Ok((live, Found::New))
}

/// sled would make an empty store where its log is missing, and large rows that it put into `blobs/` were never synced.
fn check_files(data: &Path) -> Result<(), EngineError> {
    let log = data.join("db");
    if !log.is_file() {
        return Err(EngineError::RowsLost { detail: format!("{} is missing", log.display()) });
    }
    check_no_blobs(data)
}

/// Every row is small enough to stay in the log, so a file here is not ours.
pub(super) fn check_no_blobs(data: &Path) -> Result<(), EngineError> {
    let blobs = data.join("blobs");
    let found = if blobs.exists() { entries(&blobs)?.len() } else { 0 };
    if found == 0 {
        return Ok(());
    }
    Err(EngineError::Format {
        path: blobs,
        detail: format!(
            "{found} files where none may be; find out who wrote them, move them away and start again"
        ),
    })
}

/// Copies the folder before recovery zeroes what it cannot read. A copy from a recovery that never came to a good end is
/// kept: what is in the folder now has been through sled's hands.
fn keep_evidence(layout: &Layout, options: &SledOptions) -> Result<(), EngineError> {
    if !options.copy_before_recovery || layout.recovering().exists() {
        return Ok(());
    }
    let (part, copy) = (layout.copy_before_recovery(".part"), layout.copy_before_recovery(""));
    remove_folder(&part)?;
    copy_tree(&layout.folder, &part)?;
    remove_folder(&copy)?;
    std::fs::rename(&part, &copy).map_err(EngineError::io("rename", &copy))?;
    sync_parent(&copy)?;
    replace_file(&layout.recovering(), b"the copy beside this folder was made before recovery\n")
}
