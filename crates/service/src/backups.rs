//! Backups that this service makes: one at a time, in the background, and how far they came.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use oubliette_store::{
    ActorKind, AuditEntry, AuditKind, Backup, BackupInfo, BackupProgress, NewBackup, Vault, VaultError,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{problem::Problem, times};

/// So many that have ended are remembered, failures among them; the finished ones are listed by their place anyway.
const REMEMBERED: usize = 16;

/// A backup.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct BackupView {
    /// Its name.
    pub id: String,
    /// `running`, `failed` or `finished`.
    #[schema(example = "finished")]
    pub state: String,
    /// When it was begun, RFC 3339, UTC.
    pub begun: String,
    /// When it was finished.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub finished: Option<String>,
    /// Of one that runs: how far it came.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<ProgressView>,
    /// Of one that failed: why, as a problem document's code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<String>,
    /// The vault's backups are counted from 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub number: Option<u64>,
    /// Generation of the key plane at its moment.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation: Option<u64>,
    /// Where it was made to lie.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
    /// People with rows in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<u64>,
    /// Rows in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// Bytes of rows and bodies in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// Bytes that were written for it alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub added: Option<u64>,
    /// Whether this vault made it and all of its segments are there, by their names.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sound: Option<bool>,
    /// People in it who are in the vault today.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub living: Option<u64>,
    /// People in it who were erased since.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub erased: Option<u64>,
    /// Until when the holders of an escrow could still read theirs, RFC 3339, UTC; nobody can, if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub escrow_until: Option<String>,
    /// What that means, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub says: Option<String>,
}

/// How far a backup came.
#[derive(Debug, Clone, Default, Serialize, Deserialize, ToSchema)]
pub struct ProgressView {
    /// What is being done.
    pub what: String,
    /// Bytes looked at so far.
    pub done: u64,
    /// Of about so many.
    pub total: u64,
    /// Since it was begun, on average.
    pub bytes_per_second: u64,
    /// At that rate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seconds_left: Option<u64>,
}

impl From<BackupInfo> for BackupView {
    fn from(info: BackupInfo) -> Self {
        Self {
            id: info.id,
            state: "finished".to_owned(),
            begun: times::text(info.begun),
            finished: Some(times::text(info.finished)),
            number: Some(info.number),
            generation: Some(info.generation),
            region: info.region,
            people: Some(info.people),
            rows: Some(info.rows),
            bytes: Some(info.bytes),
            added: Some(info.added),
            ..Self::default()
        }
    }
}

impl From<Backup> for BackupView {
    fn from(backup: Backup) -> Self {
        let sound = backup.genuine && backup.complete && backup.readable.is_some();
        let says = backup.says();
        Self {
            sound: Some(sound),
            living: backup.readable.map(|readable| readable.living),
            erased: backup.readable.map(|readable| readable.erased),
            escrow_until: backup.readable.and_then(|readable| readable.escrow_until).map(times::text),
            says: Some(says),
            ..Self::from(backup.info)
        }
    }
}

/// The backups that this process makes or made.
#[derive(Clone, Default)]
pub(crate) struct Jobs(Arc<Mutex<VecDeque<Job>>>);

struct Job {
    id: String,
    begun: u64,
    started: Instant,
    progress: Option<BackupProgress>,
    /// `None` while it runs.
    ended: Option<Result<(), &'static str>>,
}

impl Jobs {
    /// Begins a backup to the place of the settings, in a thread of its own: it must not take a request's place, and a process that ends need
    /// not wait for it, since the next one goes on from what it wrote.
    pub(crate) fn begin(&self, vault: &Vault, full: bool) -> Result<BackupView, VaultError> {
        let backups = vault.backups();
        vault.may_copy_to(backups.settings().region.as_deref())?;
        let store = backups.store(None)?;
        let id = backups.fresh_id()?;
        let job =
            Job { id: id.clone(), begun: times::now(), started: Instant::now(), progress: None, ended: None };
        let view = job.view();
        {
            let mut jobs = self.lock();
            if jobs.iter().any(|job| job.ended.is_none()) {
                return Err(VaultError::BackupRunning);
            }
            jobs.truncate(REMEMBERED - 1);
            jobs.push_front(job);
        }
        let jobs = self.clone();
        let (name, recorded) = (id.clone(), vault.clone());
        let work = move || {
            let new = NewBackup { id: Some(name.clone()), full, region: None };
            let made = backups.create(&*store, &new, &mut |progress| {
                jobs.change(&name, |job| job.progress = Some(*progress));
            });
            let ended = made.map(drop).map_err(|error| {
                tracing::error!(%error, "a backup failed");
                Problem::from(error).code
            });
            if let Err(error) = record(&recorded, ended.err()) {
                tracing::error!(%error, "the end of a backup was not recorded");
            }
            jobs.change(&name, |job| job.ended = Some(ended));
        };
        if let Err(error) = thread::Builder::new().name("backup".to_owned()).spawn(work) {
            tracing::error!(%error, "no thread for a backup");
            self.change(&id, |job| job.ended = Some(Err("overloaded")));
            return Err(VaultError::Busy);
        }
        Ok(view)
    }

    /// Those that run or failed, newest first.
    pub(crate) fn unfinished(&self) -> Vec<BackupView> {
        self.lock().iter().filter(|job| job.ended != Some(Ok(()))).map(Job::view).collect()
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Job)) {
        self.lock().iter_mut().find(|job| job.id == id).map(change);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// In the audit log; that it was asked for stands there by its request.
fn record(vault: &Vault, code: Option<&str>) -> Result<(), VaultError> {
    let mut entry = AuditEntry::new(AuditKind::Done, ActorKind::Vault, "backup create");
    entry.status = if code.is_none() { 200 } else { 502 };
    code.unwrap_or_default().clone_into(&mut entry.code);
    vault.audit().begin()?.record(&entry).map(drop)
}

impl Job {
    fn view(&self) -> BackupView {
        let state = match self.ended {
            None => "running",
            Some(Ok(())) => "finished",
            Some(Err(_)) => "failed",
        };
        BackupView {
            id: self.id.clone(),
            state: state.to_owned(),
            begun: times::text(self.begun),
            progress: self.progress.filter(|_| self.ended.is_none()).map(|at| self.rated(&at)),
            code: self.ended.and_then(Result::err).map(str::to_owned),
            ..BackupView::default()
        }
    }

    fn rated(&self, at: &BackupProgress) -> ProgressView {
        let millis = self.started.elapsed().as_millis().max(1);
        let rate = u64::try_from(u128::from(at.done) * 1000 / millis).unwrap_or(u64::MAX);
        let left = at.total.saturating_sub(at.done);
        ProgressView {
            what: at.what.to_owned(),
            done: at.done,
            total: at.total,
            bytes_per_second: rate,
            seconds_left: left.checked_div(rate),
        }
    }
}
