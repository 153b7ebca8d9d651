//! The model of one person: which canaries of theirs are alive.

use std::collections::{BTreeMap, BTreeSet};

use oubliette_adversary::Canary;

/// A person whose user id is a canary, too.
pub(crate) struct Person {
    pub(crate) id: Canary,
    pub(crate) alive: bool,
    /// Erased, and so long ago that the fence is gone.
    pub(crate) unknown: bool,
    pub(crate) region: Option<Canary>,
    pub(crate) slots: Vec<Slot>,
    pub(crate) accounts: Vec<Account>,
    pub(crate) records: Vec<Record>,
    /// A legal hold stands.
    pub(crate) held: bool,
    /// Why.
    pub(crate) reason: Option<Canary>,
    /// Forgotten under the hold: nobody sees it, and it is there.
    pub(crate) kept: Vec<Canary>,
    /// Evidence of consents given.
    pub(crate) evidence: Vec<Canary>,
    pub(crate) consent: bool,
    /// Own messages to people who were erased since, and copies of theirs.
    pub(crate) words_left: Vec<Canary>,
    /// May be found or not until the person goes: what was never acknowledged, and what a restored backup did not know.
    pub(crate) maybe: Vec<Canary>,
}

/// A slot; game and slot names are canaries.
pub(crate) struct Slot {
    pub(crate) game: Canary,
    pub(crate) name: Canary,
    /// Content and meta of each version.
    pub(crate) versions: BTreeMap<u64, [Canary; 2]>,
    /// How many of them are kept, if it was said.
    pub(crate) keep: Option<u32>,
}

/// A platform account.
pub(crate) struct Account {
    pub(crate) name: Canary,
    pub(crate) password: Option<Canary>,
    /// Purposes of releases since it was stored.
    pub(crate) uses: Vec<Canary>,
}

/// A record; its id is a canary.
pub(crate) struct Record {
    pub(crate) id: Canary,
    pub(crate) content: Option<Canary>,
}

impl Person {
    pub(crate) fn new(id: Canary) -> Self {
        Self {
            id,
            alive: true,
            unknown: false,
            region: None,
            slots: Vec::new(),
            accounts: Vec::new(),
            records: Vec::new(),
            held: false,
            reason: None,
            kept: Vec::new(),
            evidence: Vec::new(),
            consent: false,
            words_left: Vec::new(),
            maybe: Vec::new(),
        }
    }

    /// Everything of theirs but their conversations.
    pub(crate) fn canaries(&self) -> Vec<&Canary> {
        if !self.alive {
            return Vec::new();
        }
        let mut all = vec![&self.id];
        all.extend(self.region.iter().chain(&self.reason).chain(&self.evidence).chain(&self.words_left));
        all.extend(self.slots.iter().flat_map(Slot::canaries));
        all.extend(self.accounts.iter().flat_map(Account::canaries));
        all.extend(self.records.iter().flat_map(Record::canaries));
        all
    }

    /// Keeps what can still be seen; answers what cannot. Passwords are never seen: they go with their account.
    pub(crate) fn keep(&mut self, seen: &BTreeSet<Canary>) -> Vec<Canary> {
        let before: BTreeSet<Canary> = self.canaries().into_iter().cloned().collect();
        self.region.take_if(|region| !seen.contains(region));
        self.reason.take_if(|reason| !seen.contains(reason));
        self.evidence.retain(|evidence| seen.contains(evidence));
        self.words_left.retain(|words| seen.contains(words));
        self.slots.retain(|slot| seen.contains(&slot.name));
        for slot in &mut self.slots {
            slot.versions.retain(|_, [content, _]| seen.contains(content));
        }
        self.accounts.retain(|account| seen.contains(&account.name));
        self.records.retain(|record| seen.contains(&record.id));
        for record in &mut self.records {
            record.content.take_if(|content| !seen.contains(content));
        }
        self.accounts.iter_mut().for_each(|account| account.uses.retain(|used| seen.contains(used)));
        let after: BTreeSet<Canary> = self.canaries().into_iter().cloned().collect();
        before.difference(&after).cloned().collect()
    }
}

impl Slot {
    /// What is too much goes.
    pub(crate) fn trim(&mut self) {
        while self.keep.is_some_and(|keep| self.versions.len() > keep as usize) {
            self.versions.pop_first();
        }
    }

    fn canaries(&self) -> impl Iterator<Item = &Canary> {
        [&self.game, &self.name].into_iter().chain(self.versions.values().flatten())
    }
}

impl Record {
    fn canaries(&self) -> impl Iterator<Item = &Canary> {
        [&self.id].into_iter().chain(&self.content)
    }
}

impl Account {
    fn canaries(&self) -> impl Iterator<Item = &Canary> {
        [&self.name].into_iter().chain(&self.password).chain(&self.uses)
    }
}
