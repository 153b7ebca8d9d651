//! What can go wrong in the key plane.

use oubliette_crypto::{CryptoError, Handle};
use oubliette_engine::EngineError;

use crate::cell::CellError;
use crate::codec::Malformed;
use crate::ledger::LedgerError;
use crate::records::ErasureRecord;

/// Errors of the keyring. None carries a key, a user id or content.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyringError {
    /// Nobody of this name or handle: never created, or erased so long ago that the fence is gone.
    #[error("no such person; create them first")]
    Unknown,
    /// An erasure was asked for and is under way: nothing is read or written any more.
    #[error("the person is blocked until their erasure is finished")]
    Blocked,
    /// A legal hold stands: the person is not erased before it is lifted or expires. Cuts of theirs wait, which is no error.
    #[error("a legal hold stands on the person; they are erased once it is lifted or has expired")]
    Held,
    /// The cooling-off period of a deletion is over: nobody takes it back any more.
    #[error("the cooling-off period is over; the deletion cannot be taken back any more")]
    DeletionDue,
    /// The person was erased and the fence still stands.
    #[error("the person was erased; only an explicit reopening creates them anew")]
    Erased {
        /// When, in seconds since the Unix epoch.
        at: i64,
        /// Who, by their random name.
        handle: Handle,
        /// The facts of the erasure; `None` if the ledger lost the record.
        record: Option<Box<ErasureRecord>>,
    },
    /// The leaf was cut: its key cannot be derived by anybody any more.
    #[error("this was forgotten")]
    Forgotten,
    /// The change is durable, but someone still holds keys of what it cut, or an operation in flight, after the longest wait. Call again
    /// to go on waiting.
    #[error("{held} keys or operations are still in use after the deletion was written; wait and call again")]
    LeasesHeld {
        /// How many.
        held: usize,
    },
    /// A copy of the key plane is ill: deletions go on, nobody is created on one copy alone, and nothing is given up for lost.
    #[error("refused while a copy of the key plane is ill ({reason}); mend the mirror")]
    MirrorIll {
        /// What is wrong with it.
        reason: String,
    },
    /// A page does not open from any copy. What does not hang below it stays readable.
    #[error(
        "a {role} page of the key plane is missing or damaged in every copy; restore the key plane's mirror"
    )]
    Corrupt {
        /// What the page holds.
        role: &'static str,
    },
    /// The cells do not belong together, to this vault or to this key plane.
    #[error("the root cells cannot open this vault: {detail}")]
    Cells {
        /// What does not fit.
        detail: String,
    },
    /// A person was erased, but the ledger lost the record of it.
    #[error("the ledger lacks the record of root generation {generation}; restore the ledger from its copy")]
    RecordLost {
        /// The first generation without the person.
        generation: u64,
    },
    /// More than a record of the formats can hold. Nothing was written.
    #[error("{what} is {got}, allowed are {allowed}")]
    TooLarge {
        /// Which value.
        what: &'static str,
        /// Its size.
        got: usize,
        /// The limit.
        allowed: usize,
    },
    /// An earlier failure left it open what is durable. Never tried again in place.
    #[error("the keyring refuses work since an earlier failure ({reason}); restart the process")]
    Poisoned {
        /// The first failure.
        reason: String,
    },
    /// The escrow's archive of pages failed; the vault itself goes on.
    #[error("the escrow's archive failed: {0}; nothing was put in escrow, the vault goes on")]
    Archive(#[source] EngineError),
    /// The vault changes faster than its pages are archived.
    #[error("the vault changed faster than it could be archived for escrow; this is tried again")]
    Overtaken,
    /// A root cell failed.
    #[error(transparent)]
    Cell(#[from] CellError),
    /// A root cell was replaced or removed at its path. Nothing was acknowledged; unlike after a failed write, the keyring goes on, and with it the only
    /// process that holds the current share.
    #[error(transparent)]
    CellReplaced(CellError),
    /// The page store failed.
    #[error(transparent)]
    Pages(#[from] EngineError),
    /// The ledger of roots failed.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// No randomness, or an argument out of range.
    #[error(transparent)]
    Crypto(CryptoError),
}

impl From<CryptoError> for KeyringError {
    fn from(error: CryptoError) -> Self {
        match error {
            CryptoError::Fragment(_) => Self::Corrupt { role: "cover" },
            other => Self::Crypto(other),
        }
    }
}

/// A page that opened but does not follow its layout: written by another version, or by a fault of ours.
pub(crate) fn malformed(role: &'static str) -> impl FnOnce(Malformed) -> KeyringError {
    move |Malformed| KeyringError::Corrupt { role }
}
