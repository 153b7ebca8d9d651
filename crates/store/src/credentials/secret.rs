//! Secrets that codes and keys are made from, in the spellings that Steam and its tools use.

use data_encoding::{BASE64, BASE64_NOPAD, HEXLOWER_PERMISSIVE};
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;
use zeroize::Zeroizing;

const HEX_SECRET: usize = 40;
const MAX_SECRET: usize = 64;

/// Base64 with or without padding, or 40 hexadecimal digits (which would be base64, too, of a length that Steam does not use).
/// 1 to 64 bytes.
pub(super) fn parse_secret(text: &str) -> Option<Zeroizing<Vec<u8>>> {
    let decoded = match text.len() {
        HEX_SECRET => HEXLOWER_PERMISSIVE.decode(text.as_bytes()).or_else(|_| BASE64.decode(text.as_bytes())),
        _ => BASE64.decode(text.as_bytes()).or_else(|_| BASE64_NOPAD.decode(text.as_bytes())),
    };
    let secret = Zeroizing::new(decoded.ok()?);
    (1..=MAX_SECRET).contains(&secret.len()).then_some(secret)
}

pub(super) fn is_secret(text: &str) -> bool {
    parse_secret(text).is_some()
}

/// HMAC-SHA1 over the concatenated parts. Leaves the secret on the stack, padded: callers wipe that.
#[expect(clippy::expect_used, reason = "HMAC takes keys of any length")]
pub(super) fn mac(secret: &[u8], parts: &[&[u8]]) -> [u8; 20] {
    let mut mac = Hmac::<Sha1>::new_from_slice(secret).expect("a key of any length");
    parts.iter().for_each(|part| mac.update(part));
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_in_their_spellings() {
        let twenty = parse_secret("zvIayp3JPvtvX/QGHqsqKBk/44s=").unwrap();
        assert_eq!(parse_secret("zvIayp3JPvtvX/QGHqsqKBk/44s").unwrap(), twenty);
        assert_eq!(parse_secret(&data_encoding::HEXUPPER.encode(&twenty)).unwrap(), twenty);
        for wrong in ["", "=", "zvIayp3J*vtvX", &"A".repeat(400)] {
            assert!(parse_secret(wrong).is_none(), "{wrong}");
        }
    }
}
