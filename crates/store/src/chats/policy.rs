//! Whose deletion takes a message along.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::VaultError;

/// Fixed when a message is written. What each means for both parties after each kind of deletion: `docs/chats.md`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ChatPolicy {
    /// The author's words: gone for both when the author deletes them or leaves.
    #[default]
    Author,
    /// Gone for both when either of the two deletes it or leaves.
    Either,
    /// Each has a copy: gone when both have deleted theirs or left.
    Survivor,
}

impl ChatPolicy {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Author, Self::Either, Self::Survivor];

    /// `author`, `either` or `survivor`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Either => "either",
            Self::Survivor => "survivor",
        }
    }
}

impl fmt::Display for ChatPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for ChatPolicy {
    type Err = VaultError;

    fn from_str(text: &str) -> Result<Self, VaultError> {
        let known = Self::ALL.into_iter().find(|policy| policy.as_str() == text);
        known.ok_or_else(|| VaultError::invalid("policy", "must be `author`, `either` or `survivor`"))
    }
}

/// Settings of conversations.
#[derive(Debug, Clone, Copy, Default)]
pub struct ChatOptions {
    /// The policy of messages for which neither sender nor conversation names one.
    pub default_policy: ChatPolicy,
}
