//! Sending: one batch of the engine, whatever it opens on the way.

use oubliette_crypto::Class;
use oubliette_engine::Batch;

use super::Chats;
use super::conversation::{Standing, State};
use super::id::{self, MessageId};
use super::message::{NewMessage, Posted};
use super::peer::conversation_name;
use crate::VaultError;
use crate::names::{Meta, Spot};
use crate::objects::Draft;
use crate::person::Person;
use crate::rows::Run;
use crate::usage::{Room, Tally};

/// Most messages in one call. With the row that ends an upload for each, and two metas, they fit the engine's batch.
const MAX_MESSAGES: usize = 100;

impl Chats {
    /// Sends 1 to 100 messages in one atomic, durable write. The first message of a conversation also opens the peer's side.
    ///
    /// # Errors
    /// [`VaultError::PeerUnknown`], [`VaultError::PeerGone`], [`VaultError::BlockedByRecipient`], [`VaultError::TooLarge`],
    /// [`VaultError::Invalid`].
    pub fn append(&self, peer: &str, messages: &[NewMessage]) -> Result<Vec<Posted>, VaultError> {
        if !(1..=MAX_MESSAGES).contains(&messages.len()) {
            return Err(VaultError::invalid("messages", format!("must be 1 to {MAX_MESSAGES}")));
        }
        messages.iter().try_for_each(NewMessage::check)?;
        let peer = self.peer(peer)?.alive()?;
        let (me, them) = (self.person.handle(), peer.handle());
        let _lock = self.person.vault.pairs.lock((me.min(them), me.max(them)));
        if peer.keys.restrictions().blocked_peers.contains(&me) {
            return Err(VaultError::BlockedByRecipient);
        }
        let sent = self.send(&peer, messages);
        if sent.is_err() {
            self.person.vault.conversations.forget(me, them);
        }
        sent
    }

    fn send(&self, peer: &Person, messages: &[NewMessage]) -> Result<Vec<Posted>, VaultError> {
        let standing = self.standing(peer)?;
        // After the claim of a new side: whoever forbids it before is seen here, and whoever does after it cuts what was claimed.
        self.person.may_store()?;
        let (drafts, posted, state) = self.seal_messages(peer, &standing.state, messages)?;
        let first_order = state.order - (messages.len() as u64 - 1);
        self.commit(peer, drafts, standing, state, first_order)?;
        Ok(posted)
    }

    fn seal_messages(
        &self,
        peer: &Person,
        before: &State,
        messages: &[NewMessage],
    ) -> Result<(Vec<Draft>, Vec<Posted>, State), VaultError> {
        let run = Run::items(Class::Chat, before.compartment);
        let created = self.person.vault.now();
        let side = id::side(self.person.handle(), peer.handle());
        let mut state = State { order: before.order.max(created), ..*before };
        let mut drafts = Vec::with_capacity(messages.len());
        let mut posted = Vec::with_capacity(messages.len());
        for message in messages {
            state.order = state.order.checked_add(1).ok_or_else(exhausted)?;
            state.seq = state.seq.checked_add(1).ok_or_else(exhausted)?;
            let (order, seq) = (state.order, state.seq);
            let facts = serde_json::to_vec(&message.facts(order))
                .map_err(|_| VaultError::invalid("message", "cannot be stored"))?;
            let draft = self.person.seal(run.at(seq), created, &facts, message.content())?;
            let id = MessageId { order, side, seq, random: id::random(draft.value()) };
            posted.push(Posted { id: id.encode(), seq, created });
            drafts.push(draft);
        }
        Ok((drafts, posted, state))
    }

    fn commit(
        &self,
        peer: &Person,
        drafts: Vec<Draft>,
        standing: Standing,
        state: State,
        first_order: u64,
    ) -> Result<(), VaultError> {
        // Both: nothing is sent to, or from, a person whose erasure was acknowledged.
        let limits = self.person.limits()?;
        let _operations = (self.person.enter()?, peer.enter().map_err(|_| VaultError::PeerGone)?);
        let mut batch = Batch::new();
        drafts.iter().try_for_each(|draft| draft.add_to(&mut batch))?;
        // Who forgot their side and is here again sees the other's messages from now on only.
        let again = standing.mine.is_none() != standing.theirs.is_none();
        let from = again.then_some(first_order);
        let metas = [
            open_side(&self.person, peer, standing.mine, from, &mut batch)?,
            open_side(peer, &self.person, standing.theirs, from, &mut batch)?,
        ];
        let room = Room { limits: &limits, class: Class::Chat, freed: Tally::default() };
        self.person.vault.commit_within(&self.person, &room, batch)?;
        drafts.into_iter().for_each(Draft::committed);
        for (person, spot, meta, draft) in metas.into_iter().flatten() {
            draft.committed();
            person.learn(Class::Chat, spot.compartment(), meta);
        }
        // Before the operations end: an erasure of either drops what is kept here, and must not come first.
        self.person.vault.conversations.set(self.person.handle(), peer.handle(), state);
        Ok(())
    }
}

/// Adds the meta that opens one side, if it has to be opened.
fn open_side<'a>(
    owner: &'a Person,
    other: &Person,
    spot: Option<Spot>,
    from: Option<u64>,
    batch: &mut Batch,
) -> Result<Option<(&'a Person, Spot, Meta, Draft)>, VaultError> {
    let Some(spot) = spot else { return Ok(None) };
    let meta = Meta { name: conversation_name(other.handle()), from };
    let draft = owner.seal_meta(Class::Chat, spot.compartment(), 1, &meta)?;
    draft.add_to(batch)?;
    Ok(Some((owner, spot, meta, draft)))
}

fn exhausted() -> VaultError {
    VaultError::TooLarge { what: "the number of messages in this conversation", limit: u64::MAX }
}
