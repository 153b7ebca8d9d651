//! A history: events applied to a vault and to the model beside it, and the adversary let loose on the vault.

use std::collections::{BTreeMap, BTreeSet};

use oubliette_adversary::{Canary, Evidence, Leak, Report, Tear, World, WorldError, close, judge};
use oubliette_store::{ChatPolicy, ReceiptSalt, SaveReader, Subject};

use crate::conversations::Conversations;
use crate::doubt::Doubt;
use crate::look::look;
use crate::op::{Op, PEOPLE};
use crate::people::Person;

pub(crate) const CONSENT: &str = "steam_credentials";
/// Of records, and of the consent that they need.
pub(crate) const PURPOSE: &str = "orders";
/// Longer than a fence stands.
const MONTH: u64 = 31 * 24 * 3600;

pub(crate) struct History {
    pub(crate) world: World,
    planted: BTreeSet<Canary>,
    pub(crate) people: Vec<Person>,
    pub(crate) conversations: Conversations,
    /// What was alive when the backup was made.
    backup: Option<BTreeSet<Canary>>,
    /// Downloads under way, and whose they are.
    pub(crate) readers: Vec<(usize, SaveReader)>,
    /// What the event under way adds, should the power go.
    pub(crate) doubt: Doubt,
    /// Encapsulated keys of released answers.
    pub(crate) released: Vec<[u8; 32]>,
    /// People erased so far, each time anew.
    pub(crate) destroyed: usize,
    /// What was told once to whoever asked for an erasure.
    pub(crate) salts: Vec<ReceiptSalt>,
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
            backup: None,
            readers: Vec::new(),
            doubt: Doubt::Nothing,
            released: Vec::new(),
            destroyed: 0,
            salts: Vec::new(),
            trials: 0,
            done: BTreeMap::new(),
        };
        for who in 0..PEOPLE {
            let id = history.plant();
            history.people.push(Person::new(id));
            history.settle(who, false).unwrap();
        }
        history
    }

    /// Does what can be done of an event. Nothing is expected to fail unless the power is cut.
    pub(crate) fn apply(&mut self, op: &Op) -> Result<(), Leak> {
        match op {
            Op::Seize => self.seize(),
            Op::Cut { after, tear, during } => {
                self.cut_off(*after, *tear, during);
                Ok(())
            }
            Op::Strike { after, during } => self.struck(vec![after + 1, after + 4], during),
            op => {
                self.perform(op).unwrap_or_else(|error| panic!("{op:?}: {error}"));
                Ok(())
            }
        }
    }

    /// The adversary strikes: first with everything, then with one copy of the pages and no past.
    pub(crate) fn seize(&mut self) -> Result<(), Leak> {
        let live = self.live();
        let gone = self.gone(&self.planted, &live);
        let everything = self.world.seize().unwrap();
        self.no_answer_is_kept(&everything);
        self.receipts_tell_nothing(&everything);
        let report = self.search(&everything, &live, &gone)?;
        for person in &self.people {
            let confirmed = report.confirms(person.id.as_str());
            assert!(!person.alive || confirmed, "a living person's tag is in no page");
            assert!(!person.unknown || !confirmed, "a guess at somebody forgotten is confirmed");
        }
        for copy in 0..2 {
            judge(&close(&self.world.seize_present(copy).unwrap()), &live, &gone)?;
        }
        Ok(())
    }

    /// What was sealed to somebody outside stands nowhere. A few of the latest are looked for.
    fn no_answer_is_kept(&self, everything: &Evidence) {
        let heads: Vec<&[u8]> = self.released.iter().rev().take(3).map(|enc| &enc[..8]).collect();
        let Evidence { rows, blobs, pages, other, logs, cells, .. } = everything;
        let pairs = rows.iter().chain(blobs).flat_map(|(key, value)| [key, value]);
        for bytes in pairs.chain(pages).chain(other).chain(cells).chain([logs]) {
            let kept = bytes.windows(8).any(|window| heads.contains(&window));
            assert!(!kept, "a released answer is kept");
        }
    }

    /// User ids of people who are gone.
    pub(crate) fn departed(&self) -> impl Iterator<Item = &Canary> {
        self.people.iter().filter(|person| !person.alive).map(|person| &person.id)
    }

    pub(crate) fn live(&self) -> BTreeSet<Canary> {
        let seen = self.people.iter().flat_map(Person::canaries).chain(self.conversations.canaries());
        seen.chain(self.people.iter().flat_map(|person| &person.kept)).cloned().collect()
    }

    pub(crate) fn plant(&mut self) -> Canary {
        let canary = Canary::fresh().unwrap();
        self.planted.insert(canary.clone());
        canary
    }

    pub(crate) fn did(&mut self, what: &'static str) {
        *self.done.entry(what).or_default() += 1;
    }

    pub(crate) fn subject(&self, who: usize) -> Result<Subject, WorldError> {
        Ok(self.world.vault()?.subject(self.people[who].id.as_str())?)
    }

    /// Of what was planted, what must not be found.
    fn gone(&self, planted: &BTreeSet<Canary>, live: &BTreeSet<Canary>) -> BTreeSet<Canary> {
        let unsure: BTreeSet<&Canary> = self.unsure().collect();
        planted.difference(live).filter(|canary| !unsure.contains(canary)).cloned().collect()
    }

    /// What may be found or not.
    pub(crate) fn unsure(&self) -> impl Iterator<Item = &Canary> {
        self.people.iter().flat_map(|person| &person.maybe)
    }

    fn search(
        &mut self,
        evidence: &Evidence,
        live: &BTreeSet<Canary>,
        gone: &BTreeSet<Canary>,
    ) -> Result<Report, Leak> {
        let report = close(evidence);
        println!("{} alive, {} gone: {}", live.len(), gone.len(), report.counts);
        self.trials += report.counts.trials();
        judge(&report, live, gone)?;
        Ok(report)
    }

    /// Everything is seized after each of an event's calls, up to so many.
    pub(crate) fn strike_all_through(&mut self, during: &Op, calls: u64) -> Result<(), Leak> {
        self.struck((1..=calls).collect(), during)
    }

    /// Everything is seized between the calls of an event. What the event is about may be found; what was gone before must not, and what
    /// is alive before and after must.
    fn struck(&mut self, calls: Vec<u64>, during: &Op) -> Result<(), Leak> {
        let (mut before, planted) = (self.live(), self.planted.clone());
        before.extend(self.unsure().cloned());
        self.world.strike_after(calls).unwrap();
        self.perform(during).unwrap_or_else(|error| panic!("{during:?}: {error}"));
        let after = self.live();
        let live: BTreeSet<Canary> = before.intersection(&after).cloned().collect();
        let gone = self.gone(&planted, &before.union(&after).cloned().collect());
        for evidence in self.world.strikes().unwrap() {
            self.search(&evidence, &live, &gone)?;
            self.did("strike");
        }
        Ok(())
    }

    /// The power goes within an event. Whether it happened is seen afterwards; what the vault acknowledged stands.
    fn cut_off(&mut self, after: u64, tear: Tear, during: &Op) {
        self.readers.clear();
        self.doubt = Doubt::Nothing;
        self.world.cut_power(after, tear);
        let outcome = self.perform(during);
        // Of what is written down nothing is ahead of what comes to pass.
        let said = crate::receipts::said(&self.world);
        let went = self.world.power_back().unwrap();
        let destroyed = self.certified();
        assert!(said <= destroyed, "a receipt was there before its destruction");
        match outcome {
            Err(error) => {
                assert!(went, "{during:?}: {error}");
                self.see_what_happened();
            }
            Ok(()) => {
                self.doubt = Doubt::Nothing;
                // A save is acknowledged when it is durable: what it makes too many may be left to the pass after the start.
                if went {
                    self.world.vault().and_then(|vault| Ok(vault.sweep(1000)?)).unwrap();
                }
            }
        }
        self.did(if went { "power cut" } else { "power cut that came too late" });
    }

    pub(crate) fn restart(&mut self) -> Result<(), WorldError> {
        self.readers.clear();
        self.world.restart()
    }

    pub(crate) fn back_up(&mut self) -> Result<(), WorldError> {
        self.readers.clear();
        self.backup = Some(self.live());
        self.did("back up");
        self.world.back_up()
    }

    /// What was stored since the backup is lost to the vault, though not to whoever copied it. What was forgotten since stays so.
    pub(crate) fn restore(&mut self) -> Result<(), WorldError> {
        let Some(backup) = self.backup.clone() else { return Ok(()) };
        self.readers.clear();
        self.world.restore()?;
        let (live, seen) = (self.live(), look(&self.world, &self.people)?);
        for person in &mut self.people {
            let lost = person.keep(&seen.canaries);
            person.maybe.extend(lost);
            // Of what is hidden nobody can see whether the backup had it.
            person.maybe.append(&mut person.kept);
            for account in &mut person.accounts {
                person.maybe.extend(account.password.take_if(|password| !backup.contains(password)));
            }
        }
        for message in self.conversations.keep(&seen.readers) {
            if message.policy != ChatPolicy::Author {
                self.people[message.peer].maybe.push(message.canary.clone());
            }
            self.people[message.author].maybe.push(message.canary);
        }
        let unsure: BTreeSet<&Canary> = self.unsure().collect();
        for canary in &seen.canaries {
            assert!(
                live.contains(canary) || unsure.contains(canary),
                "a restored backup brought something back"
            );
        }
        self.people.iter_mut().zip(seen.consent).for_each(|(person, consent)| person.consent = consent);
        self.see_what_is_kept()?;
        self.did("restore");
        Ok(())
    }

    /// Everything of somebody's that can be seen.
    pub(crate) fn theirs(&self, who: usize) -> BTreeSet<Canary> {
        self.people[who].canaries().into_iter().chain(self.conversations.said_by(who)).cloned().collect()
    }

    pub(crate) fn month(&mut self) -> Result<(), WorldError> {
        self.world.advance(MONTH);
        self.world.keyring()?.remove_expired_fences()?;
        self.people.iter_mut().for_each(|person| person.unknown = !person.alive);
        self.did("month");
        Ok(())
    }

    /// Somebody is gone: the others keep what is theirs of what they said to each other.
    pub(crate) fn depart(&mut self, who: usize) {
        for (whose, words) in self.conversations.end(who) {
            self.people[whose].words_left.push(words);
        }
        let id = self.people[who].id.clone();
        self.people[who] = Person { alive: false, ..Person::new(id) };
        self.destroyed += 1;
    }
}
