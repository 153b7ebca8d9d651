//! A history: events applied to a vault and to the model beside it, and the adversary let loose on the vault.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Read};

use oubliette_adversary::{Canary, Leak, World, close, judge};
use oubliette_store::{
    Body, ConsentGiven, ErasureOutcome, NewMessage, PutOptions, SteamFields, Subject, SubjectFacts,
    VaultError,
};

use crate::conversations::{Conversations, Message};
use crate::filler::{Size, around};
use crate::op::{Op, PEOPLE};
use crate::people::{Account, Person, Slot};

const CONSENT: &str = "steam_credentials";

pub(crate) struct History {
    pub(crate) world: World,
    planted: BTreeSet<Canary>,
    people: Vec<Person>,
    conversations: Conversations,
    /// Key times blob, over all seizures.
    pub(crate) trials: u64,
    /// Events that did something, by name.
    pub(crate) done: BTreeMap<&'static str, usize>,
}

impl History {
    pub(crate) fn new(world: World) -> Self {
        let mut history = Self {
            world,
            planted: BTreeSet::new(),
            people: Vec::new(),
            conversations: Conversations::default(),
            trials: 0,
            done: BTreeMap::new(),
        };
        for who in 0..PEOPLE {
            let id = history.plant();
            history.people.push(Person::new(id));
            history.settle(who, false);
        }
        history
    }

    /// Does what can be done of an event. Nothing is expected to fail.
    pub(crate) fn apply(&mut self, op: &Op) -> Result<(), Leak> {
        match *op {
            Op::Put { who, spot, size } => self.living(who, |it| it.put(who, spot, size)),
            Op::Break { who, spot } => self.living(who, |it| it.break_off(who, spot)),
            Op::ForgetVersion { who, spot, nth } => self.living(who, |it| it.forget_version(who, spot, nth)),
            Op::ForgetSlot { who, spot } => self.living(who, |it| it.forget_slot(who, spot)),
            Op::Say { who, to, long } => self.pair(who, to, |it| it.say(who, to, long)),
            Op::ForgetMessage { who, to, nth } => self.pair(who, to, |it| it.forget_message(who, to, nth)),
            Op::ForgetThrough { who, to, nth } => self.pair(who, to, |it| it.forget_through(who, to, nth)),
            Op::ForgetSide { who, to } => self.pair(who, to, |it| it.forget_side(who, to)),
            Op::Consent { who } => self.living(who, |it| it.consent(who)),
            Op::Withdraw { who } => self.living(who, |it| it.withdraw(who)),
            Op::SetSteam { who, spot } => self.living(who, |it| it.set_steam(who, spot)),
            Op::ForgetSteam { who, spot } => self.living(who, |it| it.forget_steam(who, spot)),
            Op::Move { who } => self.living(who, |it| it.settle(who, false)),
            Op::Erase { who } => self.living(who, |it| it.erase(who)),
            Op::Reopen { who } if !self.people[who].alive => self.settle(who, true),
            Op::Reopen { .. } => {}
            Op::Sweep => drop(self.world.vault().unwrap().sweep(1000).unwrap()),
            Op::Restart => self.world.restart().unwrap(),
            Op::Seize => return self.seize(),
        }
        Ok(())
    }

    /// The adversary strikes: first with everything, then with one copy of the pages and no past.
    pub(crate) fn seize(&mut self) -> Result<(), Leak> {
        let live = self.live();
        let unsure: BTreeSet<&Canary> = self.people.iter().flat_map(|person| &person.fragments).collect();
        let gone = self.planted.difference(&live).filter(|canary| !unsure.contains(canary));
        let gone: BTreeSet<Canary> = gone.cloned().collect();
        let report = close(&self.world.seize().unwrap());
        println!("{} alive, {} gone: {}", live.len(), gone.len(), report.counts);
        self.trials += report.counts.trials();
        judge(&report, &live, &gone)?;
        for copy in 0..2 {
            judge(&close(&self.world.seize_present(copy).unwrap()), &live, &gone)?;
        }
        for person in &self.people {
            assert!(
                !person.alive || report.confirms(person.id.as_str()),
                "a living person's tag is in no page"
            );
        }
        Ok(())
    }

    /// User ids of people who are gone.
    pub(crate) fn departed(&self) -> impl Iterator<Item = &Canary> {
        self.people.iter().filter(|person| !person.alive).map(|person| &person.id)
    }

    fn live(&self) -> BTreeSet<Canary> {
        self.people.iter().flat_map(Person::canaries).chain(self.conversations.canaries()).cloned().collect()
    }

    fn plant(&mut self) -> Canary {
        let canary = Canary::fresh().unwrap();
        self.planted.insert(canary.clone());
        canary
    }

    fn living(&mut self, who: usize, act: impl FnOnce(&mut Self)) {
        if self.people[who].alive {
            act(self);
        }
    }

    fn pair(&mut self, who: usize, to: usize, act: impl FnOnce(&mut Self)) {
        if who != to && self.people[who].alive && self.people[to].alive {
            act(self);
        }
    }

    fn did(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    fn subject(&self, who: usize) -> Subject {
        self.world.vault().unwrap().subject(self.people[who].id.as_str()).unwrap()
    }

    /// Creates a person or changes their region.
    fn settle(&mut self, who: usize, reopen: bool) {
        let region = self.plant();
        let facts = SubjectFacts { region: Some(region.as_str().to_owned()) };
        self.world.vault().unwrap().put_subject(self.people[who].id.as_str(), &facts, reopen).unwrap();
        self.people[who].alive = true;
        self.people[who].region = Some(region);
        self.did(if reopen { "reopen" } else { "settle" });
    }

    fn put(&mut self, who: usize, spot: usize, size: Size) {
        let canaries = [self.plant(), self.plant()];
        if self.people[who].slots[spot].is_none() {
            let slot = Slot { game: self.plant(), name: self.plant(), versions: BTreeMap::new() };
            self.people[who].slots[spot] = Some(slot);
        }
        let saves = self.subject(who).saves();
        let slot = self.people[who].slots[spot].as_mut().unwrap();
        // Long facts of a large value stand in its body.
        let filler = if matches!(size, Size::Small) { 10 } else { 2000 };
        let meta = format!("{{\"note\":\"{}\",\"filler\":\"{}\"}}", canaries[1].as_str(), "x".repeat(filler));
        let options = PutOptions { meta: Some(meta), ..PutOptions::default() };
        let content = around(&canaries[0], size);
        let saved =
            saves.put(slot.game.as_str(), slot.name.as_str(), &options, &mut content.as_slice()).unwrap();
        slot.versions.insert(saved.version, canaries);
        self.did("put");
    }

    fn break_off(&mut self, who: usize, spot: usize) {
        let canary = self.plant();
        let saves = self.subject(who).saves();
        let Some(slot) = &self.people[who].slots[spot] else { return };
        let content = around(&canary, Size::Dense);
        let mut content = content.as_slice().chain(Broken);
        let (game, name) = (slot.game.as_str(), slot.name.as_str());
        let refused = saves.put(game, name, &PutOptions::default(), &mut content);
        assert!(matches!(refused, Err(VaultError::Upload(_))));
        self.people[who].fragments.push(canary);
        self.did("break off");
    }

    fn forget_version(&mut self, who: usize, spot: usize, nth: usize) {
        let saves = self.subject(who).saves();
        let Some(slot) = &mut self.people[who].slots[spot] else { return };
        let Some(version) = slot.versions.keys().nth(nth % slot.versions.len().max(1)).copied() else {
            return;
        };
        saves.forget_version(slot.game.as_str(), slot.name.as_str(), version).unwrap();
        slot.versions.remove(&version);
        self.did("forget version");
    }

    fn forget_slot(&mut self, who: usize, spot: usize) {
        let saves = self.subject(who).saves();
        let Some(slot) = self.people[who].slots[spot].take() else { return };
        saves.forget_slot(slot.game.as_str(), slot.name.as_str()).unwrap();
        self.did("forget slot");
    }

    fn say(&mut self, who: usize, to: usize, long: bool) {
        let canary = self.plant();
        let body = if long {
            Body::Bytes { content_type: "text/plain".into(), bytes: around(&canary, Size::Dense) }
        } else {
            Body::Text(canary.as_str().to_owned())
        };
        let message = NewMessage { body, sent_at: None, client_id: None };
        let posted = self.subject(who).chats().append(self.people[to].id.as_str(), &[message]).unwrap();
        let id = posted[0].id.clone();
        self.conversations.between(who, to).push(Message { author: who, id, canary });
        self.did("say");
    }

    fn forget_message(&mut self, who: usize, to: usize, nth: usize) {
        let Some(at) = self.conversations.own(who, to, nth) else { return };
        let message = self.conversations.between(who, to).remove(at);
        self.subject(who).chats().forget_message(self.people[to].id.as_str(), &message.id).unwrap();
        self.did("forget message");
    }

    fn forget_through(&mut self, who: usize, to: usize, nth: usize) {
        let Some(at) = self.conversations.own(who, to, nth) else { return };
        let messages = self.conversations.between(who, to);
        let id = messages[at].id.clone();
        let mut place = 0;
        messages.retain(|message| {
            place += 1;
            place - 1 > at || message.author != who
        });
        self.subject(who).chats().forget_through(self.people[to].id.as_str(), &id).unwrap();
        self.did("forget through");
    }

    fn forget_side(&mut self, who: usize, to: usize) {
        match self.subject(who).chats().forget_side(self.people[to].id.as_str()) {
            Ok(()) => self.did("forget side"),
            Err(VaultError::NotFound { .. }) => {}
            Err(error) => panic!("{error}"),
        }
        self.conversations.between(who, to).retain(|message| message.author != who);
    }

    fn consent(&mut self, who: usize) {
        let evidence = self.plant();
        let given = ConsentGiven { evidence: Some(evidence.as_str().to_owned()), ..ConsentGiven::default() };
        self.subject(who).consents().give(CONSENT, &given).unwrap();
        self.people[who].evidence.push(evidence);
        self.people[who].consent = true;
        self.did("consent");
    }

    fn withdraw(&mut self, who: usize) {
        if self.people[who].consent {
            self.subject(who).consents().withdraw(CONSENT).unwrap();
            self.people[who].consent = false;
            self.people[who].accounts = Default::default();
            self.did("withdraw");
        }
    }

    fn set_steam(&mut self, who: usize, spot: usize) {
        if !self.people[who].consent {
            return self.consent(who);
        }
        let password = self.plant();
        let known = self.people[who].accounts[spot].take();
        let name = known.map_or_else(|| self.plant(), |account| account.name);
        let fields = BTreeMap::from([("password".to_owned(), password.as_str().to_owned())]);
        self.subject(who).credentials().set_steam(name.as_str(), SteamFields(fields)).unwrap();
        self.people[who].accounts[spot] = Some(Account { name, password });
        self.did("set steam");
    }

    fn forget_steam(&mut self, who: usize, spot: usize) {
        let credentials = self.subject(who).credentials();
        let Some(account) = self.people[who].accounts[spot].take() else { return };
        credentials.forget_steam(account.name.as_str()).unwrap();
        self.did("forget steam");
    }

    fn erase(&mut self, who: usize) {
        let id = self.people[who].id.clone();
        self.world.hold(id.as_str()).unwrap();
        let outcomes = self.world.vault().unwrap().erase(&[id.as_str()]).unwrap();
        assert!(matches!(outcomes[..], [ErasureOutcome::Erased(_)]));
        for message in self.conversations.end(who) {
            self.people[message.author].words_left.push(message.canary);
        }
        self.people[who] = Person { alive: false, ..Person::new(id) };
        self.did("erase");
    }
}

/// A connection that is lost.
struct Broken;

impl Read for Broken {
    fn read(&mut self, _buffer: &mut [u8]) -> io::Result<usize> {
        Err(io::ErrorKind::ConnectionReset.into())
    }
}
