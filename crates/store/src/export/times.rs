//! Times as people and as ZIPs write them.

use crate::times::date;
pub(super) use crate::times::rfc3339 as text;

/// To two seconds, in UTC; 1980 for what no ZIP can hold.
pub(super) fn zip(micros: u64) -> zip::DateTime {
    let at = date(micros).and_then(|at| {
        let year = u16::try_from(at.year()).ok()?;
        let (month, day) = (u8::from(at.month()), at.day());
        zip::DateTime::from_date_and_time(year, month, day, at.hour(), at.minute(), at.second()).ok()
    });
    at.unwrap_or_default()
}
