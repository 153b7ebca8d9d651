//! Forgetting one's own part of a conversation: the keys first, then the rows. A person's deletion cuts in their own tree alone.

use oubliette_crypto::{Class, Path, items_through};

use super::Chats;
use super::id::{self, MessageId};
use super::peer::{Peer, conversation_name};
use super::side::{last_before, load, of_order};
use crate::person::{Person, leaf};
use crate::rows::{Bounds, Part, Place, Run, Value};
use crate::{Deletion, VaultError};

const NO_CONVERSATION: VaultError = VaultError::NotFound { what: "conversation" };
const NO_MESSAGE: VaultError = VaultError::NotFound { what: "message" };

impl Chats {
    /// Forgets one message as its policy says: an author's own word for both sides, whoever's *either* for both sides, of a *survivor* this
    /// person's copy.
    ///
    /// # Errors
    /// [`VaultError::NotAuthor`] for the peer's message of policy *author*; [`VaultError::NotFound`]; [`VaultError::Busy`].
    pub fn forget_message(&self, peer: &str, id: &str) -> Result<Deletion, VaultError> {
        let id = MessageId::parse("id", id)?;
        let peer = self.peer(peer)?;
        let (me, them) = (self.person.handle(), peer.handle());
        let run = Run::items(Class::Chat, self.mine(them)?.ok_or(NO_CONVERSATION)?.compartment);
        let (place, row) = if id.side == id::side(me, them) {
            find(&self.person, run, &id)?
        } else {
            match self.part_of_theirs(run, &id)? {
                Some(part) => part,
                None => return Err(self.why_not(&peer, &id)?),
            }
        };
        let deletion = self.person.cut(vec![Path::leaf(&leaf(place))?])?;
        let rows = vec![(place.key(&me), row)];
        self.person.vault.leave_to_sweeper(self.person.vault.forget_rows(rows));
        Ok(deletion)
    }

    /// Forgets everything on this person's side up to and including this place in the conversation's order: their own messages, their halves of
    /// the peer's *either* and their copies of the peer's *survivor* messages. The id may be of either side.
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
        } else if let Some((place, _)) = self.part_of_theirs(run, &id)? {
            place.seq
        } else {
            self.theirs(&peer, &id)?.ok_or(NO_MESSAGE)?;
            last_before(&self.person, run, id.order)?
        };
        if seq == 0 {
            // Nothing of this person's is to be seen there; what they deleted before may still wait, or be read by somebody.
            let side = Path::compartment(Class::Chat, run.compartment)?;
            self.person.vault.keyring.drain_forgotten(&self.person.keys, &side)?;
            return Ok(self.person.told(self.person.promised_until(&side).is_some()));
        }
        let deletion = self.person.cut(items_through(Class::Chat, run.compartment, seq)?)?;
        self.remove(&Bounds::seqs(&me, run, 0..=seq));
        Ok(deletion)
    }

    /// Forgets this person's whole side: their words and their halves for both, their copies and the conversation for themselves. The peer keeps their own
    /// words and copies.
    ///
    /// # Errors
    /// [`VaultError::NotFound`]; [`VaultError::Busy`].
    pub fn forget_side(&self, peer: &str) -> Result<Deletion, VaultError> {
        let them = self.peer(peer)?.handle();
        let me = self.person.handle();
        let _lock = self.person.vault.pairs.lock((me.min(them), me.max(them)));
        let compartment = self.mine(them)?.ok_or(NO_CONVERSATION)?.compartment;
        let paths = vec![Path::compartment(Class::Chat, compartment)?];
        let cut = self.person.cut_named(Class::Chat, &conversation_name(them), compartment, paths);
        // Both directions: the peer's next message opens this side again.
        self.person.vault.conversations.forget(me, them);
        self.person.vault.conversations.forget(them, me);
        let deletion = cut?;
        self.remove(&Bounds::run(&me, Run::items(Class::Chat, compartment)));
        self.remove(&Bounds::run(&me, Run::meta(Class::Chat, compartment)));
        Ok(deletion)
    }

    /// This person's half or copy of a message of the peer's.
    fn part_of_theirs(&self, run: Run, id: &MessageId) -> Result<Option<(Place, Vec<u8>)>, VaultError> {
        let found = of_order(&self.person, run, id.order)?.filter(|found| {
            found.facts.author.is_some_and(|(_, seq)| seq == id.seq)
                && found.facts.random == Some(u32::from_be_bytes(id.random))
        });
        // Nothing but place and row: the lease must be gone when the leaf is cut.
        Ok(found.map(|found| (found.place, found.row)))
    }

    /// The peer's own row that an id speaks of; `None` if it is not there any more.
    fn theirs(&self, peer: &Peer, id: &MessageId) -> Result<Option<Vec<u8>>, VaultError> {
        let Peer::Alive(author) = peer else { return Ok(None) };
        let name = conversation_name(self.person.handle());
        let Some(theirs) = author.named(Class::Chat, &name)? else { return Ok(None) };
        let (place, row) = match find(author, Run::items(Class::Chat, theirs.compartment), id) {
            Err(VaultError::NotFound { .. }) => return Ok(None),
            found => found?,
        };
        // An id is a caller's word: one with another order would forget through another moment. The lease ends here, before anything is cut.
        let stored = load(author, place, row)?;
        Ok(stored.filter(|stored| stored.facts.order == id.order).map(|stored| stored.row))
    }

    /// Why there is nothing of this person's to forget in a message of the peer's.
    fn why_not(&self, peer: &Peer, id: &MessageId) -> Result<VaultError, VaultError> {
        let row = self.theirs(peer, id)?;
        Ok(match row.as_deref().and_then(Value::parse).map(|value| value.part) {
            Some(Part::Whole) => VaultError::NotAuthor,
            _ => NO_MESSAGE,
        })
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
