//! The key plane: who exists, which keys of theirs are not forgotten, and the few bytes that must be erasable.
//!
//! | need | use |
//! |---|---|
//! | make or open a vault's keys | [`Keyring::create`], [`Keyring::open`] |
//! | work with a person | [`Subject`]: keys as [`KeyLease`], operations as [`OperationGuard`] |
//! | forget items, or a person | [`Keyring::cut`], [`Keyring::erase`] |
//! | keep the root | [`RootCell`]: [`FileCell`], [`MemoryCell`] |
//! | put the root in escrow, and come back from it | [`Keyring::escrow`], [`Keyring::recover`] |
//! | keep what deletions prove | [`RootLedger`]: [`FileLedger`], [`MemoryLedger`] |
//!
//! ```
//! use std::sync::Arc;
//! use oubliette_crypto::{Branch, Class, Leaf, Path, VaultId};
//! use oubliette_engine::MemoryPages;
//! use oubliette_keyring::{Keyring, KeyringError, MemoryCell, MemoryLedger, UserId};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let cell = Arc::new(MemoryCell::new(VaultId::random()?));
//! let ledger = Arc::new(MemoryLedger::new());
//! let keyring = Keyring::create(Arc::new(MemoryPages::new()), vec![cell], ledger, Default::default())?;
//!
//! let ann = UserId::new("ann")?;
//! let (subject, _created) = keyring.create_subject(&ann, false)?;
//! let save = Leaf { class: Class::Saves, compartment: 1, branch: Branch::Items, seq: 1 };
//! let key = subject.key(&save)?.key().expose().len();
//! assert_eq!(key, 32);
//!
//! keyring.cut(&subject, vec![Path::leaf(&save)?])?;
//! assert!(matches!(subject.key(&save), Err(KeyringError::Forgotten)));
//! keyring.erase(std::slice::from_ref(&ann))?;
//! assert!(matches!(keyring.subject(&ann), Err(KeyringError::Erased { .. })));
//! # Ok(())
//! # }
//! ```
//!
//! It does not seal content, does not know rows, and does not decide who may ask. Cooling-off periods are the store's. The commit order and every crash in it: `docs/keyring.md`; layouts: `docs/formats.md`, sections 2 to 5 and 11.

mod cell;
mod chain;
mod clock;
mod codec;
mod core;
mod due;
mod error;
mod escrow;
#[doc(hidden)]
pub mod fuzzing;
mod keyring;
mod ledger;
mod pages;
mod person;
mod records;
mod recovery;
mod sweep_entry;
mod tree;
mod user;
mod vault_page;
mod writer;

pub use cell::{
    CellError, CellSlot, CellState, Device, Doubt, ErasureClass, FileCell, FileSystem, MemoryCell,
    Overwriting, Place, RootCell, RootPointer, class_of,
};
pub use clock::{Clock, ManualClock, Steady, SystemClock, steady};
pub use core::KeyringOptions;
pub use error::KeyringError;
pub use escrow::{EscrowBlob, EscrowHead, EscrowTo, Recovered, SealedRoot};
pub use keyring::{CellReport, Keyring, MemorySecret, VerifyReport};
pub use keyring::{Deletion, Erasure, Intent, Requested};
pub use ledger::{FileLedger, Forgotten, LedgerError, MemoryLedger, RootLedger, RootRecord, Settled};
pub use oubliette_crypto::cover::HighestCut;
pub use oubliette_crypto::{JobId, ReceiptSalt, receipt_binding};
pub use person::{
    DeletionRequest, Hold, KeyLease, MAX_DELETION_REASON, MAX_HOLD_ID, MAX_HOLD_REASON, MAX_HOLDS,
    MAX_WAITING, OperationGuard, Overriding, Reason, RestrictionChange, Restrictions, Subject, Waiting,
};
pub use records::{CutRecord, ErasureOutcome, ErasureRecord, Fence};
pub use sweep_entry::SweepEntry;
pub use user::{InvalidUserId, MAX_USER_ID, UserId};
