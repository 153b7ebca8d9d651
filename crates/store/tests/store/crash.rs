//! A crash between any two commits of the engine: what was acknowledged stands, what was not leaves nothing that lasts.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use oubliette_engine::{
    Batch, BlobRef, BlobWriter, Blobs, Engine, EngineError, PackBlobs, Row, Sizes, VerifyReport,
};
use oubliette_store::{PutOptions, SteamFields, Subject, Vault};

use crate::world::{World, get, noise, person, put, text, texts};

/// Passes so many commits on and fails from then on, as if the process had ended there.
struct Dies {
    engine: Arc<dyn Engine>,
    commits: AtomicI64,
}

impl Engine for Dies {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.engine.get(key)
    }
    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError> {
        self.engine.range(from, to, limit, reverse)
    }
    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        if self.commits.fetch_sub(1, Ordering::SeqCst) <= 0 {
            return Err(EngineError::Poisoned { reason: "the test pulled the plug".into() });
        }
        self.engine.commit(batch)
    }
    fn verify(&self) -> Result<VerifyReport, EngineError> {
        self.engine.verify()
    }
    fn sizes(&self) -> Result<Sizes, EngineError> {
        self.engine.sizes()
    }
    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// Runs `act` with the plug pulled after 0, 1, 2, … commits until it succeeds; `check` looks at the reopened vault each time.
fn at_every_commit(act: impl Fn(&Vault) -> bool, check: impl Fn(&Vault, bool)) {
    for commits in 0.. {
        let (mut world, vault) = World::new();
        prepare(&vault);
        drop(vault);
        let whole = world.engine.clone();
        let vault = {
            let dies = Arc::new(Dies { engine: whole.clone(), commits: AtomicI64::new(i64::MAX) });
            world.engine = dies.clone();
            let vault = world.open();
            dies.commits.store(commits, Ordering::SeqCst);
            vault
        };
        let done = act(&vault);
        drop(vault);
        world.engine = whole;
        let vault = world.open();
        check(&vault, done);
        while vault.sweep(1000).unwrap().left > 0 {}
        vault.sweep(10_000).unwrap();
        let fsck = vault.fsck(false, &mut |_, _| ()).unwrap();
        assert!(fsck.faults.is_empty() && fsck.orphans == 0, "after {commits} commits: {fsck:?}");
        check(&vault, done);
        let blobs: u64 = vault.status().unwrap().blob_disk;
        assert!(
            blobs < if done { 115_000 } else { 80_000 },
            "after {commits} commits a blob is left: {blobs}"
        );
        if done {
            return;
        }
    }
}

fn prepare(vault: &Vault) {
    let (ann, bob) = (person(vault, "ann"), person(vault, "bob"));
    put(&ann, "kept", &noise(50_000, 1));
    put(&ann, "gone", &noise(20_000, 2));
    bob.chats().append("ann", &[text("b1")]).unwrap();
    ann.chats().append("bob", &[text("a1")]).unwrap();
    ann.consents().give("steam_credentials", &Default::default()).unwrap();
    ann.credentials().set_steam("acc", password("old")).unwrap();
}

fn password(password: &str) -> SteamFields {
    SteamFields([("password".to_owned(), password.to_owned())].into())
}

fn ann(vault: &Vault) -> Subject {
    vault.subject("ann").unwrap()
}

fn untouched(vault: &Vault) {
    assert_eq!(get(&ann(vault), "kept", Some(1)).unwrap(), noise(50_000, 1));
    assert!(texts(&ann(vault), "bob").ends_with(&["a1".into(), "b1".into()]));
}

#[test]
fn during_uploads() {
    at_every_commit(
        |vault| {
            ann(vault)
                .saves()
                .put("doom", "kept", &PutOptions::default(), &mut noise(30_000, 5).as_slice())
                .is_ok()
        },
        |vault, done| {
            untouched(vault);
            if done {
                assert_eq!(get(&ann(vault), "kept", None).unwrap(), noise(30_000, 5));
            }
            assert_eq!(get(&ann(vault), "gone", None).unwrap(), noise(20_000, 2));
        },
    );
}

#[test]
fn while_a_slot_is_forgotten() {
    at_every_commit(
        |vault| {
            ann(vault).saves().forget_slot("doom", "gone").unwrap();
            all_done(vault)
        },
        |vault, _| {
            untouched(vault);
            assert!(get(&ann(vault), "gone", None).is_err());
        },
    );
}

/// Deletions are acknowledged once the keys are gone; only then does removing rows begin, and it may fail in silence. So: have they all
/// been removed, and does the engine still live?
fn all_done(vault: &Vault) -> bool {
    let region = oubliette_store::SubjectFacts {
        region: Some("x".into()),
        ..oubliette_store::SubjectFacts::default()
    };
    vault.fsck(false, &mut |_, _| ()).unwrap().orphans == 0
        && vault.put_subject("probe", &region, false).is_ok()
}

#[test]
fn while_a_credential_is_replaced() {
    at_every_commit(
        |vault| ann(vault).credentials().set_steam("acc", password("new")).is_ok(),
        |vault, _| {
            untouched(vault);
            assert_eq!(ann(vault).credentials().steam("acc").unwrap().fields, ["password"]);
        },
    );
}

#[test]
fn while_messages_are_sent_and_forgotten() {
    at_every_commit(
        |vault| {
            let chats = ann(vault).chats();
            let Ok(sent) = chats.append("bob", &[text("a2"), text(&"x".repeat(9_000))]) else { return false };
            chats.forget_through("bob", &sent[1].id).is_ok() && all_done(vault)
        },
        |vault, done| {
            let own: Vec<_> = texts(&ann(vault), "bob").into_iter().filter(|t| !t.starts_with('b')).collect();
            match own.len() {
                0 => {}
                1 => assert!(!done && own == ["a1"]),
                3 => assert!(!done),
                n => panic!("{n} messages: a batch came in parts"),
            }
        },
    );
}

/// What the costs of an operation are counted in: commits of the engine, and of the key plane.
#[test]
fn creating_is_one_commit_and_leaves_the_keys_alone() {
    let (mut world, vault) = World::new();
    prepare(&vault);
    drop(vault);
    let counted = Arc::new(Dies { engine: world.engine.clone(), commits: AtomicI64::new(i64::MAX) });
    world.engine = counted.clone();
    let vault = world.open();
    let commits = |act: &dyn Fn()| {
        let (commits, generation) =
            (counted.commits.load(Ordering::SeqCst), vault.status().unwrap().generation);
        act();
        assert_eq!(vault.status().unwrap().generation, generation);
        commits - counted.commits.load(Ordering::SeqCst)
    };
    let chats = ann(&vault).chats();
    assert_eq!(commits(&|| drop(chats.append("bob", &[text(&"x".repeat(200))]).unwrap())), 1);
    assert_eq!(commits(&|| drop(chats.append("bob", &vec![text("y"); 100]).unwrap())), 1);
    assert_eq!(commits(&|| drop(put(&ann(&vault), "kept", b"small"))), 1);
    assert_eq!(commits(&|| drop(put(&ann(&vault), "new slot", b"small"))), 1);
    assert_eq!(commits(&|| drop(put(&ann(&vault), "kept", &noise(500_000, 1)))), 2, "its upload, its row");
}

/// Commits once more, but says that it failed, and answers nothing from then on.
struct DurableAfterAll {
    engine: Arc<dyn Engine>,
    commits: AtomicI64,
}

impl DurableAfterAll {
    fn check(&self) -> Result<(), EngineError> {
        let dead = self.commits.load(Ordering::SeqCst) < 0;
        if dead { Err(EngineError::Poisoned { reason: "the test failed a sync".into() }) } else { Ok(()) }
    }
}

impl Engine for DurableAfterAll {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        self.check()?;
        self.engine.get(key)
    }
    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError> {
        self.check()?;
        self.engine.range(from, to, limit, reverse)
    }
    fn commit(&self, batch: Batch) -> Result<(), EngineError> {
        self.check()?;
        self.engine.commit(batch)?;
        self.commits.fetch_sub(1, Ordering::SeqCst);
        self.check()
    }
    fn verify(&self) -> Result<VerifyReport, EngineError> {
        self.engine.verify()
    }
    fn sizes(&self) -> Result<Sizes, EngineError> {
        self.engine.sizes()
    }
    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

/// A commit whose sync fails may be durable: then the row is there after a restart, and so must its blob be.
#[test]
fn a_failed_commit_does_not_take_back_the_blob_of_a_row_that_is_durable() {
    for commits in 1..4 {
        let (mut world, vault) = World::new();
        prepare(&vault);
        drop(vault);
        let whole = world.engine.clone();
        let engine = Arc::new(DurableAfterAll { engine: whole.clone(), commits: AtomicI64::new(i64::MAX) });
        world.engine = engine.clone();
        let vault = world.open();
        engine.commits.store(commits - 1, Ordering::SeqCst);
        let content = noise(30_000, 5);
        let put = ann(&vault).saves().put("doom", "new", &PutOptions::default(), &mut content.as_slice());
        let failed = put.is_err();
        drop(vault);
        world.engine = whole;
        let vault = world.open();
        untouched(&vault);
        if let Ok(found) = get(&ann(&vault), "new", None) {
            assert_eq!(found, content, "after {commits} commits");
        } else {
            assert!(failed, "what was acknowledged is gone");
        }
        let fsck = vault.fsck(false, &mut |_, _| ()).unwrap();
        assert!(fsck.faults.is_empty(), "after {commits} commits: {fsck:?}");
    }
}

/// Packs whose last sync of an upload fails while the engine goes on.
struct EndFails(PackBlobs);

struct EndlessWriter(Box<dyn BlobWriter>);

impl Blobs for EndFails {
    fn create(&self, expected: Option<u64>) -> Result<Box<dyn BlobWriter>, EngineError> {
        Ok(Box::new(EndlessWriter(self.0.create(expected)?)))
    }
    fn read_at(&self, blob: &BlobRef, offset: u64, buf: &mut [u8]) -> Result<(), EngineError> {
        self.0.read_at(blob, offset, buf)
    }
    fn len(&self, blob: &BlobRef) -> Result<u64, EngineError> {
        self.0.len(blob)
    }
    fn delete(&self, _: &BlobRef) -> Result<(), EngineError> {
        Err(EngineError::Poisoned { reason: "a sync failed".into() })
    }
    fn disk_bytes(&self) -> Result<u64, EngineError> {
        self.0.disk_bytes()
    }
    fn close(&self) -> Result<(), EngineError> {
        self.0.close()
    }
}

impl BlobWriter for EndlessWriter {
    fn reserve(&mut self, bytes: u64) -> Result<bool, EngineError> {
        self.0.reserve(bytes)
    }
    fn write(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        self.0.write(bytes)
    }
    fn reference(&self) -> BlobRef {
        self.0.reference()
    }
    /// The bytes are there, and nobody gives them back.
    fn finish(self: Box<Self>) -> Result<BlobRef, EngineError> {
        self.0.finish()?;
        Err(EngineError::Poisoned { reason: "a sync failed".into() })
    }
}

/// The store of blobs takes nothing back after a failed sync, so its registration must stay for the next open.
#[test]
fn a_blob_whose_last_sync_failed_is_taken_back_at_the_next_open() {
    let dir = tempfile::tempdir().unwrap();
    let (mut world, vault) = World::new();
    person(&vault, "ann");
    drop(vault);
    world.blobs = Arc::new(EndFails(PackBlobs::open(dir.path()).unwrap()));
    let vault = world.open();
    let content = noise(300_000, 5);
    let put = ann(&vault).saves().put("doom", "new", &PutOptions::default(), &mut content.as_slice());
    assert!(put.is_err());
    drop(vault);
    world.blobs.close().unwrap();
    let blobs = Arc::new(PackBlobs::open(dir.path()).unwrap());
    assert!(blobs.disk_bytes().unwrap() >= 300_000);
    world.blobs = blobs.clone();
    let _vault = world.open();
    assert_eq!(blobs.disk_bytes().unwrap(), 0, "its blocks are leaked");
}
