//! The model of one person: which canaries of theirs are alive.

use std::collections::BTreeMap;

use oubliette_adversary::Canary;

use crate::op::SPOTS;

/// A person whose user id is a canary, too.
pub(crate) struct Person {
    pub(crate) id: Canary,
    pub(crate) alive: bool,
    pub(crate) region: Option<Canary>,
    pub(crate) slots: [Option<Slot>; SPOTS],
    pub(crate) accounts: [Option<Account>; SPOTS],
    /// Evidence of consents given.
    pub(crate) evidence: Vec<Canary>,
    pub(crate) consent: bool,
    /// Own messages to people who were erased since.
    pub(crate) words_left: Vec<Canary>,
    /// What came of uploads that broke off: never acknowledged, so it may be found until the person goes.
    pub(crate) fragments: Vec<Canary>,
}

/// A slot; game and slot names are canaries.
pub(crate) struct Slot {
    pub(crate) game: Canary,
    pub(crate) name: Canary,
    /// Content and meta of each version.
    pub(crate) versions: BTreeMap<u64, [Canary; 2]>,
}

/// A platform account.
pub(crate) struct Account {
    pub(crate) name: Canary,
    pub(crate) password: Canary,
}

impl Person {
    pub(crate) fn new(id: Canary) -> Self {
        Self {
            id,
            alive: true,
            region: None,
            slots: Default::default(),
            accounts: Default::default(),
            evidence: Vec::new(),
            consent: false,
            words_left: Vec::new(),
            fragments: Vec::new(),
        }
    }

    /// Everything of theirs but their conversations.
    pub(crate) fn canaries(&self) -> Vec<&Canary> {
        if !self.alive {
            return Vec::new();
        }
        let mut all = vec![&self.id];
        all.extend(self.region.iter().chain(&self.evidence).chain(&self.words_left));
        for slot in self.slots.iter().flatten() {
            all.extend([&slot.game, &slot.name]);
            all.extend(slot.versions.values().flatten());
        }
        all.extend(self.accounts.iter().flatten().flat_map(|account| [&account.name, &account.password]));
        all
    }
}
