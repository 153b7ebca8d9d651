//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use oubliette_crypto::{Pseudonym, VaultId, labels};
use sha2::{Digest, Sha256};

use super::head::{HEAD, Head};
use super::medium::{Medium, Memory};
use super::record::{ActorKind, AuditEntry, AuditKind, AuditRecord};
use super::recover::recover;
use super::verify::check;

const BEFORE: [u8; 32] = [7; 32];

/// Input: a record after the hash 7³²; once as it is, once with its own hash made right, so that the fields are reached.
pub(crate) fn record(input: &[u8]) {
    decode(input);
    if let Some((fields, _)) = input.split_last_chunk::<32>() {
        let hash = Sha256::new().chain_update(labels::AUDIT_CHAIN).chain_update(BEFORE).chain_update(fields);
        decode(&[fields, &hash.finalize()].concat());
    }
}

fn decode(bytes: &[u8]) {
    if let Some((record, length, chain)) = AuditRecord::decode(&BEFORE, bytes) {
        let mut again = Vec::new();
        assert_eq!(record.encode_into(&BEFORE, &mut again), chain);
        assert_eq!(again, bytes[..length]);
    }
}

pub(crate) fn record_seeds() -> Vec<Vec<u8>> {
    let mut bytes = Vec::new();
    sample(5).encode_into(&BEFORE, &mut bytes);
    let mut plain = Vec::new();
    let entry = AuditEntry::new(AuditKind::Opened, ActorKind::Vault, "");
    AuditRecord { seq: 1, time: 0, group: 1, entry }.encode_into(&BEFORE, &mut plain);
    vec![bytes, plain]
}

pub(super) fn sample(seq: u64) -> AuditRecord {
    let entry = AuditEntry {
        actor_name: "eu-1".into(),
        actor_id: [1, 2, 3, 4],
        subject: Some(Pseudonym([9; 16])),
        other: Some(Pseudonym([8; 16])),
        scope: "chat:write".into(),
        granted: 0x30,
        status: 403,
        code: "blocked_by_recipient".into(),
        request: [5; 8],
        count: 1,
        note: "x".into(),
        ..AuditEntry::new(AuditKind::Done, ActorKind::Token, "POST /v1/subjects/{user}/chats/{peer}/messages")
    };
    AuditRecord { seq, time: 1_700_000_000_000_000 + seq, group: seq, entry }
}

/// Input: a whole file. Whatever it holds: opening ends, and what it goes on with is in order.
pub(crate) fn file(input: &[u8]) {
    let vault = VaultId([1; 16]);
    let medium = Memory::default();
    medium.create(1, input, 0).unwrap();
    let _report = check(&medium, None, None).unwrap();
    let recovered = recover(&medium, vault, true).unwrap();
    if let Some((number, at)) = recovered.file {
        assert_eq!(number, 1);
        assert!(at >= HEAD as u64 && at <= input.len() as u64);
        let again = recover(&medium, vault, true).unwrap();
        assert_eq!((again.seq, again.chain, again.file), (recovered.seq, recovered.chain, recovered.file));
    }
}

pub(crate) fn file_seeds() -> Vec<Vec<u8>> {
    let head =
        Head { vault: VaultId([1; 16]), number: 1, first: 1, time: 0, chain: super::record::start(&[1; 16]) };
    let mut bytes = head.encode();
    let mut chain = head.chain;
    for seq in 1..=3 {
        chain = sample(seq).encode_into(&chain, &mut bytes);
    }
    let mut room = bytes.clone();
    room.resize(bytes.len() + 300, 0);
    vec![bytes, room, head.encode()]
}
