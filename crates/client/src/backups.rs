//! Backups that the service makes.

use serde::{Deserialize, Serialize};
use ureq::http::Method;

use crate::{
    error::ClientError,
    http::{Client, path},
};

/// A backup.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupState {
    /// Its name.
    pub id: String,
    /// `running`, `failed` or `finished`.
    pub state: String,
    /// When it was begun.
    pub begun: String,
    /// When it was finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// Of one that runs: how far it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<BackupProgress>,
    /// Of one that failed: why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// Of one that failed: what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// People in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u64>,
    /// Rows in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bytes in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes written for it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<u64>,
    /// Whether this vault made it and nothing of it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<bool>,
    /// People in it who are in the vault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub living: Option<u64>,
    /// People in it who were erased since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<u64>,
    /// Until when the holders of an escrow could still read theirs; nobody can, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escrow_until: Option<String>,
    /// What that means, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// How far a backup came, in bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupProgress {
    /// What is being done.
    pub what: String,
    /// So far.
    pub done: u64,
    /// Of about so many.
    pub total: u64,
    /// On average.
    pub bytes_per_second: u64,
    /// At that rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
}

#[derive(Deserialize)]
struct Page {
    backups: Vec<BackupState>,
}

impl Client {
    /// Begins a backup to the place that the service's settings name; `full` builds on no earlier one.
    pub fn begin_backup(&self, full: bool) -> Result<BackupState, ClientError> {
        self.call_with(Method::POST, &path(&["backups"]), &serde_json::json!({ "full": full }))
    }

    /// All backups of that place, oldest first.
    pub fn backups(&self) -> Result<Vec<BackupState>, ClientError> {
        self.call(Method::GET, &path(&["backups"])).map(|page: Page| page.backups)
    }

    /// One backup.
    pub fn backup(&self, id: &str) -> Result<BackupState, ClientError> {
        self.call(Method::GET, &path(&["backups", id]))
    }
}
