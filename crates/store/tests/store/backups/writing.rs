//! A backup that is made while people write and forget.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use oubliette_engine::{BlobRef, BlobWriter, Blobs, EngineError, MemoryBlobs};
use oubliette_store::{NewBackup, VaultError};

use super::place::{Place, back_up, bring_back};
use crate::world::{World, get, noise, person, put, text, texts};

type Hook = Box<dyn FnOnce() + Send>;

/// Blobs that do something else in the middle of being read.
struct Hooked {
    inner: MemoryBlobs,
    /// Before which read, and what.
    hooks: Mutex<Vec<(u64, Hook)>>,
    reads: AtomicU64,
}

impl Hooked {
    fn new() -> Arc<Self> {
        Arc::new(Self { inner: MemoryBlobs::new(), hooks: Mutex::default(), reads: AtomicU64::new(0) })
    }

    fn at(&self, read: u64, hook: impl FnOnce() + Send + 'static) {
        self.hooks.lock().unwrap().push((read, Box::new(hook)));
    }

    fn reset(&self) {
        self.reads.store(0, Ordering::SeqCst);
    }
}

impl Blobs for Hooked {
    fn create(&self, expected: Option<u64>) -> Result<Box<dyn BlobWriter>, EngineError> {
        self.inner.create(expected)
    }
    fn read_at(&self, blob: &BlobRef, offset: u64, buf: &mut [u8]) -> Result<(), EngineError> {
        let number = self.reads.fetch_add(1, Ordering::SeqCst);
        let (now, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut *self.hooks.lock().unwrap()).into_iter().partition(|(at, _)| *at == number);
        self.hooks.lock().unwrap().extend(later);
        now.into_iter().for_each(|(_, hook)| hook());
        self.inner.read_at(blob, offset, buf)
    }
    fn len(&self, blob: &BlobRef) -> Result<u64, EngineError> {
        self.inner.len(blob)
    }
    fn delete(&self, blob: &BlobRef) -> Result<(), EngineError> {
        self.inner.delete(blob)
    }
    fn disk_bytes(&self) -> Result<u64, EngineError> {
        self.inner.disk_bytes()
    }
    fn close(&self) -> Result<(), EngineError> {
        self.inner.close()
    }
}

/// Between the parts of a body that takes several: it is deleted, others are deleted, replaced and added, on both sides of the reader.
#[test]
fn what_is_written_and_deleted_meanwhile_is_as_it_was_at_the_end() {
    let (mut world, vault) = World::new();
    let blobs = Hooked::new();
    world.blobs = blobs.clone();
    drop(vault);
    let vault = world.open();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    for user in [&ann, &bob] {
        put(user, "first", &noise(40_000, 1));
        put(user, "huge", &noise(20 << 20, 2));
        put(user, "last", &noise(40_000, 3));
        put(user, "small", b"small");
    }
    let place = Place::default();
    blobs.reset();
    let users = vault.clone();
    // The reader is in somebody's `huge`; whose, their random handles decide.
    blobs.at(2, move || {
        for name in ["ann", "bob"] {
            let user = users.subject(name).unwrap();
            user.saves().forget_slot("doom", "huge").unwrap();
            user.saves().forget_slot("doom", "first").unwrap();
            put(&user, "last", b"changed");
            put(&user, "new", &noise(30_000, 4));
            put(&user, "huge", &noise(11 << 20, 5));
        }
        users.subject("ann").unwrap().chats().append("bob", &[text("meanwhile")]).unwrap();
    });
    let made = back_up(&vault, &place).unwrap();
    assert!(blobs.hooks.lock().unwrap().is_empty(), "the middle was reached");
    assert!(vault.backups().verify(&place, Some(&made.id), &mut |_| ()).unwrap().faults.is_empty());
    drop((ann, bob, vault));
    let (_, vault) = bring_back(&mut world, &place, None, false).unwrap();
    for name in ["ann", "bob"] {
        let user = vault.subject(name).unwrap();
        assert!(matches!(get(&user, "first", None), Err(VaultError::NotFound { .. })));
        assert_eq!(get(&user, "last", None).unwrap(), b"changed");
        assert_eq!(get(&user, "small", None).unwrap(), b"small");
        assert!(get(&user, "new", None).unwrap() == noise(30_000, 4));
        assert!(get(&user, "huge", None).unwrap() == noise(11 << 20, 5));
    }
    assert_eq!(texts(&vault.subject("bob").unwrap(), "ann"), ["meanwhile"]);
    let report = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty() && report.orphans == 0, "{report:?}");
}

#[test]
fn one_backup_at_a_time() {
    let (mut world, vault) = World::new();
    let blobs = Hooked::new();
    world.blobs = blobs.clone();
    drop(vault);
    let vault = world.open();
    put(&person(&vault, "ann"), "a", &noise(40_000, 1));
    let other = vault.clone();
    blobs.at(0, move || {
        let place = Place::default();
        assert!(matches!(back_up(&other, &place), Err(VaultError::BackupRunning)));
        let keep = oubliette_store::KeepBackups { last: Some(1), days: None };
        assert!(matches!(other.backups().prune(&place, keep), Err(VaultError::BackupRunning)));
    });
    back_up(&vault, &Place::default()).unwrap();
    assert!(blobs.hooks.lock().unwrap().is_empty());
}

/// Two people write pairs of messages, each pair in one batch, while backups are made: no backup has half of a pair, and each has all that was acknowledged
/// before it was begun.
#[test]
fn each_backup_is_what_stood_at_one_moment() {
    let (mut world, vault) = World::new();
    person(&vault, "ann");
    person(&vault, "bob");
    let place = Place::default();
    let (stop, sent) = (AtomicBool::new(false), [AtomicU64::new(0), AtomicU64::new(0)]);
    let mut made = Vec::new();
    std::thread::scope(|scope| {
        for (n, (from, to)) in [("ann", "bob"), ("bob", "ann")].into_iter().enumerate() {
            let (vault, stop, sent) = (vault.clone(), &stop, &sent);
            scope.spawn(move || {
                let chats = vault.subject(from).unwrap().chats();
                while !stop.load(Ordering::SeqCst) && sent[n].load(Ordering::SeqCst) < 2_000 {
                    let number = sent[n].load(Ordering::SeqCst);
                    let said = [format!("{from} {number} a"), format!("{from} {number} b")];
                    chats.append(to, &said.map(|said| text(&said))).unwrap();
                    sent[n].fetch_add(1, Ordering::SeqCst);
                }
            });
        }
        for _ in 0..4 {
            let before: u64 = sent.iter().map(|sent| sent.load(Ordering::SeqCst)).sum();
            let backup = vault.backups().create(&place, &NewBackup::default(), &mut |_| ()).unwrap();
            made.push((backup, before));
        }
        stop.store(true, Ordering::SeqCst);
    });
    drop(vault);
    for (backup, before) in made {
        let (_, vault) = bring_back(&mut world, &place, Some(&backup.id), false).unwrap();
        let ann = vault.subject("ann").unwrap();
        let mut pairs = std::collections::BTreeMap::<String, usize>::new();
        let mut window = oubliette_store::Window { limit: Some(1000), ..oubliette_store::Window::default() };
        loop {
            let listed = match ann.chats().messages("bob", &window) {
                Err(VaultError::NotFound { .. }) => break,
                listed => listed.unwrap(),
            };
            for message in &listed.items {
                let said = crate::world::said(message);
                *pairs.entry(said[..said.len() - 2].to_owned()).or_default() += 1;
            }
            match listed.items.last() {
                Some(last) if listed.items.len() == 1000 => window.before = Some(last.id.clone()),
                _ => break,
            }
        }
        assert!(pairs.values().all(|parts| *parts == 2), "half of a pair");
        assert!(pairs.len() as u64 >= before, "{} of {before}", pairs.len());
    }
}
