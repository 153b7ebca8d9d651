//! What the fuzz targets call (`fuzz/`), and what their corpora begin with; see [`oubliette_crypto::fuzzing`]. Not part of the crate's
//! interface.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs, reason = "a broken promise is told by a panic")]

use oubliette_crypto::fuzzing::Target;
use oubliette_engine::BlobRef;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::SteamFields;
use crate::names::Meta;
use crate::page::Page;
use crate::rows::{Part, Place, Value};

/// All of this crate.
pub const TARGETS: [Target; 20] = [
    ("backup_manifest", crate::backup::fuzz::manifest, crate::backup::fuzz::manifest_seeds),
    ("backup_segment", crate::backup::fuzz::segment, crate::backup::fuzz::segment_seeds),
    ("backup_table", crate::backup::fuzz::table, crate::backup::fuzz::table_seeds),
    ("credential_facts", crate::credentials::fuzz::facts, crate::credentials::fuzz::facts_seeds),
    ("audit_file", crate::audit::fuzz::file, crate::audit::fuzz::file_seeds),
    ("audit_record", crate::audit::fuzz::record, crate::audit::fuzz::record_seeds),
    ("cursor", cursor, cursor_seeds),
    ("log_note", crate::translog::fuzz::run, crate::translog::fuzz::seeds),
    ("log_state", crate::receipts::fuzz::state, crate::receipts::fuzz::state_seeds),
    ("receipt", crate::receipts::fuzz::receipt, crate::receipts::fuzz::receipt_seeds),
    ("receipt_file", crate::receipts::fuzz::file, crate::receipts::fuzz::file_seeds),
    ("escrow_files", crate::escrow::fuzz::run, crate::escrow::fuzz::seeds),
    ("facts", facts, facts_seeds),
    ("frames", crate::objects::fuzz::frames, crate::objects::fuzz::frames_seeds),
    ("head", crate::objects::fuzz::head, crate::objects::fuzz::head_seeds),
    ("message_id", crate::chats::fuzz::run, crate::chats::fuzz::seeds),
    ("person_request", crate::requests::fuzz, crate::requests::fuzz_seeds),
    ("row_key", row_key, row_key_seeds),
    ("row_value", row_value, row_value_seeds),
    ("vault_marker", crate::vault::fuzz::marker, crate::vault::fuzz::marker_seeds),
];

fn row_value(input: &[u8]) {
    if let Some(value) = Value::parse(input) {
        assert_eq!(value.encode().unwrap(), input);
        assert!(input.ends_with(value.sealed));
    }
}

fn row_value_seeds() -> Vec<Vec<u8>> {
    let blob = |length: usize| BlobRef(vec![1; length]);
    let small = |part, sealed| Value { part, blob: None, sealed };
    let large = |part, length, sealed| Value { part, blob: Some(blob(length)), sealed };
    let values = [
        small(Part::Whole, b"".as_slice()),
        small(Part::Whole, &[7; 100]),
        small(Part::EitherPeer, &[7; 100]),
        small(Part::SurvivorPeer, &[7; 100]),
        large(Part::Whole, 22, [8; 90].as_slice()),
        large(Part::EitherAuthor, 22, &[8; 90]),
        large(Part::SurvivorAuthor, 300, b""),
    ];
    values.iter().map(|value| value.encode().unwrap()).collect()
}

fn row_key(input: &[u8]) {
    if let Some((handle, place)) = Place::parse(input) {
        assert_eq!(place.key(&handle), input);
        assert!(!place.describe(&handle).is_empty());
    }
}

fn row_key_seeds() -> Vec<Vec<u8>> {
    let key = |class: u8, branch: u8, seq: u64| {
        [&[9; 16][..], &[class, branch, 0, 0, 0, 1], &seq.to_be_bytes()].concat()
    };
    vec![key(1, 1, 1), key(5, 0, u64::MAX), key(6, 1, 1), key(1, 1, 0), vec![0; 30]]
}

/// The cursors of all lists.
fn cursor(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let page = Page { limit: None, cursor: Some(text.to_owned()) };
    let (four, eight) = (page.after::<4>(), page.after::<8>());
    assert!(four.is_err() || eight.is_err());
    if let Ok(Some(bytes)) = four {
        assert_eq!(data_encoding::BASE64URL_NOPAD.encode(&bytes), text);
    }
    if let Ok(Some(bytes)) = eight {
        assert_eq!(data_encoding::BASE64URL_NOPAD.encode(&bytes), text);
    }
}

fn cursor_seeds() -> Vec<Vec<u8>> {
    let encode = |bytes: &[u8]| data_encoding::BASE64URL_NOPAD.encode(bytes).into_bytes();
    vec![encode(&[0, 0, 0, 5]), encode(&7_u64.to_be_bytes()), Vec::new()]
}

/// Input: `what:1 ‖ JSON`, of a meta, of an account's fields, of a message's or a record's facts, of a share, of what is kept of a slot, or of a quota. JSON has many
/// spellings: what was read and written is read again as the same.
fn facts(input: &[u8]) {
    let Some((what, json)) = input.split_first() else { return };
    match what % 7 {
        0 => {
            let Ok(meta) = serde_json::from_slice::<Meta>(json) else { return };
            let again: Meta = serde_json::from_slice(&serde_json::to_vec(&meta).unwrap()).unwrap();
            assert!(again == meta);
        }
        1 => {
            let Some(fields) = SteamFields::decode(json) else { return };
            assert_eq!(SteamFields::decode(&fields.encode().unwrap()).unwrap().0, fields.0);
        }
        2 => crate::chats::fuzz::facts(json),
        3 => crate::records::fuzz_facts(json),
        4 => same::<crate::saves::StoredShare>(json),
        5 => same::<crate::Keep>(json),
        _ => same::<crate::Quotas>(json),
    }
}

fn same<T: Serialize + DeserializeOwned + PartialEq>(json: &[u8]) {
    let Ok(value) = serde_json::from_slice::<T>(json) else { return };
    assert!(serde_json::from_slice::<T>(&serde_json::to_vec(&value).unwrap()).unwrap() == value);
}

fn facts_seeds() -> Vec<Vec<u8>> {
    [
        (0, r#"{"name":["game","slot"]}"#),
        (0, r#"{"name":["00"],"from":7,"policy":"either","keep":30}"#),
        (1, r#"{"password":"p","uri":"steam://x\"y"}"#),
        (2, r#"{"o":5}"#),
        (2, r#"{"o":18446744073709551615,"t":"image/png","s":1,"c":"id"}"#),
        (3, r#"{"id":"order 7","type":"application/json"}"#),
        (4, r#"{"users":["000102030405060708090a0b0c0d0e0f"],"expires":1800000000000000}"#),
        (4, "{}"),
        (5, r#"{"last":10,"days":365}"#),
        (6, r#"{"total":{"bytes":1073741824},"saves":{"bytes":5,"items":7}}"#),
        (2, r#"{"o":7,"w":[3,9]}"#),
        (2, r#"{"o":7,"a":[4294967295,18446744073709551615],"r":4294967295}"#),
    ]
    .map(|(what, json)| [&[what], json.as_bytes()].concat())
    .to_vec()
}
