//! A cell whose file is exchanged or removed under an open vault.

use std::fs;
use std::os::unix::fs::symlink;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use oubliette_crypto::{CellShare, VaultId};
use oubliette_engine::MemoryPages;

use super::*;
use crate::{Keyring, KeyringError, KeyringOptions, MemoryLedger};

#[test]
fn a_file_is_told_from_another_one_at_its_path() {
    let folder = tempfile::tempdir().unwrap();
    let [disk, path, aside] = ["disk", "root.cell", "aside"].map(|name| folder.path().join(name));
    drop(FileCell::create(&disk, VaultId([7; 16]), 0, 1).unwrap());
    symlink(&disk, &path).unwrap();
    let cell = FileCell::open(&path).unwrap();
    cell.in_place().unwrap();
    let said = || cell.in_place().unwrap_err().to_string();

    fs::copy(&disk, &aside).unwrap();
    for (found, change) in [
        ("another file", &(|| fs::rename(&aside, &disk)) as &dyn Fn() -> std::io::Result<()>),
        ("nothing", &|| fs::remove_file(&disk)),
        ("nothing", &|| fs::remove_file(&path)),
        ("another file", &|| fs::create_dir(&path)),
    ] {
        change().unwrap();
        assert!(said().contains(found) && said().contains(path.to_str().unwrap()), "{}", said());
    }
    assert!(cell.read().is_ok(), "the open file goes on");

    // Moved away and back it is the same one.
    let path = folder.path().join("moved.cell");
    let cell = FileCell::create(&path, VaultId([7; 16]), 0, 1).unwrap();
    fs::rename(&path, &aside).unwrap();
    assert!(matches!(cell.in_place(), Err(CellError::Replaced { .. })));
    fs::hard_link(&aside, &path).unwrap();
    cell.in_place().unwrap();
}

/// A cell that is not found at one look out of many.
struct Lost {
    cell: MemoryCell,
    looks: AtomicUsize,
    lost_at: AtomicUsize,
}

impl RootCell for Lost {
    fn vault(&self) -> VaultId {
        self.cell.vault()
    }
    fn share_index(&self) -> u8 {
        self.cell.share_index()
    }
    fn shares(&self) -> u8 {
        self.cell.shares()
    }
    fn read(&self) -> Result<CellState, CellError> {
        self.cell.read()
    }
    fn point(&self, pointer: &RootPointer) -> Result<(), CellError> {
        self.cell.point(pointer)
    }
    fn stage(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError> {
        self.cell.stage(epoch, share, pointer)
    }
    fn confirm(&self) -> Result<(), CellError> {
        self.cell.confirm()
    }
    fn withdraw(&self) -> Result<(), CellError> {
        self.cell.withdraw()
    }
    fn in_place(&self) -> Result<(), CellError> {
        let look = self.looks.fetch_add(1, Ordering::SeqCst) + 1;
        if look != self.lost_at.load(Ordering::SeqCst) {
            return Ok(());
        }
        Err(CellError::Replaced { path: self.name().into(), found: "nothing".into(), held: "here".into() })
    }
    fn class(&self) -> ErasureClass {
        ErasureClass::E0
    }
}

/// Before a commit, and before its cells turn, nothing of it reaches a cell. Afterwards it has happened, and nobody was told.
#[test]
fn a_commit_to_a_cell_that_is_not_in_place_is_refused_and_the_keyring_goes_on() {
    let vault = VaultId::random().unwrap();
    let lost = |index| {
        let (looks, lost_at) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Lost { cell: MemoryCell::split(vault, index, 2), looks, lost_at })
    };
    let cells = [lost(0), lost(1)];
    let given = cells.iter().map(|cell| Arc::clone(cell) as Arc<dyn RootCell>).collect();
    let (pages, ledger) = (Arc::new(MemoryPages::new()), Arc::new(MemoryLedger::new()));
    let keyring = Keyring::create(pages, given, ledger, KeyringOptions::default()).unwrap();
    for (n, look, happens) in [(0, 1, 0), (1, 1, 0), (0, 2, 0), (1, 2, 0), (0, 3, 1), (1, 3, 1)] {
        let (epoch, images) = (keyring.epoch(), cells.each_ref().map(|cell| cell.cell.image()));
        cells[n].looks.store(0, Ordering::SeqCst);
        cells[n].lost_at.store(look, Ordering::SeqCst);
        let refused = keyring.rotate().unwrap_err();
        assert!(matches!(refused, KeyringError::CellReplaced(_)), "cell {n}, look {look}: {refused}");
        assert_eq!(keyring.epoch(), epoch + happens, "cell {n}, look {look}");
        if happens == 0 {
            assert!(cells.each_ref().map(|cell| cell.cell.image()) == images, "cell {n}, look {look}");
        }
        cells[n].looks.store(0, Ordering::SeqCst);
        cells[n].lost_at.store(1, Ordering::SeqCst);
        assert!(keyring.ill().iter().any(|why| why.contains("replaced")), "{:?}", keyring.ill());
        keyring.rotate().unwrap();
        assert_eq!((keyring.epoch(), keyring.ill().len()), (epoch + happens + 1, 0));
    }
}
