//! The job itself: whatever is due is blocked, erased, and swept, many people under one new root.
//!
//! It keeps no state of its own. What is due stands in people's states, who is blocked among the intents, who is erased in the sweep queue; so a run
//! that is cut off anywhere is gone on with by the next one.

use oubliette_crypto::Handle;
use oubliette_keyring::{Deletion as Found, Erasure, ErasureOutcome as Keys, Requested, UserId};

use super::DeletionState;
use super::erase::unfinished;
use crate::audit::{ActorKind, AuditEntry, AuditKind};
use crate::person::Person;
use crate::sweep::SweepReport;
use crate::times::{micros, rfc3339};
use crate::{Vault, VaultError};

/// People under one new root.
const BATCH: usize = 1000;
const HELD: &str = "a legal hold stands";
const OLD_CELL: &str = "an old cell waits to be wiped and opens whoever lived then: mount its disk, or say that it is destroyed (`oubliette doctor --cell-destroyed`); status names it";

/// What a run did.
#[derive(Debug, Clone, Default)]
pub struct DeletionRun {
    /// People erased.
    pub erased: u64,
    /// Due, and kept by a legal hold.
    pub held: u64,
    /// Blocked, and kept because the law wants it.
    pub kept: u64,
    /// Blocked, and still in use by somebody, or while an old cell waits to be wiped; or in a state that cannot be read. Run again.
    pub left: u64,
}

/// What a run did about one person.
#[derive(Debug, Clone)]
pub struct DeletionStep {
    /// Which deletion, in hexadecimal.
    pub job: String,
    /// Where it is now.
    pub state: DeletionState,
    /// Each store that was tried.
    pub stores: Vec<StoreOutcome>,
    /// Why it is not further, where it is not.
    pub waits: Option<String>,
}

/// What was removed from one store.
#[derive(Debug, Clone)]
pub struct StoreOutcome {
    /// Which.
    pub store: &'static str,
    /// How many; of keys the entries in the tree.
    pub removed: u64,
    /// Why not all of it. The sweeper goes on.
    pub failed: Option<String>,
}

/// In seconds: who is in use is looked at again so much later.
const MINUTE: i64 = 60;

/// Somebody whose time has come.
struct Target {
    erasure: Erasure,
    subject: Option<oubliette_crypto::Pseudonym>,
}

impl Vault {
    /// Carries out whatever is due, and removes rows and blobs of whoever it erased. `watch` is told of each.
    ///
    /// # Errors
    /// Those of the stores. What was done stands, and the next run goes on.
    pub fn run_deletions(&self, watch: &mut dyn FnMut(&DeletionStep)) -> Result<DeletionRun, VaultError> {
        self.inner.keyring.note_time()?;
        self.carry_out(true, watch)
    }

    /// The same where something may be due by now, leaving the rows to [`Vault::sweep`]: for a service, every few seconds.
    ///
    /// # Errors
    /// As above.
    pub fn delete_due(&self) -> Result<DeletionRun, VaultError> {
        if !self.inner.deletions.has_come(self.inner.keyring.due_time()) {
            return Ok(DeletionRun::default());
        }
        let run = self.carry_out(false, &mut |_| ());
        if run.is_err() {
            self.inner.deletions.look_again();
        }
        run
    }

    /// Carries out one person's deletion if it is due.
    pub(super) fn delete_one(&self, user: &UserId) -> Result<(), VaultError> {
        let Found::Requested(requested) = self.inner.keyring.deletion(user)? else { return Ok(()) };
        let mut run = DeletionRun::default();
        let target = self.take_up(requested, &mut run, &mut |_| ())?;
        self.finish(target.into_iter().collect(), false, &mut run, &mut |_| ())
    }

    fn carry_out(
        &self,
        sweep: bool,
        watch: &mut dyn FnMut(&DeletionStep),
    ) -> Result<DeletionRun, VaultError> {
        let (keyring, due) = (&self.inner.keyring, &self.inner.deletions);
        let mut run = DeletionRun::default();
        let mut targets: Vec<Target> = Vec::new();
        let now = keyring.due_time();
        // These first: whoever is blocked by somebody else meanwhile is then found among the intents.
        let asked = keyring.deletions()?;
        let intents = keyring.intents()?;
        for intent in &intents {
            let Some(request) = &intent.request else { continue };
            if intent.held {
                run.held += 1;
                watch(&waiting(&request.job.to_string(), DeletionState::Blocked, HELD.to_owned()));
                continue;
            }
            if request.kept_until <= now {
                continue;
            }
            run.kept += 1;
            due.look_at(request.kept_until);
            watch(&waiting(&request.job.to_string(), DeletionState::Blocked, kept(request.kept_until)));
        }
        targets
            .extend(unfinished(intents, now)?.into_iter().map(|erasure| Target { erasure, subject: None }));
        for requested in asked {
            due.look_at(match (requested.request.due > now, requested.released) {
                (true, _) => requested.request.due,
                (false, Some(released)) => released,
                (false, None) => i64::MAX,
            });
            targets.extend(self.take_up(requested, &mut run, watch)?);
        }
        let mut targets = targets.into_iter().peekable();
        while targets.peek().is_some() {
            let part = targets.by_ref().take(BATCH).collect();
            self.finish(part, sweep, &mut run, watch)?;
        }
        Ok(run)
    }

    /// Whom to block and erase now, if anybody.
    fn take_up(
        &self,
        requested: Requested,
        run: &mut DeletionRun,
        watch: &mut dyn FnMut(&DeletionStep),
    ) -> Result<Option<Target>, VaultError> {
        let Requested { user, pseudonym, request, held, .. } = requested;
        if request.due > self.inner.keyring.due_time() {
            return Ok(None);
        }
        let job = request.job.to_string();
        if held {
            run.held += 1;
            watch(&waiting(&job, DeletionState::Held, HELD.to_owned()));
            return Ok(None);
        }
        let kept_until = self
            .inner
            .keyring
            .even_leaving(&user)
            .map_err(VaultError::from)
            .and_then(|keys| Person { vault: self.inner.clone(), keys }.kept_by_law());
        match kept_until {
            Ok(kept_until) => {
                let erasure = Erasure { user, request, kept_until, at_once: false };
                Ok(Some(Target { erasure, subject: Some(pseudonym) }))
            }
            // One damaged state must not hold up the others; taken back or finished meanwhile is nothing to do.
            Err(VaultError::Corrupt { what }) => {
                // Looked at again within the hour: a repair may take days, and each look walks over everybody.
                run.left += 1;
                tracing::warn!(what, "a deletion waits for damage to be mended; run fsck");
                watch(&waiting(&job, DeletionState::Requested, format!("{what} is damaged; run fsck")));
                Ok(None)
            }
            Err(
                VaultError::SubjectUnknown | VaultError::SubjectBlocked | VaultError::SubjectErased { .. },
            ) => Ok(None),
            Err(other) => Err(other),
        }
    }

    /// Blocks and erases these people, and says what became of each.
    fn finish(
        &self,
        targets: Vec<Target>,
        sweep: bool,
        run: &mut DeletionRun,
        watch: &mut dyn FnMut(&DeletionStep),
    ) -> Result<(), VaultError> {
        if targets.is_empty() {
            return Ok(());
        }
        let inner = &self.inner;
        // Room for the record is kept before anything is done.
        let attempt = self.audit().begin()?;
        let erasures: Vec<Erasure> = targets.iter().map(|target| target.erasure.clone()).collect();
        let outcomes = inner.leave(&erasures);
        let mut entry = AuditEntry::new(AuditKind::Done, ActorKind::Vault, "deletion due");
        entry.subject = targets.first().and_then(|target| target.subject).filter(|_| targets.len() == 1);
        entry.count = u32::try_from(targets.len()).unwrap_or(u32::MAX);
        entry.status = if outcomes.is_ok() { 200 } else { 500 };
        attempt.record(&entry)?;
        let mut swept = Vec::new();
        for (target, outcome) in targets.iter().zip(outcomes?) {
            let job = target.erasure.request.job.to_string();
            let step = match outcome {
                Keys::Erased(record) => {
                    run.erased += 1;
                    let mut stores = vec![stored("keys", 2)];
                    if sweep {
                        stores.extend(self.sweep_now(&record.handle, &mut swept));
                    }
                    let state = if swept.last() == Some(&record.handle) {
                        DeletionState::Swept
                    } else {
                        DeletionState::Erased
                    };
                    DeletionStep { job, state, stores, waits: None }
                }
                Keys::InUse(held) => {
                    run.left += 1;
                    inner.deletions.look_at(inner.keyring.due_time() + MINUTE);
                    let why = format!("{held} keys or operations are still in use");
                    waiting(&job, DeletionState::Blocked, why)
                }
                // Looked at again within the hour: it may take days, and each look is in the audit log.
                Keys::OldCell => {
                    run.left += 1;
                    waiting(&job, DeletionState::Blocked, OLD_CELL.to_owned())
                }
                Keys::Kept(until) => {
                    run.kept += 1;
                    inner.deletions.look_at(until);
                    waiting(&job, DeletionState::Blocked, kept(until))
                }
                Keys::Held => {
                    run.held += 1;
                    waiting(&job, DeletionState::Held, HELD.to_owned())
                }
                // Taken back, or finished by somebody else, in this moment.
                Keys::NotDue | Keys::AlreadyErased(_) | Keys::Unknown => continue,
            };
            watch(&step);
        }
        inner.leave_queue(&swept)
    }

    /// Removes rows and blobs of somebody who is erased, each store by itself: one that fails is left to the sweeper.
    fn sweep_now(&self, handle: &Handle, swept: &mut Vec<Handle>) -> Vec<StoreOutcome> {
        let mut report = SweepReport::default();
        let mut without_end = usize::MAX;
        let failed = match self.inner.sweep_person(handle, &mut without_end, &mut report) {
            Ok(_) => {
                swept.push(*handle);
                None
            }
            Err(error) => {
                tracing::warn!(%error, "rows of an erased person were left for the sweeper");
                Some(error.to_string())
            }
        };
        let rows = StoreOutcome { failed: failed.clone(), ..stored("rows", report.rows) };
        vec![rows, StoreOutcome { failed, ..stored("blobs", report.blobs) }]
    }
}

fn stored(store: &'static str, removed: u64) -> StoreOutcome {
    StoreOutcome { store, removed, failed: None }
}

fn waiting(job: &str, state: DeletionState, why: String) -> DeletionStep {
    DeletionStep { job: job.to_owned(), state, stores: Vec::new(), waits: Some(why) }
}

fn kept(until: i64) -> String {
    format!("the law wants it kept until {}", rfc3339(micros(until)))
}
