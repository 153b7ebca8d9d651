//! The model of what people said to each other.

use std::collections::{BTreeMap, BTreeSet};

use oubliette_adversary::Canary;
use oubliette_store::ChatPolicy;

/// One message, in the order of its conversation.
pub(crate) struct Message {
    pub(crate) author: usize,
    pub(crate) peer: usize,
    pub(crate) id: String,
    pub(crate) canary: Canary,
    pub(crate) policy: ChatPolicy,
    /// Whether its author, and its peer, let go of it.
    pub(crate) gone: [bool; 2],
}

impl Message {
    /// Whether anybody has all keys of it.
    pub(crate) fn alive(&self) -> bool {
        match self.policy {
            ChatPolicy::Either => self.gone == [false; 2],
            ChatPolicy::Survivor => self.gone != [true; 2],
            _ => !self.gone[0],
        }
    }

    /// Somebody deletes what they can of it.
    pub(crate) fn let_go(&mut self, who: usize) {
        if who == self.author {
            self.gone[0] = true;
        } else if self.policy != ChatPolicy::Author {
            self.gone[1] = true;
        }
    }
}

/// Conversations between living people. What nobody has the keys of any more is not in them.
#[derive(Default)]
pub(crate) struct Conversations(BTreeMap<(usize, usize), Vec<Message>>);

impl Conversations {
    pub(crate) fn between(&mut self, a: usize, b: usize) -> &mut Vec<Message> {
        self.0.entry((a.min(b), a.max(b))).or_default()
    }

    /// Messages that hang on more than their author and of which somebody has a part.
    pub(crate) fn parts(&self, who: usize) -> BTreeSet<Canary> {
        let messages = self.0.values().flatten().filter(|message| message.policy != ChatPolicy::Author);
        let theirs = messages.filter(|message| {
            (message.author == who && !message.gone[0]) || (message.peer == who && !message.gone[1])
        });
        theirs.map(|message| message.canary.clone()).collect()
    }

    /// Position of an own message that its author did not delete.
    pub(crate) fn own(&mut self, who: usize, to: usize, nth: usize) -> Option<usize> {
        self.position(who, to, nth, |message| message.author == who && !message.gone[0])
    }

    /// Position of a message of the other's of which one has a part.
    pub(crate) fn theirs(&mut self, who: usize, to: usize, nth: usize) -> Option<usize> {
        self.position(who, to, nth, |message| {
            message.author == to && message.policy != ChatPolicy::Author && !message.gone[1]
        })
    }

    fn position(
        &mut self,
        who: usize,
        to: usize,
        nth: usize,
        fits: impl Fn(&Message) -> bool,
    ) -> Option<usize> {
        let messages = self.between(who, to);
        let fitting: Vec<usize> = (0..messages.len()).filter(|at| fits(&messages[*at])).collect();
        (!fitting.is_empty()).then(|| fitting[nth % fitting.len()])
    }

    /// Somebody lets go of the first messages of a conversation, as far as they can.
    pub(crate) fn let_go(&mut self, who: usize, to: usize, first: usize) {
        let messages = self.between(who, to);
        messages.iter_mut().take(first).for_each(|message| message.let_go(who));
        messages.retain(Message::alive);
    }

    /// Ends all conversations of somebody; answers what is left of them, and with whom.
    pub(crate) fn end(&mut self, who: usize) -> Vec<(usize, Canary)> {
        let ended: Vec<_> = self.0.keys().filter(|(a, b)| *a == who || *b == who).copied().collect();
        let messages = ended.iter().filter_map(|pair| self.0.remove(pair)).flatten();
        messages
            .filter_map(|mut message| {
                message.let_go(who);
                let other = message.author + message.peer - who;
                message.alive().then_some((other, message.canary))
            })
            .collect()
    }

    /// Keeps what can still be seen, by whom; answers what cannot.
    pub(crate) fn keep(&mut self, seen: &BTreeMap<Canary, BTreeSet<usize>>) -> Vec<Message> {
        let all = self.0.values_mut();
        all.flat_map(|messages| {
            messages.extract_if(.., |message| {
                let sees = |who| seen.get(&message.canary).is_some_and(|by| by.contains(&who));
                message.gone[0] |= !sees(message.author);
                // Of a message of the author's alone, the peer has no part to lose.
                message.gone[1] |= message.policy != ChatPolicy::Author && !sees(message.peer);
                !message.alive()
            })
        })
        .collect()
    }

    pub(crate) fn said_by(&self, who: usize) -> impl Iterator<Item = &Canary> {
        self.0.values().flatten().filter(move |message| message.author == who).map(|message| &message.canary)
    }

    pub(crate) fn canaries(&self) -> impl Iterator<Item = &Canary> {
        self.0.values().flatten().map(|message| &message.canary)
    }
}
