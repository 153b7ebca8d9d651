//! Credentials and consents.

use oubliette_engine::Batch;
use oubliette_store::{ConsentGiven, SteamFields, Subject, VaultError};

use crate::world::{World, person};

const SECRET: &str = "zvIayp3JPvtvX/QGHqsqKBk/44s=";

fn fields(pairs: &[(&str, &str)]) -> SteamFields {
    SteamFields(pairs.iter().map(|(field, value)| ((*field).to_owned(), (*value).to_owned())).collect())
}

fn agree(subject: &Subject) {
    subject.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
}

#[test]
fn credentials_need_consent_and_withdrawal_forgets_them() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    let set = || ann.credentials().set_steam("acc", fields(&[("password", "x"), ("shared_secret", SECRET)]));
    assert!(matches!(set(), Err(VaultError::ConsentRequired { purpose }) if purpose == "steam_credentials"));
    assert!(matches!(ann.consents().withdraw("steam_credentials"), Err(VaultError::NotFound { .. })));
    agree(&ann);
    assert_eq!(set().unwrap().fields, ["password", "shared_secret"]);
    ann.consents().withdraw("steam_credentials").unwrap();
    ann.consents().withdraw("steam_credentials").unwrap();
    assert!(matches!(ann.credentials().steam("acc"), Err(VaultError::NotFound { .. })));
    assert!(matches!(set(), Err(VaultError::ConsentRequired { .. })));
    assert!(world.rows().iter().all(|(key, _)| key[16] != 3));

    agree(&ann);
    assert!(matches!(ann.credentials().guard_code("acc"), Err(VaultError::NotFound { .. })));
    set().unwrap();
    ann.credentials().guard_code("acc").unwrap();
    let history = ann.consents().history().unwrap();
    assert_eq!(history.iter().map(|e| e.state).collect::<Vec<_>>(), ["given", "withdrawn", "given"]);
    drop((ann, vault));
    let vault = world.open();
    assert_eq!(vault.subject("ann").unwrap().credentials().list_steam().unwrap().len(), 1);
}

/// The restored backup knows neither account; the thief has the rows that it took away.
#[test]
fn a_withdrawal_forgets_also_what_a_restored_backup_does_not_know() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    agree(&ann);
    let backup = world.rows();
    for account in ["one", "two"] {
        ann.credentials().set_steam(account, fields(&[("password", "x")])).unwrap();
    }
    let taken: Vec<_> = world.rows().into_iter().filter(|row| !backup.contains(row)).collect();
    drop((ann, vault));
    let mut restore = Batch::new();
    for (key, _) in &taken {
        restore.delete(key.clone());
    }
    world.engine.commit(restore).unwrap();

    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    assert!(ann.credentials().list_steam().unwrap().is_empty());
    ann.consents().withdraw("steam_credentials").unwrap();
    agree(&ann);
    ann.credentials().set_steam("three", fields(&[("password", "y")])).unwrap();
    drop((ann, vault));
    let mut stolen = Batch::new();
    for (key, row) in taken {
        stolen.put(key, row);
    }
    world.engine.commit(stolen).unwrap();

    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    let accounts = ann.credentials().list_steam().unwrap();
    assert_eq!(accounts.iter().map(|info| info.account.as_str()).collect::<Vec<_>>(), ["three"]);
    ann.consents().withdraw("steam_credentials").unwrap();
    agree(&ann);
    assert!(ann.credentials().list_steam().unwrap().is_empty());
}

#[test]
fn a_superseded_credential_is_cut_and_removed() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    agree(&ann);
    let credentials = ann.credentials();
    credentials.set_steam("acc", fields(&[("password", "old"), ("shared_secret", SECRET)])).unwrap();
    credentials.guard_code("acc").unwrap();
    let rows = |world: &World| world.rows().into_iter().filter(|(key, _)| key[16] == 3).collect::<Vec<_>>();
    assert_eq!(rows(&world).len(), 3, "meta, fields, use");
    let info = credentials.set_steam("acc", fields(&[("refresh_token", &"t".repeat(6_000))])).unwrap();
    assert_eq!((info.fields, info.last_used), (vec!["refresh_token".to_owned()], None));
    assert_eq!(rows(&world).len(), 2);
    assert!(matches!(credentials.guard_code("acc"), Err(VaultError::NotFound { what: "shared secret" })));
    credentials.set_steam("other", fields(&[("password", "x")])).unwrap();
    credentials.forget_steam("acc").unwrap();
    assert!(matches!(credentials.forget_steam("acc"), Err(VaultError::NotFound { .. })));
    assert_eq!(credentials.list_steam().unwrap()[0].account, "other");
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

#[test]
fn guard_codes_say_how_long_they_hold_and_note_the_day() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    agree(&ann);
    let credentials = ann.credentials();
    credentials.set_steam("acc", fields(&[("shared_secret", SECRET)])).unwrap();
    world.clock.0.store(1_616_374_841_000_000, std::sync::atomic::Ordering::SeqCst);
    let code = credentials.guard_code("acc").unwrap();
    assert_eq!((code.code.as_str(), code.valid_until), ("2F9J5", 1_616_374_860_000_000));
    assert!(!format!("{code:?}").contains("2F9J5"));
    assert_eq!(credentials.steam("acc").unwrap().last_used, Some(1_616_371_200_000_000));
    let rows = world.rows().len();
    for _ in 0..3 {
        credentials.guard_code("acc").unwrap();
    }
    assert_eq!(world.rows().len(), rows, "one row a day");
    for _ in 0..70 {
        world.advance(24 * 3600 * 1_000_000);
        credentials.guard_code("acc").unwrap();
    }
    assert!(world.rows().len() < rows + 40);
    assert_eq!(
        credentials.steam("acc").unwrap().last_used,
        Some(1_616_371_200_000_000 + 70 * 86_400_000_000)
    );
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

#[test]
fn what_is_no_credential_is_refused() {
    let (_world, vault) = World::new();
    let ann = person(&vault, "ann");
    agree(&ann);
    let set = |account: &str, pairs: &[(&str, &str)]| {
        ann.credentials().set_steam(account, fields(pairs)).unwrap_err()
    };
    assert!(matches!(set("", &[("password", "x")]), VaultError::Invalid { field: "account", .. }));
    assert!(matches!(
        set("acc", &[("shared_secret", "?")]),
        VaultError::Invalid { field: "shared_secret", .. }
    ));
    assert!(matches!(set("acc", &[("pass", "x")]), VaultError::Invalid { field: "fields", .. }));
    assert!(ann.credentials().list_steam().unwrap().is_empty());
    assert!(matches!(ann.consents().give("", &ConsentGiven::default()), Err(VaultError::Invalid { .. })));
}

#[test]
fn a_persons_facts_are_replaced_and_usage_is_counted() {
    let (world, vault) = World::new();
    let facts = |region: Option<&str>| oubliette_store::SubjectFacts {
        region: region.map(str::to_owned),
        ..oubliette_store::SubjectFacts::default()
    };
    let (info, created) = vault.put_subject("ann", &facts(Some("eu")), false).unwrap();
    assert!(created && info.region.as_deref() == Some("eu") && info.state == "active" && info.user == "ann");
    let (info, created) = vault.put_subject("ann", &facts(None), false).unwrap();
    assert!(!created && info.region.as_deref() == Some("eu"));
    vault.put_subject("ann", &facts(Some("us")), false).unwrap();
    let ann = vault.subject("ann").unwrap();
    crate::world::put(&ann, "one", &crate::world::noise(10_000, 1));
    let info = ann.info().unwrap();
    assert_eq!(info.region.as_deref(), Some("us"));
    assert_eq!(
        info.usage.iter().map(|u| (u.class, u.items)).collect::<Vec<_>>(),
        [("saves", 1), ("profile", 1)]
    );
    assert!(info.usage[0].bytes > 10_000);
    assert!(matches!(
        vault.put_subject("ann", &facts(Some("")), false),
        Err(VaultError::Invalid { field: "region", .. })
    ));
    assert_eq!(world.rows().len(), 3);
}
