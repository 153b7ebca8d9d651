//! Operator commands: what a person with the vault folder in hand may do, in this process or through `admin.sock`.

use data_encoding::HEXLOWER;
use oubliette_store::{
    BackupProgress, CellStatus, ErasureOutcome, ErasureRecord, KeepBackups, LogStatus, NewBackup, Pruned,
    Vault, VaultError, VerifiedBackups,
};
use serde::{Deserialize, Serialize};

mod deletion;

pub use deletion::{Leaving, Run, Step, Store};

pub use crate::escrow::{EscrowCommand, EscrowReport, WindowReport};
use crate::{
    audit,
    backups::BackupView,
    incident::{self, Incident, Question},
    problem::Problem,
    times,
    tokens::Tokens,
};

/// A command.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "command", deny_unknown_fields)]
pub enum Command {
    /// Erases a person at once.
    #[serde(rename = "subject erase")]
    SubjectErase {
        /// The user id.
        user: String,
    },
    /// Every deletion that is not carried out yet.
    #[serde(rename = "deletion list")]
    DeletionList,
    /// Carries out whatever deletion is due, rows and blobs included.
    #[serde(rename = "deletion run")]
    DeletionRun,
    /// Shows a person, without content.
    #[serde(rename = "subject show")]
    SubjectShow {
        /// The user id.
        user: String,
    },
    /// Reads and authenticates everything.
    #[serde(rename = "fsck")]
    Fsck {
        /// Also mends the key plane from its mirror.
        repair: bool,
        /// Also takes out what is lost in every copy.
        #[serde(default)]
        give_up_lost: bool,
    },
    /// Counts and sizes.
    #[serde(rename = "status")]
    Status,
    /// Takes a checkpoint of the log of deletions that a witness signed.
    #[serde(rename = "log cosigned")]
    LogCosigned {
        /// The signed note.
        note: String,
    },
    /// The machine's clock is right, however far it is ahead or behind: what is deleted by time goes by it.
    #[serde(rename = "trust clock")]
    TrustClock,
    /// Makes a backup.
    #[serde(rename = "backup create")]
    BackupCreate {
        /// The place; that of the settings, if none.
        to: Option<String>,
        /// Build on no earlier backup.
        full: bool,
        /// Where the place stands.
        region: Option<String>,
    },
    /// Lists backups, and who can be read from them.
    #[serde(rename = "backup list")]
    BackupList {
        /// The place; that of the settings, if none.
        from: Option<String>,
    },
    /// Reads backups and compares them with what they should be.
    #[serde(rename = "backup verify")]
    BackupVerify {
        /// The place; that of the settings, if none.
        from: Option<String>,
        /// One of them; all, if none.
        id: Option<String>,
    },
    /// Removes backups that no rule wants kept.
    #[serde(rename = "backup prune")]
    BackupPrune {
        /// The place; that of the settings, if none.
        from: Option<String>,
        /// The last so many stay.
        last: Option<u32>,
        /// Those of the last so many days stay.
        days: Option<u32>,
    },
    /// About the escrow.
    #[serde(rename = "escrow")]
    Escrow {
        /// What is asked.
        escrow: EscrowCommand,
    },
    /// The incident report with the user ids of those who still live.
    #[serde(rename = "incident report")]
    IncidentReport {
        /// What is asked.
        question: Question,
    },
}

/// What a command found or did.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Of `subject erase`; the same record for a person erased before.
    Erased(Erasure),
    /// Of `deletion list`.
    Deletions(Vec<Leaving>),
    /// Of `deletion run`.
    DeletionRun(deletion::Run),
    /// Of `subject show`.
    Subject(SubjectReport),
    /// Of `fsck`.
    Fsck(FsckSummary),
    /// Of `status`, `trust clock` and `log cosigned`.
    Status(StatusReport),
    /// Of `backup create`.
    Backup(Box<BackupView>),
    /// Of `backup list`.
    Backups(BackupsListed),
    /// Of `backup verify`.
    BackupsVerified(BackupsVerified),
    /// Of `backup prune`.
    BackupsPruned(BackupsPruned),
    /// Of `escrow init`, `escrow rotate` and `escrow list`.
    Escrow(Box<EscrowReport>),
    /// Of `incident report`.
    Incident(Box<Incident>),
}

/// What `backup list` shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupsListed {
    /// Oldest first.
    pub backups: Vec<BackupView>,
    /// Manifests that cannot be read, and why.
    pub unreadable: Vec<String>,
}

/// What `backup verify` found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupsVerified {
    /// Ids of the backups looked at.
    pub backups: Vec<String>,
    /// Segments read.
    pub segments: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Whether it was asked by the vault's keys who made them.
    pub by_keys: bool,
    /// Segments that no backup needs.
    pub unneeded: u64,
    /// One line for each fault.
    pub faults: Vec<String>,
}

impl From<VerifiedBackups> for BackupsVerified {
    fn from(found: VerifiedBackups) -> Self {
        let VerifiedBackups { backups, segments, bytes, by_keys, unneeded, faults } = found;
        let backups = backups.into_iter().map(|backup| backup.id).collect();
        Self { backups, segments, bytes, by_keys, unneeded, faults }
    }
}

/// What `backup prune` removed.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct BackupsPruned {
    /// Ids of backups that are gone.
    pub removed: Vec<String>,
    /// Ids of those that are left.
    pub kept: Vec<String>,
    /// Segments that were removed.
    pub segments: u64,
}

/// The record of an erasure.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Erasure {
    /// Always `erased`.
    pub state: String,
    /// RFC 3339, UTC.
    pub erased_at: String,
    /// Root generation before.
    pub generation_before: u64,
    /// Root generation after.
    pub generation_after: u64,
    /// Hash of the root page before, hex.
    pub root_before: String,
    /// Hash of the root page after, hex.
    pub root_after: String,
    /// What the cell's medium can promise (E0 to E4).
    pub cell_class: String,
    /// Operations that were in flight and have ended.
    pub leases_drained: u32,
    /// Which deletion this was, hex.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub job: Option<String>,
    /// The receipt, a signed note; nothing if it was lost with the ledger.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<String>,
    /// Told once, hex: keep it with the receipt.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub salt: Option<String>,
}

/// A person, without content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SubjectReport {
    /// `active`, ...
    pub state: String,
    /// Where the content belongs.
    pub region: Option<String>,
    /// RFC 3339, UTC.
    pub created: String,
    /// Per class: items and stored bytes.
    pub usage: Vec<(String, u64, u64)>,
}

/// What `fsck` found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct FsckSummary {
    /// Key-plane pages read.
    pub pages: u64,
    /// Rows read.
    pub rows: u64,
    /// Blobs read.
    pub blobs: u64,
    /// Pages mended from the mirror.
    pub mended: u64,
    /// Rows and blobs of nobody, left to the sweeper; no fault.
    pub orphans: u64,
    /// What was done to the folder when it was opened, such as a copy of the key plane made anew.
    #[serde(default)]
    pub notes: Vec<String>,
    /// One line per fault.
    pub faults: Vec<String>,
}

/// What `status` shows.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StatusReport {
    /// Vault id, hex.
    pub vault: String,
    /// Root generation.
    pub generation: u64,
    /// People.
    pub subjects: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes in rows.
    pub row_bytes: u64,
    /// Bytes the row engine takes on disk.
    pub rows_disk: u64,
    /// Bytes the blobs take on disk.
    pub blob_disk: u64,
    /// Erased people whose rows are not swept yet.
    pub sweep_queue: u64,
    /// While the rows are compacted: those that are copied, and all.
    #[serde(default)]
    pub compaction: Option<(u64, u64)>,
    /// Values forgotten since the process started, by class.
    #[serde(default)]
    pub forgotten: Vec<(String, u64)>,
    /// How far the clock is ahead of the time by which things are forgotten (negative: behind), in seconds.
    #[serde(default)]
    pub clock_ahead: i64,
    /// What the cells' media can promise: the best share of a split.
    pub cell_class: String,
    /// The cells, in the order of their shares.
    #[serde(default)]
    pub cells: Vec<Cell>,
    /// How the memory is kept that keys live in.
    #[serde(default)]
    pub key_memory: String,
    /// The public key of receipts and log.
    #[serde(default)]
    pub public_key: String,
    /// Receipts and log.
    #[serde(default)]
    pub log: LogReport,
    /// Why the vault is not ready, where it is not.
    pub problems: Vec<String>,
    /// By how many generations the escrow is behind, if there is one.
    #[serde(default)]
    pub escrow_behind: Option<u64>,
    /// What would be lost on the worst day, or is missing for it; the vault is well.
    #[serde(default)]
    pub warnings: Vec<String>,
}

/// How receipts and the log of deletions are.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct LogReport {
    /// Entries: deletions so far.
    pub entries: u64,
    /// Receipts issued.
    pub receipts: u64,
    /// Erased people whose `final` receipt is yet to come.
    pub not_final: u64,
    /// Entries of the log that a witness signed for, and when; nothing without a witness.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnessed: Option<u64>,
    /// RFC 3339, UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnessed_at: Option<String>,
    /// Who.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub witnessed_by: Option<String>,
}

impl From<LogStatus> for LogReport {
    fn from(status: LogStatus) -> Self {
        let seen = status.witnessed;
        Self {
            entries: status.entries,
            receipts: status.receipts,
            not_final: status.not_final,
            witnessed: seen.as_ref().map(|seen| seen.entries),
            witnessed_at: seen.as_ref().map(|seen| times::text(seen.time.saturating_mul(1_000_000))),
            witnessed_by: seen.map(|seen| seen.by),
        }
    }
}

/// A file that holds a share of the root secret.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Cell {
    /// Where it is.
    pub path: String,
    /// What its medium can promise, as verified since the vault was opened (E0 to E4).
    pub class: String,
    /// Why the class is not better.
    pub doubts: Vec<String>,
}

impl From<CellStatus> for Cell {
    fn from(cell: CellStatus) -> Self {
        Self { path: cell.path, class: cell.class, doubts: cell.doubts }
    }
}

/// Why a command failed.
#[derive(Debug, Clone, Serialize, Deserialize, thiserror::Error)]
#[error("{detail}")]
pub struct Failure {
    /// As in problem documents.
    pub code: String,
    /// What failed and what to do.
    pub detail: String,
}

impl From<VaultError> for Failure {
    fn from(error: VaultError) -> Self {
        let detail = error.to_string();
        Self { code: Problem::from(error).code.to_owned(), detail }
    }
}

/// Carries a command out and records it in the audit log. `progress` is told what is being done and how far it came.
pub fn run(vault: &Vault, command: &Command, progress: &mut dyn FnMut(&str, u64)) -> Result<Answer, Failure> {
    // As it stands in the audit log, whether it changes anything, and whom it concerns.
    let (name, changes, user) = match command {
        Command::SubjectErase { user } => ("subject erase", true, Some(user.as_str())),
        Command::DeletionList => ("deletion list", false, None),
        Command::DeletionRun => ("deletion run", true, None),
        Command::SubjectShow { user } => ("subject show", false, Some(user.as_str())),
        Command::Fsck { give_up_lost: true, .. } => ("fsck --give-up-lost", true, None),
        Command::Fsck { repair: true, .. } => ("fsck --repair", true, None),
        Command::Fsck { .. } => ("fsck", false, None),
        Command::TrustClock => ("doctor --trust-clock", true, None),
        Command::LogCosigned { .. } => ("log cosigned", true, None),
        Command::Escrow { escrow } => (escrow.name().0, escrow.name().1, None),
        Command::IncidentReport { .. } => ("incident report --resolve", false, None),
        Command::BackupCreate { .. } => ("backup create", true, None),
        Command::BackupList { .. } => ("backup list", false, None),
        Command::BackupVerify { .. } => ("backup verify", false, None),
        Command::BackupPrune { .. } => ("backup prune", true, None),
        // Tells nothing of anybody, and is asked for often.
        Command::Status => return Ok(carry_out(vault, command, progress)?),
    };
    audit::command(vault, name, changes, user, || {
        carry_out(vault, command, progress).map_err(|error| {
            let detail = match (&error, command) {
                (VaultError::SubjectUnknown, Command::SubjectErase { .. }) => {
                    "this person is not in the vault; nothing was erased, check the spelling".to_owned()
                }
                (error, _) => error.to_string(),
            };
            let problem = Problem::from(error);
            (problem.status, Failure { code: problem.code.to_owned(), detail })
        })
    })
}

fn carry_out(
    vault: &Vault,
    command: &Command,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<Answer, VaultError> {
    match command {
        Command::BackupCreate { .. }
        | Command::BackupList { .. }
        | Command::BackupVerify { .. }
        | Command::BackupPrune { .. } => backups(vault, command, progress),
        Command::SubjectErase { user } => {
            let outcomes = vault.erase(&[user])?;
            match outcomes.into_iter().next() {
                Some(ErasureOutcome::Erased(record) | ErasureOutcome::AlreadyErased(record)) => {
                    Ok(Answer::Erased(record.into()))
                }
                Some(ErasureOutcome::Held) => Err(VaultError::Held),
                Some(ErasureOutcome::Unknown) | None => Err(VaultError::SubjectUnknown),
            }
        }
        Command::DeletionList => Ok(Answer::Deletions(deletion::list(vault)?)),
        Command::DeletionRun => Ok(Answer::DeletionRun(deletion::run(vault, progress)?)),
        Command::SubjectShow { user } => {
            let info = vault.subject(user)?.info()?;
            Ok(Answer::Subject(SubjectReport {
                state: info.state.to_owned(),
                region: info.region,
                created: times::text(info.created),
                usage: info.usage.into_iter().map(|u| (u.class.to_owned(), u.items, u.bytes)).collect(),
            }))
        }
        Command::Fsck { repair, give_up_lost } => {
            let report =
                if *give_up_lost { vault.give_up_lost(progress)? } else { vault.fsck(*repair, progress)? };
            Ok(Answer::Fsck(FsckSummary {
                pages: report.pages,
                rows: report.rows,
                blobs: report.blobs,
                mended: report.mended,
                orphans: report.orphans,
                notes: report.notes,
                faults: report.faults,
            }))
        }
        Command::Escrow { escrow } => Ok(Answer::Escrow(Box::new(crate::escrow::carry_out(vault, escrow)?))),
        Command::IncidentReport { question } => {
            let folder =
                vault.audit().folder().ok_or(VaultError::NotFound { what: "folder of the audit log" })?;
            // The tokens stand beside the log's folder.
            let tokens = folder.parent().map(|data| Tokens::open(data).list().unwrap_or_default());
            let mut incident = incident::report(&folder, &tokens.unwrap_or_default(), question)?;
            incident::resolve(vault, &mut incident)?;
            Ok(Answer::Incident(Box::new(incident)))
        }
        Command::Status | Command::TrustClock | Command::LogCosigned { .. } => {
            match command {
                Command::TrustClock => vault.trust_clock()?,
                Command::LogCosigned { note } => vault.take_cosigned(note)?,
                _ => {}
            }
            let status = vault.status()?;
            Ok(Answer::Status(StatusReport {
                vault: status.vault,
                generation: status.generation,
                subjects: status.subjects,
                rows: status.rows,
                row_bytes: status.row_bytes,
                rows_disk: status.rows_disk,
                blob_disk: status.blob_disk,
                sweep_queue: status.sweep_queue,
                compaction: status.compaction,
                forgotten: status.forgotten.into_iter().map(|(class, n)| (class.to_owned(), n)).collect(),
                clock_ahead: status.clock_ahead,
                cell_class: status.cell_class,
                cells: status.cells.into_iter().map(Cell::from).collect(),
                key_memory: status.key_memory,
                public_key: status.log.public_key.clone(),
                log: status.log.into(),
                problems: status.problems,
                escrow_behind: status.escrow_behind,
                warnings: status.warnings,
            }))
        }
    }
}

/// The commands about backups.
fn backups(
    vault: &Vault,
    command: &Command,
    progress: &mut dyn FnMut(&str, u64),
) -> Result<Answer, VaultError> {
    let backups = vault.backups();
    let mut told = |at: &BackupProgress| {
        progress(TOTAL, at.total);
        progress(at.what, at.done);
    };
    match command {
        Command::BackupCreate { to, full, region } => {
            let store = backups.store(to.as_deref())?;
            let new = NewBackup { id: None, full: *full, region: region.clone() };
            let made = backups.create(&*store, &new, &mut told)?;
            Ok(Answer::Backup(Box::new(made.into())))
        }
        Command::BackupVerify { from, id } => {
            let store = backups.store(from.as_deref())?;
            Ok(Answer::BackupsVerified(backups.verify(&*store, id.as_deref(), &mut told)?.into()))
        }
        Command::BackupPrune { from, last, days } => {
            let store = backups.store(from.as_deref())?;
            let said = KeepBackups { last: *last, days: *days };
            let keep = if said == KeepBackups::default() { backups.settings().keep } else { said };
            let Pruned { removed, kept, segments } = backups.prune(&*store, keep)?;
            Ok(Answer::BackupsPruned(BackupsPruned { removed, kept, segments }))
        }
        // Of these four, `backup list` is left.
        command => {
            let from = if let Command::BackupList { from } = command { from.as_deref() } else { None };
            let (listed, unreadable) = backups.list(&*backups.store(from)?)?;
            let backups = listed.into_iter().map(Into::into).collect();
            Ok(Answer::Backups(BackupsListed { backups, unreadable }))
        }
    }
}

/// What is told as progress is the number of bytes that there are in all.
pub const TOTAL: &str = "bytes in all";

impl From<ErasureRecord> for Erasure {
    fn from(record: ErasureRecord) -> Self {
        Self {
            state: "erased".to_owned(),
            erased_at: times::text(record.erased_at),
            generation_before: record.generation_before,
            generation_after: record.generation_after,
            root_before: record.root_before,
            root_after: record.root_after,
            cell_class: record.cell_class,
            leases_drained: record.leases_drained,
            job: record.job,
            receipt: record.receipt,
            salt: record.salt.map(|salt| HEXLOWER.encode(salt.expose())),
        }
    }
}
