//! Mistakes planted below a right vault: the adversary must find each, or the search is worth nothing. Mistakes in the vault's own
//! code are planted by `cargo xtask mutants` (docs/adversary.md).

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use oubliette_adversary::{
    Canary, Ground, KeyParts, Leak, MemoryGround, Rows, SeizableCell, World, WorldError,
};
use oubliette_engine::{
    Batch, Engine, EngineError, MemoryPages, PageId, PageStore, RawPage, Row, Sizes, VerifyReport,
};
use oubliette_keyring::Keyring;
use oubliette_store::{Vault, VaultOptions};

use crate::filler::Size;
use crate::history::History;
use crate::op::Op;

/// A right ground but for what the functions make wrong.
struct Faulty {
    right: MemoryGround,
    keys: Box<dyn FnMut(KeyParts) -> KeyParts>,
    rows: Box<dyn FnMut(Rows) -> Rows>,
}

impl Faulty {
    fn new(folder: &Path) -> Self {
        let right = MemoryGround::new(folder, 1).unwrap();
        Self { right, keys: Box::new(|keys| keys), rows: Box::new(|rows| rows) }
    }

    fn history(self) -> History {
        History::new(World::create(self, VaultOptions::default()).unwrap())
    }
}

impl Ground for Faulty {
    fn key_plane(&mut self, create: bool) -> Result<KeyParts, WorldError> {
        Ok((self.keys)(self.right.key_plane(create)?))
    }
    fn rows(&mut self, keyring: &Keyring, create: bool) -> Result<Rows, WorldError> {
        Ok((self.rows)(self.right.rows(keyring, create)?))
    }
    fn stop(&mut self, vault: &Vault, keyring: &Keyring) -> Result<(), WorldError> {
        self.right.stop(vault, keyring)
    }
}

const SAVE: Op = Op::Put { who: 0, spot: 0, size: Size::Small };
const ERASE: Op = Op::Erase { who: 0 };

fn apply(history: &mut History, ops: &[Op]) {
    ops.iter().for_each(|op| history.apply(op).unwrap());
}

/// The medium moved a share slot and kept its old place, as flash does: it forgets for good only after the *next* write.
#[test]
fn an_old_share_left_in_its_slot_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let remapping = Arc::new(AtomicBool::new(false));
    let moved = remapping.clone();
    let mut ground = Faulty::new(folder.path());
    ground.keys = Box::new(move |mut keys| {
        let SeizableCell { cell, image, put } = keys.cells[0].clone();
        let (old, remapping) = (Mutex::new(image().unwrap()), moved.clone());
        let image = Arc::new(move || {
            let now = image()?;
            if !remapping.load(Ordering::SeqCst) {
                *old.lock().unwrap() = now.clone();
                return Ok(now);
            }
            Ok([now, old.lock().unwrap()[16_384..36_864].to_vec()].concat())
        });
        keys.cells[0] = SeizableCell { cell, image, put };
        keys
    });
    let mut history = ground.history();
    apply(&mut history, &[SAVE, Op::Seize]);
    remapping.store(true, Ordering::SeqCst);
    apply(&mut history, &[Op::Seize, ERASE]);
    assert!(matches!(history.seize(), Err(Leak::Erased(found)) if found.len() >= 5));
}

/// The second copy acknowledges pages that it does not keep.
#[test]
fn a_mirror_that_is_not_updated_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let asleep = Arc::new(AtomicBool::new(false));
    let sleeping = asleep.clone();
    let mut ground = Faulty::new(folder.path());
    let pages = Arc::new(MemoryPages::new());
    ground.keys = Box::new(move |mut keys| {
        keys.copies[1] = Arc::new(Sleepy { pages: pages.clone(), asleep: sleeping.clone() });
        keys
    });
    let mut history = ground.history();
    apply(&mut history, &[SAVE, Op::Seize]);
    asleep.store(true, Ordering::SeqCst);
    apply(&mut history, &[ERASE]);
    assert!(matches!(history.seize(), Err(Leak::Missed(missed)) if missed.len() >= 3));
}

/// Somebody files rows under a name, to find them faster.
#[test]
fn a_name_in_a_row_key_is_found() {
    let folder = tempfile::tempdir().unwrap();
    let name = Canary::fresh().unwrap();
    let filed = name.clone();
    let mut ground = Faulty::new(folder.path());
    ground.rows = Box::new(move |rows| Rows {
        engine: Arc::new(Filing { engine: rows.engine, name: filed.clone() }),
        blobs: rows.blobs,
    });
    let mut history = ground.history();
    history.apply(&SAVE).unwrap();
    assert_eq!(history.seize(), Err(Leak::InClear(vec![name])));
}

/// Keeps nothing while it sleeps.
struct Sleepy {
    pages: Arc<MemoryPages>,
    asleep: Arc<AtomicBool>,
}

impl PageStore for Sleepy {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        self.pages.read(id)
    }
    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        if self.asleep.load(Ordering::SeqCst) { Ok(()) } else { self.pages.write(pages) }
    }
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        self.pages.remove(ids)
    }
    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.pages.for_each_id(visit)
    }
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        self.pages.read_copy(id, n)
    }
    fn copies(&self) -> usize {
        1
    }
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        self.pages.mend(id, n, page)
    }
    fn ill(&self) -> Vec<String> {
        Vec::new()
    }
    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Adds a row under a name to every batch.
struct Filing {
    engine: Arc<dyn Engine>,
    name: Canary,
}

impl Engine for Filing {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.engine.get(key)
    }
    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError> {
        self.engine.range(from, to, limit, reverse)
    }
    fn commit(&self, mut batch: Batch) -> Result<(), EngineError> {
        batch.put(self.name.as_str(), *b"see row 1");
        self.engine.commit(batch)
    }
    fn verify(&self) -> Result<VerifyReport, EngineError> {
        self.engine.verify()
    }
    fn sizes(&self) -> Result<Sizes, EngineError> {
        self.engine.sizes()
    }
    fn close(&self) -> Result<(), EngineError> {
        self.engine.close()
    }
}
