//! Records: whatever else is kept, each purpose with its own consent, limits and cut.

use oubliette_engine::Batch;
use oubliette_store::{
    ConsentGiven, ConsentRule, Page, Policy, RecordOptions, RecordRule, Subject, VaultError,
};

use crate::world::{World, noise, person};

fn policy() -> Policy {
    let rule = |consent: &str| RecordRule { consent: Some(consent.to_owned()), ..RecordRule::default() };
    let pictures = RecordRule {
        max_size: Some(300_000),
        content_types: vec!["image/png".to_owned(), "application/json".to_owned()],
        ..RecordRule::default()
    };
    let records = [
        ("orders", rule("shop")),
        ("addresses", rule("shop")),
        ("posts", rule("posts")),
        ("feedback", pictures),
    ];
    let renewed = ConsentRule { version: Some("2".to_owned()), renew: true };
    Policy {
        records: records.into_iter().map(|(purpose, rule)| (purpose.to_owned(), rule)).collect(),
        consents: [("posts".to_owned(), renewed)].into(),
        ..Policy::default()
    }
}

fn typed(content_type: &str) -> RecordOptions {
    RecordOptions { content_type: Some(content_type.to_owned()), expected_len: None }
}

fn store(subject: &Subject, purpose: &str, id: &str, content: &[u8]) -> Result<bool, VaultError> {
    let stored = subject.records().put(purpose, id, &RecordOptions::default(), &mut &*content)?;
    assert_eq!((stored.size, stored.purpose.as_str()), (content.len() as u64, purpose));
    Ok(stored.new)
}

fn read(subject: &Subject, purpose: &str, id: &str) -> Result<Vec<u8>, VaultError> {
    let mut reader = subject.records().get(purpose, id)?;
    let mut all = Vec::new();
    while let Some(piece) = reader.next_chunk()? {
        all.extend(piece);
    }
    Ok(all)
}

fn agree(subject: &Subject, purpose: &str, version: &str) {
    let given = ConsentGiven { policy_version: Some(version.to_owned()), ..ConsentGiven::default() };
    subject.consents().give(purpose, &given).unwrap();
}

fn ids(subject: &Subject, purpose: Option<&str>) -> Vec<String> {
    let mut page = Page { limit: Some(2), cursor: None };
    let mut ids = Vec::new();
    loop {
        let listed = subject.records().list(purpose, &page).unwrap();
        ids.extend(listed.items.into_iter().map(|record| format!("{}/{}", record.purpose, record.id)));
        page.cursor = listed.next_cursor;
        if page.cursor.is_none() {
            return ids;
        }
    }
}

#[test]
fn records_are_stored_replaced_listed_and_forgotten() {
    let (world, vault) = World::of(policy(), None);
    let ann = person(&vault, "ann");
    agree(&ann, "shop", "1");
    assert!(store(&ann, "orders", "1", b"shoes").unwrap());
    assert!(store(&ann, "orders", "2", &noise(700_000, 1)).unwrap());
    assert!(store(&ann, "addresses", "1", b"").unwrap());
    assert!(!store(&ann, "orders", "1", b"boots").unwrap());
    assert_eq!(read(&ann, "orders", "1").unwrap(), b"boots");
    assert_eq!(read(&ann, "orders", "2").unwrap(), noise(700_000, 1));
    assert_eq!(read(&ann, "addresses", "1").unwrap(), b"");
    assert_eq!(ids(&ann, Some("orders")), ["orders/1", "orders/2"]);
    assert_eq!(ids(&ann, None), ["orders/1", "orders/2", "addresses/1"]);
    assert_eq!(world.rows().len(), 3 + 2 + 1, "records, names of purposes, a consent");
    for n in 3..8 {
        store(&ann, "orders", &n.to_string(), &[n]).unwrap();
    }
    assert_eq!(ids(&ann, Some("orders")).len(), 7);
    drop((ann, vault));

    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    assert_eq!(read(&ann, "orders", "2").unwrap(), noise(700_000, 1));
    ann.records().forget("orders", "2").unwrap();
    for purpose in ["orders", "addresses"] {
        assert!(matches!(read(&ann, purpose, "2"), Err(VaultError::NotFound { what: "record" })));
        assert!(matches!(ann.records().forget(purpose, "2"), Err(VaultError::NotFound { what: "record" })));
    }
    assert!(store(&ann, "orders", "2", b"again").unwrap());
    assert_eq!(vault.status().unwrap().blob_disk, 0);
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

#[test]
fn a_purpose_that_no_setting_names_a_type_or_a_size_is_refused() {
    let (_world, vault) = World::of(policy(), None);
    let ann = person(&vault, "ann");
    let put = |options: &RecordOptions, content: &[u8]| {
        ann.records().put("feedback", "1", options, &mut &*content).map(|stored| stored.size)
    };
    assert!(matches!(store(&ann, "hats", "1", b"x"), Err(VaultError::NotFound { .. })));
    assert!(matches!(ann.records().list(Some("hats"), &Page::default()), Err(VaultError::NotFound { .. })));
    for id in ["", &"x".repeat(257)] {
        assert!(matches!(store(&ann, "feedback", id, b"x"), Err(VaultError::Invalid { field: "id", .. })));
    }
    assert!(matches!(
        put(&RecordOptions::default(), b"x"),
        Err(VaultError::Invalid { field: "content_type", .. })
    ));
    assert!(matches!(put(&typed("image/gif"), b"x"), Err(VaultError::Invalid { .. })));
    assert_eq!(put(&typed("Application/JSON; charset=utf-8"), b"{}").unwrap(), 2);
    assert_eq!(put(&typed("image/png"), &noise(300_000, 1)).unwrap(), 300_000);
    assert!(matches!(
        put(&typed("image/png"), &noise(300_001, 1)),
        Err(VaultError::TooLarge { limit: 300_000, .. })
    ));
    let announced = RecordOptions { expected_len: Some(300_001), ..typed("image/png") };
    assert!(matches!(ann.records().may_put("feedback", &announced), Err(VaultError::TooLarge { .. })));
    let cut_off = RecordOptions { expected_len: Some(9), ..typed("image/png") };
    assert!(matches!(put(&cut_off, b"x"), Err(VaultError::Upload(_))));
    assert_eq!(read(&ann, "feedback", "1").unwrap(), noise(300_000, 1), "what stood there still does");
}

/// One consent covers two purposes, another one a third: each takes its own along and nothing else, in every copy.
#[test]
fn promise_a_withdrawn_consent_forgets_what_depended_on_it_and_nothing_else() {
    let (world, vault) = World::of(policy(), None);
    let ann = person(&vault, "ann");
    assert!(
        matches!(store(&ann, "orders", "1", b"x"), Err(VaultError::ConsentRequired { purpose }) if purpose == "shop")
    );
    agree(&ann, "shop", "1");
    agree(&ann, "posts", "2");
    for n in 0..5_u8 {
        store(&ann, "orders", &n.to_string(), &noise(5_000, n.into())).unwrap();
        store(&ann, "addresses", &n.to_string(), &[n]).unwrap();
        store(&ann, "posts", &n.to_string(), &[n]).unwrap();
    }
    let backup = world.rows();
    ann.consents().withdraw("shop").unwrap();
    let refused = |ann: &Subject| {
        for purpose in ["orders", "addresses"] {
            assert!(matches!(read(ann, purpose, "1"), Err(VaultError::ConsentRequired { .. })));
            assert!(matches!(store(ann, purpose, "9", b"x"), Err(VaultError::ConsentRequired { .. })));
        }
        assert_eq!(ids(ann, None).len(), 5);
        assert_eq!(read(ann, "posts", "3").unwrap(), [3]);
    };
    refused(&ann);
    assert_eq!(world.rows().iter().filter(|(key, _)| key[16] == 4).count(), 6, "posts and their name");
    drop((ann, vault));
    world.overwrite_all(&backup);
    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    refused(&ann);
    agree(&ann, "shop", "1");
    assert!(ids(&ann, Some("orders")).is_empty(), "given again it brings nothing back");
    assert!(store(&ann, "orders", "1", b"new").unwrap());
    assert_eq!((read(&ann, "orders", "1").unwrap(), ids(&ann, None).len()), (b"new".to_vec(), 6));
}

#[test]
fn promise_a_new_version_of_the_policy_asks_again() {
    let (mut world, vault) = World::of(policy(), None);
    let ann = person(&vault, "ann");
    agree(&ann, "posts", "1");
    assert!(matches!(store(&ann, "posts", "1", b"x"), Err(VaultError::ConsentRequired { .. })));
    agree(&ann, "posts", "2");
    store(&ann, "posts", "1", b"x").unwrap();
    drop((ann, vault));
    let rule = world.policy.consents.get_mut("posts").unwrap();
    rule.version = Some("3".to_owned());
    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    assert!(matches!(read(&ann, "posts", "1"), Err(VaultError::ConsentRequired { .. })));
    agree(&ann, "posts", "3");
    assert_eq!(read(&ann, "posts", "1").unwrap(), b"x", "not asked again is not forgotten");
    // Versions of a policy that does not ask again do not matter.
    agree(&ann, "shop", "1");
    store(&ann, "orders", "1", b"x").unwrap();
}

/// A withdrawal that gave up waiting for a reader was answered `erased` when it was asked again, while he still read.
#[test]
fn a_withdrawal_that_is_asked_again_waits_again() {
    let (world, vault) = World::of(policy(), None);
    drop(vault);
    let vault = world.impatient();
    let ann = person(&vault, "ann");
    agree(&ann, "shop", "1");
    store(&ann, "orders", "1", &[7; 300_000]).unwrap();
    let reader = ann.records().get("orders", "1").unwrap();
    for _ in 0..3 {
        assert!(matches!(ann.consents().withdraw("shop"), Err(VaultError::Busy)));
    }
    drop(reader);
    assert_eq!(ann.consents().withdraw("shop").unwrap(), oubliette_store::Deletion::Erased);
}

/// The old value's row is there again, as a crash between the new row and the cut would leave it, but for its leaf.
#[test]
fn of_two_values_of_an_id_the_newer_counts() {
    let (world, vault) = World::of(policy(), None);
    let ann = person(&vault, "ann");
    agree(&ann, "shop", "1");
    store(&ann, "orders", "1", b"old").unwrap();
    let old = world.rows();
    // The cut fails for want of a free writer: an open reader of the old value.
    let reader = ann.records().get("orders", "1").unwrap();
    assert!(matches!(store(&ann, "orders", "1", b"new"), Err(VaultError::Busy)));
    drop(reader);
    assert_eq!(read(&ann, "orders", "1").unwrap(), b"new");
    assert_eq!(ids(&ann, None), ["orders/1"]);
    while vault.sweep(1000).unwrap().left > 0 {}
    assert_eq!(world.rows().len(), old.len(), "the old row is gone");
    let mut batch = Batch::new();
    for (key, row) in &old {
        batch.put(key.clone(), row.clone());
    }
    world.engine.commit(batch).unwrap();
    assert_eq!(read(&ann, "orders", "1").unwrap(), b"new");
}
