//! Known answers for the key side: `vectors/tree.json`, made by `vectors/tree.py`, which shares no code with this crate.
//! After a change of the formats: `python3 crates/crypto/vectors/tree.py > crates/crypto/vectors/tree.json`.

use std::io::ErrorKind;
use std::process::Command;

use serde_json::Value;

const JSON: &str = include_str!("../vectors/tree.json");

pub(crate) fn tree() -> Value {
    serde_json::from_str(JSON).unwrap()
}

pub(crate) fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

/// A number; beyond 2^53 they are spelled as text.
pub(crate) fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_else(|| text(value).parse().unwrap())
}

pub(crate) fn hex(value: &Value) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text(value).as_bytes()).unwrap()
}

pub(crate) fn array<const N: usize>(value: &Value) -> [u8; N] {
    hex(value).try_into().unwrap()
}

#[test]
fn the_script_makes_these_vectors_byte_for_byte() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/tree.py");
    match Command::new("python3").arg(script).output() {
        Ok(run) => {
            assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
            assert!(run.stdout == JSON.as_bytes(), "vectors/tree.json is not what vectors/tree.py makes");
        }
        Err(error) if error.kind() == ErrorKind::NotFound => println!("no python3 here: not compared"),
        Err(error) => panic!("{error}"),
    }
}
