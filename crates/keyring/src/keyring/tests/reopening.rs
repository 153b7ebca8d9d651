//! Opening over cells, key pages and ledgers that were damaged or do not belong together.

use std::sync::Arc;

use oubliette_engine::{PageId, RawPage};

use super::*;

/// Where a cell keeps its pointer copies (docs/formats.md, section 5).
const POINTERS: std::ops::Range<usize> = 4096..12288;

fn single() -> (Arc<MemoryCell>, Ground) {
    let cell = Arc::new(MemoryCell::new(VaultId::random().unwrap()));
    let cells = vec![Arc::clone(&cell) as Arc<dyn RootCell>];
    (cell, Ground { cells, ..Ground::new() })
}

fn cell_of(image: Vec<u8>) -> Vec<Arc<dyn RootCell>> {
    vec![Arc::new(MemoryCell::from_image(image).unwrap())]
}

/// What the page store holds at this moment, as a power cut would leave it.
fn frozen(pages: &dyn PageStore) -> Arc<MemoryPages> {
    let copy = MemoryPages::new();
    pages
        .for_each_id(&mut |id: PageId| {
            let page: Box<RawPage> = pages.read(&id).unwrap().unwrap();
            copy.write(&[(id, &page)]).unwrap();
        })
        .unwrap();
    Arc::new(copy)
}

#[test]
fn a_cell_beside_key_pages_of_another_age_says_so() {
    let (cell, mut ground) = single();
    let keyring = ground.create();
    let (old_cell, old_pages) = (cell.image(), frozen(ground.pages.as_ref()));
    keyring.create_subject(&user("ann"), false).unwrap();
    keyring.rotate().unwrap();
    let root = keyring.core.root().pointer.root_page;
    drop(keyring);
    let now = cell.image();
    let current = Arc::clone(&ground.pages);
    for (image, pages) in [(old_cell, Arc::clone(&current)), (now.clone(), old_pages as Arc<dyn PageStore>)] {
        (ground.cells, ground.pages) = (cell_of(image), pages);
        let error = ground.try_open().err().unwrap();
        assert!(matches!(error, KeyringError::Cells { .. }));
        assert!(error.to_string().contains("different age"), "{error}");
    }
    (ground.cells, ground.pages) = (cell_of(now), current);
    assert!(ground.try_open().is_ok());
    let mut page = ground.pages.read(&root).unwrap().unwrap();
    page[77] ^= 1;
    ground.pages.write(&[(root, &page)]).unwrap();
    assert!(matches!(ground.try_open().err(), Some(KeyringError::Corrupt { role: "root" })));
}

/// Opening fell back to the pointer of the last deletion without a word: a block after it was undone.
#[test]
fn without_a_whole_pointer_copy_the_vault_says_what_may_be_undone() {
    let (cell, mut ground) = single();
    let keyring = ground.create();
    keyring.create_subject(&user("ann"), false).unwrap();
    keyring.rotate().unwrap();
    keyring.block(&user("ann")).unwrap();
    let pages = frozen(ground.pages.as_ref());
    drop(keyring);
    let mut image = cell.image();
    image[POINTERS].fill(0x5a);
    let cut_off = Ground { pages, cells: cell_of(image.clone()), ..Ground::new() };
    for _ in 0..2 {
        let keyring = cut_off.open();
        assert!(keyring.subject(&user("ann")).is_ok(), "the block is lost");
        assert!(keyring.ill()[0].contains("may be undone"), "{:?}", keyring.ill());
        assert_eq!(keyring.verify(true).unwrap().faults, keyring.ill());
    }
    cut_off.open().block(&user("ann")).unwrap();
    let keyring = cut_off.open();
    assert!(keyring.ill().is_empty() && keyring.verify(false).unwrap().faults.is_empty());
    assert!(matches!(keyring.subject(&user("ann")), Err(KeyringError::Blocked)));

    // After a clean stop the older root page is gone, too.
    ground.cells = cell_of(image);
    let error = ground.try_open().err().unwrap().to_string();
    assert!(error.contains("both copies of the root pointer are damaged"), "{error}");
}

#[test]
fn one_whole_pointer_copy_is_enough() {
    let (cell, mut ground) = single();
    let keyring = ground.create();
    keyring.create_subject(&user("ann"), false).unwrap();
    keyring.rotate().unwrap();
    keyring.block(&user("ann")).unwrap();
    drop(keyring);
    for copy in [4096..8192, 8192..12288] {
        let mut image = cell.image();
        image[copy].fill(0);
        ground.cells = cell_of(image);
        let keyring = ground.open();
        assert!(keyring.ill().is_empty());
        assert!(matches!(keyring.subject(&user("ann")), Err(KeyringError::Blocked)));
    }
}

/// One flipped bit in the ledger kept the whole vault shut, or stopped it when somebody erased was asked for.
#[test]
fn a_damaged_ledger_keeps_nobody_from_their_content() {
    for damaged in [vec![0], vec![1], vec![2], vec![1, 2], vec![0, 1, 2]] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("roots");
        let mut ground = Ground { ledger: Arc::new(FileLedger::open(&path).unwrap()), ..Ground::new() };
        let keyring = ground.create();
        keyring.bulk_create(["a", "b", "c", "d"].map(user)).unwrap();
        ["a", "b", "c"].iter().for_each(|name| drop(keyring.erase(&[user(name)]).unwrap()));
        drop(keyring);
        let mut bytes = std::fs::read(&path).unwrap();
        damaged.iter().for_each(|index| bytes[index * 128 + 30] ^= 1);
        std::fs::write(&path, bytes).unwrap();

        ground.ledger = Arc::new(FileLedger::open(&path).unwrap());
        let keyring = ground.open();
        assert!(keyring.subject(&user("d")).is_ok());
        // The newest record stands in cell and vault page as well, and is made again from them.
        assert!(keyring.ill().is_empty(), "{damaged:?}: {:?}", keyring.ill());
        assert_eq!(keyring.mended_at_open().len(), usize::from(damaged.contains(&2)), "{damaged:?}");
        let faults = keyring.verify(false).unwrap().faults;
        assert_eq!(faults.len(), damaged.iter().filter(|index| **index != 2).count(), "{faults:?}");
        for name in ["a", "b", "c"] {
            assert!(matches!(keyring.subject(&user(name)), Err(KeyringError::Erased { .. })));
            let created = keyring.create_subject(&user(name), false);
            assert!(matches!(created, Err(KeyringError::Erased { .. })));
            let again = keyring.erase(&[user(name)]);
            assert!(matches!(again, Ok(_) | Err(KeyringError::RecordLost { .. })));
        }
        assert!(matches!(keyring.erase(&[user("d")]).unwrap()[0], ErasureOutcome::Erased(_)));
    }
}

/// A copy of cell and key pages opened as well as ever, and everyone erased since the copy was back, although the ledger
/// beside it told of their erasure.
#[test]
fn old_keys_beside_a_newer_ledger_are_refused() {
    for later in [false, true] {
        let (cell, mut ground) = single();
        let keyring = ground.create();
        keyring.bulk_create(["a", "b"].map(user)).unwrap();
        if later {
            keyring.rotate().unwrap();
        }
        let (old_cell, old_pages) = (cell.image(), frozen(ground.pages.as_ref()));
        keyring.erase(&[user("a")]).unwrap();
        let erased = keyring.generation();
        keyring.create_subject(&user("c"), false).unwrap();
        drop(keyring);
        let now = std::mem::replace(&mut ground.cells, cell_of(old_cell.clone()));
        let pages = std::mem::replace(&mut ground.pages, old_pages);
        let error = ground.try_open().err().unwrap();
        assert!(matches!(error, KeyringError::Cells { .. }));
        let said = error.to_string();
        assert!(said.contains("older copy") && said.contains(&format!("generation {erased}")), "{said}");

        // Nothing was written: the copy can be taken away again, and what was there last opens.
        (ground.cells, ground.pages) = (now, pages);
        let keyring = ground.open();
        assert!(matches!(keyring.subject(&user("a")), Err(KeyringError::Erased { .. })));
        assert!(keyring.subject(&user("c")).is_ok());
    }
}
