//! A root split over several cells, on media that lose power after any sector, and in front of somebody who kept old bytes.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use oubliette_crypto::kdf::derive_root_key;
use oubliette_crypto::{Branch, CellShare, Class, Leaf, Path, VaultId};
use oubliette_engine::MemoryPages;

use super::block::{BlockCell, Medium};
use super::format::{Header, SLOT_SIZE, SLOTS};
use super::*;
use crate::{ErasureOutcome, Keyring, KeyringError, KeyringOptions, MemoryLedger, UserId};

const SECTOR: usize = 512;

type Image = Arc<Mutex<Vec<u8>>>;

/// One cell's medium; all cells of a vault draw on one supply of power.
struct Sectors {
    image: Image,
    left: Arc<Mutex<usize>>,
    name: String,
}

impl Medium for Sectors {
    fn read_at(&self, offset: usize, out: &mut [u8]) -> Result<(), CellError> {
        out.copy_from_slice(&self.image.lock().unwrap()[offset..offset + out.len()]);
        Ok(())
    }
    fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<(), CellError> {
        let mut left = self.left.lock().unwrap();
        for (at, sector) in bytes.chunks(SECTOR).enumerate() {
            *left = left.checked_sub(1).ok_or(CellError::Misuse { detail: "the power is gone" })?;
            let from = offset + at * SECTOR;
            self.image.lock().unwrap()[from..from + sector.len()].copy_from_slice(sector);
        }
        Ok(())
    }
    fn not_kept(&self, what: &'static str) -> CellError {
        CellError::NotKept { what, path: self.name.clone().into() }
    }
    fn foreign(&self, detail: &'static str) -> CellError {
        CellError::Format { path: self.name.clone().into(), detail }
    }
}

struct Cell(BlockCell<Sectors>);

impl RootCell for Cell {
    fn vault(&self) -> VaultId {
        self.0.vault()
    }
    fn share_index(&self) -> u8 {
        self.0.header.index
    }
    fn shares(&self) -> u8 {
        self.0.header.shares
    }
    fn read(&self) -> Result<CellState, CellError> {
        self.0.read()
    }
    fn point(&self, pointer: &RootPointer) -> Result<(), CellError> {
        self.0.point(pointer)
    }
    fn stage(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError> {
        self.0.stage(epoch, share, pointer)
    }
    fn confirm(&self) -> Result<(), CellError> {
        self.0.confirm()
    }
    fn withdraw(&self) -> Result<(), CellError> {
        self.0.withdraw()
    }
    fn class(&self) -> ErasureClass {
        ErasureClass::E0
    }
    fn name(&self) -> String {
        self.0.medium.name.clone()
    }
}

/// What outlives a crash.
struct Ground {
    pages: Arc<MemoryPages>,
    ledger: Arc<MemoryLedger>,
    images: Vec<Image>,
}

impl Ground {
    fn new(shares: u8) -> Self {
        let vault = VaultId::random().unwrap();
        let image = |n| Arc::new(Mutex::new(MemoryCell::split(vault, n, shares).image()));
        Self {
            pages: Arc::new(MemoryPages::new()),
            ledger: Arc::new(MemoryLedger::new()),
            images: (0..shares).map(image).collect(),
        }
    }
    fn cells(&self, sectors: usize) -> Vec<Arc<dyn RootCell>> {
        let left = Arc::new(Mutex::new(sectors));
        let cell = |(n, image): (usize, &Image)| {
            let header = Header::decode(&image.lock().unwrap()[..4096]).unwrap();
            let medium =
                Sectors { image: Arc::clone(image), left: Arc::clone(&left), name: format!("cell {n}") };
            Arc::new(Cell(BlockCell { medium, header })) as Arc<dyn RootCell>
        };
        self.images.iter().enumerate().map(cell).collect()
    }
    fn create(&self) -> Keyring {
        Keyring::create(self.pages.clone(), self.cells(usize::MAX), self.ledger.clone(), options()).unwrap()
    }
    fn open(&self, sectors: usize) -> Result<Keyring, KeyringError> {
        Keyring::open(self.pages.clone(), self.cells(sectors), self.ledger.clone(), options())
    }
    fn bytes(&self) -> Vec<Vec<u8>> {
        self.images.iter().map(|image| image.lock().unwrap().clone()).collect()
    }
    fn put(&self, n: usize, bytes: &[u8]) {
        *self.images[n].lock().unwrap() = bytes.to_vec();
    }
}

fn options() -> KeyringOptions {
    KeyringOptions { page_cache_bytes: 1 << 16, subject_cache: 8, ..KeyringOptions::default() }
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn item(seq: u64) -> Leaf {
    Leaf { class: Class::Saves, compartment: 1, branch: Branch::Items, seq }
}

fn readable(keyring: &Keyring, seq: u64) -> bool {
    match keyring.subject(&user("ann")).unwrap().key(&item(seq)) {
        Ok(_) => true,
        Err(KeyringError::Forgotten) => false,
        Err(error) => panic!("{error}"),
    }
}

/// A deletion with power for so many sectors over all cells; then a recovery that is cut off, too; then one that is not. True if the
/// deletion was acknowledged.
fn cut_off(shares: u8, sectors: usize) -> bool {
    let at = format!("{shares} cells, {sectors} sectors");
    let ground = Ground::new(shares);
    let keyring = ground.create();
    keyring.create_subject(&user("ann"), false).unwrap();
    drop(keyring);
    let before = ground.bytes();

    let keyring = ground.open(sectors).unwrap();
    let subject = keyring.subject(&user("ann")).unwrap();
    let done = keyring.cut(&subject, vec![Path::leaf(&item(1)).unwrap()]).is_ok();
    drop((subject, keyring));
    drop(ground.open(sectors * 7 % 97));

    let keyring = ground.open(usize::MAX).unwrap_or_else(|error| panic!("{at}: {error}"));
    let forgotten = !readable(&keyring, 1);
    assert!(forgotten || !done, "{at}: an acknowledged deletion came back");
    assert!(readable(&keyring, 2), "{at}: something else went with it");
    let epoch = if forgotten { 2 } else { 1 };
    assert_eq!(keyring.epoch(), epoch, "{at}");
    for (n, (image, before)) in ground.bytes().iter().zip(&before).enumerate() {
        let state = MemoryCell::from_image(image.clone()).unwrap().read().unwrap();
        assert_eq!(state.slots.iter().map(|slot| slot.epoch).collect::<Vec<_>>(), [epoch; 2], "{at}");
        assert_eq!(state.pointers.len(), 2, "{at}");
        // Of the share that lost no sector of randomness is left anywhere in its cell.
        let old = SLOTS.map(|slot| &before[slot + 4096..slot + SLOT_SIZE]).concat();
        let old: HashSet<&[u8]> = old.chunks(SECTOR).collect();
        let left = image.chunks(SECTOR).filter(|sector| old.contains(sector)).count();
        assert!(!forgotten || left == 0, "{at}: {left} sectors of the old share are left in cell {n}");
    }
    done
}

fn every_cut(shares: u8) {
    // Staging, confirming and pointing, on every cell.
    let all = usize::from(shares) * (2 * SLOT_SIZE + 2 * 4096) / SECTOR;
    let done = (0..=all).filter(|sectors| cut_off(shares, *sectors)).count();
    assert_eq!(done, 1, "only with all of its sectors a deletion is acknowledged");
}

#[test]
fn a_deletion_over_two_cells_may_be_torn_at_any_sector() {
    every_cut(2);
}

#[test]
fn a_deletion_over_three_cells_may_be_torn_at_any_sector() {
    every_cut(3);
}

/// What a thief of some bytes of the cells can make of them: a root that vouches for one of the pointers.
fn opens_any(shares: &[&CellShare], vault: &VaultId, pointers: &[RootPointer]) -> bool {
    let root = derive_root_key(shares, vault).unwrap();
    pointers.iter().any(|pointer| pointer.verifies(&root, vault))
}

fn contents(image: &[u8]) -> CellState {
    MemoryCell::from_image(image.to_vec()).unwrap().read().unwrap()
}

#[test]
fn either_share_alone_is_nothing_and_an_old_one_brings_nothing_back() {
    let ground = Ground::new(2);
    let keyring = ground.create();
    for name in ["ann", "bob"] {
        keyring.create_subject(&user(name), false).unwrap();
    }
    let old = ground.bytes();
    let ErasureOutcome::Erased(_) = &keyring.erase(&[user("bob")]).unwrap()[0] else { panic!() };
    drop(keyring);
    let new = ground.bytes();
    let vault = MemoryCell::from_image(old[0].clone()).unwrap().vault();

    // Every pointer there ever was, and every share that an old copy of ONE cell and both present ones give.
    let states: Vec<CellState> = old.iter().chain(&new).map(|image| contents(image)).collect();
    let pointers: Vec<RootPointer> = states
        .iter()
        .flat_map(|state| state.pointers.iter().chain(state.slots.iter().map(|slot| &slot.pointer)))
        .cloned()
        .collect();
    let share = |state: usize| &states[state].slots[0].share;
    let (old_pointers, new_pointers): (Vec<_>, Vec<_>) = pointers.into_iter().partition(|p| p.epoch == 1);
    assert!(
        opens_any(&[share(0), share(1)], &vault, &old_pointers),
        "both old copies would open the old root"
    );
    assert!(opens_any(&[share(2), share(3)], &vault, &new_pointers));
    for kept in [0, 1] {
        // Old share `kept`, and both present shares.
        let have = [share(kept), share(2), share(3)];
        for (a, b) in (0..3).flat_map(|a| (0..3).map(move |b| (a, b))) {
            assert!(!opens_any(&[have[a], have[b]], &vault, &old_pointers), "old {kept}, {a} and {b}");
        }
        assert!(have.iter().all(|alone| !opens_any(&[alone], &vault, &old_pointers)));

        // Put back into the vault it is refused by name, and changes nothing.
        ground.put(kept, &old[kept]);
        let refused = ground.open(usize::MAX).err().unwrap().to_string();
        assert!(refused.contains(&format!("cell {kept} holds the share of root 1")), "{refused}");
        assert!(refused.contains("rolled back") && !refused.contains(&format!("cell {} holds", 1 - kept)));
        assert!(ground.bytes()[kept] == old[kept] && ground.bytes()[1 - kept] == new[1 - kept]);
        ground.put(kept, &new[kept]);
    }
    assert!(readable(&ground.open(usize::MAX).unwrap(), 1));

    // Destroying either cell is erasure: the other share opens nothing at all.
    for destroyed in [0, 1] {
        let mut image = new[destroyed].clone();
        image[4096..].fill(0);
        ground.put(destroyed, &image);
        let refused = ground.open(usize::MAX).err().unwrap().to_string();
        assert!(refused.contains(&format!("cell {destroyed} holds no whole share")), "{refused}");
        let other = share(3 - destroyed);
        assert!(
            !opens_any(&[other], &vault, &new_pointers) && !opens_any(&[other, other], &vault, &new_pointers)
        );
        ground.put(destroyed, &new[destroyed]);
    }
    assert!(readable(&ground.open(usize::MAX).unwrap(), 1));
}

/// A cell whose medium fails within a deletion, at every sector: nothing is acknowledged, the cell is named, and with the medium mended
/// everything goes on.
#[test]
fn a_failing_second_cell_stops_the_deletion_and_is_named() {
    for sectors in [0, 1, 39, 40, 41, 79, 80, 85, 95] {
        let ground = Ground::new(2);
        let keyring = ground.create();
        for name in ["ann", "bob"] {
            keyring.create_subject(&user(name), false).unwrap();
        }
        keyring.block(&user("bob")).unwrap();
        drop(keyring);

        let mut cells = ground.cells(usize::MAX);
        cells[1] = ground.cells(sectors).swap_remove(1);
        struct Named(Arc<dyn RootCell>);
        impl Named {
            fn told(&self, done: Result<(), CellError>) -> Result<(), CellError> {
                done.map_err(|_| CellError::Io {
                    op: "writing",
                    path: self.0.name().into(),
                    source: std::io::ErrorKind::StorageFull.into(),
                })
            }
        }
        impl RootCell for Named {
            fn vault(&self) -> VaultId {
                self.0.vault()
            }
            fn share_index(&self) -> u8 {
                self.0.share_index()
            }
            fn shares(&self) -> u8 {
                self.0.shares()
            }
            fn read(&self) -> Result<CellState, CellError> {
                self.0.read()
            }
            fn point(&self, pointer: &RootPointer) -> Result<(), CellError> {
                self.told(self.0.point(pointer))
            }
            fn stage(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError> {
                self.told(self.0.stage(epoch, share, pointer))
            }
            fn confirm(&self) -> Result<(), CellError> {
                self.told(self.0.confirm())
            }
            fn withdraw(&self) -> Result<(), CellError> {
                self.told(self.0.withdraw())
            }
            fn class(&self) -> ErasureClass {
                ErasureClass::E0
            }
        }
        cells[1] = Arc::new(Named(Arc::clone(&cells[1])));
        let keyring = Keyring::open(ground.pages.clone(), cells, ground.ledger.clone(), options()).unwrap();
        let refused = keyring.erase(&[user("bob")]).unwrap_err().to_string();
        assert!(refused.contains("cell 1"), "{sectors}: {refused}");
        let later = keyring.create_subject(&user("eve"), false).unwrap_err();
        assert!(matches!(later, KeyringError::Poisoned { .. }), "{sectors}: {later}");
        drop(keyring);

        let keyring = ground.open(usize::MAX).unwrap();
        assert!(readable(&keyring, 1));
        // Either nothing had happened, or all of it: then it needs no second time.
        match keyring.erase(&[user("bob")]).unwrap().swap_remove(0) {
            ErasureOutcome::Erased(_) => assert!(sectors < 40, "{sectors}"),
            ErasureOutcome::AlreadyErased(_) => assert!(sectors >= 40, "{sectors}"),
            _ => panic!("{sectors}"),
        }
    }
}
