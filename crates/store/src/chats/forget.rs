//! Forgetting one's own words: the keys first, then the rows.

use oubliette_crypto::{Class, Path, items_through};

use super::Chats;
use super::id::{self, MessageId};
use super::peer::conversation_name;
use super::side::last_before;
use crate::person::{Person, leaf};
use crate::rows::{Bounds, Place, Run};
use crate::{Deletion, VaultError};

const NO_CONVERSATION: VaultError = VaultError::NotFound { what: "conversation" };
const NO_MESSAGE: VaultError = VaultError::NotFound { what: "message" };

impl Chats {
    /// Forgets one message, for both sides.
    ///
    /// # Errors
    /// [`VaultError::NotAuthor`] for the peer's message; [`VaultError::NotFound`]; [`VaultError::Busy`].
    pub fn forget_message(&self, peer: &str, id: &str) -> Result<Deletion, VaultError> {
        let id = MessageId::parse("id", id)?;
        let peer = self.peer(peer)?.handle();
        if id.side != id::side(self.person.handle(), peer) {
            return Err(VaultError::NotAuthor);
        }
        let run = Run::items(Class::Chat, self.mine(peer)?.ok_or(NO_CONVERSATION)?.compartment);
        let (place, row) = find(&self.person, run, &id)?;
        let deletion = self.person.cut(vec![Path::leaf(&leaf(place))?])?;
        let rows = vec![(place.key(&self.person.handle()), row)];
        self.person.vault.leave_to_sweeper(self.person.vault.forget_rows(rows));
        Ok(deletion)
    }

    /// Forgets all of this person's own messages up to and including this place in the conversation's order; the id may be of either side.
    ///
    /// # Errors
    /// [`VaultError::NotFound`] if this id is not in the conversation any more; [`VaultError::Busy`].
    pub fn forget_through(&self, peer: &str, id: &str) -> Result<Deletion, VaultError> {
        let id = MessageId::parse("through", id)?;
        let peer = self.peer(peer)?;
        let (me, them) = (self.person.handle(), peer.handle());
        let run = Run::items(Class::Chat, self.mine(them)?.ok_or(NO_CONVERSATION)?.compartment);
        let seq = if id.side == id::side(me, them) {
            find(&self.person, run, &id)?.0.seq
        } else {
            let author = peer.alive()?;
            let theirs = author.named(Class::Chat, &conversation_name(me))?.ok_or(NO_MESSAGE)?;
            find(&author, Run::items(Class::Chat, theirs.compartment), &id)?;
            last_before(&self.person, run, id.order)?
        };
        if seq == 0 {
            return Ok(Deletion::Erased);
        }
        let deletion = self.person.cut(items_through(Class::Chat, run.compartment, seq)?)?;
        self.remove(&Bounds::seqs(&me, run, 0..=seq));
        Ok(deletion)
    }

    /// Forgets this person's whole side: their words for both, and the conversation for themselves. The peer keeps their own words.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Busy`].
    pub fn forget_side(&self, peer: &str) -> Result<Deletion, VaultError> {
        let them = self.peer(peer)?.handle();
        let me = self.person.handle();
        let _lock = self.person.vault.pairs.lock((me.min(them), me.max(them)));
        let compartment = self.mine(them)?.ok_or(NO_CONVERSATION)?.compartment;
        let cut = self.person.cut(vec![Path::compartment(Class::Chat, compartment)?]);
        // Both directions: the peer's next message opens this side again.
        self.person.unlearn(Class::Chat, &conversation_name(them), compartment);
        self.person.vault.conversations.forget(me, them);
        self.person.vault.conversations.forget(them, me);
        let deletion = cut?;
        self.remove(&Bounds::run(&me, Run::items(Class::Chat, compartment)));
        self.remove(&Bounds::run(&me, Run::meta(Class::Chat, compartment)));
        Ok(deletion)
    }

    fn remove(&self, bounds: &Bounds) {
        self.person.vault.leave_to_sweeper(self.person.remove_rows(bounds));
    }
}

/// The row an id speaks of, if it is still the same one and was not cut.
fn find(author: &Person, run: Run, id: &MessageId) -> Result<(Place, Vec<u8>), VaultError> {
    let place = run.at(id.seq);
    let row = author.row(place)?.filter(|row| id::random(row) == id.random).ok_or(NO_MESSAGE)?;
    if author.is_cut(place)? {
        return Err(NO_MESSAGE);
    }
    author.check_number(place)?;
    Ok((place, row))
}
