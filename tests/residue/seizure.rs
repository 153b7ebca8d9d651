//! What somebody with a copy of the folder takes from it, by the library's lower rooms.

use crate::folder;
use oubliette_adversary::{Evidence, Held};
use oubliette_crypto::{Branch, Class, Leaf};
use oubliette_engine::{BlobRef, Blobs, Engine, KeyPlane, PackBlobs, SledEngine, SledOptions};
use oubliette_keyring::{FileCell, FileLedger, Keyring, KeyringOptions, MemorySecret, RootCell, UserId};
use std::{collections::BTreeSet, path::Path, sync::Arc};

/// Secrets of a vault that was just opened.
pub(crate) struct Secrets {
    /// Keys of pages, seeds of trees, keys of objects.
    pub(crate) keys: BTreeSet<[u8; 32]>,
    /// The cell's shares.
    pub(crate) cell: BTreeSet<[u8; 32]>,
    /// The same, as the adversary takes it.
    pub(crate) memory: Vec<Held>,
}

impl Secrets {
    /// With everything of one person, if one is named.
    pub(crate) fn of(folder: &Path, user: Option<&str>) -> Self {
        let (keyring, cell) = open(folder);
        let mut memory = Vec::new();
        let mut keys = BTreeSet::new();
        if let Some(user) = user {
            let subject = keyring.subject(&UserId::new(user).unwrap()).unwrap();
            keys.extend(leaves().filter_map(|leaf| Some(*subject.key(&leaf).ok()?.key().expose())));
            subject.secrets_in_memory(&mut |secret| take(&secret, &mut memory));
        }
        keyring.secrets_in_memory(&mut |secret| take(&secret, &mut memory));
        keys.extend(memory.iter().filter_map(|held| match held {
            Held::Key(key) => Some(*key),
            Held::Page { .. } | Held::Text(_) => None,
        }));
        Self { keys, cell, memory }
    }
}

/// Places where a person of this suite may have stored something.
fn leaves() -> impl Iterator<Item = Leaf> {
    let classes = [Class::Saves, Class::Chat, Class::Credentials, Class::Records, Class::Profile];
    classes.into_iter().flat_map(|class| {
        (1..=3).flat_map(move |compartment| {
            let branches = [Branch::Meta, Branch::Items].into_iter();
            branches.flat_map(move |branch| (1..=4).map(move |seq| Leaf { class, compartment, branch, seq }))
        })
    })
}

fn take(secret: &MemorySecret<'_>, memory: &mut Vec<Held>) {
    memory.push(match secret {
        MemorySecret::Key(key) => Held::Key(**key),
        MemorySecret::Page(id, body) => Held::Page { id: **id, body: body.expose().to_vec() },
    });
}

fn open(folder: &Path) -> (Keyring, BTreeSet<[u8; 32]>) {
    let cell = FileCell::open(&folder.join("root.cell")).unwrap();
    let shares = cell.read().unwrap().slots.iter().map(|slot| *slot.share.expose()).collect();
    let plane = KeyPlane::in_folder(folder, *cell.vault().as_bytes(), SledOptions::default());
    let pages = plane.open(&mut |_, _| ()).unwrap();
    let ledger = FileLedger::open(&folder.join("ledger/roots")).unwrap();
    let keyring =
        Keyring::open(Arc::new(pages), vec![Arc::new(cell)], Arc::new(ledger), KeyringOptions::default())
            .unwrap();
    (keyring, shares)
}

/// Everything stored but the cell: rows and blobs as they are read today, and every file with all that is left in it.
pub(crate) fn stored(folder: &Path) -> Evidence {
    let mut evidence = Evidence::default();
    for (_, bytes) in folder::files(folder).into_iter().filter(|(path, _)| !path.ends_with("root.cell")) {
        let starts = bytes.windows(3).enumerate().filter(|(_, window)| *window == b"OP\x01");
        evidence.pages.extend(starts.filter_map(|(at, _)| bytes.get(at..at + 1024)).map(<[u8]>::to_vec));
        evidence.other.push(bytes);
    }
    let (keyring, _) = open(folder);
    let key = keyring.anchor_key().unwrap();
    let rows =
        SledEngine::open(&folder.join("rows"), &folder.join("anchor"), &key, SledOptions::default()).unwrap();
    let blobs = PackBlobs::open(&folder.join("blobs")).unwrap();
    evidence.rows = rows.range(&[0], &[u8::MAX; 64], usize::MAX, false).unwrap();
    for blob in evidence.rows.iter().filter_map(|(_, value)| reference(value)) {
        let mut bytes = vec![0; blobs.len(&blob).unwrap() as usize];
        blobs.read_at(&blob, 0, &mut bytes).unwrap();
        evidence.blobs.push((blob.0, bytes));
    }
    evidence
}

/// Of a large value (`docs/formats.md`, section 6).
fn reference(value: &[u8]) -> Option<BlobRef> {
    let [1, 1, a, b, rest @ ..] = value else { return None };
    let length = usize::from(u16::from_be_bytes([*a, *b]));
    rest.get(..length).map(|reference| BlobRef(reference.to_vec()))
}

pub(crate) fn add(evidence: &mut Evidence, more: Evidence) {
    evidence.rows.extend(more.rows);
    evidence.blobs.extend(more.blobs);
    evidence.pages.extend(more.pages);
    evidence.other.extend(more.other);
}
