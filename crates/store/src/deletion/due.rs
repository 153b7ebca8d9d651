//! When to look again for deletions that are due: everybody is walked over, so not at every step.

use std::sync::atomic::{AtomicI64, Ordering};

/// At the latest, in seconds.
const HOUR: i64 = 3600;

/// The next moment at which something may be due, in seconds since the Unix epoch. Looks once after a start.
#[derive(Default)]
pub(crate) struct Due(AtomicI64);

impl Due {
    /// Something changed: now.
    pub(crate) fn look_again(&self) {
        self.0.store(0, Ordering::SeqCst);
    }

    /// A deletion was asked for.
    pub(super) fn look_at(&self, moment: i64) {
        self.0.fetch_min(moment, Ordering::SeqCst);
    }

    /// Whether the moment has come. If so, the next one is an hour from now, unless somebody says sooner.
    pub(super) fn has_come(&self, now: i64) -> bool {
        let next = self.0.load(Ordering::SeqCst);
        // Said before the look: who asks meanwhile says so again.
        next <= now
            && self
                .0
                .compare_exchange(next, now.saturating_add(HOUR), Ordering::SeqCst, Ordering::SeqCst)
                .is_ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_looked_after_a_start_then_hourly_and_when_something_was_said() {
        let due = Due::default();
        assert!(due.has_come(1_000) && !due.has_come(1_000));
        assert!(!due.has_come(1_000 + HOUR - 1) && due.has_come(1_000 + HOUR));
        due.look_at(20_000);
        assert!(!due.has_come(2 * HOUR) && due.has_come(20_000));
        due.look_again();
        assert!(due.has_come(20_001));
    }
}
