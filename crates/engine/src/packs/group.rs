//! One sync for all who wait for one: whoever finds no sync running leads one for everybody who asked so far.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::EngineError;
use crate::poison::Poison;

#[derive(Default)]
pub(super) struct GroupSync {
    state: Mutex<State>,
    ended: Condvar,
}

#[derive(Default)]
struct State {
    asked: u64,
    /// Everybody up to this number has their bytes on disk.
    done: u64,
    running: bool,
}

impl GroupSync {
    /// Returns when a sync that began after this call has succeeded. A failed one poisons, and fails all who wait.
    pub(super) fn wait(
        &self,
        poison: &Poison,
        sync: impl FnOnce() -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        let mut state = self.lock();
        state.asked += 1;
        let mine = state.asked;
        while state.running {
            state = self.ended.wait(state).unwrap_or_else(PoisonError::into_inner);
            if state.done >= mine {
                return Ok(());
            }
        }
        poison.check()?;
        let all = state.asked;
        state.running = true;
        drop(state);
        let synced = poison.guard(sync());
        let mut state = self.lock();
        state.running = false;
        if synced.is_ok() {
            state.done = all;
        }
        self.ended.notify_all();
        synced
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};
    use std::time::Duration;

    use super::*;

    #[test]
    fn concurrent_waiters_share_syncs() {
        let (group, poison, syncs) = (GroupSync::default(), Poison::default(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..32 {
                scope.spawn(|| {
                    group
                        .wait(&poison, || {
                            syncs.fetch_add(1, Ordering::Relaxed);
                            std::thread::sleep(Duration::from_millis(20));
                            Ok(())
                        })
                        .unwrap();
                });
            }
        });
        let syncs = syncs.into_inner();
        assert!(syncs < 16, "32 waiters took {syncs} syncs");
    }

    #[test]
    fn a_failed_sync_fails_everybody_and_is_not_tried_again() {
        let (group, poison, syncs) = (GroupSync::default(), Poison::default(), AtomicU32::new(0));
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let result = group.wait(&poison, || {
                        syncs.fetch_add(1, Ordering::Relaxed);
                        std::thread::sleep(Duration::from_millis(20));
                        Err(EngineError::io("syncing", "x")(std::io::Error::from_raw_os_error(5)))
                    });
                    assert!(result.is_err());
                });
            }
        });
        assert_eq!(syncs.into_inner(), 1);
    }
}
