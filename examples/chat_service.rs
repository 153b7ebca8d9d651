//! A chat service over HTTP: two people talk, page through it, one blocks the other, and what each policy means when one of them deletes or leaves.
//!
//! Run: `cargo run --example chat_service`. It starts a service of its own and asserts what it shows.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "an example says what it does and stops where it is wrong"
)]

mod support;

use std::{error::Error, fs, path::Path};

use oubliette_client::{ClientError, NewMessage, Window};
use serde_json::Value;

fn main() -> Result<(), Box<dyn Error>> {
    let service = support::Service::start()?;
    let client = &service.client;
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/chats/two-friends.json");
    let sample: Value = serde_json::from_slice(&fs::read(sample)?)?;
    let lines: Vec<(&str, &str)> = sample["messages"]
        .as_array()
        .ok_or("the sample has messages")?
        .iter()
        .filter_map(|line| Some((line["from"].as_str()?, line["body"].as_str()?)))
        .collect();
    let (a, b) = ("mira", "yun");
    for user in [a, b] {
        client.put_subject(user, &Default::default(), false)?;
    }

    // They talk, in English and Chinese.
    for (from, text) in &lines {
        let to = if *from == a { b } else { a };
        client.send_message(from, to, &message(text))?;
    }

    // Both see one conversation in one order, ten at a time, newest first, with the same ids.
    let (mut seen, mut before) = (Vec::new(), None);
    loop {
        let window = Window { before, limit: Some(10), ..Window::default() };
        let page = client.messages(b, a, &window)?;
        seen.extend(page.items);
        before = page.next_cursor;
        if before.is_none() {
            break;
        }
    }
    seen.reverse();
    let texts: Vec<_> =
        seen.iter().filter_map(|m| Some((m.author.as_deref()?, m.body.as_deref()?))).collect();
    assert_eq!(texts, lines);
    let other = client.messages(a, b, &Window { limit: Some(1000), ..Window::default() })?.items;
    assert!(seen.iter().rev().map(|m| &m.id).eq(other.iter().map(|m| &m.id)));
    println!("{} messages, the same for both", seen.len());

    // What came after one that is known.
    let known = &seen[seen.len() - 4];
    let newer = client.messages(a, b, &Window { after: Some(known.id.clone()), ..Window::default() })?.items;
    assert_eq!(newer.len(), 3);

    // An author takes one message back: it is gone for both. The other's cannot be taken back.
    let own = seen.iter().find(|m| m.author.as_deref() == Some(a)).ok_or("mira wrote something")?;
    let theirs = seen.iter().find(|m| m.author.as_deref() == Some(b)).ok_or("yun wrote something")?;
    client.forget_message(a, b, &own.id)?;
    for (user, peer) in [(a, b), (b, a)] {
        let left = client.messages(user, peer, &Window { limit: Some(1000), ..Window::default() })?.items;
        assert!(left.len() == lines.len() - 1 && left.iter().all(|m| m.id != own.id));
    }
    assert!(matches!(client.forget_message(a, b, &theirs.id), Err(ClientError::Problem(_))));

    // Yun blocks mira: her next message is refused, his list says so, and unblocking ends it.
    client.block(b, a)?;
    let refused = client.send_message(a, b, &message("are you there?")).err().ok_or("blocked")?;
    assert_eq!(refused.code(), Some("blocked_by_recipient"));
    assert_eq!(client.blocks(b)?.len(), 1);
    client.unblock(b, a)?;
    client.send_message(a, b, &message("welcome back"))?;
    println!("a block refuses, and ends");

    // Whose deletion takes a message along is fixed when it is written.
    let policies = ["author", "either", "survivor"];
    let say = |from, to| -> Result<Vec<String>, ClientError> {
        let sent = policies.map(|policy| client.send_message(from, to, &under(policy)));
        sent.into_iter().map(|sent| sent.map(|sent| sent.id)).collect()
    };
    let seen = |user, peer| -> Result<Vec<String>, ClientError> {
        let items = client.messages(user, peer, &Window { limit: Some(1000), ..Window::default() })?.items;
        Ok(items.into_iter().filter(|m| m.body.as_deref() == Some("a secret")).map(|m| m.policy).collect())
    };
    let ids = say(a, b)?;
    // Yun deletes: of *author* he cannot, *either* is gone for both, of *survivor* mira keeps her copy.
    let refused = client.forget_message(b, a, &ids[0]).err().ok_or("it is mira's alone")?;
    assert_eq!(refused.code(), Some("not_author"));
    client.forget_message(b, a, &ids[1])?;
    client.forget_message(b, a, &ids[2])?;
    assert_eq!((seen(a, b)?, seen(b, a)?), (texts_of(&["survivor", "author"]), texts_of(&["author"])));
    // Mira deletes the others: now nobody has a key of any of the three.
    client.forget_message(a, b, &ids[0])?;
    client.forget_message(a, b, &ids[2])?;
    assert_eq!((seen(a, b)?, seen(b, a)?), (Vec::new(), Vec::new()));

    // Somebody leaves: their own words and what hung on both go, copies stay, and have no name any more.
    say(a, b)?;
    say(b, a)?;
    service.erase(a)?;
    assert_eq!(seen(b, a)?, texts_of(&["survivor", "author", "survivor"]));
    let left = client.messages(b, a, &Window { limit: Some(1000), ..Window::default() })?.items;
    assert!(left.iter().all(|m| m.author.as_deref() == Some(b) || m.author.is_none()));
    println!("author, either and survivor, before and after one of them left");
    Ok(())
}

fn under(policy: &str) -> NewMessage {
    NewMessage { policy: Some(policy.to_owned()), ..message("a secret") }
}

fn texts_of(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn message(text: &str) -> NewMessage {
    NewMessage { body: text.to_owned(), ..NewMessage::default() }
}
