//! See [`crate::fuzzing`].

use axum::http::{HeaderMap, HeaderValue, header};
use oubliette_store::SaveInfo;

use super::conditions::{Wanted, judge, range_allowed};
use super::range::{Span, span};

const SIZE: u64 = 1000;

/// Input: `which:1 ‖ header value`.
pub(crate) fn etags(input: &[u8]) {
    let Some((which, value)) = input.split_first() else { return };
    let Ok(value) = HeaderValue::from_bytes(value) else { return };
    let names = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_RANGE, header::RANGE];
    let Some(name) = names.into_iter().nth(usize::from(which % 4)) else { return };
    let headers = HeaderMap::from_iter([(name, value)]);
    let _refused = Wanted::of(&headers).is_err();
    let _judged = judge(&headers, &info()).is_err();
    assert!(
        !range_allowed(&headers, &info())
            || headers.get(header::IF_RANGE).is_none_or(|it| it == &info().etag())
    );
    if let Span::Part(from, to) = span(&headers, SIZE) {
        assert!(from < to && to <= SIZE);
    }
}

fn info() -> SaveInfo {
    SaveInfo {
        game: String::new(),
        slot: String::new(),
        version: 3,
        tag: "9f1c".to_owned(),
        size: SIZE,
        created: 0,
        content_type: None,
        meta: None,
        new_slot: false,
    }
}

pub(crate) fn etags_seeds() -> Vec<Vec<u8>> {
    [
        (0, r#""3-9f1c""#),
        (0, r#""3", W/"4-aaaa", "x""#),
        (1, "*"),
        (2, r#""3-9f1c""#),
        (3, "bytes=0-99"),
        (3, "bytes=-5"),
        (3, "bytes=18446744073709551615-"),
    ]
    .map(|(which, text)| [&[which], text.as_bytes()].concat())
    .to_vec()
}
