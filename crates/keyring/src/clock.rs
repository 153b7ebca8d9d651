//! Time as a dependency, so that expiry is tested without sleeping.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// Wall-clock time, and a counter beside it that nobody sets.
pub trait Clock: Send + Sync {
    /// Microseconds since the Unix epoch.
    fn now_micros(&self) -> i64;
    /// Seconds since the Unix epoch.
    fn now_unix(&self) -> i64 {
        self.now_micros().div_euclid(1_000_000)
    }
    /// The counter that judges the wall clock. What stands here is right for a clock that is moved by hand: it vouches for itself. A
    /// clock of the real world answers one that is never set.
    fn steady(&self) -> Steady {
        Steady { boot: 0, seconds: u32::try_from(self.now_unix()).unwrap_or(0) }
    }
}

/// A counter of seconds that only goes forward, as long as `boot` stays the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Steady {
    /// Which run of the machine. Counters of two runs cannot be compared.
    pub boot: u32,
    /// Seconds since some moment in that run.
    pub seconds: u32,
}

/// The machine's clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now_micros(&self) -> i64 {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i128::try_from(since.as_micros()).unwrap_or(i128::MAX),
            Err(before) => -i128::try_from(before.duration().as_micros()).unwrap_or(i128::MAX),
        };
        i64::try_from(micros).unwrap_or(i64::MAX)
    }

    fn steady(&self) -> Steady {
        steady()
    }
}

/// The machine's counter since it was started, sleep included; where the system does not tell it, the process's own.
pub fn steady() -> Steady {
    machine().unwrap_or_else(process)
}

fn machine() -> Option<Steady> {
    static BOOT: OnceLock<Option<u32>> = OnceLock::new();
    let boot = *BOOT.get_or_init(|| {
        let id = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        u32::from_str_radix(id.get(..8)?, 16).ok()
    });
    let uptime = std::fs::read_to_string("/proc/uptime").ok()?;
    Some(Steady { boot: boot?, seconds: uptime.split('.').next()?.parse().ok()? })
}

fn process() -> Steady {
    static START: OnceLock<(Instant, u32)> = OnceLock::new();
    let (start, boot) = START.get_or_init(|| {
        let mut boot = [0; 4];
        // Without randomness all runs look alike, and the counter begins anew in each: elapsed time is missed, never invented.
        let _none = getrandom::fill(&mut boot);
        (Instant::now(), u32::from_ne_bytes(boot))
    });
    Steady { boot: *boot, seconds: u32::try_from(start.elapsed().as_secs()).unwrap_or(u32::MAX) }
}

/// A clock that moves only when told to.
#[derive(Debug, Default)]
pub struct ManualClock(AtomicI64);

impl ManualClock {
    /// Stands at `unix` seconds.
    pub fn at_unix(unix: i64) -> Self {
        Self(AtomicI64::new(unix.saturating_mul(1_000_000)))
    }
    /// Moves forward (or back, if negative) by `seconds`.
    pub fn advance(&self, seconds: i64) {
        self.0.fetch_add(seconds.saturating_mul(1_000_000), Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst)
    }
}
