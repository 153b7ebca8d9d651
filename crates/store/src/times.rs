//! The vault's times, in microseconds since 1970, as dates.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// RFC 3339 in UTC of microseconds since 1970, to the microsecond; the epoch for what no calendar can hold (damaged data).
pub fn rfc3339(micros: u64) -> String {
    let text = date(micros).and_then(|at| at.format(&Rfc3339).ok());
    text.unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}

pub(crate) fn date(micros: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::UNIX_EPOCH.checked_add(Duration::microseconds(i64::try_from(micros).ok()?))
}
