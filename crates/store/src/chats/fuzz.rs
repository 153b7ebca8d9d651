//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, reason = "a broken promise is told by a panic")]

use super::id::MessageId;
use super::message::Facts;
use super::peer::parse_handle;
use crate::names::Name;

/// Input: a message's id as a client sends it; also a conversation's name.
pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(id) = MessageId::parse("before", text) {
        assert_eq!(id.encode(), text);
    }
    if let Some(handle) = parse_handle(&Name::new(&[text])) {
        assert_eq!(handle.to_string(), text);
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let id = |order, side, seq| MessageId { order, side, seq, random: [1, 2, 3, 4] }.encode().into_bytes();
    vec![
        id(1, 0, 1),
        id(u64::MAX, 1, u64::MAX),
        oubliette_crypto::Handle([0xab; 16]).to_string().into_bytes(),
    ]
}

pub(crate) fn facts(json: &[u8]) {
    let Ok(facts) = serde_json::from_slice::<Facts>(json) else { return };
    let again: Facts = serde_json::from_slice(&serde_json::to_vec(&facts).unwrap()).unwrap();
    assert!(again == facts);
}
