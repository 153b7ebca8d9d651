//! The secrets of an account.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::guard;
use crate::VaultError;

/// Fields that may be stored.
const KNOWN: [&str; 12] = [
    "access_token",
    "device_id",
    "identity_secret",
    "password",
    "refresh_token",
    "revocation_code",
    "secret_1",
    "serial_number",
    "shared_secret",
    "steam_id",
    "token_gid",
    "uri",
];
const MAX_VALUE: usize = 8 * 1024;

/// Secrets by field: `password`, `refresh_token`, `access_token`, `shared_secret` (base64, or 40 hexadecimal digits),
/// `identity_secret`, `secret_1`, `device_id`, `revocation_code`, `serial_number`, `steam_id`, `token_gid`, `uri`. Never printed, wiped on drop.
pub struct SteamFields(pub BTreeMap<String, String>);

impl SteamFields {
    pub(super) fn check(&self) -> Result<(), VaultError> {
        if self.0.is_empty() {
            return Err(VaultError::invalid("fields", "there must be at least one"));
        }
        for (field, value) in &self.0 {
            // Only a name of our own goes into the message: a caller may have mixed up name and value.
            let Some(known) = KNOWN.into_iter().find(|known| known == field) else {
                return Err(VaultError::invalid(
                    "fields",
                    format!("only these are known: {}", KNOWN.join(", ")),
                ));
            };
            if !(1..=MAX_VALUE).contains(&value.len()) {
                return Err(VaultError::invalid(known, format!("must have 1 to {MAX_VALUE} bytes")));
            }
        }
        match self.0.get(guard::SHARED_SECRET) {
            Some(secret) => guard::parse_secret(secret).map(drop),
            None => Ok(()),
        }
    }

    pub(super) fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }

    pub(crate) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        // Room enough that the vector never moves and leaves a copy behind: six bytes at most for each of a text.
        let room = self.0.iter().map(|(field, value)| 6 * (field.len() + value.len()) + 8).sum::<usize>() + 2;
        let mut json = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *json, &self.0)
            .map_err(|_| VaultError::invalid("fields", "cannot be stored"))?;
        Ok(json)
    }

    /// `None` if these bytes are no fields.
    pub(crate) fn decode(json: &[u8]) -> Option<Self> {
        serde_json::from_slice(json).ok().map(Self)
    }
}

impl Drop for SteamFields {
    fn drop(&mut self) {
        self.0.values_mut().for_each(Zeroize::zeroize);
    }
}

impl fmt::Debug for SteamFields {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SteamFields(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(pairs: &[(&str, &str)]) -> SteamFields {
        SteamFields(pairs.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect())
    }

    #[test]
    fn only_known_fields_of_a_sane_size() {
        assert!(
            fields(&[("password", "x"), ("shared_secret", "zvIayp3JPvtvX/QGHqsqKBk/44s=")]).check().is_ok()
        );
        assert!(fields(&[]).check().is_err());
        assert!(fields(&[("password", "")]).check().is_err());
        assert!(fields(&[("password", &"x".repeat(MAX_VALUE + 1))]).check().is_err());
        assert!(fields(&[("shared_secret", "not base64!")]).check().is_err());
        let error = fields(&[("hunter2", "x")]).check().unwrap_err().to_string();
        assert!(error.contains("password") && !error.contains("hunter2"));
    }

    #[test]
    fn debug_prints_nothing_and_encoding_does_not_move() {
        let stored = fields(&[("password", &"\u{1}".repeat(500)), ("uri", "steam://x\"y")]);
        assert_eq!(format!("{stored:?}"), "SteamFields(..)");
        let json = stored.encode().unwrap();
        assert!(json.len() <= json.capacity());
        assert_eq!(SteamFields::decode(&json).unwrap().0, stored.0);
    }
}
