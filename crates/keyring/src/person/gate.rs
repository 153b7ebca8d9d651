//! Who is using a person's keys right now, and whether anybody still may.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use oubliette_crypto::{ObjectKey, Path};

use super::Person;
use crate::error::KeyringError;
use crate::records::ErasureRecord;

/// Whether a person may be worked with.
#[derive(Debug, Clone, Default)]
pub(crate) enum Standing {
    #[default]
    Live,
    Blocked,
    Erased(Box<ErasureRecord>),
    /// Their pages were lost and given up.
    Lost,
}

/// The leases and operations on one person.
#[derive(Default)]
pub(crate) struct Gate {
    state: Mutex<GateState>,
    released: Condvar,
}

#[derive(Default)]
struct GateState {
    standing: Standing,
    leases: HashMap<u64, Held>,
    next: u64,
    operations: usize,
    /// Leases and operations that the stop found in use.
    drained: u32,
    /// Deletions that wait for leases and operations.
    waiting: usize,
}

struct Held {
    path: Path,
    cancelled: Arc<AtomicBool>,
    /// For the tape adversary. The lease alone keeps the key.
    key: Weak<ObjectKey>,
}

impl Gate {
    pub(crate) fn check(&self) -> Result<(), KeyringError> {
        self.lock().standing.check()
    }

    /// Tells the holders of leases whose path matches to let go.
    pub(crate) fn cancel(&self, matches: impl Fn(&Path) -> bool) {
        for held in self.lock().leases.values().filter(|held| matches(&held.path)) {
            held.cancelled.store(true, Ordering::SeqCst);
        }
    }

    /// Refuses what comes from now on and cancels every lease.
    pub(crate) fn stop(&self, standing: Standing) {
        let mut state = self.lock();
        if matches!(state.standing, Standing::Live) {
            state.drained = u32::try_from(state.leases.len() + state.operations).unwrap_or(u32::MAX);
        }
        state.standing = standing;
        state.leases.values().for_each(|held| held.cancelled.store(true, Ordering::SeqCst));
    }

    /// Waits until no lease whose path matches is left.
    pub(crate) fn drain_leases(
        &self,
        longest: Duration,
        matches: impl Fn(&Path) -> bool,
    ) -> Result<(), KeyringError> {
        self.drain(longest, |state| state.leases.values().filter(|held| matches(&held.path)).count())
    }

    /// Waits until no lease whose path matches is left of those that were told to let go.
    pub(crate) fn drain_cancelled(
        &self,
        longest: Duration,
        matches: impl Fn(&Path) -> bool,
    ) -> Result<(), KeyringError> {
        let left = |held: &&Held| held.cancelled.load(Ordering::SeqCst) && matches(&held.path);
        self.drain(longest, |state| state.leases.values().filter(left).count())
    }

    /// Waits until no lease and no operation is left; answers how many there were when the person was stopped.
    pub(crate) fn drain_all(&self, longest: Duration) -> Result<u32, KeyringError> {
        self.drain(longest, |state| state.leases.len() + state.operations)?;
        Ok(self.lock().drained)
    }

    /// Shows the keys that are lent.
    pub(crate) fn each_key(&self, visit: &mut dyn FnMut(&ObjectKey)) {
        let keys: Vec<_> = self.lock().leases.values().filter_map(|held| held.key.upgrade()).collect();
        keys.iter().for_each(|key| visit(key));
    }

    fn drain(&self, longest: Duration, held: impl Fn(&GateState) -> usize) -> Result<(), KeyringError> {
        let deadline = Instant::now() + longest;
        let mut state = self.lock();
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            match held(&state) {
                0 => return Ok(()),
                held if left.is_zero() => return Err(KeyringError::LeasesHeld { held }),
                _ => {
                    state.waiting += 1;
                    state = self.released.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
                    state.waiting -= 1;
                }
            }
        }
    }

    /// Gives something back. Nearly always nobody waits for it, and telling nobody would still be a call of the system.
    fn release(&self, give_back: impl FnOnce(&mut GateState)) {
        let mut state = self.lock();
        give_back(&mut state);
        let waited_for = state.waiting > 0;
        drop(state);
        if waited_for {
            self.released.notify_all();
        }
    }

    fn lock(&self) -> MutexGuard<'_, GateState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Standing {
    pub(crate) fn check(&self) -> Result<(), KeyringError> {
        match self {
            Self::Live => Ok(()),
            Self::Blocked => Err(KeyringError::Blocked),
            Self::Lost => Err(KeyringError::Unknown),
            Self::Erased(record) => Err(KeyringError::Erased {
                at: record.erased_at,
                handle: record.handle,
                record: Some(record.clone()),
            }),
        }
    }
}

/// The key of one leaf, lent. A deletion of the leaf cancels the lease and waits until it is dropped: whoever holds one for
/// longer than a moment asks [`KeyLease::cancelled`] between steps, and lets go when told to. Whoever deletes must not hold
/// one of what they delete.
pub struct KeyLease {
    // Dropped (and wiped) before the entry says that it is gone: fields go in this order.
    key: Arc<ObjectKey>,
    cancelled: Arc<AtomicBool>,
    _entry: LeaseEntry,
}

impl KeyLease {
    pub(super) fn begin(person: &Arc<Person>, path: Path, key: ObjectKey) -> Result<Self, KeyringError> {
        let mut state = person.gate.lock();
        state.standing.check()?;
        let id = state.next;
        state.next += 1;
        let (key, cancelled) = (Arc::new(key), Arc::new(AtomicBool::new(false)));
        let held = Held { path, cancelled: Arc::clone(&cancelled), key: Arc::downgrade(&key) };
        state.leases.insert(id, held);
        Ok(Self { key, cancelled, _entry: LeaseEntry { person: Arc::clone(person), id } })
    }
    /// The key.
    pub fn key(&self) -> &ObjectKey {
        &self.key
    }
    /// True once the leaf or the person is being forgotten: stop and drop the lease.
    pub fn cancelled(&self) -> bool {
        self.cancelled.load(Ordering::SeqCst)
    }
}

impl std::fmt::Debug for KeyLease {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeyLease(..)")
    }
}

/// Keeps the person in memory: a deletion finds its leases through them, and would miss those of somebody it has to load anew.
struct LeaseEntry {
    person: Arc<Person>,
    id: u64,
}

impl Drop for LeaseEntry {
    fn drop(&mut self) {
        self.person.gate.release(|state| {
            state.leases.remove(&self.id);
        });
    }
}

/// An operation in flight: the person's erasure waits until it is dropped.
pub struct OperationGuard(Arc<Person>);

impl OperationGuard {
    pub(super) fn begin(person: &Arc<Person>) -> Result<Self, KeyringError> {
        let mut state = person.gate.lock();
        state.standing.check()?;
        state.operations += 1;
        Ok(Self(Arc::clone(person)))
    }
}

impl std::fmt::Debug for OperationGuard {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperationGuard(..)")
    }
}

impl Drop for OperationGuard {
    fn drop(&mut self) {
        self.0.gate.release(|state| state.operations = state.operations.saturating_sub(1));
    }
}
