//! A vault in memory that can be reopened, and what tests ask of it.

use std::io::Read;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, Sender};

use oubliette_crypto::VaultId;
use oubliette_engine::{Blobs, Engine, MemoryBlobs, MemoryEngine, MemoryPages, PageStore};
use oubliette_keyring::{Keyring, KeyringOptions, MemoryCell, MemoryLedger, RootLedger};
use oubliette_store::{
    Body, ChatOptions, ChatPolicy, Clock, KeepRules, Message, NewMessage, Parts, Policy, PutOptions, Quotas,
    SaveInfo, SaveReader, Steady, Subject, SubjectFacts, Vault, VaultError, VaultOptions, Window,
};

/// The clock that is set, the one that nobody sets, and which run of the machine it counts.
pub(crate) struct ManualClock(pub(crate) AtomicU64, AtomicU64, AtomicU32);

impl ManualClock {
    pub(crate) fn at(micros: u64) -> Self {
        Self(AtomicU64::new(micros), AtomicU64::new(0), AtomicU32::new(1))
    }

    pub(crate) fn advance(&self, micros: u64) {
        self.0.fetch_add(micros, Ordering::SeqCst);
        self.1.fetch_add(micros, Ordering::SeqCst);
    }
}

impl Clock for ManualClock {
    fn now_micros(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
    fn steady(&self) -> Steady {
        let seconds = u32::try_from(self.1.load(Ordering::SeqCst) / 1_000_000).unwrap();
        Steady { boot: self.2.load(Ordering::SeqCst), seconds }
    }
}

impl oubliette_keyring::Clock for ManualClock {
    fn now_micros(&self) -> i64 {
        self.0.load(Ordering::SeqCst) as i64
    }
    fn steady(&self) -> Steady {
        Clock::steady(self)
    }
}

pub(crate) struct World {
    pub(crate) pages: Arc<dyn PageStore>,
    pub(crate) cell: Arc<MemoryCell>,
    pub(crate) ledger: Arc<dyn RootLedger>,
    pub(crate) engine: Arc<dyn Engine>,
    pub(crate) blobs: Arc<dyn Blobs>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) max_save: u64,
    pub(crate) compress: bool,
    pub(crate) chat: ChatOptions,
    pub(crate) policy: Policy,
    pub(crate) region: Option<String>,
    pub(crate) keep: KeepRules,
    pub(crate) quotas: Quotas,
    /// Where receipts lie; in memory, and gone with each opening, if nothing is said.
    pub(crate) receipts: Option<std::path::PathBuf>,
}

impl World {
    pub(crate) fn new() -> (Self, Vault) {
        Self::of(Policy::default(), None)
    }

    /// A vault with promises, in a region.
    pub(crate) fn of(policy: Policy, region: Option<&str>) -> (Self, Vault) {
        let world = Self {
            pages: Arc::new(MemoryPages::new()),
            cell: Arc::new(MemoryCell::new(VaultId::random().unwrap())),
            ledger: Arc::new(MemoryLedger::new()),
            engine: Arc::new(MemoryEngine::new()),
            blobs: Arc::new(MemoryBlobs::new()),
            clock: Arc::new(ManualClock::at(1_700_000_000_000_000)),
            max_save: 64 << 20,
            compress: true,
            chat: ChatOptions::default(),
            policy,
            region: region.map(str::to_owned),
            keep: KeepRules::default(),
            quotas: Quotas::default(),
            receipts: None,
        };
        let options = options(&world.clock);
        let keyring =
            Keyring::create(world.pages.clone(), vec![world.cell.clone()], world.ledger.clone(), options)
                .unwrap();
        let vault = world.over(Arc::new(keyring));
        (world, vault)
    }

    pub(crate) fn open(&self) -> Vault {
        self.open_with_keyring().0
    }

    /// For tests that reach into the key plane.
    pub(crate) fn open_with_keyring(&self) -> (Vault, Arc<Keyring>) {
        let options = options(&self.clock);
        let keyring =
            Keyring::open(self.pages.clone(), vec![self.cell.clone()], self.ledger.clone(), options).unwrap();
        let keyring = Arc::new(keyring);
        (self.over(keyring.clone()), keyring)
    }

    /// One that gives up waiting for readers soon.
    pub(crate) fn impatient(&self) -> Vault {
        let options =
            KeyringOptions { lease_wait: std::time::Duration::from_millis(50), ..options(&self.clock) };
        let keyring =
            Keyring::open(self.pages.clone(), vec![self.cell.clone()], self.ledger.clone(), options).unwrap();
        self.over(Arc::new(keyring))
    }

    fn over(&self, keyring: Arc<Keyring>) -> Vault {
        let parts = Parts { keyring, engine: self.engine.clone(), blobs: self.blobs.clone() };
        let options = VaultOptions {
            compress: Some(self.compress),
            max_save: Some(self.max_save),
            keep: self.keep.clone(),
            quotas: self.quotas,
            clock: Some(self.clock.clone()),
            chat: self.chat,
            policy: self.policy.clone(),
            region: self.region.clone(),
            ledger: self.receipts.clone(),
            ..VaultOptions::default()
        };
        Vault::from_parts(parts, options).unwrap()
    }

    pub(crate) fn advance(&self, micros: u64) {
        self.clock.advance(micros);
    }

    /// Somebody sets the clock.
    pub(crate) fn step(&self, micros: i64) {
        self.clock.0.fetch_add(micros as u64, Ordering::SeqCst);
    }

    /// A new process over the same stores.
    pub(crate) fn reopen(&self, vault: Vault) -> Vault {
        drop(vault);
        self.open()
    }

    /// The machine starts anew, and its counter with it.
    pub(crate) fn reboot(&self, vault: Vault) -> Vault {
        drop(vault);
        self.clock.1.store(0, Ordering::SeqCst);
        self.clock.2.fetch_add(1, Ordering::SeqCst);
        self.open()
    }

    /// The rows become these, as a restored backup leaves them; later ones stay.
    pub(crate) fn overwrite_all(&self, rows: &[(Vec<u8>, Vec<u8>)]) {
        let mut batch = oubliette_engine::Batch::new();
        for (key, row) in rows {
            batch.put(key.clone(), row.clone());
        }
        self.engine.commit(batch).unwrap();
    }

    /// Content rows, and rows of uploads under way.
    pub(crate) fn rows(&self) -> Vec<(Vec<u8>, Vec<u8>)> {
        let rows = self.engine.range(&[0], &[0xff; 64], 1_000_000, false).unwrap();
        rows.into_iter().filter(|(key, _)| key[16..] != *b"A" && key[16..] != *b"S").collect()
    }
}

pub(crate) fn options(clock: &Arc<ManualClock>) -> KeyringOptions {
    KeyringOptions {
        lease_wait: std::time::Duration::from_secs(5),
        clock: clock.clone(),
        ..KeyringOptions::default()
    }
}

pub(crate) fn person(vault: &Vault, user: &str) -> Subject {
    vault.put_subject(user, &SubjectFacts::default(), false).unwrap();
    vault.subject(user).unwrap()
}

pub(crate) fn put(subject: &Subject, slot: &str, content: &[u8]) -> SaveInfo {
    try_put(subject, slot, &PutOptions::default(), content).unwrap()
}

pub(crate) fn try_put(
    subject: &Subject,
    slot: &str,
    options: &PutOptions,
    mut content: &[u8],
) -> Result<SaveInfo, VaultError> {
    subject.saves().put("doom", slot, options, &mut content)
}

pub(crate) fn get(subject: &Subject, slot: &str, version: Option<u64>) -> Result<Vec<u8>, VaultError> {
    read(subject.saves().get("doom", slot, version)?)
}

pub(crate) fn read(mut reader: SaveReader) -> Result<Vec<u8>, VaultError> {
    let mut all = Vec::new();
    while let Some(piece) = reader.next_chunk()? {
        assert!(!piece.is_empty() && piece.len() <= 128 * 1024);
        all.extend(piece);
    }
    Ok(all)
}

pub(crate) fn text(text: &str) -> NewMessage {
    NewMessage { body: Body::Text(text.to_owned()), sent_at: None, client_id: None, policy: None }
}

pub(crate) fn under(policy: ChatPolicy, said: &str) -> NewMessage {
    NewMessage { policy: Some(policy), ..text(said) }
}

/// Texts, newest first.
pub(crate) fn texts(subject: &Subject, peer: &str) -> Vec<String> {
    let listed = subject.chats().messages(peer, &Window { limit: Some(1000), ..Window::default() }).unwrap();
    listed.items.iter().map(said).collect()
}

pub(crate) fn said(message: &Message) -> String {
    match &message.body {
        Body::Text(text) => text.clone(),
        Body::Bytes { bytes, .. } => format!("{} bytes", bytes.len()),
    }
}

/// A reader that fails after so many bytes.
pub(crate) struct Breaks(pub(crate) u64);

impl Read for Breaks {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        if self.0 == 0 {
            return Err(std::io::ErrorKind::ConnectionReset.into());
        }
        let length = buf.len().min(self.0 as usize);
        buf[..length].fill(7);
        self.0 -= length as u64;
        Ok(length)
    }
}

/// Sends some, says so, waits to be told, and sends the rest.
pub(crate) struct Stalls {
    go: Receiver<()>,
    waiting: Sender<()>,
    reads: usize,
}

impl Stalls {
    pub(crate) fn new(go: Receiver<()>, waiting: Sender<()>) -> Self {
        Self { go, waiting, reads: 0 }
    }
}

impl Read for Stalls {
    fn read(&mut self, buf: &mut [u8]) -> std::io::Result<usize> {
        self.reads += 1;
        if self.reads == 20 {
            self.waiting.send(()).unwrap();
            self.go.recv().unwrap();
        }
        Ok(if self.reads < 40 { buf.len().min(50_000) } else { 0 })
    }
}

/// Bytes that neither repeat nor shrink much.
pub(crate) fn noise(length: usize, seed: u64) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = |state: &mut u64| {
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state
    };
    (0..length).map(|_| (next(&mut state) >> 32) as u8).collect()
}
