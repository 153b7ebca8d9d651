//! The commit of the key plane: a sync that fails anywhere in it is never passed over.

use std::path::Path;
use std::sync::Arc;

use oubliette_crypto::{Branch, Class, Leaf, Path as Cut, VaultId};
use oubliette_engine::{Mirror, PageStore, SledOptions, SledPages, SlotFile};
use oubliette_keyring::{FileCell, FileLedger, Keyring, KeyringError, KeyringOptions, UserId};

use crate::kernel::{Refused, can_refuse, open_as, refusing};

const VAULT: VaultId = VaultId([8; 16]);

struct Parts {
    cell: FileCell,
    slots: SlotFile,
    sled: SledPages,
    ledger: FileLedger,
}

fn parts(folder: &Path, create: bool) -> Parts {
    let (cell, slots) = (folder.join("cell"), folder.join("slots"));
    let options = SledOptions { create, ..SledOptions::default() };
    Parts {
        cell: if create { FileCell::create(&cell, VAULT, 0, 1) } else { FileCell::open(&cell) }.unwrap(),
        slots: if create {
            SlotFile::create(&slots, VAULT.as_bytes(), 16)
        } else {
            SlotFile::open(&slots, VAULT.as_bytes())
        }
        .unwrap(),
        sled: SledPages::open(&folder.join("sled"), options).unwrap(),
        ledger: FileLedger::open(&folder.join("ledger")).unwrap(),
    }
}

fn keyring(parts: Parts, folder: &Path, create: bool) -> Keyring {
    let Parts { cell, slots, sled, ledger } = parts;
    let [a, b] = [Arc::new(slots) as Arc<dyn PageStore>, Arc::new(sled)];
    let mirror = Arc::new(Mirror::open(Ok(a), Ok(b), &folder.join("note")).unwrap());
    let (cells, ledger) = (vec![Arc::new(cell) as _], Arc::new(ledger));
    let options = KeyringOptions::default();
    if create {
        Keyring::create(mirror, cells, ledger, options)
    } else {
        Keyring::open(mirror, cells, ledger, options)
    }
    .unwrap()
}

/// A vault with ann in it, opened where syncs of one of its files are refused; and what became of an operation.
fn where_refused(
    file: &str,
    act: impl FnOnce(&Keyring) -> Result<(), KeyringError> + Send,
) -> (Result<(), KeyringError>, Keyring, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let made = keyring(parts(folder.path(), true), folder.path(), true);
    made.create_subject(&UserId::new("ann").unwrap(), false).unwrap();
    made.close();
    drop(made);
    let parts = parts(folder.path(), false);
    let refused: Vec<Refused> = open_as(&folder.path().join(file)).into_iter().map(Refused::Of).collect();
    let (answer, keyring) = refusing(&refused, || {
        let keyring = keyring(parts, folder.path(), false);
        (act(&keyring), keyring)
    });
    (answer, keyring, folder)
}

/// Forgets something of ann's.
fn cut(keyring: &Keyring) -> Result<(), KeyringError> {
    let subject = keyring.subject(&UserId::new("ann").unwrap())?;
    let leaf = Leaf { class: Class::Saves, compartment: 1, branch: Branch::Items, seq: 1 };
    keyring.cut(&subject, vec![Cut::leaf(&leaf)?]).map(drop)
}

#[test]
fn a_creation_fails_with_the_sync_of_its_cell() {
    if !can_refuse() {
        return;
    }
    let create = |keyring: &Keyring| keyring.create_subject(&UserId::new("bob").unwrap(), false).map(drop);
    let (answer, _keyring, _folder) = where_refused("cell", create);
    assert!(answer.is_err(), "a creation was acknowledged although its cell could not be synced");
}

#[test]
fn a_deletion_fails_with_the_sync_of_its_cell_or_its_ledger() {
    if !can_refuse() {
        return;
    }
    for file in ["cell", "ledger"] {
        let (answer, keyring, _folder) = where_refused(file, cut);
        assert!(answer.is_err(), "a deletion was acknowledged although its {file} could not be synced");
        let after = keyring.rotate();
        assert!(
            matches!(after, Err(KeyringError::Poisoned { .. })),
            "a failed sync of the {file} was passed over"
        );
    }
}

/// One copy of the pages is enough to forget; that the other is ill is told.
#[test]
fn a_deletion_goes_on_with_one_copy_of_the_pages() {
    if !can_refuse() {
        return;
    }
    let (answer, keyring, folder) = where_refused("slots", cut);
    answer.unwrap();
    assert!(keyring.ill().iter().any(|reason| reason.contains("copy a")), "a failed sync was passed over");
    assert_eq!(std::fs::read(folder.path().join("note")).unwrap(), b"a\n");
}
