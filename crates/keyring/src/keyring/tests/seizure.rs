//! A small version of the adversary: it has every page and pointer ever written, and seizes the cell at the end.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use oubliette_crypto::kdf::{derive_root_key, derive_root_page_key};
use oubliette_crypto::{CellShare, PageHeader, PageKey, PageKind, Path, RootKey, VaultId, open_page};
use oubliette_engine::{EngineError, PageId, RawPage};

use super::*;

/// Keeps every page and never forgets one.
#[derive(Default)]
struct Tape {
    now: MemoryPages,
    ever: Mutex<HashMap<PageId, RawPage>>,
}

impl PageStore for Tape {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.now.read(id)
    }
    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        self.ever.lock().unwrap().extend(pages.iter().map(|(id, page)| (*id, **page)));
        self.now.write(pages)
    }
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        self.now.remove(ids)
    }
    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.now.for_each_id(visit)
    }
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        self.now.read_copy(id, n)
    }
    fn copies(&self) -> usize {
        1
    }
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        self.now.mend(id, n, page)
    }
    fn ill(&self) -> Vec<String> {
        Vec::new()
    }
    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// A cell whose pointers are all taped.
struct TapedCell {
    cell: MemoryCell,
    pointers: Mutex<Vec<RootPointer>>,
}

impl RootCell for TapedCell {
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
        self.pointers.lock().unwrap().push(pointer.clone());
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
    fn class(&self) -> ErasureClass {
        self.cell.class()
    }
}

/// Everything the tape gives to whoever holds `root`. Any 44 bytes of an open page that begin with the name of a page on the tape
/// are taken for a reference, and every key found so is tried on every page, by whatever name. No knowledge of layouts.
fn closure(tape: &Tape, pointers: &[RootPointer], root: &RootKey) -> (Vec<[u8; 976]>, HashSet<u64>) {
    let vault = pointers[0].vault;
    let mut shut = tape.ever.lock().unwrap().clone();
    let (mut open, mut generations) = (Vec::new(), HashSet::new());
    for pointer in pointers {
        let key = derive_root_page_key(root, &pointer.salt, pointer.generation);
        let Some(raw) = shut.get(&pointer.root_page) else { continue };
        if let Ok(body) = open_page(&key, &header(pointer.root_page, raw, vault), raw) {
            generations.insert(pointer.generation);
            shut.remove(&pointer.root_page);
            open.push(*body.expose());
        }
    }
    let names: HashSet<PageId> = tape.ever.lock().unwrap().keys().copied().collect();
    let mut keys: HashSet<[u8; 32]> = HashSet::new();
    let mut next = 0;
    loop {
        while next < open.len() {
            let body = open[next];
            for reference in body.windows(44).filter(|bytes| names.contains::<[u8]>(&bytes[..12])) {
                let id: PageId = reference[..12].try_into().unwrap();
                keys.insert(reference[12..].try_into().unwrap());
                let key = PageKey::from_slice(&reference[12..]).unwrap();
                let opened = shut.get(&id).and_then(|raw| open_page(&key, &header(id, raw, vault), raw).ok());
                if let Some(body) = opened {
                    shut.remove(&id);
                    open.push(*body.expose());
                }
            }
            next += 1;
        }
        for key in &keys {
            let key = PageKey::from_slice(key).unwrap();
            shut.retain(|id, raw| match open_page(&key, &header(*id, raw, vault), raw) {
                Ok(body) => {
                    open.push(*body.expose());
                    false
                }
                Err(_) => true,
            });
        }
        if next == open.len() {
            break;
        }
    }
    (open, generations)
}

/// What the page says of itself.
fn header(id: PageId, raw: &RawPage, vault: VaultId) -> PageHeader {
    const KINDS: [PageKind; 7] = [
        PageKind::Root,
        PageKind::Inner,
        PageKind::Leaf,
        PageKind::Vault,
        PageKind::State,
        PageKind::Cover,
        PageKind::Chain,
    ];
    PageHeader { kind: KINDS[usize::from(raw[3]) - 1], id, vault }
}

#[test]
fn the_tape_and_the_seized_cell_give_the_living_and_not_the_erased() {
    let tape = Arc::new(Tape::default());
    let cell =
        Arc::new(TapedCell { cell: MemoryCell::new(VaultId::random().unwrap()), pointers: Mutex::default() });
    let ground =
        Ground { pages: Arc::clone(&tape) as _, cells: vec![Arc::clone(&cell) as _], ..Ground::new() };
    let keyring = ground.create();
    let name = |n: u32| format!("canary-person-{n:04}");
    for n in 0..60 {
        let (subject, _) = keyring.create_subject(&user(&name(n)), false).unwrap();
        if n % 4 == 0 {
            let odd = (0..80).map(|s| Path::leaf(&item(1, 2 * s + 1)).unwrap()).collect();
            keyring.cut(&subject, odd).unwrap();
        }
    }
    let erased: Vec<u32> = (0..60).filter(|n| n % 3 == 0).collect();
    keyring.erase(&erased.iter().map(|n| user(&name(*n))).collect::<Vec<_>>()).unwrap();
    // Insertions go on under the last secret.
    (60..70).for_each(|n| drop(keyring.create_subject(&user(&name(n)), false).unwrap()));

    let state = cell.read().unwrap();
    assert!(state.slots.iter().all(|slot| slot.epoch == keyring.epoch()));
    let root = derive_root_key(&[&state.slots[0].share], &cell.vault()).unwrap();
    let pointers = cell.pointers.lock().unwrap().clone();
    let (pages, generations) = closure(&tape, &pointers, &root);
    let of_this_epoch = pointers.iter().filter(|pointer| pointer.epoch == keyring.epoch());
    let expected: HashSet<u64> = of_this_epoch.map(|pointer| pointer.generation).collect();
    assert_eq!(generations, expected, "old roots of this epoch open, those of any other do not");
    assert_eq!(expected.len(), 11);
    let reached = |n: u32| {
        let canary = name(n).into_bytes();
        pages.iter().any(|page| page.windows(canary.len()).any(|bytes| bytes == canary))
    };
    for n in 0..70 {
        assert_eq!(reached(n), n >= 60 || n % 3 != 0, "person {n}");
    }
    assert!(tape.ever.lock().unwrap().len() > pages.len(), "the tape holds pages that stay noise");
}
