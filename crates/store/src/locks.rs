//! Locks by name without a table that grows: a fixed number of mutexes, picked by hash. Two names may share one, so nobody may hold
//! two locks of one set at a time. Order between the sets: pairs, then slots, then people.

use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

const STRIPES: usize = 1024;

pub(crate) struct Stripes {
    hasher: RandomState,
    locks: Vec<Mutex<()>>,
}

impl Stripes {
    pub(crate) fn new() -> Self {
        Self { hasher: RandomState::new(), locks: (0..STRIPES).map(|_| Mutex::new(())).collect() }
    }

    #[expect(clippy::indexing_slicing, reason = "a remainder by the length is an index")]
    pub(crate) fn lock(&self, name: impl Hash) -> MutexGuard<'_, ()> {
        let index = self.hasher.hash_one(name) as usize % self.locks.len();
        lock(&self.locks[index])
    }
}

/// A panic elsewhere leaves our short critical sections whole.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
