//! What can be seen through the vault's own doors: after a power cut or a restored backup the model goes by it.

use std::collections::{BTreeMap, BTreeSet};

use oubliette_adversary::{Canary, World, WorldError};
use oubliette_store::{Body, Page, Subject, VaultError, Window};

use crate::history::CONSENT;
use crate::op::PEOPLE;
use crate::people::Person;

/// What is there.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) canaries: BTreeSet<Canary>,
    pub(crate) alive: [bool; PEOPLE],
    pub(crate) consent: [bool; PEOPLE],
    pub(crate) held: [bool; PEOPLE],
    /// Versions by what stands in them.
    pub(crate) versions: BTreeMap<Canary, u64>,
    /// Ids of messages by what they say.
    pub(crate) messages: BTreeMap<Canary, String>,
    /// Who sees a message.
    pub(crate) readers: BTreeMap<Canary, BTreeSet<usize>>,
}

/// Looks at everything of these people, in a vault that was just opened.
pub(crate) fn look(world: &World, people: &[Person]) -> Result<Seen, WorldError> {
    let mut seen = Seen::default();
    for (who, person) in people.iter().enumerate() {
        match world.vault()?.subject(person.id.as_str()) {
            Ok(subject) => {
                seen.alive[who] = true;
                seen.canaries.insert(person.id.clone());
                let holds = subject.holds().list()?;
                seen.held[who] = !holds.is_empty();
                holds.iter().for_each(|hold| seen.text(hold.reason.as_deref().unwrap_or_default()));
                seen.consent[who] = seen.person(&subject, who)?;
            }
            Err(VaultError::SubjectErased { .. } | VaultError::SubjectUnknown) => {}
            Err(other) => return Err(other.into()),
        }
    }
    // A slot without versions is in no list. Its name was found with the others.
    world.vault()?.text_in_memory(&mut |text| seen.text(text));
    Ok(seen)
}

impl Seen {
    /// Answers whether the consent is given.
    fn person(&mut self, subject: &Subject, who: usize) -> Result<bool, WorldError> {
        let whole = || Page { limit: Some(1000), ..Page::default() };
        self.text(&subject.info()?.region.unwrap_or_default());
        let saves = subject.saves();
        for slot in saves.list(None, &whole())?.items {
            let (game, name) = (&slot.latest.game, &slot.latest.slot);
            self.text(&format!("{game} {name}"));
            for version in saves.versions(game, name, &whole())?.items {
                self.text(version.meta.as_deref().unwrap_or_default());
                let mut reader = saves.get(game, name, Some(version.version))?;
                while let Some(chunk) = reader.next_chunk()? {
                    for canary in Canary::all_in(&chunk) {
                        self.versions.insert(canary.clone(), version.version);
                        self.canaries.insert(canary);
                    }
                }
            }
        }
        for account in subject.credentials().list_steam()? {
            self.text(&account.account);
            account.uses.iter().for_each(|used| self.text(used.purpose.as_deref().unwrap_or_default()));
        }
        for record in subject.records().list(None, &whole())?.items {
            self.text(&record.id);
            let mut reader = subject.records().get(&record.purpose, &record.id)?;
            while let Some(chunk) = reader.next_chunk()? {
                self.canaries.extend(Canary::all_in(&chunk));
            }
        }
        for chat in subject.chats().list(&whole())?.items {
            let window = Window { limit: Some(1000), ..Window::default() };
            for message in subject.chats().messages(&chat.id, &window)?.items {
                let body = match message.body {
                    Body::Text(text) => text.into_bytes(),
                    Body::Bytes { bytes, .. } => bytes,
                };
                for canary in Canary::all_in(&body) {
                    self.messages.insert(canary.clone(), message.id.clone());
                    self.readers.entry(canary.clone()).or_default().insert(who);
                    self.canaries.insert(canary);
                }
            }
        }
        let events = subject.consents().history()?;
        events.iter().for_each(|event| self.text(event.evidence.as_deref().unwrap_or_default()));
        Ok(events.iter().find(|event| event.purpose == CONSENT).is_some_and(|event| event.state == "given"))
    }

    fn text(&mut self, text: &str) {
        self.canaries.extend(Canary::all_in(text.as_bytes()));
    }
}
