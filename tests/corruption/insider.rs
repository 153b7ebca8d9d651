//! Whoever can write rows. Two of them: one without any key, who changes sled's files under the vault; and one who got hold of the
//! anchor's key, and moves the anchor along with what they change. Neither can seal anything.

use std::path::Path;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use oubliette_crypto::AnchorKey;
use oubliette_engine::{Batch, Engine, KeyPlane, Row, SledEngine, SledOptions};
use oubliette_keyring::{FileCell, FileLedger, Keyring, KeyringOptions};

/// The key that vouches for the rows, as somebody would read it out of a running process.
pub(crate) fn anchor_key(data: &Path) -> AnchorKey {
    let keyring = open_keyring(data);
    let key = keyring.anchor_key().unwrap();
    keyring.close();
    key
}

/// The key plane alone.
pub(crate) fn open_keyring(data: &Path) -> Keyring {
    let marker: serde_json::Value =
        serde_json::from_slice(&std::fs::read(data.join("vault.json")).unwrap()).unwrap();
    let vault = HEXLOWER.decode(marker["vault"].as_str().unwrap().as_bytes()).unwrap();
    let plane = KeyPlane::in_folder(data, vault.try_into().unwrap(), SledOptions::default());
    let pages = plane.open(&mut |_, _| ()).unwrap();
    let cell = FileCell::open(&data.join("root.cell")).unwrap();
    let ledger = FileLedger::open(&data.join("ledger/roots")).unwrap();
    Keyring::open(Arc::new(pages), vec![Arc::new(cell)], Arc::new(ledger), KeyringOptions::default()).unwrap()
}

/// Changes rows with the anchor's key. `change` gets them all.
pub(crate) fn change_with_anchor(data: &Path, change: impl FnOnce(&[Row]) -> Batch) {
    let key = anchor_key(data);
    let options = SledOptions { create: false, ..SledOptions::default() };
    let engine = SledEngine::open(&data.join("rows"), &data.join("anchor"), &key, options).unwrap();
    let rows = engine.range(&[0], &[u8::MAX; 64], 100_000, false).unwrap();
    engine.commit(change(&rows)).unwrap();
    engine.close().unwrap();
}

/// Changes rows in sled's own files, without any key.
pub(crate) fn change_without_key(data: &Path, change: impl FnOnce(&[Row]) -> Batch) {
    let config = sled::Config::new()
        .path(data.join("rows/data-00000001"))
        .segment_size(512 << 10)
        .flush_every_ms(None)
        .use_compression(false);
    let db = config.open().unwrap();
    let rows: Vec<Row> =
        db.iter().map(|row| row.map(|(key, value)| (key.to_vec(), value.to_vec())).unwrap()).collect();
    for (key, value) in change(&rows).ops {
        match value {
            Some(value) => drop(db.insert(key, value).unwrap()),
            None => drop(db.remove(key).unwrap()),
        }
    }
    db.flush().unwrap();
}

/// Content rows only: not the vault's own.
pub(crate) fn content(rows: &[Row]) -> Vec<&Row> {
    rows.iter().filter(|(key, _)| key.len() == 30).collect()
}

/// A row key taken apart: handle, class, branch, compartment, seq.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) handle: [u8; 16],
    pub(crate) class: u8,
    pub(crate) branch: u8,
    pub(crate) compartment: u32,
    pub(crate) seq: u64,
}

impl Place {
    pub(crate) fn of(key: &[u8]) -> Self {
        Self {
            handle: key[..16].try_into().unwrap(),
            class: key[16],
            branch: key[17],
            compartment: u32::from_be_bytes(key[18..22].try_into().unwrap()),
            seq: u64::from_be_bytes(key[22..].try_into().unwrap()),
        }
    }

    pub(crate) fn key(&self) -> Vec<u8> {
        let Self { handle, class, branch, compartment, seq } = self;
        [handle.as_slice(), &[*class, *branch], &compartment.to_be_bytes(), &seq.to_be_bytes()].concat()
    }
}
