//! The model of what people said to each other.

use std::collections::{BTreeMap, BTreeSet};

use oubliette_adversary::Canary;

/// One message, in the order of its conversation.
pub(crate) struct Message {
    pub(crate) author: usize,
    pub(crate) id: String,
    pub(crate) canary: Canary,
}

/// Conversations between living people.
#[derive(Default)]
pub(crate) struct Conversations(BTreeMap<(usize, usize), Vec<Message>>);

impl Conversations {
    pub(crate) fn between(&mut self, a: usize, b: usize) -> &mut Vec<Message> {
        self.0.entry((a.min(b), a.max(b))).or_default()
    }

    /// Position of an own message.
    pub(crate) fn own(&mut self, who: usize, to: usize, nth: usize) -> Option<usize> {
        let messages = self.between(who, to);
        let own: Vec<usize> = (0..messages.len()).filter(|at| messages[*at].author == who).collect();
        (!own.is_empty()).then(|| own[nth % own.len()])
    }

    /// Ends all conversations of somebody; answers what the others had said.
    pub(crate) fn end(&mut self, who: usize) -> Vec<Message> {
        let ended: Vec<_> = self.0.keys().filter(|(a, b)| *a == who || *b == who).copied().collect();
        let messages = ended.iter().filter_map(|pair| self.0.remove(pair)).flatten();
        messages.filter(|message| message.author != who).collect()
    }

    /// Keeps what can still be seen; answers what cannot.
    pub(crate) fn keep(&mut self, seen: &BTreeSet<Canary>) -> Vec<Message> {
        let all = self.0.values_mut();
        all.flat_map(|messages| messages.extract_if(.., |message| !seen.contains(&message.canary))).collect()
    }

    pub(crate) fn said_by(&self, who: usize) -> impl Iterator<Item = &Canary> {
        self.0.values().flatten().filter(move |message| message.author == who).map(|message| &message.canary)
    }

    pub(crate) fn canaries(&self) -> impl Iterator<Item = &Canary> {
        self.0.values().flatten().map(|message| &message.canary)
    }
}
