//! After a power cut: an event that was not acknowledged happened or did not, and the model goes by what is seen.

use std::collections::BTreeSet;

use oubliette_adversary::Canary;
use oubliette_store::ChatPolicy;

use crate::conversations::Message;
use crate::history::History;
use crate::look::{Seen, look};
use crate::op::PEOPLE;
use crate::people::{Account, Person, Record, Slot};

/// What the event under way adds. Of what it adds and what it replaces without forgetting it by name, either may be found afterwards.
pub(crate) enum Doubt {
    Nothing,
    Version { who: usize, slot: [Canary; 2], content: [Canary; 2] },
    Message { who: usize, to: usize, canary: Canary, policy: ChatPolicy },
    Region { who: usize, new: Canary },
    Evidence { who: usize, new: Canary },
    Password { who: usize, account: Canary, new: Canary },
    Record { who: usize, id: Canary, new: Canary },
    Hold { who: usize, new: Canary },
    Lift { who: usize },
    Use { who: usize, account: Canary, new: Canary },
}

impl History {
    pub(crate) fn see_what_happened(&mut self) {
        let seen = look(&self.world, &self.people).unwrap();
        for who in 0..PEOPLE {
            match (self.people[who].alive, seen.alive[who]) {
                (true, false) => self.depart(who),
                (false, true) => self.people[who] = Person::new(self.people[who].id.clone()),
                _ => {}
            }
        }
        let doubt = std::mem::replace(&mut self.doubt, Doubt::Nothing);
        self.settle_doubt(doubt, &seen);
        // What a forgetting event took along is gone for good, or there until the hold is lifted.
        for (person, held) in self.people.iter_mut().zip(seen.held) {
            let lost = person.keep(&seen.canaries);
            person.held = held;
            if held {
                person.kept.extend(lost);
            }
        }
        let held: Vec<usize> = (0..PEOPLE).filter(|who| self.people[*who].held).collect();
        for who in held {
            let parts = self.conversations.parts(who);
            self.people[who].maybe.extend(parts);
        }
        for message in self.conversations.keep(&seen.readers) {
            let author = &mut self.people[message.author];
            if author.held && message.policy == ChatPolicy::Author {
                author.kept.push(message.canary);
            }
        }
        self.see_what_is_kept().unwrap();
        self.people.iter_mut().zip(seen.consent).for_each(|(person, consent)| person.consent = consent);
        let (live, unsure) = (self.live(), self.unsure().collect::<BTreeSet<_>>());
        let unknown = seen.canaries.iter().find(|canary| !live.contains(canary) && !unsure.contains(canary));
        assert_eq!(unknown, None, "something is seen that should not be there");
    }

    fn settle_doubt(&mut self, doubt: Doubt, seen: &Seen) {
        let there = |canary: &Canary| seen.canaries.contains(canary);
        match doubt {
            Doubt::Nothing => {}
            Doubt::Version { who, slot: [game, name], content } => {
                let person = &mut self.people[who];
                let known = person.slots.iter().position(|slot| slot.name == name);
                let version = seen.versions.get(&content[0]);
                match (known, version) {
                    (Some(known), Some(version)) => {
                        person.slots[known].versions.insert(*version, content);
                    }
                    (None, Some(version)) => {
                        let versions = [(*version, content)].into();
                        person.slots.push(Slot { game, name, versions, keep: None });
                    }
                    (Some(_), None) => person.maybe.extend(content),
                    (None, None) => person.maybe.extend(content.into_iter().chain([game, name])),
                }
            }
            Doubt::Message { who, to, canary, policy } => match seen.messages.get(&canary) {
                Some(id) => {
                    let id = id.clone();
                    let message = Message { author: who, peer: to, id, canary, policy, gone: [false; 2] };
                    self.conversations.between(who, to).push(message);
                }
                None => {
                    if policy == ChatPolicy::Survivor {
                        self.people[to].maybe.push(canary.clone());
                    }
                    self.people[who].maybe.push(canary);
                }
            },
            Doubt::Region { who, new } => {
                let person = &mut self.people[who];
                if !person.alive {
                    // Nobody was told that they are back, but their id was given to the vault again.
                    person.unknown = false;
                    person.maybe.push(person.id.clone());
                }
                let old = if there(&new) { person.region.replace(new) } else { Some(new) };
                person.maybe.extend(old);
            }
            Doubt::Evidence { who, new } => {
                let person = &mut self.people[who];
                if there(&new) { &mut person.evidence } else { &mut person.maybe }.push(new);
            }
            Doubt::Hold { who, new } => {
                let person = &mut self.people[who];
                if there(&new) {
                    person.reason = Some(new);
                } else {
                    person.maybe.push(new);
                }
            }
            Doubt::Lift { who } => {
                let person = &mut self.people[who];
                if !seen.held[who] {
                    person.kept.clear();
                }
            }
            Doubt::Record { who, id, new } => {
                let person = &mut self.people[who];
                match person.records.iter_mut().find(|known| known.id == id) {
                    Some(known) if there(&new) => person.maybe.extend(known.content.replace(new)),
                    Some(_) => person.maybe.push(new),
                    None if there(&id) => person.records.push(Record { id, content: Some(new) }),
                    None => person.maybe.extend([id, new]),
                }
            }
            Doubt::Password { who, account, new } => {
                let person = &mut self.people[who];
                person.maybe.push(new);
                let known = person.accounts.iter_mut().find(|known| known.name == account);
                match known {
                    Some(known) => {
                        person.maybe.extend(known.password.take());
                        person.maybe.append(&mut known.uses);
                    }
                    None if there(&account) => {
                        person.accounts.push(Account { name: account, password: None, uses: Vec::new() })
                    }
                    None => person.maybe.push(account),
                }
            }
            Doubt::Use { who, account, new } => {
                let person = &mut self.people[who];
                let known = person.accounts.iter_mut().find(|known| known.name == account && there(&new));
                known.map_or(&mut person.maybe, |known| &mut known.uses).push(new);
            }
        }
    }
}
