//! Group commit without a timer: whoever finds nobody at work leads a group of all that waits, the others sleep.
//!
//! A lone caller commits in its own thread at once. While a group is being made durable the next one gathers, so the number
//! of syncs falls as the number of callers grows.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, Thread};

use crate::{Batch, EngineError, MAX_BATCH_OPS};

/// What becomes of each batch of a group, in order.
pub(super) type Outcomes = Vec<Result<(), EngineError>>;

#[derive(Default)]
pub(super) struct GroupCommit(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    waiting: VecDeque<(Batch, Arc<Ticket>)>,
    /// A group is at work; its leader will wake the next one.
    busy: bool,
}

/// Where a sleeping caller finds what became of its batch.
struct Ticket {
    caller: Thread,
    state: Mutex<State>,
}

enum State {
    Waiting,
    Lead,
    Done(Result<(), EngineError>),
}

impl GroupCommit {
    /// Hands in a batch and answers its outcome. `apply` runs on one thread at a time, on batches of at most
    /// [`MAX_BATCH_OPS`] operations together.
    pub(super) fn commit(
        &self,
        batch: Batch,
        apply: impl Fn(Vec<Batch>) -> Outcomes,
    ) -> Result<(), EngineError> {
        let ticket = Arc::new(Ticket { caller: thread::current(), state: Mutex::new(State::Waiting) });
        {
            let mut queue = self.queue();
            queue.waiting.push_back((batch, ticket.clone()));
            if !queue.busy {
                queue.busy = true;
                ticket.set(State::Lead);
            }
        }
        loop {
            let state = ticket.take();
            match state {
                State::Done(outcome) => return outcome,
                State::Lead => self.lead(&apply),
                State::Waiting => thread::park(),
            }
        }
    }

    /// Takes the oldest batches as one group, applies it, tells everybody, and passes the lead on.
    fn lead(&self, apply: &impl Fn(Vec<Batch>) -> Outcomes) {
        let (batches, tickets) = self.queue().take_group();
        let mut outcomes = apply(batches).into_iter();
        for ticket in tickets {
            let lost =
                || Err(EngineError::Poisoned { reason: "a group commit lost track of a batch".into() });
            ticket.finish(State::Done(outcomes.next().unwrap_or_else(lost)));
        }
        let mut queue = self.queue();
        match queue.waiting.front() {
            Some((_, next)) => next.finish(State::Lead),
            None => queue.busy = false,
        }
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    /// The oldest batches whose operations fit into one sync; at least one batch.
    fn take_group(&mut self) -> (Vec<Batch>, Vec<Arc<Ticket>>) {
        let (mut batches, mut tickets) = (Vec::new(), Vec::new());
        let mut ops = 0;
        while let Some((batch, ticket)) = self.waiting.pop_front() {
            ops += batch.ops.len();
            if ops > MAX_BATCH_OPS && !batches.is_empty() {
                self.waiting.push_front((batch, ticket));
                break;
            }
            batches.push(batch);
            tickets.push(ticket);
        }
        (batches, tickets)
    }
}

impl Ticket {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> State {
        std::mem::replace(&mut *self.state(), State::Waiting)
    }

    fn set(&self, state: State) {
        *self.state() = state;
    }

    fn finish(&self, state: State) {
        self.set(state);
        self.caller.unpark();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn every_batch_gets_its_own_answer_and_groups_stay_small() {
        let group = GroupCommit::default();
        let (groups, inside) = (AtomicUsize::new(0), AtomicUsize::new(0));
        let apply = |batches: Vec<Batch>| {
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "one group at a time");
            assert!(batches.iter().map(|batch| batch.ops.len()).sum::<usize>() <= MAX_BATCH_OPS);
            groups.fetch_add(1, Ordering::SeqCst);
            thread::sleep(Duration::from_millis(1));
            inside.fetch_sub(1, Ordering::SeqCst);
            let index = |batch: &Batch| usize::from(batch.ops[0].0[0]);
            batches.iter().map(|batch| Err(EngineError::PreconditionFailed { index: index(batch) })).collect()
        };
        thread::scope(|scope| {
            for caller in 0..32_u8 {
                let (group, apply) = (&group, &apply);
                scope.spawn(move || {
                    for _ in 0..20 {
                        let mut batch = Batch::new();
                        (0..10).for_each(|_| {
                            batch.put([caller], []);
                        });
                        let outcome = group.commit(batch, apply);
                        assert!(matches!(outcome, Err(EngineError::PreconditionFailed { index }) if index == usize::from(caller)));
                    }
                });
            }
        });
        assert!(groups.load(Ordering::SeqCst) < 320, "callers share groups");
        assert!(!group.queue().busy);
    }
}
