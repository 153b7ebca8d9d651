//! The conversations a person takes part in.

use oubliette_crypto::Class;

use super::Chats;
use super::peer::{Peer, conversation_id, parse_handle};
use super::settings::ChatSettings;
use crate::VaultError;
use crate::page::{Listed, Page};

/// A conversation.
#[derive(Clone)]
pub struct ChatInfo {
    /// `id:<number>-<digits>`: names the conversation in place of the peer's user id, also after the peer's erasure.
    pub id: String,
    /// The peer's user id, `None` after their erasure.
    pub peer: Option<String>,
    /// When the last message was stored, in microseconds since 1970.
    pub last: Option<u64>,
    /// Messages that this person can see.
    pub messages: u64,
    /// What this person set for it.
    pub settings: ChatSettings,
}

/// Not with whom.
impl std::fmt::Debug for ChatInfo {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ChatInfo")
            .field("id", &self.id)
            .field("peer", &self.peer.is_some())
            .field("last", &self.last)
            .field("messages", &self.messages)
            .field("settings", &self.settings)
            .finish_non_exhaustive()
    }
}

impl Chats {
    /// Conversations in the order in which they were begun.
    ///
    /// # Errors
    /// [`VaultError::Invalid`] for a cursor that is not ours.
    pub fn list(&self, page: &Page) -> Result<Listed<ChatInfo>, VaultError> {
        let limit = page.limit()?;
        let after = page.after::<4>()?.map_or(0, u32::from_be_bytes);
        let mut all = self.person.all_named(Class::Chat)?;
        all.retain(|(_, entry)| entry.compartment > after);
        all.sort_by_key(|(_, entry)| entry.compartment);
        let last =
            all.get(limit).and_then(|_| all.get(limit - 1)).map(|(_, entry)| entry.compartment.to_be_bytes());
        let mut items = Vec::new();
        for (name, entry) in all.into_iter().take(limit) {
            let Some(handle) = parse_handle(&name) else { continue };
            let peer = match self.by_handle(handle)? {
                Peer::Alive(person) => Some(person.keys.user_id().as_str().to_owned()),
                Peer::Gone(_) => None,
            };
            let (messages, last) = self.summary(handle)?;
            let (id, settings) = (conversation_id(entry.compartment, &handle), ChatSettings::from(&entry));
            items.push(ChatInfo { id, peer, last, messages, settings });
        }
        Ok(if last.is_some() { Listed::more(items, last) } else { Listed::end(items) })
    }
}
