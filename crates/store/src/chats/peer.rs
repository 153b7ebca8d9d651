//! Who is on the other side.

use oubliette_crypto::{Class, Handle};
use oubliette_keyring::{Deletion, KeyringError};

use super::Chats;
use crate::names::{Entry, Name};
use crate::person::Person;
use crate::subjects::user_id;
use crate::{VaultError, check};

/// The other side of a conversation.
pub(super) enum Peer {
    Alive(Person),
    /// Erased; what they wrote is gone.
    Gone(Handle),
}

impl Peer {
    pub(super) fn handle(&self) -> Handle {
        match self {
            Self::Alive(person) => person.handle(),
            Self::Gone(handle) => *handle,
        }
    }

    /// The peer, if they can be written to.
    pub(super) fn alive(self) -> Result<Person, VaultError> {
        match self {
            Self::Alive(person) => Ok(person),
            Self::Gone(_) => Err(VaultError::PeerGone),
        }
    }
}

/// What a conversation is called in one's own names. Handles are random and name nobody.
pub(super) fn conversation_name(peer: Handle) -> Name {
    Name::new(&[&peer.to_string()])
}

impl Chats {
    /// Finds a peer by the id of a conversation, by user id, or by the fence of who was erased.
    ///
    /// # Errors
    /// [`VaultError::PeerUnknown`]; [`VaultError::Invalid`] for oneself.
    pub(super) fn peer(&self, peer: &str) -> Result<Peer, VaultError> {
        check::name("peer", peer)?;
        // First, for somebody's user id may begin like one, and no user id has these random digits by chance.
        if let Some(found) = self.by_conversation(peer)? {
            return Ok(found);
        }
        let keyring = &self.person.vault.keyring;
        let user = user_id(peer)?;
        let found = match keyring.subject(&user) {
            Ok(keys) => Peer::Alive(Person { vault: self.person.vault.clone(), keys }),
            Err(KeyringError::Erased { handle, .. }) => Peer::Gone(handle),
            // A hold or the law may keep whoever leaves for years; what one wrote to them is one's own meanwhile.
            Err(KeyringError::Blocked) => match keyring.deletion(&user)? {
                Deletion::Requested(requested) => Peer::Gone(requested.handle),
                Deletion::Blocked(intent) => Peer::Gone(intent.handle),
                Deletion::Erased { fence, .. } => Peer::Gone(fence.handle),
                Deletion::None => return Err(VaultError::PeerGone),
            },
            Err(KeyringError::Unknown) => return Err(VaultError::PeerUnknown),
            Err(other) => return Err(other.into()),
        };
        if found.handle() == self.person.handle() {
            return Err(VaultError::invalid("peer", "is the person themselves"));
        }
        Ok(found)
    }

    /// Whoever a handle belongs to.
    pub(super) fn by_handle(&self, handle: Handle) -> Result<Peer, VaultError> {
        match self.person.vault.keyring.subject_by_handle(&handle) {
            Ok(keys) => Ok(Peer::Alive(Person { vault: self.person.vault.clone(), keys })),
            Err(KeyringError::Unknown | KeyringError::Blocked | KeyringError::Erased { .. }) => {
                Ok(Peer::Gone(handle))
            }
            Err(other) => Err(other.into()),
        }
    }

    /// This person's side of a conversation, if there is one.
    pub(super) fn mine(&self, peer: Handle) -> Result<Option<Entry>, VaultError> {
        self.person.named(Class::Chat, &conversation_name(peer))
    }

    fn by_conversation(&self, id: &str) -> Result<Option<Peer>, VaultError> {
        let Some(compartment) = compartment_of(id) else { return Ok(None) };
        let all = self.person.all_named(Class::Chat)?;
        let found = all.iter().find(|(_, entry)| entry.compartment == compartment);
        let handle = found.and_then(|(name, _)| parse_handle(name));
        let handle = handle.filter(|handle| conversation_id(compartment, handle) == id);
        handle.map(|handle| self.by_handle(handle)).transpose()
    }
}

/// What a conversation is called outside: its number among this person's, and half of the peer's random handle.
pub(super) fn conversation_id(compartment: u32, peer: &Handle) -> String {
    let digits = peer.to_string();
    format!("id:{compartment}-{}", digits.get(..16).unwrap_or_default())
}

/// The number in a conversation's id.
pub(crate) fn compartment_of(id: &str) -> Option<u32> {
    id.strip_prefix("id:")?.split_once('-')?.0.parse().ok()
}

/// The inverse of [`conversation_name`].
pub(crate) fn parse_handle(name: &Name) -> Option<Handle> {
    let bytes = data_encoding::HEXLOWER.decode(name.part(0).as_bytes()).ok()?;
    bytes.try_into().ok().map(Handle)
}
