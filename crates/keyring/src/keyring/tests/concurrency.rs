use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

use oubliette_crypto::{Path, Tag};
use oubliette_engine::{EngineError, PageId, RawPage};

use super::*;
use crate::writer::Op;

/// Pages whose reads and writes take as long as a disk's.
struct Slow(MemoryPages);

impl PageStore for Slow {
    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        thread::sleep(Duration::from_millis(5));
        self.0.write(pages)
    }
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        thread::sleep(Duration::from_micros(200));
        self.0.read(id)
    }
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        self.0.remove(ids)
    }
    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        self.0.for_each_id(visit)
    }
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        self.0.read_copy(id, n)
    }
    fn copies(&self) -> usize {
        1
    }
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        self.0.mend(id, n, page)
    }
    fn ill(&self) -> Vec<String> {
        Vec::new()
    }
    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

#[test]
fn threads_share_commits() {
    let ground = Ground { pages: Arc::new(Slow(MemoryPages::new())), ..Ground::new() };
    let keyring = ground.create();
    thread::scope(|scope| {
        for t in 0..8 {
            let keyring = &keyring;
            scope.spawn(move || {
                for n in 0..25 {
                    // Every second person is wanted by all threads at once.
                    let name = if n % 2 == 0 { format!("{n}") } else { format!("{t}-{n}") };
                    keyring.create_subject(&user(&name), false).unwrap();
                }
            });
        }
    });
    assert_eq!(keyring.population(), 13 + 8 * 12);
    let commits = keyring.generation() - 1;
    assert!(commits <= 60, "{commits} commits for 109 people");
    assert_eq!(keyring.verify(false).unwrap().persons, 109);
}

/// Else a cut would reach one of them and miss the other.
#[test]
fn threads_that_load_a_person_at_once_share_one_object() {
    let ground = Ground { pages: Arc::new(Slow(MemoryPages::new())), ..Ground::new() };
    ground.create().bulk_create((0..20).map(|n| user(&format!("{n}")))).unwrap();
    let keyring = ground.open();
    for n in 0..20 {
        let start = Barrier::new(6);
        let load = || {
            start.wait();
            keyring.subject(&user(&format!("{n}"))).unwrap()
        };
        let loaded: Vec<Subject> = thread::scope(|scope| {
            let threads: Vec<_> = (0..6).map(|_| scope.spawn(load)).collect();
            threads.into_iter().map(|thread| thread.join().unwrap()).collect()
        });
        assert!(loaded.iter().all(|subject| Arc::ptr_eq(&subject.person, &loaded[0].person)));
    }
}

#[test]
fn a_cut_cancels_the_leases_below_it_and_waits_for_them() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (subject, _) = keyring.create_subject(&user("ann"), false).unwrap();
    let (doomed, spared) = (subject.key(&item(1, 1)).unwrap(), subject.key(&item(1, 2)).unwrap());
    let paths = vec![Path::leaf(&item(1, 1)).unwrap()];
    let held = keyring.cut(&subject, paths.clone());
    assert!(matches!(held, Err(KeyringError::LeasesHeld { held: 1 })), "{held:?}");
    assert!(doomed.cancelled() && !spared.cancelled());
    assert_eq!(key_of(&subject, &item(1, 1)), None, "the cut itself is done");
    let returned = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // On a busy machine the lease may be given back after the longest wait.
            while let Err(error) = keyring.cut(&subject, paths.clone()) {
                assert!(matches!(error, KeyringError::LeasesHeld { .. }), "{error}");
            }
            returned.store(true, Ordering::SeqCst);
        });
        thread::sleep(Duration::from_millis(20));
        assert!(!returned.load(Ordering::SeqCst));
        drop(doomed);
    });
}

#[test]
fn an_erasure_waits_for_leases_and_operations() {
    let ground = Ground::new();
    let keyring = ground.create();
    let ann = user("ann");
    let (subject, _) = keyring.create_subject(&ann, false).unwrap();
    let (lease, operation) = (subject.key(&item(1, 1)).unwrap(), subject.enter().unwrap());
    let held = keyring.erase(std::slice::from_ref(&ann));
    assert!(matches!(held, Err(KeyringError::LeasesHeld { held: 2 })), "{held:?}");
    assert!(lease.cancelled());
    assert!(matches!(keyring.subject(&ann), Err(KeyringError::Blocked)));
    assert!(matches!(subject.enter(), Err(KeyringError::Blocked)));
    assert_eq!(keyring.population(), 1);
    drop(lease);
    assert!(matches!(keyring.erase(std::slice::from_ref(&ann)), Err(KeyringError::LeasesHeld { held: 1 })));
    thread::scope(|scope| {
        let erasing = scope.spawn(|| {
            // On a busy machine the operation may be given back after the longest wait.
            loop {
                match keyring.erase(std::slice::from_ref(&ann)) {
                    Err(KeyringError::LeasesHeld { .. }) => {}
                    outcome => return outcome.unwrap(),
                }
            }
        });
        thread::sleep(Duration::from_millis(20));
        drop(operation);
        let outcomes = erasing.join().unwrap();
        let ErasureOutcome::Erased(record) = &outcomes[0] else { panic!("{outcomes:?}") };
        assert_eq!(record.leases_drained, 2);
    });
}

/// A reader holds nothing of the person but the lease, and the person is pushed out of the cache meanwhile.
#[test]
fn leases_and_operations_outlive_the_cache_and_are_still_waited_for() {
    let ground = Ground::new();
    let keyring = ground.create();
    let ann = user("ann");
    let (subject, _) = keyring.create_subject(&ann, false).unwrap();
    let (doomed, lease) = (subject.key(&item(1, 1)).unwrap(), subject.key(&item(2, 1)).unwrap());
    let operation = subject.enter().unwrap();
    drop(subject);
    (0..20).for_each(|n| drop(keyring.create_subject(&user(&format!("{n}")), false).unwrap()));

    let again = keyring.subject(&ann).unwrap();
    let held = keyring.cut(&again, vec![Path::leaf(&item(1, 1)).unwrap()]);
    assert!(matches!(held, Err(KeyringError::LeasesHeld { held: 1 })), "{held:?}");
    assert!(doomed.cancelled() && !lease.cancelled());
    drop((doomed, again));
    (0..20).for_each(|n| drop(keyring.create_subject(&user(&format!("more {n}")), false).unwrap()));

    let held = keyring.erase(std::slice::from_ref(&ann));
    assert!(matches!(held, Err(KeyringError::LeasesHeld { held: 2 })), "{held:?}");
    assert!(lease.cancelled());
    drop((lease, operation));
    assert!(matches!(keyring.erase(&[ann]).unwrap()[..], [ErasureOutcome::Erased(_)]));
}

/// Readers, cuts and erasures at once: no reader ever sees a key after the cut that took it was acknowledged, and
/// everybody sees the same keys.
#[test]
fn readers_never_see_a_key_after_its_deletion_was_acknowledged() {
    let ground = Ground::new();
    let keyring = Arc::new(ground.create());
    let (subject, _) = keyring.create_subject(&user("ann"), false).unwrap();
    let keys: Vec<_> = (1..=60).map(|seq| key_of(&subject, &item(1, seq)).unwrap()).collect();
    drop(subject);
    let acknowledged = AtomicU64::new(0);
    let start = Barrier::new(4);
    thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                start.wait();
                while acknowledged.load(Ordering::SeqCst) < 60 {
                    // Looked up anew: each load must find what the last commit left.
                    let subject = keyring.subject(&user("ann")).unwrap();
                    for seq in 1..=60 {
                        let gone = acknowledged.load(Ordering::SeqCst);
                        match key_of(&subject, &item(1, seq)) {
                            Some(key) => {
                                assert!(seq > gone, "{seq} was forgotten, {gone} acknowledged");
                                assert_eq!(key, keys[seq as usize - 1]);
                            }
                            None => assert!(seq <= acknowledged.load(Ordering::SeqCst) + 1),
                        }
                    }
                }
            });
        }
        scope.spawn(|| {
            start.wait();
            for seq in 1..=60 {
                let subject = keyring.subject(&user("ann")).unwrap();
                keyring.cut(&subject, vec![Path::leaf(&item(1, seq)).unwrap()]).unwrap();
                acknowledged.store(seq, Ordering::SeqCst);
                // Pushes the person out of the cache, so that loads race with commits.
                (0..10).for_each(|n| drop(keyring.create_subject(&user(&format!("{n}")), false).unwrap()));
            }
        });
    });
}

#[test]
fn many_changes_of_one_person_keep_their_order() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (subject, _) = keyring.create_subject(&user("ann"), false).unwrap();
    thread::scope(|scope| {
        for t in 0..6u64 {
            let (keyring, subject) = (&keyring, &subject);
            scope.spawn(move || {
                for n in 0..10 {
                    let path = Path::leaf(&item(1, t * 10 + n + 1)).unwrap();
                    keyring.cut(subject, vec![path]).unwrap();
                }
            });
        }
    });
    assert!((1..=60).all(|seq| key_of(&subject, &item(1, seq)).is_none()));
    assert!(key_of(&subject, &item(1, 61)).is_some());
    assert_eq!(keyring.epoch(), 61);
}

/// Whoever shared a commit with an operation that was too large was told that the keyring is poisoned.
#[test]
fn a_refused_batch_costs_only_whom_it_was_refused_for() {
    let ground = Ground::new();
    let keyring = ground.create();
    keyring.create_subject(&user("ann"), false).unwrap();
    let too_long = (64 << 20) / 16 + 1;
    keyring.core.root.write().unwrap().vault.queues.intents = vec![Tag([1; 16]); too_long];
    let create = |name: &str| Op::Create { user: user(name), reopen: false };
    let people = vec![keyring.leaving(&keyring.unasked(&user("ann")).unwrap())];
    thread::scope(|scope| {
        // A reader holds the first commit up, until the others wait together.
        let root = keyring.core.root();
        let first = scope.spawn(|| keyring.call(create("first")).map(drop));
        thread::sleep(Duration::from_millis(300));
        let bob = scope.spawn(|| keyring.call(create("bob")).map(drop));
        let block = scope.spawn(|| keyring.call(Op::Block { people }).map(drop));
        thread::sleep(Duration::from_millis(100));
        drop(root);
        first.join().unwrap().unwrap();
        bob.join().unwrap().unwrap();
        assert!(matches!(block.join().unwrap(), Err(KeyringError::TooLarge { what: "a list", .. })));
    });
    assert!(keyring.subject(&user("ann")).is_ok() && keyring.subject(&user("bob")).is_ok());
    assert!(keyring.ill().is_empty());
}
