//! What operator commands answer, as it is shown and as it goes over the socket.

use data_encoding::HEXLOWER;
use oubliette_store::{CellStatus, ErasureRecord, FsckReport, LogStatus, Status, SubjectInfo};
use serde::{Deserialize, Serialize};

use super::{
    BackupsListed, BackupsPruned, BackupsVerified,
    deletion::{Leaving, Run},
};
use crate::{backups::BackupView, escrow::EscrowReport, incident::Incident, times, tokens::TokenInfo};

/// What a command found or did.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answer {
    /// Of `subject erase`; the same record for a person erased before.
    Erased(Erasure),
    /// Of `deletion list`.
    Deletions(Vec<Leaving>),
    /// Of `deletion run`.
    DeletionRun(Run),
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
    /// Of `token create` and `token revoke`.
    Token(Box<TokenInfo>),
    /// Of `incident report`.
    Incident(Box<Incident>),
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

impl From<SubjectInfo> for SubjectReport {
    fn from(info: SubjectInfo) -> Self {
        Self {
            state: info.state.to_owned(),
            region: info.region,
            created: times::text(info.created),
            usage: info.usage.into_iter().map(|u| (u.class.to_owned(), u.items, u.bytes)).collect(),
        }
    }
}

impl From<FsckReport> for FsckSummary {
    fn from(report: FsckReport) -> Self {
        Self {
            pages: report.pages,
            rows: report.rows,
            blobs: report.blobs,
            mended: report.mended,
            orphans: report.orphans,
            notes: report.notes,
            faults: report.faults,
        }
    }
}

impl From<Status> for StatusReport {
    fn from(status: Status) -> Self {
        Self {
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
        }
    }
}
