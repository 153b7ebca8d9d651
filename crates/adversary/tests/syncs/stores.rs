//! Every store by itself: what a refused sync makes of its calls.

use std::fmt::Debug;

use oubliette_crypto::{AnchorKey, CellShare, VaultId};
use oubliette_engine::{
    Batch, Blobs, Engine, EngineError, PackBlobs, PageId, PageStore, SledEngine, SledOptions, SledPages,
    SlotFile,
};
use oubliette_keyring::{ErasureClass, FileCell, FileLedger, RootCell, RootLedger, RootPointer, RootRecord};

use oubliette_store::{ErasureOutcome, SubjectFacts, Vault, VaultOptions};

use crate::kernel::{Refused, can_refuse, open_as, refusing, syncs_itself};

const VAULT: VaultId = VaultId([7; 16]);

fn assert_fails<T: Send, E: Debug + Send>(
    what: &str,
    refused: Refused,
    call: impl FnOnce() -> Result<T, E> + Send,
) {
    let answer = refusing(&[refused], call).map(drop);
    assert!(answer.is_err(), "{what} was acknowledged without a sync");
}

fn pointer(generation: u64, epoch: u64) -> RootPointer {
    let [root_page, salt] = [[1; 12].to_vec(), [2; 32].to_vec()];
    RootPointer {
        vault: VAULT,
        generation,
        epoch,
        root_page: root_page.try_into().unwrap(),
        salt: salt.try_into().unwrap(),
        root_hash: [3; 32],
        mac: [4; 32],
    }
}

#[test]
fn the_root_cell() {
    if !can_refuse() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert_fails("a cell's name", Refused::Folders, || FileCell::create(&at("unnamed"), VAULT, 0, 1));
    assert_fails("an empty cell", Refused::Data, || FileCell::create(&at("empty"), VAULT, 0, 1));
    let cell = |name: &str| {
        let cell = FileCell::create(&at(name), VAULT, 0, 1).unwrap();
        cell.stage(1, &CellShare::generate().unwrap(), &pointer(1, 1)).unwrap();
        cell.confirm().unwrap();
        cell
    };
    let share = CellShare::generate().unwrap();
    let pointed = cell("pointed");
    assert_fails("a pointer", Refused::Data, || pointed.point(&pointer(2, 1)));
    let staged = cell("staged");
    assert_fails("a new share", Refused::Data, || staged.stage(2, &share, &pointer(2, 2)));
    let confirmed = cell("confirmed");
    confirmed.stage(2, &share, &pointer(2, 2)).unwrap();
    assert_fails("the wiping of the old share", Refused::Data, || confirmed.confirm());
    let withdrawn = cell("withdrawn");
    withdrawn.stage(2, &share, &pointer(2, 2)).unwrap();
    assert_fails("the wiping of a withdrawn share", Refused::Data, || withdrawn.withdraw());
}

fn record(generation_after: u64) -> RootRecord {
    RootRecord {
        generation_before: generation_after - 1,
        generation_after,
        root_before: [1; 32],
        root_after: [2; 32],
        time: 0,
        removed: 1,
        cell_class: ErasureClass::E0,
    }
}

#[test]
fn the_ledger() {
    if !can_refuse() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("roots");
    assert_fails("a ledger's name", Refused::Folders, || FileLedger::open(&path));
    let ledger = FileLedger::open(&path).unwrap();
    ledger.append(&record(1)).unwrap();
    assert_fails("a record", Refused::Data, || ledger.append(&record(2)));
    drop(ledger);
    let whole = std::fs::read(&path).unwrap();
    std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
    assert_fails("taking a torn record off", Refused::Whole, || FileLedger::open(&path));
}

/// The keyring syncs on a thread of its own; what is refused here is what follows its commit.
#[test]
fn receipts_and_the_state_of_the_log() {
    if !can_refuse() {
        return;
    }
    for (what, refused) in [
        ("a receipt", Refused::Data),
        ("the state of the log", Refused::Whole),
        ("the name of the log's state", Refused::Folders),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let at = folder.path().join("vault");
        let vault = Vault::create(&at, VaultOptions::default()).unwrap();
        vault.put_subject("ann", &SubjectFacts::default(), false).unwrap();
        assert_fails(what, refused, || vault.erase(&["ann"]));
        vault.close().unwrap();
        drop(vault);
        // The next opening finds it done, and issues the receipt.
        let vault = Vault::open(&at, VaultOptions::default()).unwrap();
        let told = vault.erase(&["ann"]).unwrap();
        assert!(matches!(&told[..], [ErasureOutcome::AlreadyErased(record)] if record.receipt.is_some()));
        vault.close().unwrap();
    }
}

type Page = (PageId, Box<oubliette_engine::RawPage>);

fn pages(numbers: std::ops::Range<u16>) -> Vec<Page> {
    let page = |number: u16| {
        let mut id = [9; 12];
        id[..2].copy_from_slice(&number.to_be_bytes());
        let mut raw = Box::new([0; 1024]);
        raw[..4].copy_from_slice(b"OP\x01\x03");
        raw[4..16].copy_from_slice(&id);
        (id, raw)
    };
    numbers.map(page).collect()
}

fn write(store: &dyn PageStore, pages: &[Page]) -> Result<(), EngineError> {
    store.write(&pages.iter().map(|(id, raw)| (*id, &**raw)).collect::<Vec<_>>())
}

#[test]
fn the_slot_file() {
    if !can_refuse() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    assert_fails("a slot file's name", Refused::Folders, || {
        SlotFile::create(&at("unnamed"), VAULT.as_bytes(), 4)
    });
    let store = SlotFile::create(&at("a"), VAULT.as_bytes(), 4).unwrap();
    write(&store, &pages(0..2)).unwrap();
    assert_fails("pages", Refused::Data, || write(&store, &pages(2..4)));
    assert!(
        matches!(write(&store, &pages(4..5)), Err(EngineError::Poisoned { .. })),
        "a failed sync was passed over"
    );
    let growing = SlotFile::create(&at("b"), VAULT.as_bytes(), 1).unwrap();
    assert_fails("the name of a larger slot file", Refused::Folders, || write(&growing, &pages(0..40)));
}

#[test]
fn pages_in_sled() {
    if !can_refuse() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store =
        SledPages::open(folder.path(), SledOptions { create: true, ..SledOptions::default() }).unwrap();
    write(&store, &pages(0..2)).unwrap();
    assert_fails("pages", Refused::Data, || write(&store, &pages(2..4)));
    assert!(
        matches!(write(&store, &pages(4..5)), Err(EngineError::Poisoned { .. })),
        "a failed sync was passed over"
    );
}

#[test]
fn blobs() {
    if !can_refuse() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let store = PackBlobs::open(folder.path()).unwrap();
    let blob = || {
        let mut writer = store.create(None)?;
        writer.reserve(100)?;
        writer.write(&[1; 100])?;
        writer.finish()
    };
    assert_fails("a pack's name", Refused::Folders, blob);
    let folder = tempfile::tempdir().unwrap();
    let store = PackBlobs::open(folder.path()).unwrap();
    let mut writer = store.create(None).unwrap();
    writer.reserve(100).unwrap();
    writer.write(&[1; 100]).unwrap();
    assert_fails("a blob", Refused::Data, || writer.finish());
    assert!(
        store.create(None).and_then(|mut writer| writer.reserve(1)).is_err(),
        "a failed sync was passed over"
    );
}

/// A commit is one record in the anchor file, which is opened so that each write into it is a sync.
#[test]
fn rows() {
    if !can_refuse() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let anchor = folder.path().join("anchor");
    let options = SledOptions { create: true, ..SledOptions::default() };
    let engine =
        SledEngine::open(&folder.path().join("rows"), &anchor, &AnchorKey::generate().unwrap(), options);
    let engine = engine.unwrap();
    let put = |n: u8| {
        let mut batch = Batch::new();
        batch.put([n], [n]);
        engine.commit(batch)
    };
    put(1).unwrap();
    let numbers = open_as(&anchor);
    let synced: Vec<bool> = numbers.iter().filter_map(|number| syncs_itself(*number)).collect();
    assert!(synced.iter().all(|synced| *synced), "a commit was acknowledged without a sync");
    let refused: Vec<Refused> = numbers.into_iter().map(Refused::WritesInto).collect();
    let answer = refusing(&refused, || put(2));
    assert!(answer.is_err(), "a commit was acknowledged without its record");
    assert!(matches!(put(3), Err(EngineError::Poisoned { .. })), "a failed write was passed over");
}
