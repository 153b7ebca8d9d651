//! The block list: handles in the blocker's state, which no backup of rows can roll back.

use oubliette_keyring::RestrictionChange;

use super::Chats;
use super::peer::Peer;
use crate::VaultError;

impl Chats {
    /// Refuses this peer's messages from now on.
    ///
    /// # Errors
    /// [`VaultError::PeerUnknown`], [`VaultError::PeerGone`].
    pub fn block(&self, peer: &str) -> Result<(), VaultError> {
        let peer = self.peer(peer)?.alive()?.handle();
        // An append that was let in before waits for this lock or is waited for.
        let me = self.person.handle();
        let _lock = self.person.vault.pairs.lock((me.min(peer), me.max(peer)));
        self.person.restrict(RestrictionChange::BlockPeer(peer))
    }

    /// Accepts this peer's messages again. No error if they were not blocked.
    ///
    /// # Errors
    /// [`VaultError::PeerUnknown`].
    pub fn unblock(&self, peer: &str) -> Result<(), VaultError> {
        let peer = self.peer(peer)?.handle();
        self.person.restrict(RestrictionChange::UnblockPeer(peer))
    }

    /// User ids of blocked peers, those who have left omitted.
    ///
    /// # Errors
    /// [`VaultError::SubjectErased`] and its like.
    pub fn blocked(&self) -> Result<Vec<String>, VaultError> {
        let _operation = self.person.enter()?;
        let mut blocked = Vec::new();
        for peer in &self.person.keys.restrictions().blocked_peers {
            if let Peer::Alive(person) = self.by_handle(*peer)? {
                blocked.push(person.keys.user_id().as_str().to_owned());
            }
        }
        blocked.sort_unstable();
        Ok(blocked)
    }
}
