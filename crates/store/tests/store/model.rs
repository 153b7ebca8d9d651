//! Sequences of commands against a model that is nothing but maps.

use std::collections::{BTreeMap, BTreeSet};

use oubliette_store::{Condition, ErasureOutcome, Page, PutOptions, Vault, VaultError};
use proptest::prelude::*;

use crate::world::{World, get, noise, text, texts, try_put};

const USERS: [&str; 3] = ["ann", "bob", "cid"];
const SLOTS: [&str; 3] = ["a", "b", "c"];

#[derive(Debug, Clone)]
enum Step {
    Create(usize),
    Put { user: usize, slot: usize, length: usize, condition: u8 },
    ForgetVersion { user: usize, slot: usize, back: usize },
    ForgetSlot { user: usize, slot: usize },
    Send { user: usize, peer: usize, messages: usize },
    ForgetMessage { user: usize, peer: usize, nth: usize },
    ForgetThrough { user: usize, peer: usize, nth: usize },
    Block { user: usize, peer: usize, on: bool },
    Erase(usize),
    Sweep,
    Reopen,
}

fn step() -> impl Strategy<Value = Step> {
    let user = || 0..USERS.len();
    let slot = || 0..SLOTS.len();
    prop_oneof![
        2 => user().prop_map(Step::Create),
        6 => (user(), slot(), prop_oneof![0usize..200, 3_000usize..20_000], 0u8..4)
            .prop_map(|(user, slot, length, condition)| Step::Put { user, slot, length, condition }),
        2 => (user(), slot(), 0usize..3).prop_map(|(user, slot, back)| Step::ForgetVersion { user, slot, back }),
        1 => (user(), slot()).prop_map(|(user, slot)| Step::ForgetSlot { user, slot }),
        6 => (user(), user(), 1usize..4).prop_map(|(user, peer, messages)| Step::Send { user, peer, messages }),
        2 => (user(), user(), 0usize..5).prop_map(|(user, peer, nth)| Step::ForgetMessage { user, peer, nth }),
        1 => (user(), user(), 0usize..5).prop_map(|(user, peer, nth)| Step::ForgetThrough { user, peer, nth }),
        1 => (user(), user(), any::<bool>()).prop_map(|(user, peer, on)| Step::Block { user, peer, on }),
        1 => user().prop_map(Step::Erase),
        1 => Just(Step::Sweep),
        1 => Just(Step::Reopen),
    ]
}

#[derive(Default)]
struct Slot {
    last: u64,
    versions: BTreeMap<u64, Vec<u8>>,
}

/// One life of a user id; a number of its own after each erasure.
#[derive(Default)]
struct Person {
    slots: BTreeMap<usize, Slot>,
    blocked: BTreeSet<usize>,
}

#[derive(Default)]
struct Model {
    /// `None`: erased, and its fence stands.
    people: BTreeMap<usize, Option<Person>>,
    /// By the pair, smaller first: author and text, oldest first. An erased person's conversations are dropped from here.
    talks: BTreeMap<(usize, usize), Vec<(usize, String)>>,
    said: usize,
}

impl Model {
    fn alive(&mut self, user: usize) -> Option<&mut Person> {
        self.people.get_mut(&user).and_then(Option::as_mut)
    }
}

fn run(steps: Vec<Step>) {
    let (world, mut vault) = World::new();
    let mut model = Model::default();
    for (n, step) in steps.into_iter().enumerate() {
        world.advance(n as u64 % 3);
        match step {
            Step::Reopen => {
                drop(vault);
                vault = world.open();
            }
            Step::Sweep => {
                vault.sweep(7).unwrap();
            }
            step => apply(&vault, &mut model, step, n),
        }
    }
    compare(&vault, &mut model);
    drop(vault);
    let vault = world.open();
    compare(&vault, &mut model);
    while vault.sweep(50).unwrap().left > 0 {}
    compare(&vault, &mut model);
    let fsck = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(fsck.faults.is_empty() && fsck.orphans == 0, "{fsck:?}");
}

fn apply(vault: &Vault, model: &mut Model, step: Step, n: usize) {
    match step {
        Step::Create(user) => {
            let fenced = matches!(model.people.get(&user), Some(None));
            let result = vault.put_subject(USERS[user], &Default::default(), false);
            if fenced {
                assert!(matches!(result, Err(VaultError::SubjectErased { .. })));
                assert!(vault.put_subject(USERS[user], &Default::default(), true).unwrap().1);
                model.people.insert(user, Some(Person::default()));
            } else {
                assert_eq!(result.unwrap().1, !model.people.contains_key(&user));
                model.people.entry(user).or_insert_with(|| Some(Person::default()));
            }
        }
        Step::Put { user, slot, length, condition } => {
            let Some(person) = model.alive(user) else { return refused(vault, user) };
            let stored = person.slots.entry(slot).or_default();
            let newest = stored.versions.keys().next_back().copied();
            let (condition, holds) = match condition {
                0 => (Condition::Absent, newest.is_none()),
                1 => (Condition::Version(stored.last, None), newest == Some(stored.last)),
                _ => (Condition::None, true),
            };
            let options = PutOptions { condition: Some(condition), ..PutOptions::default() };
            let content = noise(length, n as u64);
            match try_put(&vault.subject(USERS[user]).unwrap(), SLOTS[slot], &options, &content) {
                Ok(info) => {
                    assert!(holds && info.version == stored.last + 1 && info.new_slot == newest.is_none());
                    stored.last += 1;
                    stored.versions.insert(info.version, content);
                }
                Err(VaultError::VersionConflict { current }) => {
                    assert!(!holds && current.map(|current| current.version) == newest);
                }
                Err(other) => panic!("{other}"),
            }
        }
        Step::ForgetVersion { user, slot, back } => {
            let Some(person) = model.alive(user) else { return refused(vault, user) };
            let stored = person.slots.get_mut(&slot);
            let version = stored.as_ref().map_or(1, |stored| stored.last.saturating_sub(back as u64));
            let known = stored.is_some_and(|stored| stored.versions.remove(&version).is_some());
            let result =
                vault.subject(USERS[user]).unwrap().saves().forget_version("doom", SLOTS[slot], version);
            assert_eq!(result.is_ok(), known, "{result:?}");
        }
        Step::ForgetSlot { user, slot } => {
            let Some(person) = model.alive(user) else { return refused(vault, user) };
            let known = person.slots.remove(&slot).is_some_and(|slot| slot.last > 0);
            let result = vault.subject(USERS[user]).unwrap().saves().forget_slot("doom", SLOTS[slot]);
            assert_eq!(result.is_ok(), known, "{result:?}");
        }
        Step::Send { user, peer, messages } => send(vault, model, user, peer, messages),
        Step::ForgetMessage { user, peer, nth } | Step::ForgetThrough { user, peer, nth } => {
            if model.alive(user).is_none() || model.alive(peer).is_none() || user == peer {
                return;
            }
            let chats = vault.subject(USERS[user]).unwrap().chats();
            let talk = model.talks.entry((user.min(peer), user.max(peer))).or_default();
            let seen = chats.messages(USERS[peer], &Default::default()).unwrap().items;
            let Some(at) = talk.len().checked_sub(1 + nth) else { return };
            let id = &seen[nth].id;
            if matches!(step, Step::ForgetThrough { .. }) {
                chats.forget_through(USERS[peer], id).unwrap();
                let mut place = 0;
                talk.retain(|(author, _)| {
                    place += 1;
                    place > at + 1 || *author != user
                });
            } else if talk[at].0 == user {
                chats.forget_message(USERS[peer], id).unwrap();
                talk.remove(at);
            } else {
                assert!(matches!(chats.forget_message(USERS[peer], id), Err(VaultError::NotAuthor)));
            }
        }
        Step::Block { user, peer, on } => {
            if model.alive(peer).is_none() || user == peer {
                return;
            }
            let Some(person) = model.alive(user) else { return };
            let chats = vault.subject(USERS[user]).unwrap().chats();
            if on {
                person.blocked.insert(peer);
                chats.block(USERS[peer]).unwrap();
            } else {
                person.blocked.remove(&peer);
                chats.unblock(USERS[peer]).unwrap();
            }
        }
        Step::Erase(user) => {
            let outcome = vault.erase(&[USERS[user]]).unwrap().remove(0);
            match model.people.get(&user) {
                None => assert!(matches!(outcome, ErasureOutcome::Unknown)),
                Some(None) => assert!(matches!(outcome, ErasureOutcome::AlreadyErased(_))),
                Some(Some(_)) => {
                    assert!(matches!(outcome, ErasureOutcome::Erased(_)));
                    model.people.insert(user, None);
                    model.talks.retain(|(a, b), _| *a != user && *b != user);
                    // A block names the handle, which is gone.
                    for person in model.people.values_mut().flatten() {
                        person.blocked.remove(&user);
                    }
                }
            }
        }
        Step::Sweep | Step::Reopen => {}
    }
}

fn send(vault: &Vault, model: &mut Model, user: usize, peer: usize, messages: usize) {
    if model.alive(user).is_none() {
        return refused(vault, user);
    }
    let chats = vault.subject(USERS[user]).unwrap().chats();
    let said: Vec<String> =
        (0..messages).map(|i| format!("{} {}", model.said + i, "x".repeat(i * 3_000))).collect();
    let sent: Vec<_> = said.iter().map(|s| text(s)).collect();
    let result = chats.append(USERS[peer], &sent);
    let talk = (user.min(peer), user.max(peer));
    match model.people.get(&peer) {
        _ if user == peer => assert!(matches!(result, Err(VaultError::Invalid { .. }))),
        None => assert!(matches!(result, Err(VaultError::PeerUnknown))),
        Some(None) => assert!(matches!(result, Err(VaultError::PeerGone))),
        Some(Some(person)) if person.blocked.contains(&user) => {
            assert!(matches!(result, Err(VaultError::BlockedByRecipient)));
        }
        Some(Some(_)) => {
            assert_eq!(result.unwrap().len(), messages);
            model.said += messages;
            model.talks.entry(talk).or_default().extend(said.into_iter().map(|said| (user, said)));
        }
    }
}

fn refused(vault: &Vault, user: usize) {
    let result = vault.subject(USERS[user]).err();
    assert!(
        matches!(result, Some(VaultError::SubjectUnknown | VaultError::SubjectErased { .. })),
        "{result:?}"
    );
}

fn compare(vault: &Vault, model: &mut Model) {
    for (user, name) in USERS.into_iter().enumerate() {
        let Some(stored) = model.people.get(&user).and_then(Option::as_ref) else {
            refused(vault, user);
            continue;
        };
        let subject = vault.subject(name).unwrap();
        let listed = subject.saves().list(None, &Page::default()).unwrap().items;
        let present: Vec<_> = stored.slots.iter().filter(|(_, slot)| !slot.versions.is_empty()).collect();
        assert_eq!(listed.len(), present.len());
        for (slot, expected) in present {
            let found = listed.iter().find(|found| found.latest.slot == SLOTS[*slot]).unwrap();
            assert_eq!(found.versions, expected.versions.len() as u64);
            for (version, content) in &expected.versions {
                assert_eq!(&get(&subject, SLOTS[*slot], Some(*version)).unwrap(), content);
            }
        }
        let blocked = subject.chats().blocked().unwrap();
        assert_eq!(blocked, stored.blocked.iter().map(|peer| USERS[*peer]).collect::<Vec<_>>());
        for peer in (0..USERS.len()).filter(|peer| *peer != user) {
            if matches!(model.people.get(&peer), Some(Some(_))) {
                let talk = model.talks.get(&(user.min(peer), user.max(peer)));
                let expected: Vec<_> =
                    talk.into_iter().flatten().rev().map(|(_, said)| said.clone()).collect();
                assert_eq!(texts(&subject, USERS[peer]), expected);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_vault_behaves_like_its_model(steps in proptest::collection::vec(step(), 1..60)) {
        run(steps);
    }
}

#[test]
fn a_long_history() {
    let steps: Vec<Step> = (0..300)
        .map(|n| match n % 9 {
            0 => Step::Create(n / 9 % 3),
            1 | 2 => Step::Put { user: n % 3, slot: n / 3 % 3, length: n * 37 % 9_000, condition: 3 },
            3 | 4 => Step::Send { user: n % 3, peer: (n + 1 + n / 9) % 3, messages: 1 + n % 3 },
            5 => Step::ForgetVersion { user: n % 3, slot: n / 5 % 3, back: n % 2 },
            6 => Step::ForgetMessage { user: n % 3, peer: (n + 1) % 3, nth: n % 4 },
            7 if n % 5 == 0 => Step::Erase(n % 3),
            7 => Step::ForgetSlot { user: n % 3, slot: n / 7 % 3 },
            _ if n % 4 == 0 => Step::Reopen,
            _ => Step::ForgetThrough { user: n % 3, peer: (n + 2) % 3, nth: n % 6 },
        })
        .collect();
    run(steps);
}
