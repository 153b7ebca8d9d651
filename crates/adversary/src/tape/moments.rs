//! What may come between a call into a store and its end: the power goes, or somebody strikes.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Which part of a call still happens when the power goes in its midst. Any number will do; the same one does the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tear(pub u64);

impl Tear {
    /// Whether the part of this number happens. Parts of one call may reach the disk in any order.
    pub(crate) fn takes(self, part: usize) -> bool {
        let mixed = (self.0 ^ part as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed ^ mixed >> 29).wrapping_mul(0xbf58_476d_1ce4_e5b9) >> 63 == 1
    }

    /// One of so many; 0 if there is none.
    pub(crate) fn choose(self, of: usize) -> usize {
        (self.0 >> 3).checked_rem(of as u64).unwrap_or(0) as usize
    }
}

/// How far a call gets.
pub(super) enum Step {
    Whole,
    Torn(Tear),
    Off,
}

/// Called after each call that changes a store, on whatever thread made it.
type Strike = dyn Fn(u64) + Send + Sync;

/// The calls that change a store, over all stores of one vault.
#[derive(Default)]
pub(super) struct Moments(Mutex<State>);

#[derive(Default)]
struct State {
    /// Calls since the last order.
    calls: u64,
    cut: Option<(u64, Tear)>,
    off: bool,
    strike: Option<Arc<Strike>>,
}

impl Moments {
    pub(super) fn begin(&self) -> Step {
        let mut state = self.lock();
        if state.off {
            return Step::Off;
        }
        state.calls += 1;
        match state.cut {
            Some((last, tear)) if state.calls > last => {
                state.off = true;
                Step::Torn(tear)
            }
            _ => Step::Whole,
        }
    }

    /// A whole call has ended.
    pub(super) fn end(&self) {
        let state = self.lock();
        let (calls, strike) = (state.calls, state.strike.clone());
        drop(state);
        if let Some(strike) = strike {
            strike(calls);
        }
    }

    pub(super) fn cut_after(&self, calls: u64, tear: Tear) {
        let mut state = self.lock();
        (state.calls, state.cut) = (0, Some((calls, tear)));
    }

    pub(super) fn is_off(&self) -> bool {
        self.lock().off
    }

    /// There is power again, and no cut ahead.
    pub(super) fn power(&self) {
        let mut state = self.lock();
        (state.off, state.cut) = (false, None);
    }

    pub(super) fn on_call(&self, strike: Option<Arc<Strike>>) {
        let mut state = self.lock();
        (state.calls, state.strike) = (0, strike);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
