//! What people ask for under their rights, and by when it is due.

use oubliette_store::{Page, RequestKind, RequestOutcome, Vault, VaultError};

use crate::world::{World, person};

const DAY: u64 = 24 * 3600 * 1_000_000;

/// Everybody's open requests, over all pages: user, id and due time.
fn open(vault: &Vault) -> Vec<(String, u64, u64)> {
    let (mut all, mut page) = (Vec::new(), Page::default());
    loop {
        let listed = vault.open_requests(&page).unwrap();
        all.extend(listed.items.into_iter().map(|open| (open.user.0, open.request.id, open.request.due)));
        page.cursor = listed.next_cursor;
        if page.cursor.is_none() {
            all.sort();
            return all;
        }
    }
}

#[test]
fn a_request_is_due_after_15_days_and_open_until_it_is_answered() {
    let (world, vault) = World::new();
    let (ann, ben) = (person(&vault, "ann"), person(&vault, "ben"));
    crate::world::put(&person(&vault, "carl"), "one", b"nothing to do with it");
    assert!(open(&vault).is_empty());
    let now = 1_700_000_000_000_000;
    let first = ann.requests().add(RequestKind::Access, None, Some("all of it".into())).unwrap();
    assert_eq!((first.id, first.received, first.due), (1, now, now + 15 * DAY));
    world.advance(DAY);
    let second = ann.requests().add(RequestKind::Correction, Some(now - DAY), None).unwrap();
    assert_eq!(second.due, now + 14 * DAY);
    let theirs = ben.requests().add(RequestKind::Portability, None, None).unwrap();
    let all =
        [("ann".into(), 1, first.due), ("ann".into(), second.id, second.due), ("ben".into(), 1, theirs.due)];
    assert_eq!(open(&vault), all);

    let answered = ann.requests().answer(1, RequestOutcome::Granted, Some("sent".into())).unwrap();
    assert_eq!(answered.answer.as_ref().unwrap().time, now + DAY);
    assert!(!format!("{answered:?} {:?}", answered.answer).contains("sent"));
    assert!(matches!(
        ann.requests().answer(1, RequestOutcome::Refused, None),
        Err(VaultError::Invalid { field: "id", .. })
    ));
    for nothing in [0, 2 + second.id, 99] {
        assert!(matches!(
            ann.requests().answer(nothing, RequestOutcome::Granted, None),
            Err(VaultError::NotFound { what: "request" })
        ));
    }
    assert!(matches!(
        ann.requests().add(RequestKind::Access, Some(now + 2 * DAY), None),
        Err(VaultError::Invalid { field: "received", .. })
    ));
    assert!(ann.requests().add(RequestKind::Access, None, Some("x".repeat(4097))).is_err());
    assert_eq!(open(&vault), all[1..]);
    drop((ann, ben, vault));

    let vault = world.open();
    let listed = vault.subject("ann").unwrap().requests().list().unwrap();
    assert_eq!(listed.iter().map(|request| request.id).collect::<Vec<_>>(), [second.id, 1]);
    assert!(listed[1] == answered);
    // They go with the person, and nothing of them is left beside.
    vault.erase(&["ann"]).unwrap();
    assert_eq!(open(&vault), all[2..]);
    assert!(matches!(
        vault.open_requests(&Page { cursor: Some("x".into()), ..Page::default() }),
        Err(VaultError::Invalid { .. })
    ));
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}
