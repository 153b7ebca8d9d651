//! Backups that this service makes: one at a time, in the background, and how far they came.

use std::{
    collections::VecDeque,
    panic::{self, AssertUnwindSafe},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    thread,
    time::Instant,
};

use axum::http::StatusCode;
use oubliette_store::{
    ActorKind, AuditEntry, AuditKind, Backup, BackupInfo, BackupProgress, BackupStore, NewBackup, Vault,
    VaultError,
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
    /// Of one that failed: what to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
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
    ended: Option<Result<(), Problem>>,
}

impl Jobs {
    /// Begins a backup to the place of the settings, in a thread of its own: it must not take a request's place, and a process that ends need
    /// not wait for it, since the next one goes on from what it wrote.
    pub(crate) fn begin(&self, vault: &Vault, full: bool) -> Result<BackupView, VaultError> {
        let backups = vault.backups();
        vault.may_copy_to(backups.settings().region.as_deref())?;
        self.begin_to(vault, backups.store(None)?, full)
    }

    fn begin_to(
        &self,
        vault: &Vault,
        store: Arc<dyn BackupStore>,
        full: bool,
    ) -> Result<BackupView, VaultError> {
        let backups = vault.backups();
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
            let mut told = |progress: &BackupProgress| {
                jobs.change(&name, |job| job.progress = Some(*progress));
            };
            // Nobody waits for this thread: a panic would leave the backup running for ever. (A build that aborts on one ends with it.)
            let made = panic::catch_unwind(AssertUnwindSafe(|| backups.create(&*store, &new, &mut told)));
            let ended = match made {
                Ok(made) => made.map(drop).map_err(|error| {
                    tracing::error!(%error, "a backup failed");
                    Problem::from(error)
                }),
                Err(_panicked) => Err(broken_off()),
            };
            if let Err(error) = record(&recorded, ended.as_ref().err()) {
                tracing::error!(%error, "the end of a backup was not recorded");
            }
            jobs.change(&name, |job| job.ended = Some(ended));
        };
        if let Err(error) = thread::Builder::new().name("backup".to_owned()).spawn(work) {
            tracing::error!(%error, "no thread for a backup");
            self.change(&id, |job| job.ended = Some(Err(Problem::overloaded())));
            return Err(VaultError::Busy);
        }
        Ok(view)
    }

    /// Those that run or failed, newest first.
    pub(crate) fn unfinished(&self) -> Vec<BackupView> {
        self.lock().iter().filter(|job| !matches!(job.ended, Some(Ok(())))).map(Job::view).collect()
    }

    fn change(&self, id: &str, change: impl FnOnce(&mut Job)) {
        self.lock().iter_mut().find(|job| job.id == id).map(change);
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Job>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A backup that a panic ended.
fn broken_off() -> Problem {
    let detail = "a fault of the program broke the backup off, and the service's log has its cause; what was written stays, and the next backup goes on from there";
    Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The backup broke off", detail)
}

/// In the audit log; that it was asked for stands there by its request.
fn record(vault: &Vault, failed: Option<&Problem>) -> Result<(), VaultError> {
    let mut entry = AuditEntry::new(AuditKind::Done, ActorKind::Vault, "backup create");
    entry.status = failed.map_or(StatusCode::OK, |problem| problem.status).as_u16();
    failed.map_or("", |problem| problem.code).clone_into(&mut entry.code);
    vault.audit().begin()?.record(&entry).map(drop)
}

impl Job {
    fn view(&self) -> BackupView {
        let (state, failed) = match &self.ended {
            None => ("running", None),
            Some(Ok(())) => ("finished", None),
            Some(Err(problem)) => ("failed", Some(problem)),
        };
        BackupView {
            id: self.id.clone(),
            state: state.to_owned(),
            begun: times::text(self.begun),
            progress: self.progress.filter(|_| self.ended.is_none()).map(|at| self.rated(&at)),
            code: failed.map(|problem| problem.code.to_owned()),
            detail: failed.map(|problem| problem.detail().to_owned()),
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

#[cfg(test)]
mod tests {
    use std::{ops::Range, path::Path, time::Duration};

    use oubliette_store::VaultOptions;

    use super::*;

    /// A place whose client has a fault.
    struct Faulty;

    impl BackupStore for Faulty {
        fn describe(&self) -> String {
            "a place".to_owned()
        }
        fn put(&self, _: &str, _: &[u8]) -> Result<(), VaultError> {
            Ok(())
        }
        fn get(&self, _: &str, _: Option<Range<u64>>) -> Result<Option<Vec<u8>>, VaultError> {
            Ok(None)
        }
        fn list(&self) -> Result<Vec<String>, VaultError> {
            panic!("a fault of the test's")
        }
        fn remove(&self, _: &str) -> Result<(), VaultError> {
            Ok(())
        }
    }

    /// The backups that did not finish, once none runs.
    fn ended(jobs: &Jobs) -> Vec<BackupView> {
        for _ in 0..6000 {
            let views = jobs.unfinished();
            if views.iter().all(|view| view.state != "running") {
                return views;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("it runs for ever: {:?}", jobs.unfinished());
    }

    fn recorded(folder: &Path) -> Vec<(u16, String)> {
        let mut found = Vec::new();
        oubliette_store::read_audit(&folder.join("ledger"), &Default::default(), &mut |record| {
            if record.entry.operation == "backup create" {
                found.push((record.entry.status, record.entry.code));
            }
        })
        .unwrap();
        found
    }

    /// The thread ended, and the backup was `running` until the next start, which also kept every other from being begun.
    #[test]
    fn a_backup_that_a_panic_ends_has_failed_and_says_so_everywhere() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("vault");
        let vault = Vault::create(&data, VaultOptions::default()).unwrap();
        let jobs = Jobs::default();
        jobs.begin_to(&vault, Arc::new(Faulty), false).unwrap();
        let views = ended(&jobs);
        assert_eq!((views[0].state.as_str(), views[0].code.as_deref()), ("failed", Some("internal")));
        assert!(views[0].detail.as_ref().unwrap().contains("broke the backup off"));
        assert_eq!(recorded(&data), [(500, "internal".to_owned())]);
        let warned = || vault.warnings().iter().any(|warning| warning.what == "the last backup failed");
        let said = vault.status().unwrap().problems;
        assert!(warned() && said.iter().any(|said| said.contains("a fault of the program")), "{said:?}");
        // It keeps the next one from nothing, which is the last one then.
        let place = vault.backups().store(folder.path().join("backups").to_str()).unwrap();
        jobs.begin_to(&vault, place, false).unwrap();
        assert_eq!(ended(&jobs).len(), 1);
        assert!(!warned());
        vault.close().unwrap();
    }
}
