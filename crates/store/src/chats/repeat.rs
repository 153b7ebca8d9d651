//! A message sent again: its sender was not told that it was stored, and names it as before.

use std::collections::BTreeSet;

use oubliette_crypto::{Class, Handle};

use super::Chats;
use super::conversation::Standing;
use super::id::{self, MessageId};
use super::message::{Body, Facts, NewMessage, Posted};
use super::policy::ChatPolicy;
use super::side::{Loaded, load, whole};
use crate::VaultError;
use crate::person::Person;
use crate::rows::{Part, Run, Value};

/// How many of the author's newest messages in a conversation are looked at, besides as many as are sent.
const WINDOW: usize = 32;
/// And how old they may be, in microseconds: a day.
const LONGEST: u64 = 24 * 3600 * 1_000_000;
/// Rows read at once.
const FETCH: usize = 32;

impl Chats {
    /// For each message where it was stored before under its sender's name for it. The caller holds the pair's lock.
    pub(super) fn sent_before(
        &self,
        peer: &Person,
        standing: &Standing,
        messages: &[NewMessage],
    ) -> Result<Vec<Option<Posted>>, VaultError> {
        let mut before: Vec<Option<Posted>> = messages.iter().map(|_| None).collect();
        let mut names = BTreeSet::new();
        for name in messages.iter().filter_map(|message| message.client_id.as_deref()) {
            if !names.insert(name) {
                return Err(VaultError::invalid("client_id", "names two messages of one write"));
            }
        }
        if names.is_empty() || standing.mine.is_some() {
            return Ok(before);
        }
        let run = Run::items(Class::Chat, standing.state.mine.compartment);
        let oldest = self.person.vault.now().saturating_sub(LONGEST);
        let mut upto = standing.state.mine.seq;
        let mut left = WINDOW + messages.len();
        while left > 0 && upto > 0 {
            let rows = self.person.rows(run, 1..=upto, FETCH, true)?;
            let Some((last, _)) = rows.last() else { break };
            upto = last.seq.saturating_sub(1);
            for (place, row) in rows {
                if left == 0 || !is_own(&row) {
                    continue;
                }
                left -= 1;
                let Some(loaded) = load(&self.person, place, row)? else { continue };
                if loaded.opened.created < oldest {
                    return Ok(before);
                }
                self.compare(peer, loaded, messages, &mut before)?;
            }
        }
        Ok(before)
    }

    /// Looks for a stored message among those that are sent.
    fn compare(
        &self,
        peer: &Person,
        loaded: Loaded,
        messages: &[NewMessage],
        before: &mut [Option<Posted>],
    ) -> Result<(), VaultError> {
        let part = loaded.opened.part;
        let known = |facts: &Facts| {
            let name = facts.client_id.as_deref()?;
            messages.iter().position(|message| message.client_id.as_deref() == Some(name))
        };
        // Of *either* the name stands inside.
        if part != Part::EitherAuthor && known(&loaded.facts).is_none() {
            return Ok(());
        }
        let posted = posted(self.person.handle(), peer.handle(), &loaded);
        let Some((facts, content)) = whole(&self.person, Some(peer), loaded)? else { return Ok(()) };
        let Some(at) = known(&facts) else { return Ok(()) };
        let (Some(message), Some(before)) = (messages.get(at), before.get_mut(at)) else { return Ok(()) };
        let content_type = match &message.body {
            Body::Text(_) => None,
            Body::Bytes { content_type, .. } => Some(content_type),
        };
        let policy = match part {
            Part::EitherAuthor => ChatPolicy::Either,
            Part::SurvivorAuthor => ChatPolicy::Survivor,
            _ => ChatPolicy::Author,
        };
        let same = facts.content_type.as_ref() == content_type
            && message.content() == content.as_slice()
            && message.policy.is_none_or(|asked| asked == policy);
        if !same {
            return Err(VaultError::invalid(
                "client_id",
                "names another message that was stored before; give each message a name of its own",
            ));
        }
        before.get_or_insert(posted);
        Ok(())
    }
}

fn is_own(row: &[u8]) -> bool {
    let part = Value::parse(row).map(|value| value.part);
    matches!(part, Some(Part::Whole | Part::EitherAuthor | Part::SurvivorAuthor))
}

fn posted(me: Handle, peer: Handle, loaded: &Loaded) -> Posted {
    let (side, seq) = (id::side(me, peer), loaded.place.seq);
    let id = MessageId { order: loaded.facts.order, side, seq, random: id::random(&loaded.row) };
    Posted { id: id.encode(), seq, created: loaded.opened.created }
}
