use std::sync::{Arc, Mutex};

use oubliette_crypto::{CellShare, RootKey, VaultId};

use super::block::{BlockCell, Medium};
use super::format::{CELL_SIZE, Header, POINTERS, SLOT_SIZE, SLOTS};
use super::*;

const VAULT: VaultId = VaultId([7; 16]);
const SECTOR: usize = 512;

fn share(byte: u8) -> CellShare {
    CellShare::from_slice(&[byte; 32]).unwrap()
}

fn pointer(generation: u64, epoch: u64) -> RootPointer {
    let (root_page, salt, root_hash) = ([generation as u8; 12], [1; 32], [2; 32]);
    let root = RootKey::from_slice(&[epoch as u8; 32]).unwrap();
    RootPointer { vault: VAULT, generation, epoch, root_page, salt, root_hash, mac: [0; 32] }.signed(&root)
}

fn epochs(cell: &dyn RootCell) -> Vec<(u64, u8)> {
    cell.read().unwrap().slots.iter().map(|slot| (slot.epoch, slot.share.expose()[0])).collect()
}

/// What every kind of cell must do. `reopen` closes the cell and opens it again.
fn conforms(mut cell: Arc<dyn RootCell>, mut reopen: impl FnMut(Arc<dyn RootCell>) -> Arc<dyn RootCell>) {
    assert_eq!((cell.vault(), cell.share_index(), cell.shares()), (VAULT, 1, 3));
    assert!(epochs(&*cell).is_empty() && cell.read().unwrap().pointers.is_empty());
    for refused in [cell.stage(2, &share(2), &pointer(1, 2)), cell.confirm(), cell.withdraw()] {
        assert!(matches!(refused, Err(CellError::Misuse { .. })), "an empty cell takes epoch 1 alone");
    }
    cell.stage(1, &share(1), &pointer(1, 1)).unwrap();
    cell = reopen(cell);
    assert_eq!(epochs(&*cell), [(1, 1)]);
    cell.confirm().unwrap();
    cell.point(&pointer(1, 1)).unwrap();
    cell = reopen(cell);
    assert_eq!(epochs(&*cell), [(1, 1), (1, 1)]);
    assert_eq!(cell.read().unwrap().pointers, [pointer(1, 1), pointer(1, 1)]);

    for wrong in [0, 1, 3] {
        let refused = cell.stage(wrong, &share(9), &pointer(2, wrong));
        assert!(matches!(refused, Err(CellError::Misuse { .. })), "epoch {wrong} does not follow 1");
    }
    cell.stage(2, &share(2), &pointer(2, 2)).unwrap();
    assert!(matches!(cell.stage(3, &share(3), &pointer(3, 3)), Err(CellError::Misuse { .. })));
    cell = reopen(cell);
    assert_eq!(epochs(&*cell), [(1, 1), (2, 2)]);
    assert_eq!(cell.read().unwrap().slot(2).unwrap().pointer, pointer(2, 2));
    cell.withdraw().unwrap();
    cell.withdraw().unwrap();
    cell = reopen(cell);
    assert_eq!(epochs(&*cell), [(1, 1), (1, 1)]);

    for epoch in 2..6 {
        cell.stage(epoch, &share(epoch as u8), &pointer(epoch, epoch)).unwrap();
        cell.confirm().unwrap();
        cell.confirm().unwrap();
        cell.point(&pointer(epoch, epoch)).unwrap();
        cell.point(&pointer(epoch + 100, epoch)).unwrap();
        cell = reopen(cell);
        assert_eq!(epochs(&*cell), [(epoch, epoch as u8), (epoch, epoch as u8)]);
        assert_eq!(cell.read().unwrap().pointers[1].generation, epoch + 100);
    }
}

#[test]
fn the_memory_cell_conforms() {
    let cell = Arc::new(MemoryCell::split(VAULT, 1, 3));
    conforms(cell, |cell| cell);
    let cell = MemoryCell::new(VAULT);
    cell.stage(1, &share(1), &pointer(1, 1)).unwrap();
    let copy = MemoryCell::from_image(cell.image()).unwrap();
    assert_eq!(epochs(&copy), [(1, 1)]);
}

#[test]
fn the_file_cell_conforms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.cell");
    let cell = Arc::new(FileCell::create(&path, VAULT, 1, 3).unwrap());
    assert!(matches!(FileCell::open(&path), Err(CellError::InUse { .. })), "one process at a time");
    conforms(cell, |cell| {
        // The lock is free once the last handle is gone.
        drop(cell);
        Arc::new(FileCell::open(&path).unwrap())
    });
    let metadata = std::fs::metadata(&path).unwrap();
    assert_eq!(metadata.len(), CELL_SIZE as u64);
    assert_eq!(std::os::unix::fs::PermissionsExt::mode(&metadata.permissions()) & 0o777, 0o600);
    assert!(matches!(FileCell::create(&path, VAULT, 0, 1), Err(CellError::Io { .. })), "never over another");
}

#[test]
fn what_is_no_cell_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("root.cell");
    assert!(matches!(FileCell::create(&path, VAULT, 1, 1), Err(CellError::Misuse { .. })));
    std::fs::write(&path, vec![0; CELL_SIZE]).unwrap();
    assert!(matches!(FileCell::open(&path), Err(CellError::Format { .. })));
    std::fs::write(&path, vec![0; CELL_SIZE - 1]).unwrap();
    assert!(matches!(FileCell::open(&path), Err(CellError::Format { .. })));
    let whole = MemoryCell::new(VAULT).image();
    for byte in 0..4096 {
        let mut image = whole.clone();
        image[byte] ^= 1;
        assert!(matches!(MemoryCell::from_image(image), Err(CellError::Format { .. })), "byte {byte}");
    }
}

#[test]
fn any_changed_byte_of_a_slot_loses_the_share() {
    let cell = MemoryCell::new(VAULT);
    cell.stage(1, &share(0x5c), &pointer(1, 1)).unwrap();
    let image = cell.image();
    assert!(!image.windows(32).any(|bytes| bytes == [0x5c; 32]), "the share stands nowhere in clear");
    for byte in (SLOTS[0]..SLOTS[0] + SLOT_SIZE).step_by(97).chain([SLOTS[0], SLOTS[0] + SLOT_SIZE - 1]) {
        let mut changed = image.clone();
        changed[byte] ^= 0x80;
        assert!(epochs(&MemoryCell::from_image(changed).unwrap()).is_empty(), "byte {byte}");
    }
}

/// A medium that loses power after so many sectors.
struct Torn {
    image: Arc<Mutex<Vec<u8>>>,
    sectors: Mutex<usize>,
}

impl Medium for Torn {
    fn read_at(&self, offset: usize, out: &mut [u8]) -> Result<(), CellError> {
        out.copy_from_slice(&self.image.lock().unwrap()[offset..offset + out.len()]);
        Ok(())
    }
    fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<(), CellError> {
        let mut left = self.sectors.lock().unwrap();
        for (at, sector) in bytes.chunks(SECTOR).enumerate() {
            *left = left.checked_sub(1).ok_or(CellError::Misuse { detail: "the power is gone" })?;
            let from = offset + at * SECTOR;
            self.image.lock().unwrap()[from..from + sector.len()].copy_from_slice(sector);
        }
        Ok(())
    }
    fn not_kept(&self, what: &'static str) -> CellError {
        CellError::NotKept { what, path: "(test)".into() }
    }
    fn foreign(&self, detail: &'static str) -> CellError {
        CellError::Format { path: "(test)".into(), detail }
    }
}

fn torn(image: &Arc<Mutex<Vec<u8>>>, sectors: usize) -> BlockCell<Torn> {
    let header = Header { vault: VAULT, index: 0, shares: 1 };
    BlockCell { medium: Torn { image: Arc::clone(image), sectors: Mutex::new(sectors) }, header }
}

/// Sectors of both copies or slots that hold the same bytes as before.
fn survivors(image: &[u8], before: &[u8], from: usize, length: usize) -> usize {
    (from..from + length)
        .step_by(SECTOR)
        .filter(|at| image[*at..at + SECTOR] == before[*at..at + SECTOR])
        .count()
}

#[test]
fn a_root_change_torn_at_any_sector_leaves_the_old_or_the_new_root() {
    let base = MemoryCell::new(VAULT);
    base.stage(1, &share(1), &pointer(1, 1)).unwrap();
    base.confirm().unwrap();
    base.point(&pointer(1, 1)).unwrap();
    let base = base.image();
    let turn = |cell: &BlockCell<Torn>| {
        cell.stage(2, &share(2), &pointer(2, 2))?;
        cell.confirm()?;
        cell.point(&pointer(2, 2))
    };
    let (mut old, mut new) = (0, 0);
    for sectors in 0.. {
        let image = Arc::new(Mutex::new(base.clone()));
        let done = turn(&torn(&image, sectors)).is_ok();
        let cell = torn(&image, usize::MAX);
        let state = cell.read().unwrap();
        let epoch = state.slots.iter().map(|slot| slot.epoch).max().expect("never neither");
        assert!(state.slots.iter().all(|slot| slot.share.expose()[0] == slot.epoch as u8));
        cell.confirm().unwrap();
        let settled = image.lock().unwrap().clone();
        let cell = MemoryCell::from_image(settled.clone()).unwrap();
        assert_eq!(epochs(&cell), [(epoch, epoch as u8), (epoch, epoch as u8)], "after {sectors} sectors");
        let randomness = 4096;
        if epoch == 1 {
            old += 1;
            assert!(!done);
        } else {
            new += 1;
            // The losing share is really gone: of both old slots no sector of randomness is left.
            for slot in SLOTS {
                let left = survivors(&settled, &base, slot + randomness, SLOT_SIZE - randomness);
                assert_eq!(left, 0, "after {sectors} sectors");
            }
        }
        let pointers = cell.read().unwrap().pointers;
        assert!(pointers.iter().any(|p| p.epoch == epoch) || epoch == 2, "the slot's own pointer stands in");
        if done {
            assert_eq!(pointers, [pointer(2, 2), pointer(2, 2)]);
            break;
        }
    }
    assert_eq!((old, new), (SLOT_SIZE / SECTOR, SLOT_SIZE / SECTOR + 2 * 4096 / SECTOR + 1));
}

#[test]
fn a_pointer_torn_at_any_sector_leaves_a_whole_copy() {
    let base = MemoryCell::new(VAULT);
    base.point(&pointer(1, 1)).unwrap();
    let base = base.image();
    for sectors in 0..=2 * 4096 / SECTOR {
        let image = Arc::new(Mutex::new(base.clone()));
        let done = torn(&image, sectors).point(&pointer(2, 1)).is_ok();
        let found = torn(&image, 0).read().unwrap().pointers;
        let newest = found.iter().map(|p| p.generation).max().unwrap();
        assert_eq!(newest, if sectors == 0 { 1 } else { 2 });
        assert_eq!(done, sectors == 2 * 4096 / SECTOR);
    }
    assert_eq!(POINTERS, [4096, 8192]);
}

#[test]
fn a_withdrawal_torn_at_any_sector_can_be_repeated() {
    let staged = MemoryCell::new(VAULT);
    staged.stage(1, &share(1), &pointer(1, 1)).unwrap();
    staged.confirm().unwrap();
    staged.stage(2, &share(2), &pointer(2, 2)).unwrap();
    let base = staged.image();
    for sectors in 0..SLOT_SIZE / SECTOR {
        let image = Arc::new(Mutex::new(base.clone()));
        assert!(torn(&image, sectors).withdraw().is_err());
        torn(&image, usize::MAX).withdraw().unwrap();
        let cell = MemoryCell::from_image(image.lock().unwrap().clone()).unwrap();
        assert_eq!(epochs(&cell), [(1, 1), (1, 1)]);
        assert_eq!(survivors(&cell.image(), &base, SLOTS[1] + 4096, SLOT_SIZE - 4096), 0);
    }
}

#[test]
fn a_medium_that_does_not_keep_its_bytes_is_noticed() {
    struct Forgetful(Torn);
    impl Medium for Forgetful {
        fn read_at(&self, offset: usize, out: &mut [u8]) -> Result<(), CellError> {
            self.0.read_at(offset, out)
        }
        fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<(), CellError> {
            self.0.write_at(offset, &bytes[..bytes.len() - SECTOR])
        }
        fn not_kept(&self, what: &'static str) -> CellError {
            self.0.not_kept(what)
        }
        fn foreign(&self, detail: &'static str) -> CellError {
            self.0.foreign(detail)
        }
    }
    let image = Arc::new(Mutex::new(MemoryCell::new(VAULT).image()));
    let header = Header { vault: VAULT, index: 0, shares: 1 };
    let cell = BlockCell { medium: Forgetful(torn(&image, usize::MAX).medium), header };
    assert!(matches!(cell.stage(1, &share(1), &pointer(1, 1)), Err(CellError::NotKept { .. })));
}
