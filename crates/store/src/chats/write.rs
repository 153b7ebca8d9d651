//! What a message becomes: the values that its policy asks for, in one tree or in both (docs/chats.md).

use oubliette_crypto::Class;
use oubliette_engine::MAX_BATCH_OPS;

use super::conversation::{Stand, State};
use super::id::{self, MessageId};
use super::message::{Facts, NewMessage, Posted};
use super::policy::ChatPolicy;
use crate::VaultError;
use crate::objects::Draft;
use crate::person::Person;
use crate::rows::{Part, Place, Run};

/// The metas of both sides come on top.
const MAX_OPERATIONS: usize = MAX_BATCH_OPS - 2;

/// Messages being sealed, to be committed together.
pub(super) struct Writing<'a> {
    author: &'a Person,
    peer: &'a Person,
    state: State,
    created: u64,
    first_order: Option<u64>,
    drafts: Vec<Draft>,
    operations: usize,
}

impl<'a> Writing<'a> {
    pub(super) fn begin(author: &'a Person, peer: &'a Person, before: State) -> Self {
        let created = author.vault.now();
        let state = State { order: before.order.max(created), ..before };
        Self { author, peer, state, created, first_order: None, drafts: Vec::new(), operations: 0 }
    }

    /// The first order that was given out; `None` if there is nothing to write.
    pub(super) fn first_order(&self) -> Option<u64> {
        self.first_order
    }

    /// What to commit, and where the conversation stands then.
    pub(super) fn end(self) -> (Vec<Draft>, State) {
        (self.drafts, self.state)
    }

    pub(super) fn add(&mut self, policy: ChatPolicy, message: &NewMessage) -> Result<Posted, VaultError> {
        self.state.order = self.state.order.checked_add(1).ok_or_else(exhausted)?;
        self.first_order.get_or_insert(self.state.order);
        let place = next(&mut self.state.mine)?;
        let facts = message.facts(self.state.order);
        let random = match policy {
            ChatPolicy::Author => {
                let draft = self.author.seal(place, self.created, &facts.encode()?, message.content())?;
                self.keep(draft)?
            }
            ChatPolicy::Either => self.either(place, facts, message.content())?,
            ChatPolicy::Survivor => self.survivor(place, facts, message.content())?,
        };
        let side = id::side(self.author.handle(), self.peer.handle());
        let id = MessageId { order: self.state.order, side, seq: place.seq, random };
        Ok(Posted { id: id.encode(), seq: place.seq, created: self.created })
    }

    /// The author's value opens by the author's leaf, and what is inside by both leaves; the peer's value stands at the place of their half.
    fn either(&mut self, place: Place, facts: Facts, content: &[u8]) -> Result<[u8; 4], VaultError> {
        let half = next(&mut self.state.theirs)?;
        let order = facts.order;
        let inner = {
            let leases = (self.author.key(place)?, self.peer.key(half)?);
            self.author.seal_inner(place, (&leases.0, &leases.1), self.created, &facts.encode()?, content)?
        };
        let outer = Facts { order, with: Some((half.compartment, half.seq)), ..Facts::default() };
        let draft =
            self.author.seal_part(place, Part::EitherAuthor, self.created, &outer.encode()?, &inner)?;
        let random = self.keep(draft)?;
        let facts = Facts { order, ..of_peer(place, random) };
        let draft = self.peer.seal_part(half, Part::EitherPeer, self.created, &facts.encode()?, &[])?;
        self.keep(draft)?;
        Ok(random)
    }

    /// Two values that know nothing of each other's keys.
    fn survivor(&mut self, place: Place, facts: Facts, content: &[u8]) -> Result<[u8; 4], VaultError> {
        let copy = next(&mut self.state.theirs)?;
        let draft =
            self.author.seal_part(place, Part::SurvivorAuthor, self.created, &facts.encode()?, content)?;
        let random = self.keep(draft)?;
        let Facts { author, random: shown, .. } = of_peer(place, random);
        let facts = Facts { author, random: shown, ..facts };
        let draft = self.peer.seal_part(copy, Part::SurvivorPeer, self.created, &facts.encode()?, content)?;
        self.keep(draft)?;
        Ok(random)
    }

    /// Answers the random part of the row's salt.
    fn keep(&mut self, draft: Draft) -> Result<[u8; 4], VaultError> {
        let random = id::random(draft.value());
        self.operations += draft.operations();
        self.drafts.push(draft);
        if self.operations > MAX_OPERATIONS {
            return Err(VaultError::invalid(
                "messages",
                "are too many for one write: a long message (over some 3,800 bytes) counts twice, and one of policy `either` or \
                 `survivor` once more for each side; send fewer at once",
            ));
        }
        Ok(random)
    }
}

fn of_peer(place: Place, random: [u8; 4]) -> Facts {
    let (author, random) = (Some((place.compartment, place.seq)), Some(u32::from_be_bytes(random)));
    Facts { author, random, ..Facts::default() }
}

fn next(stand: &mut Stand) -> Result<Place, VaultError> {
    stand.seq = stand.seq.checked_add(1).ok_or_else(exhausted)?;
    Ok(Run::items(Class::Chat, stand.compartment).at(stand.seq))
}

fn exhausted() -> VaultError {
    VaultError::TooLarge { what: "the number of messages in this conversation", limit: u64::MAX }
}
