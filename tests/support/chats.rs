//! One-to-one conversations: 105 real ones from the shared inputs, one of our own.

use super::{read_json, samples_dir, text};
use serde_json::Value;
use std::{collections::BTreeSet, path::Path};

/// A conversation, its messages in the order of the file.
pub(crate) struct Chat {
    pub(crate) people: Vec<String>,
    pub(crate) messages: Vec<Message>,
}

/// One message; `sent_at` is RFC 3339 UTC, as written in the file.
pub(crate) struct Message {
    pub(crate) from: String,
    pub(crate) sent_at: String,
    pub(crate) body: String,
}

/// `examples/data/chats/two-friends.json`: forty messages, English and Chinese.
pub(crate) fn sample() -> Chat {
    let file = read_json(&samples_dir().join("chats/two-friends.json"));
    let messages = file["messages"].as_array().unwrap().iter();
    chat(messages.map(|m| message(&m["from"], &m["sent_at"], &m["body"])).collect())
}

/// The shared selection of real conversations between two people.
pub(crate) fn chitchat(shared: &Path) -> Vec<Chat> {
    let file = read_json(&shared.join("data/chat/chitchat-selection.json"));
    let talks = file.as_object().unwrap().values();
    talks
        .map(|talk| chat(turns(talk).map(|m| message(&m["sender"], &m["timestamp"], &m["text"])).collect()))
        .collect()
}

/// The file groups messages by turn of speech; what follows needs only their order.
fn turns(talk: &Value) -> impl Iterator<Item = &Value> {
    talk["messages"].as_array().unwrap().iter().flat_map(|turn| turn.as_array().unwrap())
}

fn message(from: &Value, sent_at: &Value, body: &Value) -> Message {
    Message { from: text(from), sent_at: text(sent_at), body: text(body) }
}

fn chat(messages: Vec<Message>) -> Chat {
    let people: BTreeSet<&str> = messages.iter().map(|m| m.from.as_str()).collect();
    Chat { people: people.into_iter().map(str::to_owned).collect(), messages }
}
