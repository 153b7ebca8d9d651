//! Many threads at what hurts: storing while forgetting, sending while leaving.

use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use oubliette_store::{ErasureOutcome, VaultError, Window};

use crate::world::{World, get, noise, person, put, text, texts, try_put};

const FOR: Duration = Duration::from_millis(700);

#[test]
fn storing_and_forgetting_one_slot() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    let end = Instant::now() + FOR;
    std::thread::scope(|scope| {
        for n in 0..4 {
            let ann = ann.clone();
            scope.spawn(move || {
                let mut round = 0;
                while Instant::now() < end {
                    round += 1;
                    let content = noise(if round % 3 == 0 { 6_000 } else { 20 }, round);
                    let result = match (n, round % 5) {
                        (0, 0) => ann.saves().forget_slot("doom", "one").map(drop),
                        (1, 0) => ann.saves().forget_version("doom", "one", round % 7 + 1).map(drop),
                        (2, _) => get(&ann, "one", None).map(drop),
                        _ => try_put(&ann, "one", &Default::default(), &content).map(drop),
                    };
                    let expected =
                        matches!(result, Ok(()) | Err(VaultError::NotFound { .. } | VaultError::Forgotten));
                    assert!(expected, "{result:?}");
                }
            });
        }
    });
    put(&ann, "one", b"last");
    assert_eq!(get(&ann, "one", None).unwrap(), b"last");
    assert_eq!(ann.saves().list(None, &Default::default()).unwrap().items.len(), 1);
    ann.saves().forget_slot("doom", "one").unwrap();
    assert!(ann.saves().list(None, &Default::default()).unwrap().items.is_empty());
    vault.sweep(1_000_000).unwrap();
    let fsck = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(fsck.faults.is_empty() && fsck.orphans == 0 && fsck.rows == 0, "{fsck:?}");
    assert_eq!((world.rows().len(), world.blobs.disk_bytes().unwrap()), (0, 0));
}

#[test]
fn sending_to_and_from_somebody_who_leaves() {
    let (world, vault) = World::new();
    let bob = person(&vault, "bob");
    bob.chats().append("bob2", &[text("x")]).unwrap_err();
    for _ in 0..6 {
        let (ann, _) = vault.put_subject("ann", &Default::default(), true).unwrap();
        assert!(ann.usage.is_empty());
        let ann = vault.subject("ann").unwrap();
        // The erasure begins when both have sent, however slow the machine is.
        let both_sent = Barrier::new(3);
        std::thread::scope(|scope| {
            let begin = Instant::now();
            let both_sent = &both_sent;
            let sends = |from: oubliette_store::Subject, to: &'static str| {
                move || {
                    (0..10).for_each(|_| drop(from.chats().append(to, &[text("first")]).unwrap()));
                    both_sent.wait();
                    // Ends with the erasure.
                    while begin.elapsed() < Duration::from_secs(60) {
                        match from.chats().append(to, &[text("hello"), text(&"x".repeat(5_000))]) {
                            Ok(_) => {}
                            Err(
                                VaultError::PeerGone
                                | VaultError::SubjectErased { .. }
                                | VaultError::SubjectBlocked,
                            ) => return,
                            Err(VaultError::Forgotten) => return,
                            Err(other) => panic!("{other:?}"),
                        }
                    }
                    panic!("nobody was told of the erasure");
                }
            };
            scope.spawn(sends(ann.clone(), "bob"));
            scope.spawn(sends(bob.clone(), "ann"));
            both_sent.wait();
            vault.erase(&["ann"]).unwrap();
            let after = bob.chats().append("ann", &[text("late")]);
            assert!(matches!(after, Err(VaultError::PeerGone)), "{after:?}");
        });
        while vault.sweep(1_000).unwrap().left > 0 {}
        assert!(!texts(&bob, "ann").is_empty(), "one's own words stay");
    }
    let fsck = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(fsck.faults.is_empty() && fsck.orphans == 0, "{fsck:?}");
    for chat in bob.chats().list(&Default::default()).unwrap().items {
        bob.chats().forget_side(&chat.id).unwrap();
    }
    assert_eq!((world.rows().len(), world.blobs.disk_bytes().unwrap()), (0, 0));
}

/// The reader's own answer never turns into the peer's 410, and holds nothing of theirs once their erasure was acknowledged.
#[test]
fn reading_a_conversation_whose_other_side_leaves() {
    let (_world, vault) = World::new();
    let bob = person(&vault, "bob");
    for round in 0..25 {
        let name = format!("ann{round}");
        let ann = person(&vault, &name);
        ann.chats().append("bob", &vec![text("hers"); 100]).unwrap();
        bob.chats().append(&name, &[text("his")]).unwrap();
        let erased = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let (vault, bob, name, erased) = (&vault, &bob, &name, &erased);
            scope.spawn(move || {
                while !erased.load(Ordering::SeqCst) {
                    let all = Window { limit: Some(1000), ..Window::default() };
                    match bob.chats().messages(name, &all) {
                        Ok(seen) => assert!([1, 101].contains(&seen.items.len()), "{}", seen.items.len()),
                        Err(error) => assert!(matches!(error, VaultError::PeerGone), "{error:?}"),
                    }
                    bob.chats().list(&Default::default()).unwrap();
                }
                assert_eq!(texts(bob, name), ["his"]);
            });
            std::thread::sleep(Duration::from_millis(3));
            let outcome = vault.erase(&[name]).unwrap();
            erased.store(true, Ordering::SeqCst);
            assert!(matches!(outcome[..], [ErasureOutcome::Erased(_)]));
        });
    }
}
