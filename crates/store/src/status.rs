//! Counts, sizes and readiness.

use oubliette_keyring::CellReport;

use crate::receipts::LogStatus;
use crate::vault::Inner;
use crate::{Vault, VaultError};

/// How the vault is.
#[derive(Debug, Clone)]
pub struct Status {
    /// The vault's random name.
    pub vault: String,
    /// Commits of the key plane so far.
    pub generation: u64,
    /// People in the vault.
    pub subjects: u64,
    /// Rows.
    pub rows: u64,
    /// Bytes of their keys and values.
    pub row_bytes: u64,
    /// Bytes that rows occupy on disk.
    pub rows_disk: u64,
    /// Bytes that blobs occupy on disk.
    pub blob_disk: u64,
    /// Erased people whose rows may still be there.
    pub sweep_queue: u64,
    /// While the rows are compacted: those that are copied, and all.
    pub compaction: Option<(u64, u64)>,
    /// Values forgotten since the process started, by class: numbers that name nobody.
    pub forgotten: Vec<(&'static str, u64)>,
    /// How far the wall clock is ahead of the time by which things are forgotten (negative: behind), in seconds.
    pub clock_ahead: i64,
    /// How sure the root cell's erasure is, E0 to E4.
    pub cell_class: String,
    /// The cells, in the order of their shares.
    pub cells: Vec<CellStatus>,
    /// How the memory is kept that keys live in: `secret`, `locked` or `plain`.
    pub key_memory: String,
    /// How receipts and the log of deletions are.
    pub log: LogStatus,
    /// What an operator should look at.
    pub problems: Vec<String>,
    /// By how many generations the escrow is behind, if there is one.
    pub escrow_behind: Option<u64>,
    /// What would be lost on the worst day, or is missing for it; the vault is well.
    pub warnings: Vec<String>,
}

/// One file that holds a share of the root secret.
#[derive(Debug, Clone)]
pub struct CellStatus {
    /// Where it is.
    pub path: String,
    /// How sure its erasure is, as verified in this run; E0 to E4.
    pub class: String,
    /// Why the class is not better.
    pub doubts: Vec<String>,
}

/// A reason not to be ready.
#[derive(Debug, Clone)]
pub struct NotReady {
    /// What is wrong, in words that name no path: for callers who are nobody in particular.
    pub what: &'static str,
    /// The same for the operator.
    pub detail: String,
}

impl Vault {
    /// Counts and sizes.
    ///
    /// # Errors
    /// Those of the engine and the blob store.
    pub fn status(&self) -> Result<Status, VaultError> {
        let Inner { keyring, engine, blobs, .. } = &*self.inner;
        let sizes = engine.sizes()?;
        let not_ready = self.not_ready().into_iter().map(|reason| reason.detail);
        Ok(Status {
            vault: self.inner.id.to_string(),
            generation: keyring.generation(),
            subjects: keyring.population(),
            rows: sizes.rows,
            row_bytes: sizes.live_bytes,
            rows_disk: sizes.disk_bytes,
            blob_disk: blobs.disk_bytes()?,
            sweep_queue: keyring.sweep_queue().len() as u64,
            compaction: self.inner.compaction.progress(),
            forgotten: self.inner.tally.totals(),
            clock_ahead: keyring.clock_is_ahead(),
            cell_class: self.cell_class(),
            cells: self.cells(),
            key_memory: key_memory(),
            log: self.inner.receipts.status(),
            problems: self
                .inner
                .folder_notes()
                .into_iter()
                .chain(not_ready)
                .chain(self.inner.warnings().into_iter().map(|warning| warning.detail))
                .chain(keys_in_plain_memory())
                .collect(),
            escrow_behind: self.escrow_behind(),
            warnings: self.inner.disaster_warnings().into_iter().map(|warning| warning.detail).collect(),
        })
    }

    /// What an operator should look at although the vault is ready.
    pub fn warnings(&self) -> Vec<NotReady> {
        let mut warnings = self.inner.warnings();
        warnings.extend(self.inner.disaster_warnings());
        warnings
    }

    /// By how many generations the escrow is behind; `None` if there is none.
    pub fn escrow_behind(&self) -> Option<u64> {
        self.escrow().status().ok().map(|status| status.behind)
    }

    /// An operator says that the clock is right: from now on what is deleted by time goes by it.
    ///
    /// # Errors
    /// Those of the key plane.
    pub fn trust_clock(&self) -> Result<(), VaultError> {
        Ok(self.inner.keyring.trust_clock()?)
    }

    /// The cells, in the order of their shares.
    pub fn cells(&self) -> Vec<CellStatus> {
        self.inner.keyring.cells().into_iter().map(CellStatus::from).collect()
    }

    /// How sure the root's erasure is, as verified in this run; E0 to E4. A split counts as its best share.
    pub fn cell_class(&self) -> String {
        self.inner.keyring.erasure_class().to_string()
    }

    /// Replaces the root secret without forgetting anything: the work of a deletion, for whoever wants to see one.
    ///
    /// # Errors
    /// Those of the key plane.
    pub fn rotate_root(&self) -> Result<(), VaultError> {
        self.inner.keyring.rotate()?;
        Ok(())
    }

    /// Reasons why the vault is not ready, such as an ill mirror, an earlier failure or a disk that is almost full; none: ready.
    pub fn not_ready(&self) -> Vec<NotReady> {
        let Inner { keyring, engine, blobs, .. } = &*self.inner;
        let reason = |what| move |detail| NotReady { what, detail };
        let mut reasons: Vec<NotReady> =
            keyring.ill().into_iter().map(reason("the key plane needs attention")).collect();
        let rows = engine.sizes().err().map(|error| error.to_string());
        reasons.extend(rows.map(reason("the row engine refuses work")));
        let blobs = blobs.disk_bytes().err().map(|error| error.to_string());
        reasons.extend(blobs.map(reason("the blob store refuses work")));
        reasons.extend(self.inner.audit.ill().map(reason("the audit log cannot be written")));
        let contradicted = self.inner.receipts.contradicted();
        reasons.extend(contradicted.map(|(what, detail)| NotReady { what, detail }));
        reasons.extend(self.inner.low_disk().map(reason("a disk is almost full")));
        reasons
    }
}

impl Inner {
    /// What is not quite as it should be.
    fn warnings(&self) -> Vec<NotReady> {
        let lost = |what| move |detail| NotReady { what, detail };
        let audit = self.audit.lost_at_open().map(lost("the audit log was lost or damaged"));
        let receipts = lost("receipts or the log of deletions need attention");
        let mut warnings: Vec<NotReady> = audit.into_iter().collect();
        warnings.extend(self.receipts.ill().into_iter().map(receipts));
        warnings.extend(self.backing_up.failed().map(lost("the last backup failed")));
        warnings.extend(self.clock_warning());
        warnings
    }

    /// Said while the clock is not believed.
    fn clock_warning(&self) -> Option<NotReady> {
        let ahead = self.keyring.clock_is_ahead();
        if ahead.unsigned_abs() <= self.settings.clock_tolerance.as_secs() {
            return None;
        }
        let side = if ahead > 0 { "ahead of" } else { "behind" };
        Some(NotReady {
            what: "the clock is not believed: what is deleted by time is delayed",
            detail: format!(
                "the clock is {} seconds {side} the time that this vault can vouch for: what is deleted by time waits. If the clock is right (the machine was off \
                 for long, say), tell it so with `oubliette doctor --trust-clock`; else set it",
                ahead.unsigned_abs()
            ),
        })
    }
}

impl From<CellReport> for CellStatus {
    fn from(report: CellReport) -> Self {
        Self { path: report.name, class: report.class.to_string(), doubts: report.doubts }
    }
}

/// How the memory is kept that keys live in: the worst that any key of this process was given.
pub fn key_memory() -> String {
    oubliette_locked::protection().to_string()
}

/// The vault works without: so this is a thing to look at, no reason not to be ready.
fn keys_in_plain_memory() -> Option<String> {
    let most = oubliette_locked::usage().plain_most;
    (most > 0).then(|| {
        format!(
            "{} KiB of keys stood in memory that the system may swap, since no more may be locked: raise the limit (LimitMEMLOCK, `ulimit -l`) or lower memory.key_cache",
            most.div_ceil(1024)
        )
    })
}
