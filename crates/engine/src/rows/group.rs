//! Group commit without a timer: batches gather while another group is being made durable.
//!
//! The first caller of a group leads it: as soon as the group before is durable it takes all that has gathered, and in the end wakes
//! everybody at once. A lone caller commits in its own thread at once. So the number of syncs falls as the number of callers grows.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;

use crate::{Batch, EngineError, MAX_BATCH_OPS};

/// How often a leader lets others go first, at most.
const PATIENCE: u32 = 16;

/// What becomes of each batch of a group, in order.
pub(super) type Outcomes = Vec<Result<(), EngineError>>;

#[derive(Default)]
pub(super) struct GroupCommit {
    /// Oldest first; all but the last are full. As many as there are leaders that have not taken one yet.
    gathering: Mutex<VecDeque<Group>>,
    /// Held by whoever is making a group durable.
    turn: Mutex<()>,
    /// The last group was of more than one caller.
    crowded: AtomicBool,
}

struct Group {
    batches: Vec<Batch>,
    operations: usize,
    answers: Arc<Answers>,
}

/// Where the callers of a group wait for it and find what became of their batches.
#[derive(Default)]
struct Answers(OnceLock<Vec<Mutex<Option<Result<(), EngineError>>>>>);

impl GroupCommit {
    /// Hands in a batch and answers its outcome. `apply` runs on one thread at a time, on batches of at most
    /// [`MAX_BATCH_OPS`] operations together. It must not panic.
    pub(super) fn commit(
        &self,
        batch: Batch,
        apply: impl Fn(Vec<Batch>) -> Outcomes,
    ) -> Result<(), EngineError> {
        let (answers, index) = self.join(batch);
        if index == 0 {
            self.lead(apply);
        }
        answers.wait(index)
    }

    /// The batch's group and its place in it; the first one leads.
    fn join(&self, batch: Batch) -> (Arc<Answers>, usize) {
        let mut groups = lock(&self.gathering);
        let operations = batch.ops.len();
        match groups.back_mut() {
            Some(group) if group.operations + operations <= MAX_BATCH_OPS => {
                group.operations += operations;
                group.batches.push(batch);
                (Arc::clone(&group.answers), group.batches.len() - 1)
            }
            _ => {
                let answers = Arc::<Answers>::default();
                let group = Group { batches: vec![batch], operations, answers: Arc::clone(&answers) };
                groups.push_back(group);
                (answers, 0)
            }
        }
    }

    /// Takes the oldest group, which may be another leader's: then that one takes ours.
    fn lead(&self, apply: impl Fn(Vec<Batch>) -> Outcomes) {
        let turn = lock(&self.turn);
        self.let_gather();
        let Some(group) = lock(&self.gathering).pop_front() else { return };
        self.crowded.store(group.batches.len() > 1, Ordering::Relaxed);
        let outcomes = apply(group.batches);
        drop(turn);
        group.answers.set(outcomes);
    }
}

impl GroupCommit {
    /// Lets whoever is about to hand in a batch do so, as long as somebody does: a larger group costs each of them less. A lone caller
    /// is not kept.
    fn let_gather(&self) {
        if !self.crowded.load(Ordering::Relaxed) {
            return;
        }
        let mut gathered = 0;
        for _ in 0..PATIENCE {
            let now = lock(&self.gathering).front().map_or(0, |group| group.batches.len());
            if now == gathered {
                return;
            }
            gathered = now;
            thread::yield_now();
        }
    }
}

impl Answers {
    fn set(&self, outcomes: Outcomes) {
        // One leader takes a group, so this is the only time.
        let _ = self.0.set(outcomes.into_iter().map(|outcome| Mutex::new(Some(outcome))).collect());
    }

    fn wait(&self, index: usize) -> Result<(), EngineError> {
        let outcome = self.0.wait().get(index).and_then(|outcome| lock(outcome).take());
        outcome.unwrap_or_else(|| {
            Err(EngineError::Poisoned { reason: "a group commit lost track of a batch".into() })
        })
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicUsize;
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
        assert!(groups.load(Ordering::SeqCst) < 640, "callers share groups");
        assert!(lock(&group.gathering).is_empty());
    }
}
