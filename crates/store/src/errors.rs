//! What can go wrong on the vault's surface: one enum, each variant mapped once to a status and code by the service.

use std::path::PathBuf;

use oubliette_crypto::CryptoError;
use oubliette_engine::EngineError;

use crate::saves::SaveInfo;

/// Errors of the vault. No message holds content, a key, a name or a user id.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VaultError {
    /// No such person.
    #[error("this person is not in the vault; create it first")]
    SubjectUnknown,
    /// The person's deletion has begun.
    #[error("this person's deletion has begun; nothing can be read or written")]
    SubjectBlocked,
    /// The person was erased.
    #[error("this person was erased; only creating it again with `reopen` brings the name back, empty")]
    SubjectErased {
        /// When, in microseconds since 1970.
        erased_at: u64,
    },
    /// Nothing is stored there.
    #[error("there is no such {what}")]
    NotFound {
        /// What was looked for.
        what: &'static str,
    },
    /// The other side of a conversation is not in the vault.
    #[error("the peer is not in the vault; create it first")]
    PeerUnknown,
    /// The other side of a conversation was erased, or is about to be.
    #[error("the peer has left; what was written before can still be read, nothing can be sent")]
    PeerGone,
    /// The recipient blocks the sender.
    #[error("the recipient does not accept messages from this sender")]
    BlockedByRecipient,
    /// The message was written by the other side.
    #[error("only its author can have a message forgotten")]
    NotAuthor,
    /// A purpose for which the person has not given consent, or has withdrawn it.
    #[error("this needs the person's consent for `{purpose}`; record it first")]
    ConsentRequired {
        /// The purpose.
        purpose: String,
    },
    /// A legal hold stands.
    #[error("a legal hold stands on this person; lift it, or wait until it has expired")]
    Held,
    /// A cell that this vault left is not wiped yet.
    #[error(
        "nobody was erased: an old cell of this vault waits to be wiped, and with the key pages of its time it opens whoever lived then. Mount its disk and try \
         again; if the disk is destroyed, stop the service and say so by `oubliette doctor --cell-destroyed`. `oubliette status` names the file"
    )]
    OldCellWaits,
    /// A cell's file was replaced or removed at its path while the vault is open. Changes are refused, and reading goes on.
    #[error("{detail}")]
    CellReplaced {
        /// Which one, and what to do.
        detail: String,
    },
    /// The cooling-off period of a deletion is over.
    #[error("the cooling-off period is over; the deletion cannot be taken back any more")]
    DeletionDue,
    /// What was approved is not what stands.
    #[error("this is not what waits for approval now; read the deletion again, and approve that or leave it")]
    ApprovalMismatch,
    /// Whoever asked cannot also approve.
    #[error("whoever asked for it cannot approve it; a second person must")]
    SecondPersonRequired,
    /// The person is, or may be, under 14, and no guardian has consented.
    #[error("this person may be under 14 and no guardian's consent is recorded; record it first")]
    GuardianConsentRequired,
    /// The person's data would stand in another region than theirs.
    #[error("this person belongs to another region; record their consent `cross_border` first")]
    RegionMismatch,
    /// A request for a release whose name was answered before.
    #[error("a request of this name was answered before; each request needs a new random name")]
    Replayed,
    /// A conditional write met another state.
    #[error("the condition does not hold: another version is current; read it and try again")]
    VersionConflict {
        /// The current version, `None` if there is none.
        current: Option<Box<SaveInfo>>,
    },
    /// A range that begins past the end.
    #[error("the range lies outside of the content, which has {size} bytes")]
    RangeUnsatisfiable {
        /// Bytes in the content.
        size: u64,
    },
    /// More than the vault takes.
    #[error("{what} is larger than the {limit} bytes allowed")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The limit in bytes.
        limit: u64,
    },
    /// More than the person may store.
    #[error(
        "{class} may hold at most {limit} {what}, and {used} are used; this needs {asked} more: forget something, or have the quota raised"
    )]
    QuotaExceeded {
        /// Which class, or `"total"`.
        class: &'static str,
        /// `"bytes"` as stored, or `"items"`.
        what: &'static str,
        /// What is stored already.
        used: u64,
        /// What this would add.
        asked: u64,
        /// The limit.
        limit: u64,
    },
    /// An argument that is not allowed.
    #[error("{field}: {reason}")]
    Invalid {
        /// Which argument.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The content was forgotten while it was being read or written.
    #[error("the content was forgotten meanwhile")]
    Forgotten,
    /// The caller's reader failed or ended early; nothing was stored.
    #[error("the content could not be read to its end ({0}); nothing was stored, send it again")]
    Upload(#[source] std::io::Error),
    /// A place for backups failed, or is full. Nothing is wrong with the vault.
    #[error("{detail}")]
    BackupTarget {
        /// What failed and what to do.
        detail: String,
    },
    /// One backup at a time.
    #[error("a backup is being made or checked, or old ones are removed; wait for its end")]
    BackupRunning,
    /// Whoever was to take what is written took no more.
    #[error("what was asked for could not be handed over to its end ({0}); ask for it again")]
    Output(#[source] std::io::Error),
    /// The disk is full.
    #[error("the disk is full; free space, then restart if the vault refuses work")]
    DiskFull,
    /// An earlier failure made the vault refuse work.
    #[error("the vault refuses work since an earlier failure ({reason}); restart the process")]
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// Stored bytes are not what was written.
    #[error(
        "{what} is damaged; run `fsck`. Rows and blobs come back from a backup, key pages only from their other copy"
    )]
    Corrupt {
        /// Which record, by handle and position; never its content.
        what: String,
    },
    /// What is done cannot be recorded, so nothing is done.
    #[error(
        "the audit log cannot be written ({detail}); what was being done may have been done, nothing more is until the vault is opened again"
    )]
    AuditFailed {
        /// The first failure.
        detail: String,
    },
    /// Another process holds the folder.
    #[error("{} is in use by another process; stop it or go through its socket", path.display())]
    InUse {
        /// The folder.
        path: PathBuf,
    },
    /// The vault of this folder was moved to another one.
    #[error(
        "the vault of {} was moved to {}: open that one. What is left here opens with no key any more and may be removed",
        from.display(), to.display()
    )]
    Moved {
        /// The folder that was asked for.
        from: PathBuf,
        /// Where the vault is now.
        to: PathBuf,
    },
    /// The secret that opens the vault is missing, foreign or damaged.
    #[error("the keys are lost: {detail}")]
    KeysLost {
        /// What is missing and what to do.
        detail: String,
    },
    /// Rows that were acknowledged are missing, or old ones are back.
    #[error("rows were lost or rolled back: {detail}; restore the rows from a backup")]
    RowsLost {
        /// What was expected and found.
        detail: String,
    },
    /// A folder that this version cannot open, or that holds no vault.
    #[error("{detail}")]
    Format {
        /// What was expected and what to do.
        detail: String,
    },
    /// Readers or writers still hold what was forgotten. Its keys are gone from storage; what is left ends with them.
    #[error("what was forgotten is still being read or written by a slow operation; try again")]
    Busy,
    /// A note, a checkpoint or a proof that does not convince.
    #[error(transparent)]
    Log(#[from] crate::translog::LogError),
    /// Anything that has no better name.
    #[error("{detail}")]
    Other {
        /// What failed and what to do.
        detail: String,
    },
}

impl VaultError {
    /// A caller's mistake.
    pub(crate) fn invalid(field: &'static str, reason: impl Into<String>) -> Self {
        Self::Invalid { field, reason: reason.into() }
    }

    /// Attaches what was being done to a system error.
    pub(crate) fn io(what: &'static str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.to_owned();
        move |source| match source.kind() {
            std::io::ErrorKind::StorageFull | std::io::ErrorKind::QuotaExceeded => Self::DiskFull,
            _ => Self::Other {
                detail: format!(
                    "{what} failed on {}: {source}; check that the disk is there and may be written, then try again",
                    path.display()
                ),
            },
        }
    }
}

impl From<EngineError> for VaultError {
    fn from(error: EngineError) -> Self {
        use std::io::ErrorKind::{QuotaExceeded, StorageFull};
        match error {
            EngineError::Io { source, .. } if matches!(source.kind(), StorageFull | QuotaExceeded) => {
                Self::DiskFull
            }
            EngineError::Io { .. } => Self::Poisoned { reason: error.to_string() },
            EngineError::Poisoned { reason } => Self::Poisoned { reason },
            EngineError::Corrupt { what, path, detail } => {
                Self::Corrupt { what: format!("{what} in {} ({detail})", path.display()) }
            }
            EngineError::RowsLost { detail } => Self::RowsLost { detail },
            EngineError::InUse { path } => Self::InUse { path },
            EngineError::Format { .. } => Self::Format { detail: error.to_string() },
            other => Self::Other { detail: other.to_string() },
        }
    }
}

/// Errors of sealing. Errors of opening are mapped where the row is known, to [`VaultError::Corrupt`].
impl From<CryptoError> for VaultError {
    fn from(error: CryptoError) -> Self {
        Self::Other { detail: error.to_string() }
    }
}
