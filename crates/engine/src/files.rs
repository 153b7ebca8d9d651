//! The few file operations that the stores of this crate share.

use std::fs::File;
use std::io::ErrorKind;
use std::path::Path;

use crate::EngineError;

/// Makes the names in a folder durable: a file that was created, renamed or unlinked in it.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), EngineError> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(EngineError::io("syncing the folder", folder))
}

/// The folder that holds `path`.
pub(crate) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// Whether an error says no more than that the disk, or a quota, is full.
pub(crate) fn is_full(error: &EngineError) -> bool {
    matches!(error, EngineError::Io { source, .. }
        if matches!(source.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded))
}
