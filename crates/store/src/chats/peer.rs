//! Who is on the other side.

use oubliette_crypto::{Class, Handle};
use oubliette_keyring::KeyringError;

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
    /// Finds a peer by user id, by the fence of who was erased, or by the id of a conversation.
    ///
    /// # Errors
    /// [`VaultError::PeerUnknown`]; [`VaultError::PeerGone`] while an erasure is under way; [`VaultError::Invalid`] for oneself.
    pub(super) fn peer(&self, peer: &str) -> Result<Peer, VaultError> {
        check::name("peer", peer)?;
        let found = match self.person.vault.keyring.subject(&user_id(peer)?) {
            Ok(keys) => Peer::Alive(Person { vault: self.person.vault.clone(), keys }),
            Err(KeyringError::Erased { handle, .. }) => Peer::Gone(handle),
            Err(KeyringError::Blocked) => return Err(VaultError::PeerGone),
            Err(KeyringError::Unknown) => self.by_conversation(peer)?,
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

    pub(super) fn by_conversation(&self, id: &str) -> Result<Peer, VaultError> {
        let compartment = id.strip_prefix("id:").and_then(|number| number.parse::<u32>().ok());
        let compartment = compartment.ok_or(VaultError::PeerUnknown)?;
        let all = self.person.all_named(Class::Chat)?;
        let found = all.iter().find(|(_, entry)| entry.compartment == compartment);
        let handle = found.and_then(|(name, _)| parse_handle(name)).ok_or(VaultError::PeerUnknown)?;
        self.by_handle(handle)
    }
}

/// The inverse of [`conversation_name`].
pub(crate) fn parse_handle(name: &Name) -> Option<Handle> {
    let bytes = data_encoding::HEXLOWER.decode(name.part(0).as_bytes()).ok()?;
    bytes.try_into().ok().map(Handle)
}
