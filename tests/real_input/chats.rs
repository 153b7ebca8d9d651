//! Real talk of real people.

use crate::{
    support::{self, chats::Chat},
    world::{World, conversation, text},
};
use oubliette_store::{ErasureOutcome, NewMessage, VaultError};
use std::{
    collections::{BTreeMap, BTreeSet},
    thread,
};

/// What two people said to each other, in order, with its author.
type Talks = BTreeMap<(String, String), Vec<(String, String)>>;

#[test]
fn six_thousand_messages_keep_their_order_and_one_person_can_leave() {
    let Some(shared) = support::shared_or_left_out("real_input: chats") else { return };
    let talks = by_pair(support::chats::chitchat(&shared));
    let people: BTreeSet<&String> = talks.keys().flat_map(|(a, b)| [a, b]).collect();
    assert_eq!((talks.values().map(Vec::len).sum::<usize>(), people.len()), (6094, 88));

    let mut world = World::new();
    people.iter().for_each(|user| drop(world.person(user)));
    replay(&world, &talks);
    world.reopen();
    for ((a, b), said) in &talks {
        assert_eq!(conversation(&world.vault.subject(a).unwrap(), b), *said);
        assert_eq!(conversation(&world.vault.subject(b).unwrap(), a), *said);
    }

    let leaver =
        people.iter().max_by_key(|user| talks.keys().filter(|pair| has(pair, user)).count()).unwrap();
    let outcome = world.vault.erase(&[leaver]).unwrap();
    assert!(matches!(outcome.as_slice(), [ErasureOutcome::Erased(_)]));
    while world.vault.sweep(512).unwrap().left > 0 {}
    world.reopen();
    assert!(matches!(world.vault.subject(leaver), Err(VaultError::SubjectErased { .. })));
    for ((a, b), said) in &talks {
        if !has(&(a, b), leaver) {
            assert_eq!(conversation(&world.vault.subject(a).unwrap(), b), *said);
            assert_eq!(conversation(&world.vault.subject(b).unwrap(), a), *said);
        } else {
            let stays = if a == *leaver { b } else { a };
            let own: Vec<_> = said.iter().filter(|(author, _)| author == stays).cloned().collect();
            assert_eq!(conversation(&world.vault.subject(stays).unwrap(), leaver), own);
        }
    }
    world.is_sound();
}

/// Several conversations at once, as a chat service would; each in its own order, a message after the other
/// unless its author goes on speaking.
fn replay(world: &World, talks: &Talks) {
    let talks: Vec<_> = talks.iter().collect();
    thread::scope(|scope| {
        for part in talks.chunks(talks.len().div_ceil(8)) {
            scope.spawn(move || part.iter().for_each(|((a, b), said)| talk(world, a, b, said)));
        }
    });
}

fn talk(world: &World, a: &str, b: &str, said: &[(String, String)]) {
    for turn in said.chunk_by(|(one, _), (next, _)| one == next) {
        let author = &turn[0].0;
        let (from, to) = if author == a { (a, b) } else { (b, a) };
        let chats = world.vault.subject(from).unwrap().chats();
        for messages in turn.chunks(100) {
            let messages: Vec<NewMessage> = messages.iter().map(|(_, body)| text(body)).collect();
            assert_eq!(chats.append(to, &messages).unwrap().len(), messages.len());
        }
    }
}

fn by_pair(chats: Vec<Chat>) -> Talks {
    let mut talks = Talks::new();
    for chat in chats {
        let [a, b] = <[String; 2]>::try_from(chat.people).unwrap();
        talks.entry((a, b)).or_default().extend(chat.messages.into_iter().map(|m| (m.from, m.body)));
    }
    talks
}

fn has(pair: &(impl AsRef<str>, impl AsRef<str>), user: &str) -> bool {
    pair.0.as_ref() == user || pair.1.as_ref() == user
}

#[test]
fn every_script_comes_back() {
    let Some(shared) = support::shared_or_left_out("real_input: languages") else { return };
    let lines: Vec<String> = support::files_in(&shared.join("data/chat/chatterbot-multilingual"))
        .into_iter()
        .flat_map(|(_, bytes)| {
            let text = String::from_utf8(bytes).unwrap();
            text.lines()
                .filter_map(|line| line.trim_start().strip_prefix("- ").map(str::to_owned))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(
        lines.len() > 300
            && lines.iter().any(|line| line.contains('好'))
            && lines.iter().any(|line| line.contains('ש'))
    );

    let mut world = World::new();
    // Names, too, are text in any script.
    let (a, b) = ("חבר/одна %2F?#", "友だち \u{1f3ae}");
    drop((world.person(a), world.person(b)));
    for hundred in lines.chunks(100) {
        let messages: Vec<_> = hundred.iter().map(|line| text(line)).collect();
        world.vault.subject(a).unwrap().chats().append(b, &messages).unwrap();
    }
    world.reopen();
    let expected: Vec<_> = lines.into_iter().map(|line| (a.to_owned(), line)).collect();
    assert_eq!(conversation(&world.vault.subject(b).unwrap(), a), expected);
}
