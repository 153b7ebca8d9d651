//! Root cells: the few bytes in the world that must be erasable (docs/formats.md, section 5).
//!
//! A cell keeps one share of the root secret `M` and says which root page is current. Everything else in the vault may be
//! copied without end; when the last copy of a share is overwritten, all pages of that epoch are noise.

mod below;
mod block;
mod file;
mod format;
pub(crate) mod fuzz;
mod memory;
mod place;
mod pointer;
mod watch;

#[cfg(test)]
mod replaced_tests;
#[cfg(test)]
mod split_tests;
#[cfg(test)]
mod tests;

use std::path::PathBuf;

use oubliette_crypto::{CellShare, CryptoError, VaultId};

pub use below::Device;
pub use file::FileCell;
pub use memory::MemoryCell;
pub use place::{Doubt, FileSystem, Overwriting, Place, class_of};
pub use pointer::RootPointer;

/// Where the root of a vault is kept. Checked for every kind by one conformance suite.
///
/// Contract: `point`, `stage`, `confirm` and `withdraw` return `Ok` only when their bytes are durable and were read back. After
/// an error the caller stops using the cell and reads it again after a restart; any write may then be found torn, and
/// `read` answers whichever slots and pointers are whole.
pub trait RootCell: Send + Sync {
    /// The vault this cell belongs to.
    fn vault(&self) -> VaultId;
    /// Which share of the root this cell keeps, from 0.
    fn share_index(&self) -> u8;
    /// Among how many cells the root is split.
    fn shares(&self) -> u8;
    /// What is whole in the cell.
    fn read(&self) -> Result<CellState, CellError>;
    /// Rewrites both pointer copies, one after the other.
    fn point(&self, pointer: &RootPointer) -> Result<(), CellError>;
    /// Writes the next epoch's share into the slot that is not in use. Refused (`Misuse`) unless `epoch` follows the current one
    /// and nothing else is staged.
    fn stage(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError>;
    /// Makes the highest epoch the only one: every other slot is overwritten with it. Idempotent.
    fn confirm(&self) -> Result<(), CellError>;
    /// Makes the lowest epoch the only one: a staged share is overwritten. Idempotent.
    fn withdraw(&self) -> Result<(), CellError>;
    /// Whether its name still leads to what is written here, so that the next opening finds it. Asked before and after each commit.
    ///
    /// # Errors
    /// [`CellError::Replaced`].
    fn in_place(&self) -> Result<(), CellError> {
        Ok(())
    }
    /// How well this cell forgets, as far as this run verified it.
    fn class(&self) -> ErasureClass;
    /// Why the class is not better, for people; empty where nothing better can be.
    fn doubts(&self) -> Vec<String> {
        Vec::new()
    }
    /// Where the cell is, for people.
    fn name(&self) -> String {
        format!("share {} of {}", u16::from(self.share_index()) + 1, self.shares())
    }
    /// Begins to verify that overwriting reaches the old bytes. Called once the root stands; changes nothing of what the cell holds.
    fn watch(&self) {}
    /// Lets other processes in. The keyring was closed: it writes nothing more, whoever still holds on to it.
    fn release(&self) {}
}

/// What a cell holds, as far as it is whole.
#[derive(Debug, Default)]
pub struct CellState {
    /// Up to two slots, in their order of place.
    pub slots: Vec<CellSlot>,
    /// Up to two pointer copies whose layout is right. Their MAC is the reader's to check: only `M` can.
    pub pointers: Vec<RootPointer>,
}

impl CellState {
    /// The slot of `epoch`, if one is whole.
    pub fn slot(&self, epoch: u64) -> Option<&CellSlot> {
        self.slots.iter().find(|slot| slot.epoch == epoch)
    }
}

/// One share slot.
#[derive(Debug)]
pub struct CellSlot {
    /// Counts root secrets, from 1.
    pub epoch: u64,
    /// This cell's share of the root of that epoch.
    pub share: CellShare,
    /// The pointer written together with the share.
    pub pointer: RootPointer,
}

/// How sure one may be that overwritten bytes are gone. Ordered: a mirror counts as its worst copy, a split as its best share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum ErasureClass {
    /// A file nobody checked, or a token in software.
    E0 = 0,
    /// A file that was verified to be overwritten in place.
    E1 = 1,
    /// A hardware token or TPM.
    E2 = 2,
    /// A key service that asserts deletion.
    E3 = 3,
    /// A quorum of independent nodes.
    E4 = 4,
}

impl TryFrom<u8> for ErasureClass {
    type Error = CellError;

    fn try_from(byte: u8) -> Result<Self, CellError> {
        [Self::E0, Self::E1, Self::E2, Self::E3, Self::E4]
            .into_iter()
            .find(|class| *class as u8 == byte)
            .ok_or(CellError::Misuse { detail: "unknown erasure class" })
    }
}

impl std::fmt::Display for ErasureClass {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "E{}", *self as u8)
    }
}

/// Errors of root cells.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CellError {
    /// A file operation failed. Nothing about the cell may be assumed until it is read again after a restart.
    #[error("{op} failed on the root cell {path}: {source}; mend the disk, then restart")]
    Io {
        /// What was being done, as a verb phrase.
        op: &'static str,
        /// The cell.
        path: PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// What was read back is not what was written.
    #[error("the root cell {path} did not keep what was written to it ({what}); replace the medium")]
    NotKept {
        /// Which record.
        what: &'static str,
        /// The cell.
        path: PathBuf,
    },
    /// The file that is open is not the one that its path leads to.
    #[error(
        "the root cell {path} was replaced or removed while the vault is open ({found}). Changes are refused, since what is written now would be gone with \
         this process, which alone holds the current share: do not stop it. Put the file that it was back, and work goes on. If that cannot be done, copy it \
         as root from this process (`cp -p {held} {path}`); then stop the service, and draw a new root by `oubliette doctor`"
    )]
    Replaced {
        /// The cell.
        path: PathBuf,
        /// What is there instead.
        found: String,
        /// Where the system shows the open file.
        held: PathBuf,
    },
    /// The file is no root cell, or one of another version.
    #[error("{path} is not a root cell this version can read: {detail}")]
    Format {
        /// The cell.
        path: PathBuf,
        /// What was expected.
        detail: &'static str,
    },
    /// Another process holds the cell.
    #[error("the root cell {path} is in use by another process")]
    InUse {
        /// The cell.
        path: PathBuf,
    },
    /// A call that the commit order does not allow. A fault of the caller; nothing was written.
    #[error("the root cell refused: {detail}")]
    Misuse {
        /// What was wrong.
        detail: &'static str,
    },
    /// No randomness, or a key of a wrong length.
    #[error(transparent)]
    Crypto(#[from] CryptoError),
}
