//! Operations waiting for the writer.

use std::collections::VecDeque;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::{Op, Reply};
use crate::error::KeyringError;

/// Most operations in one commit.
const BATCH: usize = 1024;

/// The writer's queue.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    ready: Condvar,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Job>,
    closed: bool,
}

/// An operation and who waits for it.
pub(super) struct Job {
    op: Op,
    reply: SyncSender<Result<Reply, KeyringError>>,
}

impl Queue {
    /// Has an operation done; returns when it is durable, or refused.
    pub(crate) fn call(&self, op: Op) -> Result<Reply, KeyringError> {
        let closed = || KeyringError::Poisoned { reason: "the keyring was closed".to_owned() };
        let (answer, wait) = sync_channel(1);
        {
            let mut state = self.lock();
            if state.closed {
                return Err(closed());
            }
            state.waiting.push_back(Job { op, reply: answer });
        }
        self.ready.notify_one();
        wait.recv().map_err(|_| closed())?
    }

    /// Everything that waits, up to the size of a commit; `None` once closed and empty.
    pub(super) fn take(&self) -> Option<Vec<Job>> {
        let mut state = self.lock();
        loop {
            if !state.waiting.is_empty() {
                let count = state.waiting.len().min(BATCH);
                return Some(state.waiting.drain(..count).collect());
            }
            if state.closed {
                return None;
            }
            state = self.ready.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Puts jobs back in front, in their order.
    pub(super) fn put_back(&self, jobs: Vec<Job>) {
        let mut state = self.lock();
        jobs.into_iter().rev().for_each(|job| state.waiting.push_front(job));
    }

    /// Takes nothing more. What waits is still served by a living writer; a dead one leaves it unanswered, which its
    /// caller sees.
    pub(crate) fn close(&self) {
        let mut state = self.lock();
        state.closed = true;
        self.ready.notify_all();
    }

    /// Drops what waits: its callers learn that nobody will answer.
    pub(super) fn abandon(&self) {
        self.lock().waiting.clear();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Job {
    pub(super) fn op(&self) -> &Op {
        &self.op
    }
    pub(super) fn answer(self, answer: Result<Reply, KeyringError>) {
        // A caller that is gone wants no answer.
        let _gone = self.reply.send(answer);
    }
}
