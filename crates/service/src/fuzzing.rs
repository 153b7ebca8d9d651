//! What the fuzz targets call (`fuzz/`), and what their corpora begin with: as in the crates below. Not part of the crate's interface.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a broken promise is told by a panic")]

use crate::operator::{Answer, Command};
use crate::times;

/// A target: its name, what it does with an input, and inputs made from true encodings.
pub type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

/// All of this crate.
pub const TARGETS: [Target; 6] = [
    ("api_bodies", crate::routes::fuzz::bodies, crate::routes::fuzz::bodies_seeds),
    (
        "credential_bodies",
        crate::routes::fuzz::credential_bodies,
        crate::routes::fuzz::credential_bodies_seeds,
    ),
    ("etags", crate::routes::fuzz::etags, crate::routes::fuzz::etags_seeds),
    ("operator_socket", operator, operator_seeds),
    ("times", time, time_seeds),
    ("token_file", crate::tokens::fuzz_file, crate::tokens::fuzz_file_seeds),
];

/// Input: a line of `admin.sock`, as a command and as an answer.
fn operator(input: &[u8]) {
    if let Ok(command) = serde_json::from_slice::<Command>(input) {
        let json = serde_json::to_vec(&command).unwrap();
        let again = serde_json::from_slice::<Command>(&json).unwrap();
        assert_eq!(serde_json::to_vec(&again).unwrap(), json);
    }
    if let Ok(answer) = serde_json::from_slice::<Answer>(input) {
        let json = serde_json::to_vec(&answer).unwrap();
        assert_eq!(serde_json::to_vec(&serde_json::from_slice::<Answer>(&json).unwrap()).unwrap(), json);
    }
}

fn operator_seeds() -> Vec<Vec<u8>> {
    [
        r#"{"command":"subject erase","user":"ann"}"#,
        r#"{"command":"subject show","user":"ann"}"#,
        r#"{"command":"fsck","repair":true}"#,
        r#"{"command":"fsck","repair":true,"give_up_lost":true}"#,
        r#"{"command":"status"}"#,
        r#"{"command":"trust clock"}"#,
        r#"{"fsck":{"pages":1,"rows":2,"blobs":3,"mended":0,"orphans":0,"faults":["a page"]}}"#,
    ]
    .map(|json| json.as_bytes().to_vec())
    .to_vec()
}

/// Input: a time as a client sends it.
fn time(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some(micros) = times::micros(text) {
        assert_eq!(times::micros(&times::text(micros)), Some(micros));
    }
}

fn time_seeds() -> Vec<Vec<u8>> {
    [
        "2023-11-14T22:13:20.123456Z",
        "2023-11-15T00:13:20+02:00",
        "9999-12-31T23:59:59Z",
        "9999-12-31T23:59:59-02:00",
        "1969-12-31T23:59:59Z",
    ]
    .map(|text| text.as_bytes().to_vec())
    .to_vec()
}
