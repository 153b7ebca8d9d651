//! Steam Guard codes: HMAC-SHA1 over the 30-second step, dynamically truncated as in RFC 4226, five characters of Steam's own alphabet.

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use oubliette_crypto::wiped;
use sha1::Sha1;
use zeroize::Zeroizing;

use super::{Credentials, STEAM_CREDENTIALS, SteamFields, account_name};
use crate::VaultError;

pub(super) const SHARED_SECRET: &str = "shared_secret";
const ALPHABET: &[u8; 26] = b"23456789BCDFGHJKMNPQRTVWXY";
const STEP: u64 = 30;
const MICROS: u64 = 1_000_000;
const HEX_SECRET: usize = 40;
const MAX_SECRET: usize = 64;

/// A code for signing in.
#[derive(Clone)]
pub struct GuardCode {
    /// Five characters.
    pub code: String,
    /// The end of its 30 seconds, in microseconds since 1970.
    pub valid_until: u64,
}

/// The code is a secret as long as it is valid.
impl std::fmt::Debug for GuardCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("GuardCode").field("valid_until", &self.valid_until).finish_non_exhaustive()
    }
}

impl Credentials {
    /// The code of this moment; the shared secret stays inside. Notes the day of use.
    ///
    /// # Errors
    /// [`VaultError::ConsentRequired`]; [`VaultError::NotFound`] without an account or without its shared secret.
    pub fn guard_code(&self, account: &str) -> Result<GuardCode, VaultError> {
        let name = account_name(account)?;
        self.person.require_consent(STEAM_CREDENTIALS)?;
        let account = self.account(&name)?;
        // Until the answer: no code is told after the person's erasure was acknowledged.
        let _operation = self.person.enter()?;
        let opened = self.person.open(account.place, &account.row)?;
        let damaged = opened.corrupt();
        let fields = SteamFields::decode(&opened.content()?).ok_or(damaged)?;
        let secret = fields.0.get(SHARED_SECRET).ok_or(VaultError::NotFound { what: "shared secret" })?;
        let unix = self.person.vault.now() / MICROS;
        let secret = parse_secret(secret)?;
        // HMAC pads the secret on the stack.
        let code = wiped(|| code(&secret, unix));
        let valid_until = (unix - unix % STEP + STEP) * MICROS;
        // A sign-in does not fail because its day could not be noted.
        if let Err(error) = self.note_use(&account) {
            tracing::warn!(%error, "the use of a credential was not noted");
        }
        if self.person.is_cut(account.place)? {
            return Err(VaultError::Forgotten);
        }
        Ok(GuardCode { code, valid_until })
    }
}

/// Base64 with or without padding, or 40 hexadecimal digits (which would be base64, too, of a length that Steam does not use).
pub(super) fn parse_secret(text: &str) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let decoded = match text.len() {
        HEX_SECRET => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).or_else(|_| BASE64.decode(text.as_bytes())),
        _ => BASE64.decode(text.as_bytes()).or_else(|_| BASE64_NOPAD.decode(text.as_bytes())),
    };
    match decoded.map(Zeroizing::new) {
        Ok(secret) if (1..=MAX_SECRET).contains(&secret.len()) => Ok(secret),
        _ => Err(VaultError::invalid(
            SHARED_SECRET,
            "must be base64 of 1 to 64 bytes, or 40 hexadecimal digits",
        )),
    }
}

#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
fn code(secret: &[u8], unix: u64) -> String {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("a key of any length");
    mac.update(&(unix / STEP).to_be_bytes());
    let digest: [u8; 20] = mac.finalize().into_bytes().into();
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
    use super::*;

    /// Public known answers: crates steamguard 0.18.4 and steam-totp 0.2.3, pyotp 2.12.0.
    #[test]
    fn known_answers() {
        let base64 = parse_secret("zvIayp3JPvtvX/QGHqsqKBk/44s=").unwrap();
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

    #[test]
    fn secrets_in_their_spellings() {
        let twenty = parse_secret("zvIayp3JPvtvX/QGHqsqKBk/44s=").unwrap();
        assert_eq!(parse_secret("zvIayp3JPvtvX/QGHqsqKBk/44s").unwrap(), twenty);
        assert_eq!(parse_secret(&data_encoding::HEXUPPER.encode(&twenty)).unwrap(), twenty);
        for wrong in ["", "=", "zvIayp3J*vtvX", &"A".repeat(400)] {
            assert!(parse_secret(wrong).is_err(), "{wrong}");
        }
    }
}
