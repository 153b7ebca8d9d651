//! Reading a conversation: both sides merged into one order.

use super::Chats;
use super::id::{self, MessageId};
use super::message::{Message, POLICY};
use super::peer::{Peer, conversation_name};
use super::side::{Loaded, Side};
use crate::VaultError;
use crate::page::{Listed, limit};
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
        let limit = limit(window.limit)?;
        let order = |field, id: &Option<String>| {
            id.as_deref().map(|id| MessageId::parse(field, id).map(|id| id.order)).transpose()
        };
        let (before, after) = (order("before", &window.before)?, order("after", &window.after)?);
        let peer = self.peer(peer)?;
        match self.merged(&peer, after, before, limit) {
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
        while let Some((side, author)) = next(&mut sides, newest_first)? {
            if messages.len() == limit {
                more = true;
                break;
            }
            if let Some(loaded) = side.take() {
                messages.extend(message(loaded, author)?);
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

    /// The sides this person can see, own first, with their authors.
    fn sides(
        &self,
        peer: &Peer,
        above: u64,
        below: Option<u64>,
        limit: usize,
    ) -> Result<Vec<(Side, Author)>, VaultError> {
        let (me, them) = (self.person.handle(), peer.handle());
        let Some(entry) = self.mine(them)? else { return Ok(Vec::new()) };
        let mut sides = Vec::new();
        let user = |person: &crate::person::Person| person.keys.user_id().as_str().to_owned();
        let own = Side::between(&self.person, entry.compartment, above, below, limit)?;
        sides.push((own, Author { user: user(&self.person), side: id::side(me, them) }));
        if let Peer::Alive(person) = peer {
            let theirs = person.named(Class::Chat, &conversation_name(me));
            if let Some(theirs) = absent_if_gone(theirs)? {
                let above = above.max(entry.from.saturating_sub(1));
                let side = Side::between(person, theirs.compartment, above, below, limit)?;
                sides.push((side, Author { user: user(person), side: id::side(them, me) }));
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

#[derive(Clone)]
struct Author {
    user: String,
    side: u8,
}

/// The side whose next message comes next.
fn next(
    sides: &mut [(Side, Author)],
    newest_first: bool,
) -> Result<Option<(&mut Side, &Author)>, VaultError> {
    let mut best: Option<(u64, usize)> = None;
    for (index, (side, _)) in sides.iter_mut().enumerate() {
        let Some(order) = side.peek(newest_first)?.map(|loaded| loaded.facts.order) else { continue };
        if best.is_none_or(|(found, _)| if newest_first { order > found } else { order < found }) {
            best = Some((order, index));
        }
    }
    let chosen = best.and_then(|(_, index)| sides.get_mut(index));
    Ok(chosen.map(|(side, author)| (side, &*author)))
}

/// `None` if the message was forgotten since its head was opened.
fn message(loaded: Loaded, author: &Author) -> Result<Option<Message>, VaultError> {
    let Loaded { place, row, opened, mut facts } = loaded;
    let created = opened.created;
    let damaged = opened.corrupt();
    let content = match opened.content() {
        Ok(content) => content,
        Err(VaultError::Forgotten) => return Ok(None),
        Err(other) => return Err(other),
    };
    let body = facts.body(content).ok_or(damaged)?;
    let id = MessageId { order: facts.order, side: author.side, seq: place.seq, random: id::random(&row) };
    Ok(Some(Message {
        id: id.encode(),
        seq: place.seq,
        author: author.user.clone(),
        body,
        created,
        sent_at: facts.sent_at,
        client_id: facts.client_id,
        policy: POLICY,
    }))
}

/// A peer whose erasure is under way has no side any more.
fn absent_if_gone<T>(found: Result<Option<T>, VaultError>) -> Result<Option<T>, VaultError> {
    match found {
        Err(error) if gone(&error) => Ok(None),
        other => other,
    }
}

fn gone(error: &VaultError) -> bool {
    matches!(
        error,
        VaultError::SubjectErased { .. } | VaultError::SubjectBlocked | VaultError::SubjectUnknown
    )
}
