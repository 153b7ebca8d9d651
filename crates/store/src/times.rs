//! The vault's times, in microseconds since 1970, as dates.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// RFC 3339 in UTC of microseconds since 1970, to the microsecond; the epoch for what no calendar can hold (damaged data).
pub fn rfc3339(micros: u64) -> String {
    let text = date(micros).and_then(|at| at.format(&Rfc3339).ok());
    text.unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}

/// Seconds, as the key plane counts them, as microseconds; before 1970 is 1970.
pub(crate) fn micros(seconds: i64) -> u64 {
    u64::try_from(seconds).unwrap_or(0).saturating_mul(1_000_000)
}

/// Whole seconds of microseconds.
pub(crate) fn seconds(micros: u64) -> i64 {
    i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX)
}

pub(crate) fn date(micros: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::UNIX_EPOCH.checked_add(Duration::microseconds(i64::try_from(micros).ok()?))
}
