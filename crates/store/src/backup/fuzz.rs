//! Fuzz targets of what stands in backups; see `crate::fuzzing`.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken promise is told by a panic"
)]

use oubliette_crypto::kdf::backup_key;
use oubliette_crypto::{AnchorKey, BackupKey, VaultId};

use super::manifest::{Manifest, SegmentRef};
use super::segment::{Builder, Segment};
use super::table::{self, Entries, Entry, What};
use crate::rows::KEY_LEN;

fn key() -> BackupKey {
    backup_key(&AnchorKey::from_slice(&[7; 32]).unwrap())
}

fn entry(last: u8, what: What) -> Entry {
    let mut key = [9; KEY_LEN];
    key[KEY_LEN - 1] = last;
    Entry { key, what }
}

fn entries() -> Vec<Entry> {
    let tag = [3; 8];
    vec![
        entry(1, What::Row { tag, row: 5 }),
        entry(2, What::Removed),
        entry(3, What::Body { tag, row: 4, body: 10, at: 0, part: 6 }),
        entry(3, What::Body { tag, row: 0, body: 10, at: 6, part: 4 }),
        Entry { key: [200; KEY_LEN], what: What::Row { tag, row: 0 } },
    ]
}

fn written(entries: &[Entry]) -> Vec<u8> {
    let mut table = Vec::new();
    let mut before = None;
    for entry in entries {
        table::push(&mut table, before, entry);
        before = Some(entry);
    }
    table
}

/// A table is read as it would be written, or refused.
pub(crate) fn table(input: &[u8]) {
    let mut read = Entries::new(input.to_vec());
    let mut found = Vec::new();
    loop {
        match read.next() {
            Ok(Some(entry)) => found.push(entry),
            Ok(None) => break,
            Err(_) => return,
        }
    }
    assert_eq!(written(&found), input);
}

pub(crate) fn table_seeds() -> Vec<Vec<u8>> {
    vec![written(&entries()), written(&entries()[..1]), Vec::new()]
}

fn built(entries: &[Entry]) -> Vec<u8> {
    let mut builder = Builder::default();
    for entry in entries {
        let (row, part) = entry.lengths();
        builder.push(entry, &vec![1; row], &vec![2; part]);
    }
    builder.finish(VaultId([5; 16]), &key()).bytes
}

/// A segment that is accepted is made of its entries, and whoever lacks the key cannot make one.
pub(crate) fn segment(input: &[u8]) {
    let Some(segment) = Segment::parse(input.to_vec()) else { return };
    let mut builder = Builder::default();
    segment
        .each(|entry, row, part| {
            assert_eq!((row.len(), part.len()), entry.lengths());
            builder.push(&entry, row, part);
            Ok::<_, ()>(())
        })
        .unwrap();
    let again = builder.finish(segment.vault(), &key()).bytes;
    assert_eq!(again[..again.len() - 32], input[..input.len() - 32]);
    assert_eq!(segment.is_ours(&key()), again == input);
    assert_eq!(segment.named().unwrap().name, segment.name());
}

pub(crate) fn segment_seeds() -> Vec<Vec<u8>> {
    vec![built(&entries()), built(&entries()[..2]), built(&[])]
}

/// A manifest that is accepted says the same when it is written again. JSON has many spellings.
pub(crate) fn manifest(input: &[u8]) {
    let Ok(found) = Manifest::decode(input) else { return };
    let again = Manifest::decode(&found.manifest.encode(&key()).unwrap()).unwrap();
    assert_eq!(again.manifest, found.manifest);
    assert!(again.is_ours(&key()));
    // Nothing that a name could lead out of its place by.
    assert!(found.manifest.object().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'));
    assert!(
        found.manifest.segments().all(|s| s.object().bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-'))
    );
}

pub(crate) fn manifest_seeds() -> Vec<Vec<u8>> {
    let mut manifest = Manifest::new(VaultId([5; 16]), "20260301T120000Z-0a1b2c3d", 3, 1_700_000_000_000_000);
    let bare = manifest.encode(&key()).unwrap();
    let hex = "0123456789abcdef".repeat(4);
    let named = SegmentRef { name: hex.clone(), bytes: 5, table: 2, digest: hex };
    manifest.region = Some("cn-east".to_owned());
    manifest.runs = vec![vec![named.clone(), named.clone()], vec![named]];
    vec![bare, manifest.encode(&key()).unwrap()]
}
