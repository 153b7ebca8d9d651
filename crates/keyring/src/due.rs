//! The time by which things are forgotten: a jump of the wall clock must never delete early.
//!
//! From a *mark* on (a time, and what the steady counter said then) time passes as the counter counts. The wall clock is believed
//! within a thousandth of that, so that small corrections find their way in. When the machine was started anew the counter says
//! nothing about the time between; then the wall clock is believed as far as a tolerance past the mark. What goes beyond is not lost: it
//! is caught up at a thousandth, or at once when an operator says that the clock is right.

use crate::clock::{Clock, Steady};

/// How old a mark becomes before the next takes its place, in seconds.
const AGE: i64 = 3600;
/// The wall clock may run so many times slower or faster than the counter, at most by one part in.
const DRIFT: i64 = 1000;

/// A moment that is vouched for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Mark {
    pub(crate) boot: u32,
    /// The counter then, in seconds.
    pub(crate) steady: u32,
    /// Seconds since the Unix epoch.
    pub(crate) time: i64,
}

impl Mark {
    /// The wall clock as it is, believed.
    pub(crate) fn believe(clock: &dyn Clock) -> Self {
        Self::at(clock.steady(), clock.now_unix())
    }

    /// What time it is, in seconds since the Unix epoch. Never before the mark.
    pub(crate) fn now(&self, clock: &dyn Clock, tolerance: i64) -> i64 {
        self.judge(clock.steady(), clock.now_unix(), tolerance)
    }

    /// The mark to count from in this run: the same if the machine is still the same run.
    pub(crate) fn resume(&self, clock: &dyn Clock, tolerance: i64) -> Self {
        let steady = clock.steady();
        if self.elapsed(steady).is_some() {
            return *self;
        }
        Self::at(steady, self.judge(steady, clock.now_unix(), tolerance))
    }

    /// The mark to store now: a new one once this is old. Not sooner, since each takes over what the drift allowed.
    pub(crate) fn next(&self, clock: &dyn Clock) -> Self {
        let steady = clock.steady();
        let now = self.judge(steady, clock.now_unix(), 0);
        if now >= self.time.saturating_add(AGE) { Self::at(steady, now) } else { *self }
    }

    fn at(steady: Steady, time: i64) -> Self {
        Self { boot: steady.boot, steady: steady.seconds, time }
    }

    fn judge(&self, steady: Steady, wall: i64, tolerance: i64) -> i64 {
        let (passed, slack) = match self.elapsed(steady) {
            Some(elapsed) => (elapsed, elapsed / DRIFT),
            None => (0, tolerance.max(0)),
        };
        let expected = self.time.saturating_add(passed);
        let least = expected.saturating_sub(slack).max(self.time);
        wall.clamp(least, expected.saturating_add(slack).max(least))
    }

    /// Seconds since the mark, if the counter can say.
    fn elapsed(&self, steady: Steady) -> Option<i64> {
        (steady.boot == self.boot).then(|| steady.seconds.checked_sub(self.steady)).flatten().map(i64::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const DAY: u32 = 24 * 3600;

    fn at(boot: u32, seconds: u32) -> Steady {
        Steady { boot, seconds }
    }

    #[test]
    fn a_wall_clock_that_goes_right_is_believed() {
        let mark = Mark::at(at(1, 100), 1_000_000);
        assert_eq!(mark.judge(at(1, 100), 1_000_000, 0), 1_000_000);
        assert_eq!(mark.judge(at(1, 100 + DAY), 1_000_000 + i64::from(DAY), 0), 1_000_000 + i64::from(DAY));
        // A correction of half a minute within a day.
        assert_eq!(mark.judge(at(1, 100 + DAY), 1_000_030 + i64::from(DAY), 0), 1_000_030 + i64::from(DAY));
    }

    #[test]
    fn a_jump_is_not() {
        let mark = Mark::at(at(1, 100), 1_000_000);
        let (day, year) = (i64::from(DAY), 365 * i64::from(DAY));
        assert_eq!(mark.judge(at(1, 100 + DAY), 1_000_000 + year, 3600), 1_000_000 + day + day / 1000);
        assert_eq!(mark.judge(at(1, 100 + DAY), 0, 3600), 1_000_000 + day - day / 1000);
        // After a start of the machine nothing but the tolerance is granted, and never less than the mark.
        assert_eq!(mark.judge(at(2, 7), 1_000_000 + year, 3600), 1_003_600);
        assert_eq!(mark.judge(at(2, 7), 0, 3600), 1_000_000);
    }

    proptest! {
        /// However often marks are taken: time never runs ahead of the counter by more than the drift and a tolerance for each start.
        #[test]
        fn marks_do_not_add_up(steps in prop::collection::vec((0u32..20_000, -1_000_000i64..1_000_000, any::<bool>()), 1..40)) {
            let (mut boot, mut seconds, mut counted, mut starts) = (1, 50, 0, 0);
            let mut mark = Mark::at(at(boot, seconds), 0);
            let mut last = 0;
            for (passed, jump, start) in steps {
                if start {
                    (boot, seconds, starts) = (boot + 1, 0, starts + 1);
                    mark = Mark::at(at(boot, 0), mark.judge(at(boot, 0), counted + jump, 60));
                }
                seconds += passed;
                counted += i64::from(passed);
                let now = mark.judge(at(boot, seconds), counted + jump, 60);
                prop_assert!(now >= mark.time && now <= counted + counted / 1000 + 60 * starts, "{now} after {counted}");
                if now >= mark.time + AGE {
                    prop_assert!(now >= last);
                    mark = Mark::at(at(boot, seconds), now);
                    last = now;
                }
            }
        }
    }
}
