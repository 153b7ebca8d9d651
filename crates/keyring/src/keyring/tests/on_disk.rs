//! The same keyring over real files.

use std::path::Path as FilePath;
use std::sync::Arc;

use oubliette_crypto::{Path, VaultId};
use oubliette_engine::SlotFile;

use super::*;

fn open(folder: &FilePath, vault: VaultId) -> Ground {
    let pages = folder.join("pages.slots");
    let pages = if pages.exists() {
        SlotFile::open(&pages, vault.as_bytes()).unwrap()
    } else {
        SlotFile::create(&pages, vault.as_bytes(), 64).unwrap()
    };
    let cells = (0..2).map(|n| {
        let path = folder.join(format!("root-{n}.cell"));
        let cell = if path.exists() { FileCell::open(&path) } else { FileCell::create(&path, vault, n, 2) };
        Arc::new(cell.unwrap()) as Arc<dyn RootCell>
    });
    Ground {
        pages: Arc::new(pages),
        cells: cells.collect(),
        ledger: Arc::new(FileLedger::open(&folder.join("roots")).unwrap()),
        clock: Arc::new(ManualClock::at_unix(1_800_000_000)),
    }
}

#[test]
fn a_vault_on_disk_opens_again_and_has_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let vault = VaultId::random().unwrap();
    let ground = open(folder.path(), vault);
    let keyring = ground.create();
    keyring.bulk_create((0..300).map(|n| user(&format!("{n}")))).unwrap();
    let subject = keyring.subject(&user("1")).unwrap();
    let key = key_of(&subject, &item(1, 2)).unwrap();
    keyring.cut(&subject, vec![Path::leaf(&item(1, 1)).unwrap()]).unwrap();
    let outcomes = keyring.erase(&[user("2")]).unwrap();
    let ErasureOutcome::Erased(record) = &outcomes[0] else { panic!("{outcomes:?}") };
    // What the disk under this test gives; the record says what was verified.
    assert_eq!(record.cell_class, keyring.erasure_class());
    assert_eq!(keyring.cells()[1].doubts.is_empty(), record.cell_class == ErasureClass::E1);
    drop((subject, keyring, ground));

    let ground = open(folder.path(), vault);
    let keyring = ground.open();
    let subject = keyring.subject(&user("1")).unwrap();
    assert_eq!((key_of(&subject, &item(1, 1)), key_of(&subject, &item(1, 2))), (None, Some(key)));
    let Err(KeyringError::Erased { record: found, .. }) = keyring.subject(&user("2")) else { panic!() };
    assert_eq!(found.as_deref(), Some(record));
    let report = keyring.verify(false).unwrap();
    assert_eq!((report.persons, report.fences, report.orphans, report.faults.len()), (299, 1, 0, 0));
}
