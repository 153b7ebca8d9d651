use std::sync::Arc;

use oubliette_crypto::{Handle, Path};

use super::*;

#[test]
fn people_are_created_once_and_found_again_after_reopening() {
    let ground = Ground::new();
    let keyring = ground.create();
    let ann = user("ann");
    assert!(matches!(keyring.subject(&ann), Err(KeyringError::Unknown)));
    let (subject, created) = keyring.create_subject(&ann, false).unwrap();
    assert!(created);
    let generation = keyring.generation();
    let (again, created) = keyring.create_subject(&ann, true).unwrap();
    assert!(!created && again.handle() == subject.handle() && keyring.generation() == generation);
    let key = key_of(&subject, &item(1, 1)).unwrap();
    let (handle, pseudonym, anchor) = (subject.handle(), subject.pseudonym(), keyring.anchor_key().unwrap());
    assert_eq!((subject.created(), subject.user_id().as_str()), (1_800_000_000, "ann"));
    assert!(!format!("{subject:?}").contains("ann"));
    drop((keyring, subject, again));

    let keyring = ground.open();
    let subject = keyring.subject(&ann).unwrap();
    assert_eq!(
        (subject.handle(), subject.pseudonym(), subject.created()),
        (handle, pseudonym, 1_800_000_000)
    );
    assert_eq!(keyring.subject_by_handle(&handle).unwrap().user_id(), &ann);
    assert_eq!(key_of(&subject, &item(1, 1)), Some(key));
    assert_eq!(keyring.anchor_key().unwrap().expose(), anchor.expose());
    assert_eq!((keyring.population(), keyring.epoch()), (1, 1));
    assert!(matches!(keyring.subject_by_handle(&Handle([1; 16])), Err(KeyringError::Unknown)));
    assert!(ground.open_twice_is_refused_by_create());
}

impl Ground {
    fn open_twice_is_refused_by_create(&self) -> bool {
        let (pages, ledger) = (Arc::clone(&self.pages), Arc::clone(&self.ledger));
        let created = Keyring::create(pages, self.cells.clone(), ledger, self.options());
        matches!(created, Err(KeyringError::Cells { .. }))
    }
}

#[test]
fn an_erased_person_leaves_a_fence_and_then_nothing() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (ann, bob) = (user("ann"), user("bob"));
    let empty = ground.stored();
    let (subject, _) = keyring.create_subject(&ann, false).unwrap();
    let (other, _) = keyring.create_subject(&bob, false).unwrap();
    let kept = key_of(&other, &item(4, 4)).unwrap();
    keyring.restrict(&subject, RestrictionChange::BlockPeer(other.handle())).unwrap();
    let before = (keyring.generation() + 1, keyring.epoch());

    let outcomes = keyring.erase(&[ann.clone(), user("nobody"), ann.clone()]).unwrap();
    let ErasureOutcome::Erased(record) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!((&outcomes[1], &outcomes[2]), (&ErasureOutcome::Unknown, &outcomes[0]));
    assert_eq!((record.handle, record.erased_at), (subject.handle(), 1_800_000_000));
    assert_eq!((record.generation_before, record.generation_after), (before.0, before.0 + 1));
    assert_eq!((keyring.epoch(), record.root_after), (before.1 + 1, keyring.root_hash()));
    assert_ne!(record.root_before, record.root_after);
    assert!(matches!(subject.key(&item(1, 1)), Err(KeyringError::Erased { .. })));
    assert!(matches!(subject.enter(), Err(KeyringError::Erased { .. })));
    assert!(matches!(keyring.cut(&subject, Vec::new()), Err(KeyringError::Erased { .. })));
    let queue = keyring.sweep_queue();
    assert_eq!((queue.len(), queue[0].handle, Some(queue[0].job)), (1, record.handle, record.job));
    assert_eq!(keyring.intents().unwrap(), []);

    let mut keyring = keyring;
    for _ in 0..2 {
        let Err(KeyringError::Erased { at, handle, record: facts }) = keyring.subject(&ann) else { panic!() };
        assert_eq!((at, handle, facts.as_deref()), (record.erased_at, record.handle, Some(record)));
        assert!(matches!(keyring.subject_by_handle(&handle), Err(KeyringError::Unknown)));
        assert!(matches!(keyring.create_subject(&ann, false), Err(KeyringError::Erased { .. })));
        assert!(matches!(keyring.block(&ann), Err(KeyringError::Erased { .. })));
        let again = keyring.erase(std::slice::from_ref(&ann)).unwrap();
        assert_eq!(again, [ErasureOutcome::AlreadyErased(record.clone())]);
        assert_eq!(keyring.fence(&ann).unwrap().unwrap().expires, 1_800_000_000 + 30 * 24 * 3600);
        assert_eq!(key_of(&keyring.subject(&bob).unwrap(), &item(4, 4)), Some(kept));
        drop(keyring);
        keyring = ground.open();
    }
    keyring.swept(&[record.handle, Handle([9; 16])]).unwrap();
    assert_eq!(keyring.sweep_queue(), []);

    assert_eq!(keyring.remove_expired_fences().unwrap(), 0);
    ground.clock.advance(30 * 24 * 3600);
    let epoch = keyring.epoch();
    assert_eq!(keyring.remove_expired_fences().unwrap(), 1);
    assert_eq!(keyring.epoch(), epoch + 1, "that somebody was there is forgotten by a deletion, too");
    assert!(matches!(keyring.subject(&ann), Err(KeyringError::Unknown)));
    assert_eq!(keyring.fence(&ann).unwrap(), None);
    keyring.erase(&[bob]).unwrap();
    ground.clock.advance(31 * 24 * 3600);
    keyring.remove_expired_fences().unwrap();
    keyring.swept(&swept(&keyring)).unwrap();
    keyring.close();
    assert!(matches!(keyring.subject(&ann), Err(KeyringError::Poisoned { .. })));
    assert_eq!(ground.stored(), empty, "as many pages as an empty vault has");
}

#[test]
fn a_reopened_person_is_a_new_one() {
    let ground = Ground::new();
    let keyring = ground.create();
    let ann = user("ann");
    let (old, _) = keyring.create_subject(&ann, false).unwrap();
    let key = key_of(&old, &item(1, 1)).unwrap();
    keyring.erase(std::slice::from_ref(&ann)).unwrap();
    let (new, created) = keyring.create_subject(&ann, true).unwrap();
    assert!(created && new.handle() != old.handle() && new.pseudonym() != old.pseudonym());
    assert_ne!(key_of(&new, &item(1, 1)).unwrap(), key);
    assert!(
        matches!(old.check(), Err(KeyringError::Erased { .. })),
        "the old one stays erased for its holders"
    );
    assert_eq!(keyring.fence(&ann).unwrap(), None);
    assert_eq!(keyring.population(), 1);
}

#[test]
fn a_blocked_person_waits_for_the_erasure_also_after_reopening() {
    let ground = Ground::new();
    let keyring = ground.create();
    let ann = user("ann");
    let (subject, _) = keyring.create_subject(&ann, false).unwrap();
    let (handle, epoch) = (subject.handle(), keyring.epoch());
    keyring.block(&ann).unwrap();
    keyring.block(&ann).unwrap();
    assert_eq!(keyring.epoch(), epoch, "blocking forgets nothing yet");
    assert!(matches!(subject.key(&item(1, 1)), Err(KeyringError::Blocked)));
    assert!(matches!(keyring.block(&user("nobody")), Err(KeyringError::Unknown)));
    drop((keyring, subject));

    let keyring = ground.open();
    assert!(matches!(keyring.subject(&ann), Err(KeyringError::Blocked)));
    assert!(matches!(keyring.subject_by_handle(&handle), Err(KeyringError::Blocked)));
    assert!(matches!(keyring.create_subject(&ann, true), Err(KeyringError::Blocked)));
    let intents = keyring.intents().unwrap();
    assert_eq!(intents.len(), 1, "who is blocked is noted");
    assert_eq!((intents[0].handle, &intents[0].user), (handle, &ann));
    assert_eq!(keyring.population(), 1);
    keyring.erase(&[ann]).unwrap();
    assert_eq!((keyring.intents().unwrap().len(), keyring.population()), (0, 0));
}

#[test]
fn restrictions_outlive_the_process() {
    let ground = Ground::new();
    let keyring = ground.create();
    let ann = user("ann");
    let (subject, _) = keyring.create_subject(&ann, false).unwrap();
    let epoch = keyring.epoch();
    keyring.restrict(&subject, RestrictionChange::FollowPlay(false)).unwrap();
    let pages = ground.stored();
    for n in 0..100 {
        keyring.restrict(&subject, RestrictionChange::BlockPeer(Handle([n; 16]))).unwrap();
    }
    keyring.restrict(&subject, RestrictionChange::UnblockPeer(Handle([7; 16]))).unwrap();
    let purpose = RestrictionChange::WithdrawConsent("steam".into());
    keyring.restrict_and_cut(&subject, vec![purpose], vec![Path::class(Class::Credentials)], 0).unwrap();
    assert_eq!(keyring.epoch(), epoch + 1, "of all these only the cut is a deletion");
    let long = RestrictionChange::WithdrawConsent("x".repeat(256));
    assert!(matches!(keyring.restrict(&subject, long), Err(KeyringError::TooLarge { .. })));
    let held = subject.restrictions();
    drop((keyring, subject));
    assert!(ground.stored() <= pages + 3, "superseded pages are removed");

    let keyring = ground.open();
    let subject = keyring.subject(&ann).unwrap();
    let found = subject.restrictions();
    assert_eq!(found, held);
    assert!(found.follow_play_off && found.withdrawn.contains("steam") && found.blocked_peers.len() == 99);
    let password = Leaf { class: Class::Credentials, compartment: 1, branch: Branch::Items, seq: 1 };
    assert!(matches!(subject.key(&password), Err(KeyringError::Forgotten)));
    assert!(key_of(&subject, &item(1, 1)).is_some());
}

#[test]
fn twenty_thousand_people_in_a_few_commits() {
    let ground = Ground::new();
    let keyring = ground.create();
    let names = |from: u32, to: u32| (from..to).map(|n| user(&format!("user-{n}")));
    assert_eq!(keyring.bulk_create(names(0, 20_000).chain(names(5, 10))).unwrap(), 20_000);
    assert_eq!((keyring.generation(), keyring.population()), (1 + 5, 20_000));
    assert_eq!(keyring.bulk_create(names(19_990, 20_010)).unwrap(), 10);
    let handle = keyring.subject(&user("user-12345")).unwrap().handle();
    let users: Vec<UserId> = names(0, 500).collect();
    let (generation, outcomes) = (keyring.generation(), keyring.erase(&users).unwrap());
    assert!(outcomes.iter().all(|outcome| matches!(outcome, ErasureOutcome::Erased(_))));
    assert_eq!((keyring.generation(), keyring.population()), (generation + 2, 19_510));
    drop(keyring);
    let keyring = ground.open();
    assert_eq!(keyring.subject_by_handle(&handle).unwrap().user_id().as_str(), "user-12345");
    let report = keyring.verify(false).unwrap();
    assert_eq!((report.persons, report.fences, report.orphans), (19_510, 500, 0));
    assert_eq!(report.faults, [""; 0]);
    assert_eq!(keyring.sweep_queue().len(), 500);
}

#[test]
fn a_root_split_over_cells_needs_all_of_them() {
    let ground = Ground::split(3);
    let keyring = ground.create();
    let ann = user("ann");
    keyring.create_subject(&ann, false).unwrap();
    keyring.rotate().unwrap();
    drop(keyring);
    let mut partial = Ground { cells: ground.cells[..2].to_vec(), ..ground };
    assert!(matches!(partial.try_open(), Err(KeyringError::Cells { .. })));
    partial.cells.push(Arc::clone(&partial.cells[0]));
    assert!(matches!(partial.try_open(), Err(KeyringError::Cells { .. })));
    partial.cells.clear();
    assert!(matches!(partial.try_open(), Err(KeyringError::Cells { .. })));
}
