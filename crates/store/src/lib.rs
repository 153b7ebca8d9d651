//! The vault: what people create, each person's content under keys of their own, and forgetting that reaches every copy.
//!
//! | need | use |
//! |---|---|
//! | make or open a vault | [`Vault::create`], [`Vault::open`] |
//! | a person comes, a person goes | [`Vault::put_subject`]; [`Vault::request_deletion`] and [`Vault::run_deletions`], or [`Vault::erase`] at once |
//! | a person's content | [`Vault::subject`], then [`Subject::saves`], [`Subject::chats`], [`Subject::credentials`], [`Subject::consents`] |
//! | a person's own copy | [`Subject::export`], [`verify_export`] |
//! | prove that somebody was erased | [`Vault::receipt`], [`verify_receipt`], [`translog`] |
//! | who did what | [`Vault::audit`] |
//! | copies that forget, too | [`Vault::backups`], [`restore_backup`], [`verify_backups`] |
//! | another folder, another disk | [`Vault::move_to`], [`relocate_keys`] |
//! | a way back from the loss of all keys | [`Vault::escrow`], [`Vault::recover`] |
//! | keep it healthy | [`Vault::sweep`], [`Vault::fsck`], [`Vault::status`] |
//!
//! ```
//! use oubliette_store::{PutOptions, SubjectFacts, Vault, VaultError, VaultOptions};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let dir = tempfile::tempdir()?;
//! # let dir = dir.path();
//! let vault = Vault::create(dir, VaultOptions::default())?;
//! vault.put_subject("ann", &SubjectFacts::default(), false)?;
//! let saves = vault.subject("ann")?.saves();
//!
//! let stored = saves.put("doom", "slot 1", &PutOptions::default(), &mut b"E1M1".as_slice())?;
//! assert_eq!(stored.version, 1);
//! let mut reader = saves.get("doom", "slot 1", None)?;
//! assert_eq!(reader.next_chunk()?.as_deref(), Some(b"E1M1".as_slice()));
//! drop(reader); // an erasure waits for readers
//!
//! vault.erase(&["ann"])?; // from here on every copy is noise
//! assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectErased { .. })));
//! while vault.sweep(1000)?.left > 0 {} // and now its space is free, too
//! vault.close()?;
//! # Ok(())
//! # }
//! ```
//!
//! Everything is synchronous and may be called from any thread. It does not decide who may ask, and knows no HTTP. What each
//! operation writes, in which order, and what a crash leaves: `docs/store.md`; layouts: `docs/formats.md`, sections 6 and 8.

mod audit;
mod backup;
mod chats;
mod check;
mod compaction;
mod consents;
mod counters;
mod credentials;
mod deletion;
mod errors;
pub mod escrow;
mod expiry;
mod export;
mod files;
mod forgetting;
mod fsck;
#[doc(hidden)]
pub mod fuzzing;
mod holds;
mod locks;
mod minors;
mod names;
mod objects;
mod once;
mod one;
mod options;
mod page;
mod person;
mod policy;
mod profile;
mod quota;
mod receipts;
mod records;
mod requests;
mod reserve;
mod rows;
mod saves;
mod status;
mod subjects;
mod sweep;
mod tally;
mod times;
/// The public log of deletions, and its witnesses.
pub mod translog;
mod usage;
mod vault;
mod withdrawal;

pub use audit::{
    ActorKind, Audit, AuditAttempt, AuditEntry, AuditFilter, AuditKind, AuditOutcome, AuditRecord,
    AuditReport, QuietAudit, read_audit, verify_audit,
};
pub use backup::{
    Backup, BackupInfo, BackupProgress, BackupSettings, BackupStore, Backups, Filled, KeepBackups, NewBackup,
    Pruned, Readable, RestoreReport, RestoredPerson, RestoredState, S3Options, VerifiedBackups,
    fill_from_backup, open_backup_store, restore_backup, verify_backups,
};
pub use chats::{
    Body, ChatInfo, ChatOptions, ChatPolicy, ChatSettings, Chats, Message, NewMessage, Posted, Window,
};
pub use consents::{ConsentEvent, ConsentGiven, Consents};
pub use credentials::{
    AccountInfo, ConfirmationKey, Credentials, GuardCode, Recipient, ReleaseRequest, Released, SteamFields,
    Use, UseKind,
};
pub use deletion::{
    Approval, Asked, DeletionInfo, DeletionOptions, DeletionRun, DeletionState, DeletionStep, NewDeletion,
    Override, StoreOutcome,
};
pub use errors::VaultError;
pub use escrow::{Escrow, EscrowPlan, EscrowStatus};
pub use export::{BadExport, Export, ExportOptions, ExportReport, ExportWatch, Language, verify_export};
pub use forgetting::Deletion;
pub use fsck::FsckReport;
pub use holds::{HoldInfo, Holds, NewHold};
pub use once::{Earlier, KeptAnswer, MAX_ONCE_KEY, Once};
pub use options::{
    Clock, DEFAULT_MAX_SAVE, EngineOptions, RemakeCopies, Steady, SystemClock, VaultOptions, steady,
};
/// Where secrets are released to.
pub use oubliette_crypto::hpke::{ReleaseKeyId, ReleasePublicKey};
pub use oubliette_crypto::{Pseudonym, ReceiptSalt};
pub use page::{Listed, MAX_PAGE, Page};
pub use policy::{ConsentRule, Policy, RecordRule, Retention};
pub use quota::{Quota, Quotas};
pub use receipts::{
    CheckedReceipt, Finality, Keys, LedgerReport, LogEntry, LogStatus, Receipt, ReceiptId, ReceiptLine,
    ReceiptState, ReceiptSubject, Request, Sanitization, Witnessed, contains as log_contains, list_receipts,
    means, prove_consistency, prove_inclusion, public_key, read_checkpoint, read_receipt, verify_ledger,
    verify_receipt,
};
pub use records::{RecordInfo, RecordOptions, RecordReader, Records};
pub use requests::{
    DAYS_TO_ANSWER, OpenRequest, RequestAnswer, RequestInfo, RequestKind, RequestOutcome, Requests, UserName,
};
pub use saves::{
    Audience, Condition, Keep, KeepRules, PutOptions, SaveInfo, SaveReader, Saves, Share, ShareInfo,
    SlotInfo, SlotKeep,
};
pub use status::{CellStatus, NotReady, Status, key_memory};
pub use subjects::{ErasureOutcome, ErasureRecord, Subject, SubjectFacts, SubjectInfo};
pub use sweep::SweepReport;
pub use times::rfc3339;
pub use usage::ClassUsage;
pub use vault::{
    Parts, RecoverFrom, RecoveredVault, Relocated, Relocation, Vault, VaultCells, VaultLock, relocate_keys,
};
