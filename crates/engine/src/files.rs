//! The few file operations that the stores of this crate share.

use std::io::ErrorKind;
use std::path::Path;

use crate::EngineError;

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
