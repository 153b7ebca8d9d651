//! Children store nothing without a guardian's consent.

use oubliette_store::{
    ConsentGiven, Deletion, Page, Policy, RecordOptions, RecordRule, SteamFields, Subject, SubjectFacts,
    Vault, VaultError,
};

use crate::world::{World, get, person, put, text, try_put};

const YEAR: u64 = 366 * 24 * 3600 * 1_000_000;

fn policy() -> Policy {
    Policy { records: [("posts".to_owned(), RecordRule::default())].into(), ..Policy::default() }
}

fn born(year: u16) -> SubjectFacts {
    SubjectFacts { birth_year: Some(year), ..SubjectFacts::default() }
}

fn with_guardian(year: u16) -> SubjectFacts {
    SubjectFacts { guardian_consent: Some("form 7".to_owned()), ..born(year) }
}

/// Every path by which something is stored.
fn store(subject: &Subject, n: u8) -> Vec<Result<(), VaultError>> {
    let fields = SteamFields([("password".to_owned(), n.to_string())].into());
    vec![
        try_put(subject, "one", &Default::default(), &[n; 10]).map(drop),
        try_put(subject, "large", &Default::default(), &vec![n; 20_000]).map(drop),
        subject.chats().append("bob", &[text(&n.to_string())]).map(drop),
        subject.credentials().set_steam("acc", fields).map(drop),
        subject.records().put("posts", "1", &RecordOptions::default(), &mut &[n][..]).map(drop),
    ]
}

fn stored(vault: &Vault, user: &str) -> u64 {
    let usage = vault.subject(user).unwrap().info().unwrap().usage;
    usage.iter().filter(|usage| usage.class != "profile").map(|usage| usage.items).sum()
}

/// 1.7e15 µs is 2023-11-14.
#[test]
fn promise_people_under_14_need_a_guardians_consent() {
    let (world, vault) = World::of(policy(), None);
    person(&vault, "bob");
    for (year, child) in [(2020, true), (2009, true), (2008, false), (1990, false)] {
        let user = year.to_string();
        vault.put_subject(&user, &born(year), false).unwrap();
        let subject = vault.subject(&user).unwrap();
        subject.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
        for result in store(&subject, 1) {
            assert_eq!(
                matches!(result, Err(VaultError::GuardianConsentRequired)),
                child,
                "{year}: {result:?}"
            );
        }
        assert_eq!(stored(&vault, &user), if child { 0 } else { 5 });
        assert_eq!(subject.info().unwrap().birth_year, Some(year));
    }
    // With the guardian's word, by which they are known from then on.
    vault.put_subject("2020", &with_guardian(2020), false).unwrap();
    vault.put_subject("2020", &with_guardian(2020), false).unwrap();
    let child = vault.subject("2020").unwrap();
    assert!(store(&child, 2).into_iter().all(|result| result.is_ok()));
    let history = child.consents().history().unwrap();
    let guardians: Vec<_> = history.iter().filter(|event| event.purpose == "guardian").collect();
    assert!(guardians.len() == 1 && guardians[0].evidence.as_deref() == Some("form 7"));
    drop(child);
    drop(vault);
    let vault = world.open();
    let child = vault.subject("2020").unwrap();
    assert_eq!(get(&child, "one", None).unwrap(), [2; 10]);

    // Taken back: use stops, and what was stored by it is forgotten. Nothing else is.
    let other = vault.subject("1990").unwrap();
    assert_eq!(child.consents().withdraw("guardian").unwrap(), Deletion::Erased);
    assert_eq!((stored(&vault, "2020"), stored(&vault, "1990")), (0, 5));
    assert!(store(&child, 3).into_iter().all(|r| matches!(r, Err(VaultError::GuardianConsentRequired))));
    assert_eq!(get(&other, "one", None).unwrap(), [1; 10]);
    // Who is of age does not need it, and loses nothing by taking it back.
    vault.put_subject("1990", &with_guardian(1990), false).unwrap();
    other.consents().withdraw("guardian").unwrap();
    assert_eq!(stored(&vault, "1990"), 5);
}

/// It becomes known only now how old somebody is: what they stored is forgotten, in every copy.
#[test]
fn promise_what_a_child_stored_without_a_guardians_consent_is_forgotten() {
    let (world, vault) = World::of(policy(), None);
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    ann.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
    assert!(store(&ann, 1).into_iter().all(|result| result.is_ok()));
    bob.chats().append("ann", &[text("hi")]).unwrap();
    let backup = world.rows();
    vault.put_subject("ann", &born(2015), false).unwrap();
    assert_eq!(stored(&vault, "ann"), 0);
    assert!(ann.saves().list(None, &Page::default()).unwrap().items.is_empty());
    drop((ann, bob, vault));
    world.overwrite_all(&backup);
    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    assert!(matches!(get(&ann, "one", None), Err(VaultError::NotFound { .. })));
    assert!(matches!(
        try_put(&ann, "one", &Default::default(), b"x"),
        Err(VaultError::GuardianConsentRequired)
    ));
    // A restored backup of before does not make them older.
    assert_eq!(ann.info().unwrap().birth_year, Some(2015));
    // Time does, and a correction.
    world.advance(7 * YEAR);
    put(&ann, "one", b"x");
    vault.put_subject("ann", &born(2024), false).unwrap();
    assert!(get(&ann, "one", None).is_err());
    vault.put_subject("ann", &born(1999), false).unwrap();
    put(&ann, "one", b"x");
    for year in [1899, 2099] {
        let result = vault.put_subject("ann", &born(year), false);
        assert!(matches!(result, Err(VaultError::Invalid { field: "birth_year", .. })));
    }
}
