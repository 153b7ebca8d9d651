//! What can go wrong below the vault.

use std::path::PathBuf;

/// Errors of engines, blob stores and page stores.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// A file operation failed. The store is poisoned: reopen it after the cause is gone.
    #[error("{op} failed on {path}: {source}; free space or mend the disk, then restart")]
    Io {
        /// What was being done, as a verb phrase.
        op: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// An earlier I/O error, failed sync or panic made this store refuse work. Never retried in place.
    #[error("the store refuses work since an earlier failure ({reason}); restart the process")]
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// Stored bytes are not what was written.
    #[error("{what} in {path} is damaged: {detail}")]
    Corrupt {
        /// Which record, by kind and position; never its content.
        what: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// Expected and found.
        detail: String,
    },
    /// The engine opened without error but rows that were acknowledged are missing or old ones are back.
    #[error("rows were lost or rolled back: {detail}; restore the rows from a backup")]
    RowsLost {
        /// Commit numbers or the prefix concerned.
        detail: String,
    },
    /// A precondition of a batch did not hold; nothing of that batch was written.
    #[error("a precondition of the batch failed")]
    PreconditionFailed {
        /// Index of the failed precondition in the batch.
        index: usize,
    },
    /// The batch, row or key is larger than the contract allows. A fault of the caller.
    #[error("{what} is {got}, allowed are {allowed}")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// Its size.
        got: usize,
        /// The limit.
        allowed: usize,
    },
    /// The key stands in the part that the engine keeps for itself. A fault of the caller.
    #[error("the key is reserved for the engine itself")]
    ReservedKey,
    /// Another process, or another part of this one, holds this folder.
    #[error("{path} is in use by another process; stop that one first")]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The folder was written by another version, engine or setting.
    #[error("{path} cannot be opened: {detail}")]
    Format {
        /// The folder or file.
        path: PathBuf,
        /// What was expected and what to do.
        detail: String,
    },
}

impl EngineError {
    /// Whether the store itself failed, as opposed to a request that it refused.
    pub(crate) fn is_failure(&self) -> bool {
        match self {
            Self::Io { .. } | Self::Poisoned { .. } | Self::Corrupt { .. } | Self::RowsLost { .. } => true,
            Self::PreconditionFailed { .. }
            | Self::TooLarge { .. }
            | Self::ReservedKey
            | Self::InUse { .. }
            | Self::Format { .. } => false,
        }
    }

    /// Attaches what was being done, and where, to a system error.
    pub fn io(op: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::Io { op, path, source }
    }
}
