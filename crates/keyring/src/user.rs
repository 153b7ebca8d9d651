//! The platform's name for a person.

use std::fmt;

use zeroize::{Zeroize, ZeroizeOnDrop};

/// Most bytes in a user id.
pub const MAX_USER_ID: usize = 256;

/// The platform's name for a person, 1 to 256 bytes of UTF-8. Stored only inside the person's state page; never printed.
#[derive(Clone, PartialEq, Eq, Hash, Zeroize, ZeroizeOnDrop)]
pub struct UserId(String);

impl UserId {
    /// Checks the length.
    pub fn new(id: impl Into<String>) -> Result<Self, InvalidUserId> {
        let id = id.into();
        if (1..=MAX_USER_ID).contains(&id.len()) {
            Ok(Self(id))
        } else {
            Err(InvalidUserId { got: id.len() })
        }
    }
    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
    /// Its bytes.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Debug for UserId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("UserId(..)")
    }
}

/// A user id of a length that is not allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a user id has 1 to 256 bytes of UTF-8, this one has {got}")]
pub struct InvalidUserId {
    /// Its length in bytes.
    pub got: usize,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn length_is_checked_and_nothing_is_printed() {
        assert_eq!(UserId::new("").unwrap_err().got, 0);
        assert_eq!(UserId::new("é".repeat(129)).unwrap_err().got, 258);
        let longest = UserId::new("é".repeat(128)).unwrap();
        assert_eq!(longest.as_bytes().len(), 256);
        assert_eq!(format!("{longest:?}"), "UserId(..)");
    }
}
