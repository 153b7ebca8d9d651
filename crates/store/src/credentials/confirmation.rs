//! Keys for confirmations (trades, sales): HMAC-SHA1 over the time and a tag that names what is asked.

use data_encoding::BASE64;
use oubliette_crypto::wiped;

use super::{Credentials, NO_IDENTITY, UseKind, secret, steam_time};
use crate::VaultError;

const IDENTITY_SECRET: &str = "identity_secret";
/// Steam takes no longer tag into account.
const MAX_TAG: usize = 32;

/// A key for one confirmation request.
#[derive(Clone)]
pub struct ConfirmationKey {
    /// Base64 of 20 bytes.
    pub key: String,
    /// Steam's time that it was made for, in seconds since 1970; to be sent along.
    pub time: u64,
}

/// The key is a secret as long as Steam takes it.
impl std::fmt::Debug for ConfirmationKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ConfirmationKey").field("time", &self.time).finish_non_exhaustive()
    }
}

impl Credentials {
    /// A key for confirmations of this moment; the identity secret stays inside. Notes the day of use. `tag` is what Steam is asked
    /// (`conf`, `details`, `allow`, `cancel`, ...), at most 32 letters, digits or `_`; `offset` as for
    /// [`Credentials::guard_code_at`].
    ///
    /// # Errors
    /// [`VaultError::ConsentRequired`]; [`VaultError::NotFound`] without an account or without its identity secret;
    /// [`VaultError::Invalid`] for tag or offset.
    pub fn confirmation_key(
        &self,
        account: &str,
        tag: &str,
        offset: i64,
    ) -> Result<ConfirmationKey, VaultError> {
        if tag.len() > MAX_TAG || !tag.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            return Err(VaultError::invalid("tag", "must be at most 32 letters, digits or _"));
        }
        self.with_secrets(account, UseKind::ConfirmationKey, |fields, now| {
            let time = steam_time(now, offset)?;
            let secret = fields.0.get(IDENTITY_SECRET).and_then(|text| secret::parse_secret(text));
            let secret = secret.ok_or(NO_IDENTITY)?;
            Ok(ConfirmationKey { key: wiped(|| key(&secret, time, tag)), time })
        })
    }
}

fn key(secret: &[u8], time: u64, tag: &str) -> String {
    BASE64.encode(&secret::mac(secret, &[&time.to_be_bytes(), tag.as_bytes()]))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The first two are public known answers of the crate steam-totp 0.2.3; the third was made for this project by Python's hmac.
    #[test]
    fn known_answers() {
        let secret = [0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0x00];
        assert_eq!(key(&secret, 1_572_580_000, ""), "Y3orSQpLIsycZY/6shH8j/1UwRY=");
        assert_eq!(key(&secret, 1_572_580_000, "details"), "uofPzqUhpWkuPH4ZWuRSWejdfAw=");
        let secret = secret::parse_secret("0/ZLHWSHnqaEba5ZAw2YGd68DwE=").unwrap();
        assert_eq!(key(&secret, 1_767_225_600, "allow"), "KWz9pnG/9asoc8D7LEVz0RoRnGM=");
    }
}
