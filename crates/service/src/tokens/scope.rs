//! What a token may do.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

macro_rules! scopes {
    ($($name:ident $text:literal),* $(,)?) => {
        /// A permission; a route needs exactly one.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Scope { $(#[doc = $text] $name),* }

        impl Scope {
            /// Every scope there is.
            pub const ALL: &'static [Scope] = &[$(Scope::$name),*];

            /// The scope as written in tokens and problem documents.
            pub fn as_str(self) -> &'static str {
                match self { $(Scope::$name => $text),* }
            }
        }
    };
}

impl Scope {
    /// A set of scopes as a number: bit n is the n-th scope of [`Scope::ALL`]. Stored in the audit log, so new scopes go to the end.
    pub fn mask(scopes: &[Scope]) -> u64 {
        scopes.iter().fold(0, |mask, scope| mask | 1 << (*scope as u32))
    }

    /// The scopes of a [`Scope::mask`].
    pub fn of_mask(mask: u64) -> Vec<Scope> {
        Scope::ALL.iter().copied().filter(|scope| mask >> (*scope as u32) & 1 == 1).collect()
    }
}

// In the order of their bits in the audit log.
scopes! {
    SubjectsRead "subjects:read", SubjectsWrite "subjects:write",
    SavesRead "saves:read", SavesWrite "saves:write",
    ChatRead "chat:read", ChatWrite "chat:write",
    CredentialsRead "credentials:read", CredentialsWrite "credentials:write",
    CredentialsUse "credentials:use", CredentialsRelease "credentials:release",
    RecordsRead "records:read", RecordsWrite "records:write",
    ConsentsRead "consents:read", ConsentsWrite "consents:write",
    DeletionRequest "deletion:request", DeletionOverride "deletion:override",
    HoldsWrite "holds:write", ExportRead "export:read", AuditRead "audit:read", Ops "ops",
    LogWitness "log:witness",
}

/// The text names no scope.
#[derive(Debug, thiserror::Error)]
#[error("there is no such scope; the scopes are: {}", Scope::ALL.iter().map(|s| s.as_str()).collect::<Vec<_>>().join(" "))]
pub struct UnknownScope;

impl FromStr for Scope {
    type Err = UnknownScope;
    fn from_str(text: &str) -> Result<Self, UnknownScope> {
        Scope::ALL.iter().copied().find(|scope| scope.as_str() == text).ok_or(UnknownScope)
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Scope {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Scope {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        String::deserialize(from)?.parse().map_err(D::Error::custom)
    }
}
