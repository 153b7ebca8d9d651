//! Data stays in its region.

use oubliette_store::{ConsentGiven, Policy, SubjectFacts, Vault, VaultError, VaultOptions};

use crate::world::{World, get, person, put, try_put};

fn of(region: &str) -> SubjectFacts {
    SubjectFacts { region: Some(region.to_owned()), ..SubjectFacts::default() }
}

#[test]
fn promise_data_stays_in_its_region_unless_consent_is_given() {
    let (world, vault) = World::of(Policy::default(), Some("cn-east"));
    let refused = |vault: &Vault, user: &str, region: &str| {
        matches!(vault.put_subject(user, &of(region), false), Err(VaultError::RegionMismatch))
    };
    assert!(refused(&vault, "ann", "eu"));
    assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectUnknown)), "nobody is created by it");
    vault.put_subject("ann", &of("cn-east"), false).unwrap();
    let ann = vault.subject("ann").unwrap();
    put(&ann, "one", b"here");
    assert!(refused(&vault, "ann", "eu"));
    assert!(ann.may_leave_to(None).is_ok() && ann.may_leave_to(Some("cn-east")).is_ok());
    assert!(matches!(ann.may_leave_to(Some("eu")), Err(VaultError::RegionMismatch)));
    assert!(vault.may_copy_to(Some("cn-east")).is_ok());
    assert!(matches!(vault.may_copy_to(Some("eu")), Err(VaultError::RegionMismatch)));

    // With their consent they belong elsewhere and store here.
    let bob = person(&vault, "bob");
    bob.consents().give("cross_border", &ConsentGiven::default()).unwrap();
    vault.put_subject("bob", &of("eu"), false).unwrap();
    put(&bob, "one", b"there");
    assert!(bob.may_leave_to(Some("eu")).is_ok());
    assert!(
        matches!(vault.may_copy_to(Some("eu")), Err(VaultError::RegionMismatch)),
        "one consent is not everybody's"
    );
    // Without it, no more: what is here is forgotten.
    bob.consents().withdraw("cross_border").unwrap();
    assert!(get(&bob, "one", None).is_err());
    assert!(matches!(try_put(&bob, "one", &Default::default(), b"x"), Err(VaultError::RegionMismatch)));
    drop((bob, vault));
    let vault = world.open();
    let bob = vault.subject("bob").unwrap();
    assert!(matches!(try_put(&bob, "one", &Default::default(), b"x"), Err(VaultError::RegionMismatch)));
    assert_eq!(get(&vault.subject("ann").unwrap(), "one", None).unwrap(), b"here");
}

#[test]
fn a_vault_stays_in_the_region_that_was_said_first() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("vault");
    let options =
        |region: Option<&str>| VaultOptions { region: region.map(str::to_owned), ..VaultOptions::default() };
    let closed = |vault: Vault| {
        let region = vault.region().map(str::to_owned);
        vault.close().unwrap();
        region
    };
    assert_eq!(closed(Vault::create(&dir, options(None)).unwrap()), None);
    assert_eq!(closed(Vault::open(&dir, options(Some("eu"))).unwrap()), Some("eu".to_owned()));
    assert_eq!(closed(Vault::open(&dir, options(None)).unwrap()), Some("eu".to_owned()));
    let moved = Vault::open(&dir, options(Some("us"))).err();
    assert!(matches!(&moved, Some(VaultError::Format { detail }) if detail.contains("`eu`")), "{moved:?}");
    assert_eq!(closed(Vault::open(&dir, options(Some("eu"))).unwrap()), Some("eu".to_owned()));
}
