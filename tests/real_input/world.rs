//! A vault in a folder of its own, under a clock that the test holds.

use oubliette_store::{
    Body, Clock, Message, NewMessage, PutOptions, SaveInfo, SaveReader, Subject, SubjectFacts, Vault,
    VaultOptions, Window,
};
use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};
use tempfile::TempDir;

/// Microseconds since 1970.
#[derive(Default)]
pub(crate) struct Hand(AtomicU64);

impl Hand {
    pub(crate) fn set(&self, micros: u64) {
        self.0.store(micros, Ordering::SeqCst);
    }
}

impl Clock for Hand {
    fn now_micros(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

/// The vault, and what must outlive it.
pub(crate) struct World {
    pub(crate) vault: Vault,
    pub(crate) clock: Arc<Hand>,
    folder: TempDir,
}

impl World {
    pub(crate) fn new() -> Self {
        let (folder, clock) = (tempfile::tempdir().unwrap(), Arc::new(Hand::default()));
        clock.set(1_790_000_000_000_000);
        let vault = Vault::create(&folder.path().join("vault"), options(&clock)).unwrap();
        Self { vault, clock, folder }
    }

    /// Stops the vault and opens it again: what is asked next comes from the disk.
    pub(crate) fn reopen(&mut self) {
        self.vault.close().unwrap();
        self.vault = Vault::open(&self.folder.path().join("vault"), options(&self.clock)).unwrap();
    }

    pub(crate) fn person(&self, user: &str) -> Subject {
        self.vault.put_subject(user, &SubjectFacts::default(), false).unwrap();
        self.vault.subject(user).unwrap()
    }

    /// Nothing in the vault is damaged.
    pub(crate) fn is_sound(&self) {
        let report = self.vault.fsck(false, &mut |_, _| ()).unwrap();
        assert_eq!(report.faults, Vec::<String>::new());
    }
}

fn options(clock: &Arc<Hand>) -> VaultOptions {
    VaultOptions { clock: Some(clock.clone()), ..VaultOptions::default() }
}

pub(crate) fn put(person: &Subject, game: &str, slot: &str, bytes: &[u8]) -> SaveInfo {
    person.saves().put(game, slot, &PutOptions::default(), &mut &*bytes).unwrap()
}

pub(crate) fn get(person: &Subject, game: &str, slot: &str, version: Option<u64>) -> Vec<u8> {
    drain(person.saves().get(game, slot, version).unwrap())
}

/// Bytes `from..to`.
pub(crate) fn part(person: &Subject, game: &str, slot: &str, from: u64, to: u64) -> Vec<u8> {
    let mut reader = person.saves().get(game, slot, None).unwrap();
    reader.range(from, to).unwrap();
    drain(reader)
}

fn drain(mut reader: SaveReader) -> Vec<u8> {
    let mut all = Vec::new();
    while let Some(piece) = reader.next_chunk().unwrap() {
        all.extend(piece);
    }
    all
}

pub(crate) fn text(body: &str) -> NewMessage {
    NewMessage { body: Body::Text(body.to_owned()), sent_at: None, client_id: None, policy: None }
}

/// Author and text of the whole conversation, oldest first, read in pages.
pub(crate) fn conversation(person: &Subject, peer: &str) -> Vec<(String, String)> {
    let (mut all, mut before) = (Vec::new(), None);
    loop {
        let window = Window { before, limit: Some(100), ..Window::default() };
        let page = person.chats().messages(peer, &window).unwrap();
        all.extend(page.items.into_iter().map(said));
        before = page.next_cursor;
        if before.is_none() {
            all.reverse();
            return all;
        }
    }
}

fn said(message: Message) -> (String, String) {
    match message.body {
        Body::Text(text) => (message.author.unwrap(), text),
        Body::Bytes { .. } => panic!("a text came back as bytes"),
    }
}
