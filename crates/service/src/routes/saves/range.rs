//! A single byte range (RFC 9110, section 14).

use axum::http::{HeaderMap, header};

/// Which bytes to send.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Span {
    /// All of them: no range asked for, one in another unit, several, or nonsense, all of which the RFC lets a server
    /// ignore.
    Whole,
    /// `from..to`, not empty.
    Part(u64, u64),
    /// 416
    Unsatisfiable,
}

/// The span that `Range` asks for in content of `size` bytes.
pub(super) fn span(headers: &HeaderMap, size: u64) -> Span {
    let mut values = headers.get_all(header::RANGE).iter();
    let (Some(value), None) = (values.next(), values.next()) else { return Span::Whole };
    value.to_str().ok().and_then(|text| parse(text, size)).unwrap_or(Span::Whole)
}

fn parse(text: &str, size: u64) -> Option<Span> {
    let (unit, range) = text.split_once('=')?;
    if !unit.trim().eq_ignore_ascii_case("bytes") {
        return None;
    }
    let (first, last) = range.trim().split_once('-')?;
    let (from, to) = match (first, last) {
        ("", last) => (size.saturating_sub(number(last)?), size),
        (first, "") => (number(first)?, size),
        (first, last) => {
            let (first, last) = (number(first)?, number(last)?);
            if last < first {
                return None;
            }
            (first, size.min(last.saturating_add(1)))
        }
    };
    Some(if from < to { Span::Part(from, to) } else { Span::Unsatisfiable })
}

/// Digits alone; a number too large for us is larger than any save.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn asked(value: &str, size: u64) -> Span {
        span(&HeaderMap::from_iter([(header::RANGE, value.parse().unwrap())]), size)
    }

    #[test]
    fn single_ranges() {
        assert_eq!(asked("bytes=0-3", 10), Span::Part(0, 4));
        assert_eq!(asked("bytes=4-", 10), Span::Part(4, 10));
        assert_eq!(asked("bytes=-3", 10), Span::Part(7, 10));
        assert_eq!(asked("bytes=-30", 10), Span::Part(0, 10));
        assert_eq!(asked("Bytes=9-99999999999999999999999", 10), Span::Part(9, 10));
    }

    #[test]
    fn beyond_the_end() {
        for range in ["bytes=10-", "bytes=10-11", "bytes=-0", "bytes=99999999999999999999999-"] {
            assert_eq!(asked(range, 10), Span::Unsatisfiable, "{range}");
        }
        assert_eq!(asked("bytes=0-", 0), Span::Unsatisfiable);
    }

    #[test]
    fn what_may_be_ignored_is() {
        for range in
            ["bytes=3-2", "bytes=0-1,4-5", "lines=1-2", "bytes=a-b", "bytes=-", "bytes", "bytes=+1-2"]
        {
            assert_eq!(asked(range, 10), Span::Whole, "{range}");
        }
    }

    proptest! {
        #[test]
        fn a_part_lies_inside(text in "bytes=[0-9]{0,4}-[0-9]{0,4}", size in 0u64..5000) {
            if let Span::Part(from, to) = asked(&text, size) {
                prop_assert!(from < to && to <= size);
            }
        }
    }
}
