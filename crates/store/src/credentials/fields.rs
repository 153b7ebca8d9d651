//! The secrets of an account: which fields there are, and what each may hold.

use std::collections::BTreeMap;
use std::fmt;

use zeroize::{Zeroize, Zeroizing};

use super::secret;
use crate::VaultError;

/// What a field may hold; said to whoever sends something else, without repeating what was sent.
type Rule = (fn(&str) -> bool, &'static str);

/// Anything but control characters: a password may have spaces and any script.
const TEXT: Rule = (|text| !text.chars().any(char::is_control), "must have no control characters");
const TOKEN: Rule = (is_token, "must be printable ASCII without spaces");
const SECRET: Rule = (secret::is_secret, "must be base64 of 1 to 64 bytes, or 40 hexadecimal digits");
const STEAM_ID: Rule =
    (is_steam_id, "must be a SteamID64: 17 decimal digits, as in the address of the person's profile");
const OTPAUTH: Rule = (|text| text.starts_with("otpauth://") && is_token(text), "must begin with otpauth://");

/// Every field that may be stored, and its rule.
const KNOWN: [(&str, Rule); 14] = [
    ("access_token", TOKEN),
    ("account_name", TEXT),
    ("device_id", TOKEN),
    ("guard_data", TOKEN),
    ("identity_secret", SECRET),
    ("password", TEXT),
    ("refresh_token", TOKEN),
    ("revocation_code", TOKEN),
    ("secret_1", SECRET),
    ("serial_number", TOKEN),
    ("shared_secret", SECRET),
    ("steam_id", STEAM_ID),
    ("token_gid", TOKEN),
    ("uri", OTPAUTH),
];
const MAX_VALUE: usize = 8 * 1024;

/// Secrets by field. Never printed, wiped on drop.
///
/// | field | is |
/// |---|---|
/// | `account_name`, `password` | what a person types to sign in |
/// | `refresh_token`, `access_token` | what a sign-in left behind |
/// | `guard_data` | the machine's token, with which the next sign-in needs no mailed code |
/// | `shared_secret` | base64, or 40 hexadecimal digits; mints Guard codes |
/// | `identity_secret`, `device_id` | the same for confirmations |
/// | `revocation_code` | takes the authenticator off the account |
/// | `steam_id` | SteamID64, 17 digits |
/// | `secret_1`, `serial_number`, `token_gid`, `uri` | the rest of what Steam answers when an authenticator is added |
pub struct SteamFields(pub BTreeMap<String, String>);

impl SteamFields {
    /// Names of all fields that may be stored, ascending.
    pub fn known() -> impl Iterator<Item = &'static str> {
        KNOWN.iter().map(|(name, _)| *name)
    }

    pub(super) fn check(&self) -> Result<(), VaultError> {
        if self.0.is_empty() {
            return Err(VaultError::invalid("fields", "there must be at least one"));
        }
        for (field, value) in &self.0 {
            let (name, (holds, rule)) = known(field)?;
            if !(1..=MAX_VALUE).contains(&value.len()) {
                return Err(VaultError::invalid(name, format!("must have 1 to {MAX_VALUE} bytes")));
            }
            if !holds(value) {
                return Err(VaultError::invalid(name, rule));
            }
        }
        Ok(())
    }

    /// These in place of those of the same name; the others stay.
    pub(super) fn over(mut self, mut stored: Self) -> Self {
        for (field, value) in std::mem::take(&mut stored.0) {
            match self.0.entry(field) {
                std::collections::btree_map::Entry::Vacant(free) => drop(free.insert(value)),
                std::collections::btree_map::Entry::Occupied(_) => drop(Zeroizing::new(value)),
            }
        }
        self
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

/// A field's own name and rule.
pub(super) fn known(field: &str) -> Result<(&'static str, Rule), VaultError> {
    // Only names of our own go into the message: a caller may have mixed up name and value.
    KNOWN.into_iter().find(|(name, _)| *name == field).ok_or_else(|| {
        let names: Vec<_> = SteamFields::known().collect();
        VaultError::invalid("fields", format!("only these are known: {}", names.join(", ")))
    })
}

fn is_token(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

fn is_steam_id(text: &str) -> bool {
    text.len() == 17 && text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0')
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

    const WHOLE: [(&str, &str); 14] = [
        ("access_token", "eyAi.b.c"),
        ("account_name", "ann"),
        ("device_id", "android:00000000-0000-4000-8000-00000000de30"),
        ("guard_data", "eyAi.b.c"),
        ("identity_secret", "0/ZLHWSHnqaEba5ZAw2YGd68DwE="),
        ("password", "correct horse \u{96ea}"),
        ("refresh_token", "eyAi.b.c"),
        ("revocation_code", "R12345"),
        ("secret_1", "zvIayp3JPvtvX/QGHqsqKBk/44s="),
        ("serial_number", "72016503753671"),
        ("shared_secret", "zvIayp3JPvtvX/QGHqsqKBk/44s="),
        ("steam_id", "76561197960287930"),
        ("token_gid", "fe12390348285d7f4"),
        ("uri", "otpauth://totp/Steam:ann?secret=JRX7DZIF&issuer=Steam"),
    ];

    #[test]
    fn a_whole_record_is_taken() {
        assert!(fields(&WHOLE).check().is_ok());
        assert_eq!(fields(&WHOLE).names(), SteamFields::known().collect::<Vec<_>>());
        assert!(SteamFields::known().is_sorted());
    }

    #[test]
    fn each_field_refuses_what_it_cannot_be_by_name_and_repeats_nothing() {
        for (field, wrong) in [
            ("access_token", "has hunter2"),
            ("account_name", "hunter2\n"),
            ("device_id", "hunter2\u{e4}"),
            ("guard_data", "hunter2\t"),
            ("identity_secret", "hunter2"),
            ("password", "hunter2\0"),
            ("refresh_token", "a hunter2"),
            ("revocation_code", "R hunter2"),
            ("secret_1", "hunter2!"),
            ("serial_number", " hunter2"),
            ("shared_secret", "hunter2 is no base64"),
            ("steam_id", "7656119hunter2000"),
            ("token_gid", "hunter2 "),
            ("uri", "https://hunter2"),
        ] {
            let refused = fields(&[(field, wrong)]).check().unwrap_err();
            assert!(
                matches!(refused, VaultError::Invalid { field: named, .. } if named == field),
                "{refused}"
            );
            assert!(!format!("{refused} {refused:?}").contains("hunter2"), "{refused}");
            assert!(fields(&[(field, "")]).check().is_err(), "{field}");
        }
    }

    #[test]
    fn only_known_fields_of_a_sane_size() {
        assert!(fields(&[]).check().is_err());
        assert!(fields(&[("password", &"x".repeat(MAX_VALUE))]).check().is_ok());
        assert!(fields(&[("password", &"x".repeat(MAX_VALUE + 1))]).check().is_err());
        let error = fields(&[("hunter2", "x")]).check().unwrap_err().to_string();
        assert!(error.contains("password") && !error.contains("hunter2"));
    }

    #[test]
    fn a_change_goes_over_what_is_stored() {
        let changed = fields(&[("password", "new"), ("uri", "otpauth://x")]);
        let merged = changed.over(fields(&[("password", "old"), ("device_id", "d")]));
        assert_eq!(merged.0, fields(&[("password", "new"), ("uri", "otpauth://x"), ("device_id", "d")]).0);
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
