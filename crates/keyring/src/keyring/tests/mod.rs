//! The keyring over stores in memory, and over stores that fail.

mod caches;
mod cases;
mod concurrency;
mod crash;
mod cuts;
mod damage;
mod deletion;
mod escrow;
mod holds;
mod load;
mod on_disk;
mod people;
mod reopening;
mod seizure;

use std::sync::Arc;
use std::time::Duration;

use oubliette_crypto::{Branch, Class, Leaf, VaultId};
use oubliette_engine::{MemoryPages, PageStore};

use crate::*;

/// What outlives a keyring.
struct Ground {
    pages: Arc<dyn PageStore>,
    cells: Vec<Arc<dyn RootCell>>,
    ledger: Arc<dyn RootLedger>,
    clock: Arc<ManualClock>,
}

impl Ground {
    fn new() -> Self {
        Self::split(1)
    }
    /// The root split over so many cells.
    fn split(shares: u8) -> Self {
        let vault = VaultId::random().unwrap();
        let cells = (0..shares).map(|n| Arc::new(MemoryCell::split(vault, n, shares)) as Arc<dyn RootCell>);
        Self {
            pages: Arc::new(MemoryPages::new()),
            cells: cells.collect(),
            ledger: Arc::new(MemoryLedger::new()),
            clock: Arc::new(ManualClock::at_unix(1_800_000_000)),
        }
    }
    fn options(&self) -> KeyringOptions {
        KeyringOptions {
            page_cache_bytes: 1 << 20,
            subject_cache: 8,
            bulk_people: 4096,
            lease_wait: Duration::from_millis(100),
            clock: Arc::clone(&self.clock) as Arc<dyn Clock>,
            ..KeyringOptions::default()
        }
    }
    fn create(&self) -> Keyring {
        let (pages, ledger) = (Arc::clone(&self.pages), Arc::clone(&self.ledger));
        Keyring::create(pages, self.cells.clone(), ledger, self.options()).unwrap()
    }
    fn open(&self) -> Keyring {
        self.try_open().unwrap()
    }
    fn try_open(&self) -> Result<Keyring, KeyringError> {
        let (pages, ledger) = (Arc::clone(&self.pages), Arc::clone(&self.ledger));
        Keyring::open(pages, self.cells.clone(), ledger, self.options())
    }
    fn stored(&self) -> usize {
        let mut stored = 0;
        self.pages.for_each_id(&mut |_| stored += 1).unwrap();
        stored
    }
}

fn user(name: &str) -> UserId {
    UserId::new(name).unwrap()
}

fn item(compartment: u32, seq: u64) -> Leaf {
    Leaf { class: Class::Saves, compartment, branch: Branch::Items, seq }
}

fn swept(keyring: &Keyring) -> Vec<oubliette_crypto::Handle> {
    keyring.sweep_queue().iter().map(|entry| entry.handle).collect()
}

/// A deletion that is due now.
fn asked(ground: &Ground) -> DeletionRequest {
    let now = ground.clock.now_unix();
    DeletionRequest {
        job: JobId([5; 16]),
        binding: [6; 32],
        requested: now,
        due: now,
        reason: Reason::new("moved_on").unwrap(),
        by_operator: false,
        shortened: false,
        blocked: None,
        kept_until: 0,
        overriding: None,
    }
}

fn due(name: &str, request: &DeletionRequest) -> Erasure {
    Erasure { user: user(name), request: request.clone(), kept_until: 0, at_once: false }
}

fn key_of(subject: &Subject, leaf: &Leaf) -> Option<[u8; 32]> {
    match subject.key(leaf) {
        Ok(lease) => Some(*lease.key().expose()),
        Err(KeyringError::Forgotten) => None,
        Err(error) => panic!("{error}"),
    }
}
