//! Steam Guard codes with known answers, and the credentials of an account that does not exist.

use super::{read_json, samples_dir, text};
use data_encoding::{BASE32_NOPAD, BASE64, HEXLOWER};
use serde_json::Value;
use std::path::Path;

/// The code that a shared secret gives at a time (unix seconds).
pub(crate) struct KnownCode {
    pub(crate) secret: Vec<u8>,
    pub(crate) time: u64,
    pub(crate) code: String,
}

/// The sample account's name, what the API takes as its credentials, and the codes that follow.
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) credentials: Value,
    pub(crate) codes: Vec<KnownCode>,
}

/// `examples/data/steam/demo-account.json`.
pub(crate) fn sample() -> Account {
    let file = read_json(&samples_dir().join("steam/demo-account.json"));
    let secret = BASE64.decode(text(&file["credentials"]["shared_secret"]).as_bytes()).unwrap();
    let codes = file["guard_codes"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| known(secret.clone(), &row["time"], &row["code"]));
    Account { name: text(&file["account"]), codes: codes.collect(), credentials: file["credentials"].clone() }
}

/// The shared known answers, from three implementations that are not ours.
pub(crate) fn known_codes(shared: &Path) -> Vec<KnownCode> {
    let file = read_json(&shared.join("data/steam/steam-totp-kat.json"));
    file["rows"].as_array().unwrap().iter().map(|row| known(secret(row), &row["t"], &row["code"])).collect()
}

fn known(secret: Vec<u8>, time: &Value, code: &Value) -> KnownCode {
    KnownCode { secret, time: time.as_u64().unwrap(), code: text(code) }
}

/// One of the base32 secrets ends inside a byte; like the tools it came from, we drop the odd bits.
fn secret(row: &Value) -> Vec<u8> {
    let mut base32 = BASE32_NOPAD.specification();
    base32.check_trailing_bits = false;
    let base32 = base32.encoding().unwrap();
    let (encoding, field) = [(BASE64, "secret_b64"), (base32, "secret_b32"), (HEXLOWER, "secret_hex")]
        .into_iter()
        .find(|(_, field)| row.get(field).is_some())
        .expect("a secret in one of three encodings");
    encoding.decode(text(&row[field]).as_bytes()).unwrap()
}
