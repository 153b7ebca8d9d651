//! Messages as callers see them, and as they are sealed.

use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use super::policy::ChatPolicy;
use crate::rows::Part;
use crate::{VaultError, check};

/// Most bytes in a message.
pub(super) const MAX_BODY: usize = 64 * 1024;
const MAX_TEXT_FIELD: usize = 256;

/// What a message says.
#[derive(Clone, PartialEq, Eq)]
pub enum Body {
    /// Text.
    Text(String),
    /// Anything else.
    Bytes {
        /// Its media type, at most 256 bytes.
        content_type: String,
        /// The bytes.
        bytes: Vec<u8>,
    },
}

/// The length alone.
impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Text(text) => write!(f, "Text({} bytes)", text.len()),
            Self::Bytes { bytes, .. } => write!(f, "Bytes({} bytes)", bytes.len()),
        }
    }
}

/// A message to be sent.
#[derive(Clone)]
pub struct NewMessage {
    /// At most 64 KiB.
    pub body: Body,
    /// When the sender says it was sent, in microseconds since 1970; kept, not used.
    pub sent_at: Option<u64>,
    /// The sender's own name for it, at most 256 bytes: a message sent again under it is not stored again. `docs/chats.md` says for how long.
    pub client_id: Option<String>,
    /// Whose deletion takes it along; if not said, what the conversation or the vault says.
    pub policy: Option<ChatPolicy>,
}

impl NewMessage {
    /// A text, and nothing else said.
    pub fn text(text: impl Into<String>) -> Self {
        Self { body: Body::Text(text.into()), sent_at: None, client_id: None, policy: None }
    }
}

/// Not the sender's own name for it.
impl std::fmt::Debug for NewMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("NewMessage")
            .field("body", &self.body)
            .field("sent_at", &self.sent_at)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// A message that is stored.
#[derive(Debug, Clone)]
pub struct Posted {
    /// The same in both views.
    pub id: String,
    /// Grows with the author's messages in this conversation.
    pub seq: u64,
    /// When stored, in microseconds since 1970.
    pub created: u64,
}

/// A message as a reader sees it.
#[derive(Clone)]
pub struct Message {
    /// The same in both views.
    pub id: String,
    /// Grows with the author's messages in this conversation.
    pub seq: u64,
    /// The author's user id, `None` after their erasure.
    pub author: Option<String>,
    /// What it says.
    pub body: Body,
    /// When stored, in microseconds since 1970.
    pub created: u64,
    /// See [`NewMessage::sent_at`].
    pub sent_at: Option<u64>,
    /// See [`NewMessage::client_id`].
    pub client_id: Option<String>,
    /// Whose deletion takes it along.
    pub policy: ChatPolicy,
}

/// Neither who said it nor what.
impl std::fmt::Debug for Message {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Message")
            .field("id", &self.id)
            .field("seq", &self.seq)
            .field("body", &self.body)
            .field("created", &self.created)
            .field("sent_at", &self.sent_at)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

/// Where a part of a message stands in somebody's class chat: compartment and seq.
pub(super) type At = (u32, u64);

/// The facts of a message (docs/formats.md, section 8).
#[derive(Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Facts {
    #[serde(rename = "o")]
    pub(super) order: u64,
    /// Absent: text.
    #[serde(rename = "t", default, skip_serializing_if = "Option::is_none")]
    pub(super) content_type: Option<String>,
    #[serde(rename = "s", default, skip_serializing_if = "Option::is_none")]
    pub(super) sent_at: Option<u64>,
    #[serde(rename = "c", default, skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
    /// In an author's value: where the peer's half stands.
    #[serde(rename = "w", default, skip_serializing_if = "Option::is_none")]
    pub(super) with: Option<At>,
    /// In a peer's value: where the author's stands.
    #[serde(rename = "a", default, skip_serializing_if = "Option::is_none")]
    pub(super) author: Option<At>,
    /// In a peer's value: the random part of the message's id.
    #[serde(rename = "r", default, skip_serializing_if = "Option::is_none")]
    pub(super) random: Option<u32>,
}

impl NewMessage {
    pub(super) fn check(&self) -> Result<(), VaultError> {
        if self.content().len() > MAX_BODY {
            return Err(VaultError::TooLarge { what: "the message", limit: MAX_BODY as u64 });
        }
        if let Body::Bytes { content_type, .. } = &self.body {
            check::length("content_type", content_type, 1, MAX_TEXT_FIELD)?;
        }
        check::short("client_id", self.client_id.as_deref(), MAX_TEXT_FIELD)
    }

    pub(super) fn content(&self) -> &[u8] {
        match &self.body {
            Body::Text(text) => text.as_bytes(),
            Body::Bytes { bytes, .. } => bytes,
        }
    }

    pub(super) fn facts(&self, order: u64) -> Facts {
        let content_type = match &self.body {
            Body::Text(_) => None,
            Body::Bytes { content_type, .. } => Some(content_type.clone()),
        };
        Facts {
            order,
            content_type,
            sent_at: self.sent_at,
            client_id: self.client_id.clone(),
            ..Facts::default()
        }
    }
}

impl Facts {
    /// Whether such facts stand in such a part.
    pub(super) fn are_of(&self, part: Part) -> bool {
        let references = (self.with.is_some(), self.author.is_some(), self.random.is_some());
        references
            == match part {
                Part::Whole | Part::SurvivorAuthor => (false, false, false),
                Part::EitherAuthor => (true, false, false),
                Part::EitherPeer | Part::SurvivorPeer => (false, true, true),
            }
    }

    pub(super) fn encode(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        serde_json::to_vec(self)
            .map(Zeroizing::new)
            .map_err(|_| VaultError::invalid("message", "cannot be stored"))
    }

    /// `None` if a text is no UTF-8.
    pub(super) fn body(&mut self, mut content: Zeroizing<Vec<u8>>) -> Option<Body> {
        let bytes = std::mem::take(&mut *content);
        match self.content_type.take() {
            None => Some(Body::Text(String::from_utf8(bytes).ok()?)),
            Some(content_type) => Some(Body::Bytes { content_type, bytes }),
        }
    }
}
