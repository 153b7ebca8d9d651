//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, reason = "a broken promise is told by a panic")]

use super::account::Facts;

/// Input: the facts of an item of an account. JSON has many spellings: what was read and written is read again as the same.
pub(crate) fn facts(json: &[u8]) {
    let Ok(facts) = serde_json::from_slice::<Facts>(json) else { return };
    let written = serde_json::to_vec(&facts).unwrap();
    let again = serde_json::from_slice::<Facts>(&written).unwrap();
    assert_eq!(serde_json::to_vec(&again).unwrap(), written);
}

pub(crate) fn facts_seeds() -> Vec<Vec<u8>> {
    [
        r#"{"fields":["password","uri"]}"#,
        r#"{"used":{"at":1700000000000000,"how":"guard_code"}}"#,
        r#"{"used":{"at":1,"how":"confirmation_key","release":null}}"#,
        r#"{"used":{"at":18446744073709551615,"how":"release","release":{"request":"r","purpose":"p","to":{"name":"h","key":"k"},"fields":["password"]}}}"#,
    ]
    .map(|json| json.as_bytes().to_vec())
    .to_vec()
}
