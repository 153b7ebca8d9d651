//! Marks that are planted in content and recognised wherever they turn up in readable bytes.

use std::collections::BTreeSet;
use std::fmt;

const MARK: &[u8] = b"canary.";
const DIGITS: usize = 32;

/// A random string that stands nowhere by chance. It fits every text field of the vault: letters, digits and one dot.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Canary(String);

impl Canary {
    /// A canary like no other.
    pub fn fresh() -> Result<Self, oubliette_crypto::CryptoError> {
        Ok(Self(format!("canary.{}", oubliette_crypto::Handle::random()?)))
    }

    /// To be planted.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// All canaries that can be read in these bytes.
    pub fn all_in(bytes: &[u8]) -> BTreeSet<Self> {
        let mut found = BTreeSet::new();
        Self::find(bytes, &mut found);
        found
    }

    pub(crate) fn find(bytes: &[u8], found: &mut BTreeSet<Self>) {
        let starts = bytes.windows(MARK.len()).enumerate().filter(|(_, window)| *window == MARK);
        for (at, _) in starts {
            let digits = bytes.get(at + MARK.len()..).and_then(|rest| rest.get(..DIGITS));
            let Some(digits) = digits.filter(|digits| digits.iter().all(u8::is_ascii_hexdigit)) else {
                continue;
            };
            found.insert(Self(format!("canary.{}", String::from_utf8_lossy(digits))));
        }
    }
}

impl fmt::Debug for Canary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.get(..15).unwrap_or(&self.0))
    }
}
