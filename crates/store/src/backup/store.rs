//! Where backups lie: the few things that are asked of a place.

use std::ops::Range;
use std::sync::Arc;

use super::folder::FolderStore;
use super::s3::{S3Options, S3Store};
use crate::VaultError;

/// A place for the backups of one vault: a folder, a prefix of a bucket, or one of your own.
///
/// Contract: names are of letters, digits, `-` and `.`; an object is written whole or not at all, is durable when [`BackupStore::put`] returns, and is
/// seen by every later call. Objects are written once, or again with the same bytes. Failures are [`VaultError::BackupTarget`].
pub trait BackupStore: Send + Sync {
    /// Where it is, for messages; without any secret.
    fn describe(&self) -> String;
    /// Writes an object.
    fn put(&self, name: &str, bytes: &[u8]) -> Result<(), VaultError>;
    /// Reads an object, or the part of it that lies in `part`; `None` if there is none. What was just written is read from the medium, where the
    /// place can say so.
    fn get(&self, name: &str, part: Option<Range<u64>>) -> Result<Option<Vec<u8>>, VaultError>;
    /// The names of all objects.
    fn list(&self) -> Result<Vec<String>, VaultError>;
    /// Removes an object; one that is not there is no error.
    fn remove(&self, name: &str) -> Result<(), VaultError>;
    /// How many writes at a time are worth it.
    fn at_once(&self) -> usize {
        1
    }
}

/// Opens `s3://bucket/prefix`, or a folder.
///
/// # Errors
/// [`VaultError::Invalid`] for what names no place; [`VaultError::BackupTarget`].
pub fn open_backup_store(location: &str, s3: &S3Options) -> Result<Arc<dyn BackupStore>, VaultError> {
    if location.is_empty() {
        return Err(VaultError::invalid("to", "must name a folder, or s3://bucket/prefix"));
    }
    if let Some(rest) = location.strip_prefix("s3://") {
        return Ok(Arc::new(S3Store::open(rest, s3)?));
    }
    if let Some((scheme, _)) = location.split_once("://") {
        return Err(VaultError::invalid("to", format!("knows folders and s3://, not {scheme}://")));
    }
    Ok(Arc::new(FolderStore::open(location.as_ref())?))
}

/// A failure of the place, in words that say what to do.
pub(super) fn failed(detail: String) -> VaultError {
    VaultError::BackupTarget { detail }
}
