//! The one thread that changes the key plane.
//!
//! It takes everything that waits, judges each operation against the current tree, writes the accepted ones as one commit and
//! answers them all. Two operations on one person never share a commit: the later one waits for the next.

mod change;
mod commit;
mod give_up;
mod leave;
mod load;
mod op;
mod prepare;
mod queue;
mod replay;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use oubliette_crypto::{PageId, RootKey};

use crate::core::Core;
use crate::error::KeyringError;
use crate::escrow::{EscrowBlob, EscrowTo};
pub(crate) use commit::{erasure_record, seal_root};
pub(crate) use op::{Blocking, Erased, Facts, Leaving, Op, Outcome, Reply, Sealed};
pub(crate) use queue::Queue;
pub(crate) use replay::{Replay, gather};

use commit::Work;
use prepare::{Moment, prepare};
use queue::Job;

/// The root secret. It stands nowhere else in memory and ends with the writer: whoever else looks at it (the tape adversary alone) does not keep it.
pub(crate) type Secret = Arc<Mutex<RootKey>>;

/// The thread's own state.
pub(crate) struct Writer {
    core: Arc<Core>,
    root_key: Secret,
    /// Pages that the last commit made superfluous. They go with the next one: until the caller was answered, a crash may
    /// still fall back to an older pointer.
    dead: Vec<PageId>,
}

impl Writer {
    pub(crate) fn new(core: Arc<Core>, root_key: Secret) -> Self {
        Self { core, root_key, dead: Vec::new() }
    }

    /// Serves until the queue is closed.
    pub(crate) fn run(mut self) {
        let stopped = Stopped(Arc::clone(&self.core));
        while let Some(jobs) = self.core.queue.take() {
            self.serve(jobs);
        }
        let clean = self.core.healthy().is_ok();
        drop(stopped);
        let store = &self.core.pages.store;
        if clean && let Err(error) = store.remove(&self.dead).and_then(|()| store.close()) {
            tracing::warn!(%error, "the page store was not closed cleanly");
        }
    }

    fn serve(&mut self, jobs: Vec<Job>) {
        if let Err(error) = self.core.healthy() {
            let reason = error.to_string();
            jobs.into_iter()
                .for_each(|job| job.answer(Err(KeyringError::Poisoned { reason: reason.clone() })));
            return;
        }
        let mut work = Work::default();
        let mut accepted = Vec::new();
        let mut busy = HashSet::new();
        let mut later = Vec::new();
        let moment = Moment::now(&self.core);
        for job in jobs {
            if let Op::Seal { to } = job.op() {
                // Between two commits: pointer, secret and tree are of one generation.
                let sealed = self.seal(to, &moment);
                job.answer(sealed);
                continue;
            }
            let tags = job.op().tags(&self.core);
            let occupied = work.is_alone() || (job.op().is_alone() && !accepted.is_empty());
            let conflict = occupied || tags.iter().any(|tag| busy.contains(tag));
            busy.extend(tags);
            if conflict {
                later.push(job);
                continue;
            }
            match prepare(&self.core, job.op().clone(), &moment, &self.dead) {
                Ok((effect, outcome)) => {
                    work.absorb(effect);
                    accepted.push((job, outcome));
                }
                Err(error) => {
                    self.poison_if_broken(&error);
                    job.answer(Err(error));
                }
            }
        }
        self.core.queue.put_back(later);
        let committed = self.core.healthy().and_then(|()| self.commit_in_place(work, &moment));
        match committed {
            Ok(facts) => {
                accepted.into_iter().for_each(|(job, outcome)| job.answer(Ok(Reply { facts, outcome })))
            }
            Err(error) => {
                self.poison_if_broken(&error);
                self.refuse(accepted.into_iter().map(|(job, _)| job).collect(), error);
            }
        }
    }

    /// Commits between two looks at the names of the cells: what is written to a file without its name ends with this process. If the name was
    /// lost meanwhile the commit has happened, here, and nobody is told so.
    fn commit_in_place(&mut self, work: Work, moment: &Moment) -> Result<Facts, KeyringError> {
        self.core.cells_in_place()?;
        let facts = self.commit(work, moment)?;
        self.core.cells_in_place().map(|()| facts)
    }

    /// Seals the current root to holders, and hands out what commits wrote since the walk began.
    fn seal(&self, to: &EscrowTo, moment: &Moment) -> Result<Reply, KeyringError> {
        let root = self.core.root();
        let blob = {
            let secret = self.root_key.lock().unwrap_or_else(PoisonError::into_inner);
            EscrowBlob::seal(to, &secret, &root.pointer, moment.now)?
        };
        let tail = self.core.tail().take().unwrap_or_default();
        let facts = commit::facts(&self.core, &root.pointer, &root.pointer, moment.now);
        Ok(Reply { facts, outcome: Outcome::Sealed(Box::new(Sealed { blob, tail })) })
    }

    /// Answers operations whose commit failed. One that was refused before anything was written is tried again with each
    /// operation alone: none suffers for another's damage or size.
    fn refuse(&mut self, mut jobs: Vec<Job>, error: KeyringError) {
        if self.core.healthy().is_err() {
            let reason = error.to_string();
            for job in jobs {
                job.answer(Err(KeyringError::Poisoned { reason: reason.clone() }));
            }
        } else if jobs.len() > 1 {
            jobs.into_iter().for_each(|job| self.serve(vec![job]));
        } else if let Some(job) = jobs.pop() {
            job.answer(Err(error));
        }
    }

    /// What was lost in a failed write is not known, so nothing is tried again in this process. A damaged page, found before
    /// anything was written, stops nothing but the operations that need it.
    fn poison_if_broken(&self, error: &KeyringError) {
        match error {
            KeyringError::Cell(_)
            | KeyringError::Pages(_)
            | KeyringError::Ledger(_)
            | KeyringError::Crypto(_) => {
                self.core.poison(error.to_string());
            }
            _ => {}
        }
    }
}

/// Whatever ends the thread, a panic included, ends the service.
struct Stopped(Arc<Core>);

impl Drop for Stopped {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.poison("the keyring's writer panicked".to_owned());
        } else {
            self.0.closed();
        }
        self.0.queue.close();
        self.0.queue.abandon();
    }
}
