//! Times on the wire: RFC 3339 in UTC, to the microsecond. The vault counts microseconds since 1970.

use time::{OffsetDateTime, UtcOffset, format_description::well_known::Rfc3339};

pub(crate) use oubliette_store::rfc3339 as text;

/// Reads a client's RFC 3339 time (any offset) as microseconds; `None` if it is none, lies before 1970, or after 9999 in UTC, where no
/// answer could name it.
pub fn micros(text: &str) -> Option<u64> {
    let at = OffsetDateTime::parse(text, &Rfc3339).ok()?.checked_to_offset(UtcOffset::UTC)?;
    if at.year() > 9999 {
        return None;
    }
    u64::try_from(at.unix_timestamp_nanos() / 1000).ok()
}

/// Microseconds since 1970 now.
pub(crate) fn now() -> u64 {
    u64::try_from(OffsetDateTime::now_utc().unix_timestamp_nanos() / 1000).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::{micros, text};

    #[test]
    fn round_trip_in_utc() {
        assert_eq!(text(1_700_000_000_123_456), "2023-11-14T22:13:20.123456Z");
        assert_eq!(micros("2023-11-14T22:13:20.123456Z"), Some(1_700_000_000_123_456));
        assert_eq!(micros("2023-11-15T00:13:20.123456+02:00"), Some(1_700_000_000_123_456));
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for bad in [
            "",
            "yesterday",
            "2023-11-14",
            "1969-12-31T23:59:59Z",
            "2023-13-01T00:00:00Z",
            "9999-12-31T23:59:59-02:00",
        ] {
            assert_eq!(micros(bad), None, "{bad}");
        }
        assert_eq!(text(u64::MAX), "1970-01-01T00:00:00Z");
    }
}
