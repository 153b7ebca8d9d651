//! Steam Guard codes: HMAC-SHA1 over the 30-second step, dynamically truncated as in RFC 4226, five characters of Steam's own alphabet.

use oubliette_crypto::wiped;

use super::{Credentials, NO_SECRET, UseKind, secret, steam_time};
use crate::VaultError;

const SHARED_SECRET: &str = "shared_secret";
const ALPHABET: &[u8; 26] = b"23456789BCDFGHJKMNPQRTVWXY";
const STEP: u64 = 30;
/// So near its end a code may have ended before it arrives: the next one goes along.
const EDGE: u64 = 5;
const MICROS: u64 = 1_000_000;

/// A code for signing in.
#[derive(Clone)]
pub struct GuardCode {
    /// Five characters.
    pub code: String,
    /// The end of its 30 seconds by the vault's clock, in microseconds since 1970.
    pub valid_until: u64,
    /// The code of the 30 seconds after that, in the last 5 seconds of a code's own.
    pub next: Option<String>,
}

/// The code is a secret as long as it is valid.
impl std::fmt::Debug for GuardCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardCode").field("valid_until", &self.valid_until).finish_non_exhaustive()
    }
}

impl Credentials {
    /// The code of this moment by the vault's own clock; see [`Credentials::guard_code_at`].
    ///
    /// # Errors
    /// As there.
    pub fn guard_code(&self, account: &str) -> Result<GuardCode, VaultError> {
        self.guard_code_at(account, 0)
    }

    /// The code of this moment; the shared secret stays inside. Notes the day of use. `offset` is how many seconds Steam's clock is
    /// ahead of the vault's, at most a day either way.
    ///
    /// # Errors
    /// [`VaultError::ConsentRequired`]; [`VaultError::NotFound`] without an account or without its shared secret;
    /// [`VaultError::Invalid`] for the offset.
    pub fn guard_code_at(&self, account: &str, offset: i64) -> Result<GuardCode, VaultError> {
        self.with_secrets(account, UseKind::GuardCode, |fields, now| {
            let unix = steam_time(now, offset)?;
            let secret = fields.0.get(SHARED_SECRET).and_then(|text| secret::parse_secret(text));
            let secret = secret.ok_or(NO_SECRET)?;
            let left = STEP - unix % STEP;
            // HMAC pads the secret on the stack.
            Ok(wiped(|| GuardCode {
                code: code(&secret, unix),
                valid_until: (now / MICROS).saturating_add(left).saturating_mul(MICROS),
                next: (left <= EDGE).then(|| code(&secret, unix + left)),
            }))
        })
    }
}

fn code(secret: &[u8], unix: u64) -> String {
    let digest = secret::mac(secret, &[&(unix / STEP).to_be_bytes()]);
    let offset = usize::from(digest[19] & 0xf);
    let word =
        digest.get(offset..offset + 4).and_then(|word| word.try_into().ok()).map_or(0, u32::from_be_bytes);
    let mut rest = word & 0x7fff_ffff;
    let mut code = String::with_capacity(5);
    for _ in 0..5 {
        #[expect(clippy::indexing_slicing, reason = "a remainder by 26 indexes 26 characters")]
        code.push(char::from(ALPHABET[(rest % 26) as usize]));
        rest /= 26;
    }
    code
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, HEXLOWER_PERMISSIVE};

    use super::*;

    /// Public known answers: crates steamguard 0.18.4 and steam-totp 0.2.3, pyotp 2.12.0.
    #[test]
    fn known_answers() {
        let base64 = secret::parse_secret("zvIayp3JPvtvX/QGHqsqKBk/44s=").unwrap();
        assert_eq!(code(&base64, 1_616_374_841), "2F9J5");
        assert_eq!(code(&[0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0x00], 1_572_580_000), "6RFHH");
        let base32 = data_encoding::BASE32.decode(b"FMXNK4QEGKVPULRTADY6JIDK5VHUBGZW").unwrap();
        assert_eq!(code(&base32, 90), "JG3T3");
    }

    /// The whole list, where the project's shared data is at hand.
    #[test]
    fn known_answers_of_the_shared_data() {
        let shared = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data/steam/steam-totp-kat.json");
        let Ok(json) = std::fs::read(shared) else {
            println!("left out: guard codes of the store: no ../shared here");
            return;
        };
        let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
        let rows = json["rows"].as_array().unwrap();
        assert!(rows.len() >= 10);
        let mut base32 = data_encoding::BASE32_NOPAD.specification();
        base32.check_trailing_bits = false;
        let base32 = base32.encoding().unwrap();
        for row in rows {
            let secret =
                match (row["secret_b64"].as_str(), row["secret_hex"].as_str(), row["secret_b32"].as_str()) {
                    (Some(text), _, _) => BASE64.decode(text.as_bytes()),
                    (_, Some(text), _) => HEXLOWER_PERMISSIVE.decode(text.as_bytes()),
                    (_, _, Some(text)) => base32.decode(text.as_bytes()),
                    _ => panic!("no secret in {row}"),
                };
            assert_eq!(
                code(&secret.unwrap(), row["t"].as_u64().unwrap()),
                row["code"].as_str().unwrap(),
                "{row}"
            );
        }
    }
}
