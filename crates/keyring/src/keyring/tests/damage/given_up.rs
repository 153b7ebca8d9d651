//! What is lost in every copy, given up so that nothing damaged is left.

use super::*;

#[test]
fn pruning_gives_up_what_is_lost_and_nothing_else() {
    for nth in 0..12 {
        let (pair, ground) = paired();
        let keyring = ground.create();
        keyring.bulk_create((0..120).map(|n| user(&format!("{n}")))).unwrap();
        let mut tree = keyring.core.pages.cached();
        tree.sort_unstable();
        let id = tree[nth * tree.len() / 12];
        drop(keyring);
        [0, 1].into_iter().for_each(|copy| pair.damage(copy, &id, nth % 2 == 0));
        let keyring = ground.open();
        let names: Vec<UserId> = (0..120).map(|n| user(&format!("{n}"))).collect();
        let lost = |name: &UserId| matches!(keyring.subject(name), Err(KeyringError::Corrupt { .. }));
        let lost: Vec<bool> = names.iter().map(lost).collect();
        let count = lost.iter().filter(|lost| **lost).count() as u64;
        pair.ill.store(true, Ordering::SeqCst);
        assert!(matches!(keyring.prune_lost(), Err(KeyringError::MirrorIll { .. })));
        pair.ill.store(false, Ordering::SeqCst);
        keyring.prune_lost().unwrap();
        assert_eq!(keyring.population(), 120 - count);
        let report = keyring.verify(false).unwrap();
        assert_eq!(report.faults, Vec::<String>::new());
        for (name, lost) in names.iter().zip(lost) {
            let outcome = &keyring.erase(std::slice::from_ref(name)).unwrap()[0];
            assert_eq!(matches!(outcome, ErasureOutcome::Unknown), lost);
        }
        assert_eq!(keyring.population(), 0);
    }
}

/// Whoever was in memory went on being served and written to, although no entry led to them any more.
#[test]
fn pruning_stops_who_stood_on_lost_pages_and_nobody_else() {
    let (pair, ground) = paired();
    let keyring = ground.create();
    let names: Vec<UserId> = (0..120).map(|n| user(&format!("{n}"))).collect();
    keyring.bulk_create(names.clone()).unwrap();
    let held: Vec<_> = names.iter().map(|name| keyring.subject(name).unwrap()).collect();
    let leases: Vec<_> = held.iter().map(|subject| subject.key(&item(1, 1)).unwrap()).collect();
    let largest = |root: &Root| {
        root.node.children.0.iter().flatten().max_by_key(|child| child.population).map(|child| child.page.id)
    };
    let lost = largest(&keyring.core.root()).unwrap();
    (0..2).for_each(|copy| pair.damage(copy, &lost, true));
    keyring.prune_lost().unwrap();
    let mut gone = 0;
    for ((name, subject), lease) in names.iter().zip(&held).zip(&leases) {
        let stands = keyring.fence(name).is_ok() && keyring.subject(name).is_ok();
        assert_eq!(stands, !lease.cancelled());
        if !stands {
            gone += 1;
            assert!(matches!(subject.check(), Err(KeyringError::Unknown)));
            assert!(matches!(subject.key(&item(1, 1)), Err(KeyringError::Unknown)));
            assert!(keyring.create_subject(name, false).unwrap().1, "the name is free");
        }
    }
    assert!((1..120).contains(&gone), "{gone}");
    let stays = leases.iter().position(|lease| !lease.cancelled()).unwrap();
    let outcome = keyring.erase(&[names[stays].clone()]);
    assert!(matches!(outcome, Err(KeyringError::LeasesHeld { held: 1 })), "who stays keeps their leases");
}

/// They stayed in the tree for ever, and `fsck` never found the vault whole again.
#[test]
fn people_whose_state_is_lost_are_given_up_and_the_blocked_among_them_are_erased() {
    let (pair, ground) = paired();
    let keyring = ground.create();
    keyring.bulk_create((0..60).map(|n| user(&format!("{n}")))).unwrap();
    keyring.block(&user("9")).unwrap();
    let held = keyring.subject(&user("7")).unwrap();
    for name in ["7", "8", "9"] {
        let id = state_page(&keyring, name);
        (0..2).for_each(|copy| pair.damage(copy, &id, name == "8"));
    }
    keyring.prune_lost().unwrap();
    assert!(held.key(&item(1, 1)).is_err());
    for name in ["7", "8"] {
        assert!(matches!(keyring.subject(&user(name)), Err(KeyringError::Unknown)));
        assert!(keyring.create_subject(&user(name), false).unwrap().1, "the name is free again");
    }
    assert!(matches!(keyring.subject(&user("9")), Err(KeyringError::Erased { .. })));
    assert_eq!(keyring.intents().unwrap(), []);
    let report = keyring.verify(true).unwrap();
    assert_eq!((report.persons, report.fences, report.faults.len()), (59, 1, 0), "{:?}", report.faults);
    assert_eq!(keyring.population(), 59);
    assert_eq!(keyring.core.root().node.children.population(), 2 * 59 + 1);
    drop((held, keyring));
    assert_eq!(ground.open().verify(false).unwrap().faults, Vec::<String>::new());
}

/// Whoever lost a page of their cover keeps all that does not stand on it.
#[test]
fn what_stands_on_a_lost_cover_page_is_given_up_and_nothing_else() {
    let mut gone = 0;
    for nth in 0..6 {
        let (pair, ground) = paired();
        let keyring = ground.create();
        let (ann, ids) = with_a_cover(&keyring);
        (0..2).for_each(|copy| pair.damage(copy, &ids[nth * ids.len() / 6], copy == 0));
        drop((ann, keyring));

        let keyring = ground.open();
        let ann = keyring.subject(&user("ann")).unwrap();
        let before: Vec<_> =
            (1..600).map(|seq| ann.key(&item(1, seq)).map(|key| *key.key().expose()).ok()).collect();
        let opens = |seq: u64| before[seq as usize - 1];
        keyring.prune_lost().unwrap();
        assert!(ann.key(&item(2, 1)).is_err(), "who held the person asks again");
        let report = keyring.verify(true).unwrap();
        assert_eq!((report.faults, report.lost), (Vec::new(), 0));
        let Ok(ann) = keyring.subject(&user("ann")) else {
            gone += 1;
            continue;
        };
        assert!((1..600).all(|seq| key_of(&ann, &item(1, seq)) == opens(seq)), "{nth}");
        assert!((1..600).any(|seq| opens(seq).is_some()) && ann.key(&item(2, 1)).is_ok());
        assert_eq!(keyring.verify(false).unwrap().orphans, 0);
    }
    assert!(gone <= 2, "only the top of the cover takes everything along: {gone}");
}
