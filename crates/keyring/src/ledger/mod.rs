//! The ledger of roots: one record per deletion generation (docs/formats.md, section 11). Append-only, never rolled back by a
//! restore; receipts quote it.

mod file;
mod memory;
mod record;

use std::path::PathBuf;

pub use file::FileLedger;
pub use memory::MemoryLedger;
pub use record::RootRecord;

/// Where the records of deletions are kept.
pub trait RootLedger: Send + Sync {
    /// Adds a record durably. Records come in the order of their generations.
    fn append(&self, record: &RootRecord) -> Result<(), LedgerError>;
    /// The record of the deletion that ended in this generation.
    fn find(&self, generation_after: u64) -> Result<Option<RootRecord>, LedgerError>;
    /// Reads every record. One line for each that is damaged or out of order.
    fn verify(&self) -> Result<Vec<String>, LedgerError>;
}

/// Errors of the ledger.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LedgerError {
    /// A file operation failed.
    #[error("{op} failed on the ledger {path}: {source}; free space or mend the disk, then restart")]
    Io {
        /// What was being done, as a verb phrase.
        op: &'static str,
        /// The ledger.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// A record that was acknowledged is damaged.
    #[error("record {index} of the ledger {path} is damaged; restore the ledger from its copy")]
    Damaged {
        /// Its place, from 0.
        index: u64,
        /// The ledger.
        path: PathBuf,
    },
    /// Generations must ascend. A fault of the caller; nothing was written.
    #[error("the ledger already holds generation {last}, {got} cannot follow it")]
    OutOfOrder {
        /// The last generation in the ledger.
        last: u64,
        /// The one refused.
        got: u64,
    },
}
