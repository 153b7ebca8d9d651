//! The ledger of roots: one record per deletion generation (docs/formats.md, section 11), and one of what it forgot (section 15).
//! Append-only, never rolled back by a restore; receipts quote the one, a root from escrow is made to forget by the other.

mod file;
mod forgotten;
mod forgotten_file;
pub(crate) mod fuzz;
mod memory;
mod record;
mod step;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

pub use file::FileLedger;
pub use forgotten::Forgotten;
pub use memory::MemoryLedger;
pub use record::RootRecord;

/// Where the records of deletions are kept.
pub trait RootLedger: Send + Sync {
    /// Adds a record durably. Records come in the order of their generations.
    fn append(&self, record: &RootRecord) -> Result<(), LedgerError>;
    /// Notes what a deletion forgets, durably, before its root can be changed: whoever was told of the deletion finds it here. What stands
    /// there of this generation or a later one is of a deletion that a crash undid, and goes.
    fn forget(&self, forgotten: &Forgotten) -> Result<(), LedgerError>;
    /// What the deletions after a generation forgot, in their order.
    fn forgotten(&self, after: u64) -> Result<Vec<Forgotten>, LedgerError>;
    /// Takes off, at opening, what was noted of a deletion that did not happen: `last` is the generation of the last one that did, 0 if there was
    /// none.
    fn settle_forgotten(&self, last: u64) -> Result<Settled, LedgerError>;
    /// Places for records: how many deletions it knows of, damaged records included.
    fn places(&self) -> Result<u64, LedgerError>;
    /// The record of the deletion that ended in this generation.
    fn find(&self, generation_after: u64) -> Result<Option<RootRecord>, LedgerError>;
    /// Reads every record. One line for each that is damaged or out of order.
    fn verify(&self) -> Result<Vec<String>, LedgerError>;

    /// Every whole record after a generation, oldest first: the entries of the public log.
    fn after(&self, generation: u64) -> Result<Vec<RootRecord>, LedgerError>;

    /// The highest generation in a record; 0 if there is none. A ledger that others wrap for tests may answer 0 always: then a
    /// key plane older than the ledger is not told from the current one.
    fn last(&self) -> Result<u64, LedgerError> {
        Ok(0)
    }

    /// Brings the ledger in step with the key plane, once, at opening: `newest` is the record of the last of `deletions` deletions. If a
    /// crash or damage took it, it is written anew.
    fn settle(&self, deletions: u64, newest: &RootRecord) -> Result<Settled, LedgerError> {
        let _counted_by_ledgers_that_can = deletions;
        match self.find(newest.generation_after)? {
            Some(_) => Ok(Settled::default()),
            None => self.append(newest).map(|()| Settled::default()),
        }
    }
}

/// What [`RootLedger::settle`] found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Settled {
    /// What was damaged and is whole again.
    pub mended: Vec<String>,
    /// Evidence that is lost.
    pub lost: Vec<String>,
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
