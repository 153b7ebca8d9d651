//! Sending: one batch of the engine, whatever it opens on the way.

use oubliette_crypto::Class;
use oubliette_engine::Batch;

use super::Chats;
use super::conversation::{Standing, State};
use super::message::{NewMessage, Posted};
use super::messages::gone;
use super::peer::conversation_name;
use super::policy::ChatPolicy;
use super::write::Writing;
use crate::VaultError;
use crate::names::{Meta, Spot};
use crate::objects::Draft;
use crate::person::Person;
use crate::usage::{Room, Tally};

/// Most messages in one call.
const MAX_MESSAGES: usize = 100;

impl Chats {
    /// Sends 1 to 100 messages in one atomic, durable write. The first message of a conversation also opens the peer's side. What was sent
    /// before under the same [`NewMessage::client_id`] is not written again, and answered as then.
    ///
    /// # Errors
    /// [`VaultError::PeerUnknown`], [`VaultError::PeerGone`], [`VaultError::BlockedByRecipient`], [`VaultError::TooLarge`],
    /// [`VaultError::Invalid`], also for more long messages that both sides store than one write takes.
    pub fn append(&self, peer: &str, messages: &[NewMessage]) -> Result<Vec<Posted>, VaultError> {
        if !(1..=MAX_MESSAGES).contains(&messages.len()) {
            return Err(VaultError::invalid("messages", format!("must be 1 to {MAX_MESSAGES}")));
        }
        messages.iter().try_for_each(NewMessage::check)?;
        // A refusal costs the finding of the peer, whatever its reason: no row is read, no lock of the conversation is waited for.
        let peer = self.peer(peer)?.alive()?;
        self.accepted_by(&peer)?;
        let (me, them) = (self.person.handle(), peer.handle());
        let _lock = self.person.vault.pairs.lock((me.min(them), me.max(them)));
        self.accepted_by(&peer)?;
        let sent = self.send(&peer, messages);
        if sent.is_err() {
            self.person.vault.conversations.forget(me, them);
        }
        match sent {
            Err(error) if gone(&error) && self.person.keys.check().is_ok() => Err(VaultError::PeerGone),
            sent => sent,
        }
    }

    fn accepted_by(&self, peer: &Person) -> Result<(), VaultError> {
        match peer.keys.restrictions().blocked_peers.contains(&self.person.handle()) {
            true => Err(VaultError::BlockedByRecipient),
            false => Ok(()),
        }
    }

    fn send(&self, peer: &Person, messages: &[NewMessage]) -> Result<Vec<Posted>, VaultError> {
        let standing = self.standing(peer)?;
        // After the claim of a new side: whoever forbids it before is seen here, and whoever does after it cuts what was claimed.
        self.person.may_store()?;
        let before = self.sent_before(peer, &standing, messages)?;
        let default = self.default_policy(peer.handle())?;
        let mut writing = Writing::begin(&self.person, peer, standing.state);
        let mut posted = Vec::with_capacity(messages.len());
        for (message, before) in messages.iter().zip(before) {
            let policy = message.policy.unwrap_or(default);
            posted.push(match before {
                Some(before) => before,
                None if policy != ChatPolicy::Author && peer.may_store().is_err() => {
                    // The peer's part would be stored for somebody who may not store. Why is not the sender's business.
                    return Err(VaultError::BlockedByRecipient);
                }
                None => writing.add(policy, message)?,
            });
        }
        if let Some(first_order) = writing.first_order() {
            let (drafts, state) = writing.end();
            self.commit(peer, drafts, standing, state, first_order)?;
        }
        Ok(posted)
    }

    fn commit(
        &self,
        peer: &Person,
        drafts: Vec<Draft>,
        standing: Standing,
        state: State,
        first_order: u64,
    ) -> Result<(), VaultError> {
        let limits = self.person.limits()?;
        // Both: nothing is sent to, or from, a person whose erasure was acknowledged.
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
    let meta = Meta { from, ..Meta::named(conversation_name(other.handle())) };
    let draft = owner.seal_meta(Class::Chat, spot.compartment(), 1, &meta)?;
    draft.add_to(batch)?;
    Ok(Some((owner, spot, meta, draft)))
}
