//! Reading a conversation: both sides merged into one order.

use super::Chats;
use super::id::{self, MessageId};
use super::message::Message;
use super::peer::{Peer, conversation_name};
use super::policy::ChatPolicy;
use super::side::{Loaded, Side, Which};
use crate::VaultError;
use crate::page::{Listed, limit};
use crate::person::Person;
use crate::rows::Part;
use oubliette_crypto::{Class, Handle};

/// Which part of a conversation.
#[derive(Debug, Clone, Default)]
pub struct Window {
    /// Only messages before this id.
    pub before: Option<String>,
    /// Only messages after this id: the ones next to it rather than the newest.
    pub after: Option<String>,
    /// 1 to 1,000, 100 if not said.
    pub limit: Option<usize>,
}

impl Chats {
    /// The conversation as this person sees it, newest first: the newest messages, or with `after` those next after it. A
    /// conversation that was never begun, or whose own side was forgotten, is empty.
    ///
    /// [`Listed::next_cursor`] is the id to go on with: as `after` if that was given, else as `before`.
    ///
    /// # Errors
    /// [`VaultError::PeerUnknown`], [`VaultError::Invalid`].
    pub fn messages(&self, peer: &str, window: &Window) -> Result<Listed<Message>, VaultError> {
        let peer = &self.peer(peer)?;
        let limit = limit(window.limit)?;
        let order = |field, id: &Option<String>| {
            id.as_deref().map(|id| MessageId::parse(field, id).map(|id| id.order)).transpose()
        };
        let (before, after) = (order("before", &window.before)?, order("after", &window.after)?);
        match self.merged(peer, after, before, limit) {
            // Their erasure came while they were read: what was read of them is not told any more.
            Err(error) if gone(&error) && self.person.keys.check().is_ok() => {
                self.merged(&Peer::Gone(peer.handle()), after, before, limit)
            }
            read => read,
        }
    }

    fn merged(
        &self,
        peer: &Peer,
        after: Option<u64>,
        before: Option<u64>,
        limit: usize,
    ) -> Result<Listed<Message>, VaultError> {
        let mut sides = self.sides(peer, after.unwrap_or(0), before, limit)?;
        let newest_first = after.is_none();
        let mut messages = Vec::new();
        let mut more = false;
        while let Some((side, speakers)) = next(&mut sides, newest_first)? {
            if messages.len() == limit {
                more = true;
                break;
            }
            if let Some(loaded) = side.take() {
                messages.extend(message(side, loaded, speakers)?);
            }
        }
        let next_cursor = messages.last().filter(|_| more).map(|last: &Message| last.id.clone());
        if !newest_first {
            messages.reverse();
        }
        if let Peer::Alive(person) = peer {
            person.keys.check()?;
        }
        Ok(Listed { items: messages, next_cursor })
    }

    /// The sides this person can see, own first, with who speaks there. What is past its time is passed over, whether it was cut yet or not.
    fn sides(
        &self,
        peer: &Peer,
        above: u64,
        below: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(Side, Speakers)>, VaultError> {
        let (me, them) = (&self.person, peer.handle());
        let Some(entry) = self.mine(them)? else { return Ok(Vec::new()) };
        let other = match peer {
            Peer::Alive(person) => Some(person),
            Peer::Gone(_) => None,
        };
        let speakers =
            Speakers { owner: Some(user(me)), other: other.map(user), side: id::side(me.handle(), them) };
        let mut sides = Vec::new();
        let kept = above.max(me.past_keeping(&entry));
        let own = Which { owner: me, other, own: true, compartment: entry.compartment };
        sides.push((Side::between(&own, kept, below, limit)?, speakers.clone()));
        if let Some(person) = other {
            let theirs = person.named(Class::Chat, &conversation_name(me.handle()));
            if let Some(theirs) = absent_if_gone(theirs)? {
                let kept = above.max(entry.from.saturating_sub(1)).max(person.past_keeping(&theirs));
                let which =
                    Which { owner: person, other: Some(me), own: false, compartment: theirs.compartment };
                sides.push((Side::between(&which, kept, below, limit)?, speakers.turned()));
            }
        }
        Ok(sides)
    }

    /// Number of messages this person can see, and when the last one was stored.
    pub(super) fn summary(&self, peer: Handle) -> Result<(u64, Option<u64>), VaultError> {
        let peer = self.by_handle(peer)?;
        match self.summed(&peer) {
            Err(error) if gone(&error) && self.person.keys.check().is_ok() => {
                self.summed(&Peer::Gone(peer.handle()))
            }
            read => read,
        }
    }

    fn summed(&self, peer: &Peer) -> Result<(u64, Option<u64>), VaultError> {
        let (mut count, mut last) = (0, None);
        for (mut side, _) in self.sides(peer, 0, None, 1)? {
            last = last.max(side.peek(true)?.map(|loaded| loaded.opened.created));
            count += side.count()?;
        }
        Ok((count, last))
    }
}

fn user(person: &Person) -> String {
    person.keys.user_id().as_str().to_owned()
}

/// The two parties, as the owner of a side sees them.
#[derive(Clone)]
struct Speakers {
    owner: Option<String>,
    other: Option<String>,
    /// Which side the owner's is.
    side: u8,
}

impl Speakers {
    fn turned(self) -> Self {
        Self { owner: self.other, other: self.owner, side: 1 - self.side }
    }
}

/// The side whose next message comes next.
fn next(
    sides: &mut [(Side, Speakers)],
    newest_first: bool,
) -> Result<Option<(&mut Side, &Speakers)>, VaultError> {
    let mut best: Option<(u64, usize)> = None;
    for (index, (side, _)) in sides.iter_mut().enumerate() {
        let Some(order) = side.peek(newest_first)?.map(|loaded| loaded.facts.order) else { continue };
        if best.is_none_or(|(found, _)| if newest_first { order > found } else { order < found }) {
            best = Some((order, index));
        }
    }
    let chosen = best.and_then(|(_, index)| sides.get_mut(index));
    Ok(chosen.map(|(side, speakers)| (side, &*speakers)))
}

/// `None` if the message was forgotten since its head was opened.
fn message(side: &Side, loaded: Loaded, speakers: &Speakers) -> Result<Option<Message>, VaultError> {
    let (created, order, part) = (loaded.opened.created, loaded.facts.order, loaded.opened.part);
    let damaged = loaded.opened.corrupt();
    let (id, author, policy) = match part {
        Part::SurvivorPeer => {
            let (Some((_, seq)), Some(random)) = (loaded.facts.author, loaded.facts.random) else {
                return Err(damaged);
            };
            let id = MessageId { order, side: 1 - speakers.side, seq, random: random.to_be_bytes() };
            (id, &speakers.other, ChatPolicy::Survivor)
        }
        own => {
            let random = id::random(&loaded.row);
            let id = MessageId { order, side: speakers.side, seq: loaded.place.seq, random };
            let policy = match own {
                Part::EitherAuthor | Part::EitherPeer => ChatPolicy::Either,
                Part::SurvivorAuthor | Part::SurvivorPeer => ChatPolicy::Survivor,
                Part::Whole => ChatPolicy::Author,
            };
            (id, &speakers.owner, policy)
        }
    };
    let Some((mut facts, content)) = side.read(loaded)? else { return Ok(None) };
    Ok(Some(Message {
        id: id.encode(),
        seq: id.seq,
        author: author.clone(),
        body: facts.body(content).ok_or(damaged)?,
        created,
        sent_at: facts.sent_at,
        client_id: facts.client_id,
        policy,
    }))
}

/// A peer whose erasure is under way has no side any more.
fn absent_if_gone<T>(found: Result<Option<T>, VaultError>) -> Result<Option<T>, VaultError> {
    match found {
        Err(error) if gone(&error) => Ok(None),
        other => other,
    }
}

pub(super) fn gone(error: &VaultError) -> bool {
    matches!(
        error,
        VaultError::SubjectErased { .. } | VaultError::SubjectBlocked | VaultError::SubjectUnknown
    )
}
