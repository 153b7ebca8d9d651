//! What one person's content must be, and how the service shows it.

use oubliette_client::{Client, ClientError, SaveRead, Window};
use std::{
    collections::{BTreeMap, BTreeSet, hash_map::DefaultHasher},
    hash::{Hash, Hasher},
    io::Read,
};

pub(crate) const GAME: &str = "game";
pub(crate) const ACCOUNT: &str = "account";

/// One change, whole or not at all.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Save { slot: String, content: Content },
    ForgetSlot { slot: String },
    ForgetVersion { slot: String, version: u64 },
    Say { author: String, bodies: Vec<String> },
    ForgetMessage { id: String },
    ForgetThrough { id: String, author: String },
    SetAccount { fields: BTreeSet<String> },
    ForgetAccount,
}

/// Bytes that follow from two numbers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Content {
    pub(crate) seed: u64,
    pub(crate) length: u64,
}

/// What only the service knows of a change before it is made.
pub(crate) struct Answer {
    pub(crate) version: u64,
    pub(crate) ids: Vec<String>,
}

/// Content of one person, and of the peer as far as the two talked.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct State {
    /// Slot, version, fingerprint of the bytes.
    pub(crate) saves: BTreeMap<String, BTreeMap<u64, u64>>,
    /// Oldest first.
    pub(crate) said: Vec<Said>,
    pub(crate) account: Option<BTreeSet<String>>,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Said {
    pub(crate) id: String,
    pub(crate) author: String,
    pub(crate) body: String,
}

impl State {
    /// Reads everything back.
    pub(crate) fn observe(client: &Client, user: &str, peer: &str) -> Result<Self, ClientError> {
        let mut state = Self::default();
        for slot in client.saves(user, Some(GAME), None)?.items {
            let versions = client.versions(user, GAME, &slot.slot, None)?.items;
            let versions = versions.into_iter().map(|facts| {
                let read = SaveRead { version: Some(facts.version), ..SaveRead::default() };
                let mut bytes = Vec::new();
                client.save(user, GAME, &slot.slot, &read)?.unwrap().read_to_end(&mut bytes)?;
                Ok((facts.version, fingerprint(&bytes)))
            });
            let versions = versions.collect::<Result<_, ClientError>>()?;
            state.saves.insert(slot.slot, versions);
        }
        state.said = conversation(client, user, peer)?;
        assert_eq!(
            conversation(client, peer, user)?,
            state.said,
            "the two sides see different conversations"
        );
        let accounts = client.steam_accounts(user)?;
        state.account = accounts.into_iter().next().map(|account| account.fields.into_iter().collect());
        Ok(state)
    }

    /// The state after a change.
    pub(crate) fn after(&self, change: &Change, answer: Answer) -> Self {
        let mut state = self.clone();
        match change {
            Change::Save { slot, content } => {
                let versions = state.saves.entry(slot.clone()).or_default();
                let newest = versions.last_key_value().map_or(0, |(version, _)| *version);
                assert!(answer.version > newest, "version {} after {newest}", answer.version);
                versions.insert(answer.version, fingerprint(&content.bytes()));
            }
            Change::ForgetSlot { slot } => drop(state.saves.remove(slot)),
            Change::ForgetVersion { slot, version } => {
                let versions = state.saves.get_mut(slot).unwrap();
                versions.remove(version);
                if versions.is_empty() {
                    state.saves.remove(slot);
                }
            }
            Change::Say { author, bodies } => {
                let said = answer.ids.into_iter().zip(bodies);
                state.said.extend(said.map(|(id, body)| Said {
                    id,
                    author: author.clone(),
                    body: body.clone(),
                }));
            }
            Change::ForgetMessage { id } => state.said.retain(|said| said.id != *id),
            Change::ForgetThrough { id, author } => {
                let upto = state.said.iter().position(|said| said.id == *id).unwrap();
                let mut at = 0..;
                state.said.retain(|said| at.next().unwrap() > upto || said.author != *author);
            }
            Change::SetAccount { fields } => state.account = Some(fields.clone()),
            Change::ForgetAccount => state.account = None,
        }
        state
    }

    /// Whether `observed` is this state with the change made whole.
    pub(crate) fn becomes(&self, change: &Change, observed: &Self) -> bool {
        let ids = observed.said.iter().skip(self.said.len()).map(|said| said.id.clone()).collect();
        let version = match change {
            Change::Save { slot, .. } => {
                let newest =
                    |state: &Self| state.saves.get(slot).and_then(|versions| versions.keys().last().copied());
                match newest(observed) {
                    Some(version) if Some(version) > newest(self) => version,
                    _ => return false,
                }
            }
            _ => 0,
        };
        let after = self.after(change, Answer { version, ids });
        let whole = !matches!(change, Change::Say { bodies, .. } if after.said.len() != self.said.len() + bodies.len());
        whole && after == *observed
    }
}

impl Content {
    pub(crate) fn bytes(self) -> Vec<u8> {
        let mut state = self.seed | 1;
        let next = |state: &mut u64| {
            *state ^= *state << 13;
            *state ^= *state >> 7;
            *state ^= *state << 17;
            (*state >> 24) as u8
        };
        (0..self.length).map(|_| next(&mut state)).collect()
    }
}

fn conversation(client: &Client, user: &str, peer: &str) -> Result<Vec<Said>, ClientError> {
    let window = Window { limit: Some(1000), ..Window::default() };
    let page = client.messages(user, peer, &window)?;
    assert!(page.next_cursor.is_none(), "the conversation grew past a page");
    let said =
        page.items.into_iter().map(|m| Said { id: m.id, author: m.author.unwrap(), body: m.body.unwrap() });
    Ok(said.rev().collect())
}

fn fingerprint(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}

#[test]
fn what_is_torn_or_lost_is_seen() {
    let said = |id: &str| Said { id: id.into(), author: "a".into(), body: format!("body {id}") };
    let say = Change::Say { author: "a".into(), bodies: vec!["body 1".into(), "body 2".into()] };
    let before = State::default();
    let with = |said: Vec<Said>| State { said, ..State::default() };
    assert!(before.becomes(&say, &with(vec![said("1"), said("2")])));
    assert!(!before.becomes(&say, &with(vec![said("1")])), "a batch is whole");
    assert!(!before.becomes(&say, &with(vec![said("2"), said("1")])));

    let content = Content { seed: 3, length: 100 };
    let save = Change::Save { slot: "s".into(), content };
    let saved = |version, print| State {
        saves: [("s".into(), [(version, print)].into())].into(),
        ..State::default()
    };
    assert!(before.becomes(&save, &saved(4, fingerprint(&content.bytes()))));
    assert!(!before.becomes(&save, &saved(4, 1)), "bytes are those that were sent");
    assert!(!saved(4, 1).becomes(&Change::ForgetSlot { slot: "s".into() }, &saved(4, 1)));
}
