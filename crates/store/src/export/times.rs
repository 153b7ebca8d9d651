//! Times as people and as ZIPs write them.

use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};

/// RFC 3339 in UTC of microseconds since 1970; the epoch for what no calendar can hold.
pub(super) fn text(micros: u64) -> String {
    let text = date(micros).and_then(|at| at.format(&Rfc3339).ok());
    text.unwrap_or_else(|| "1970-01-01T00:00:00Z".to_owned())
}

/// To two seconds, in UTC; 1980 for what no ZIP can hold.
pub(super) fn zip(micros: u64) -> zip::DateTime {
    let at = date(micros).and_then(|at| {
        let year = u16::try_from(at.year()).ok()?;
        let (month, day) = (u8::from(at.month()), at.day());
        zip::DateTime::from_date_and_time(year, month, day, at.hour(), at.minute(), at.second()).ok()
    });
    at.unwrap_or_default()
}

fn date(micros: u64) -> Option<OffsetDateTime> {
    OffsetDateTime::UNIX_EPOCH.checked_add(Duration::microseconds(i64::try_from(micros).ok()?))
}
