//! Follow play: who may read what, and how it ends.

use oubliette_store::{Audience, Deletion, NewHold, Page, PutOptions, Share, Subject, Vault, VaultError};

use crate::world::{World, noise, person, put, read};

const DAY: u64 = 24 * 3600 * 1_000_000;

fn share(owner: &Subject, audience: Audience, expires: Option<u64>) -> bool {
    owner.saves().share("doom", "one", &Share { audience, expires }).unwrap().1
}

fn to(users: &[&str]) -> Audience {
    Audience::Users(users.iter().map(|user| (*user).to_owned()).collect())
}

fn follow(follower: &Subject, owner: &str) -> Result<Vec<u8>, VaultError> {
    read(follower.saves().follow(owner, "doom", "one")?)
}

/// Refused as everything is that is not shared, to the letter.
#[track_caller]
fn nothing(result: Result<Vec<u8>, VaultError>) {
    let error = result.unwrap_err();
    assert!(matches!(error, VaultError::NotFound { what: "shared save" }), "{error:?}");
}

fn three(vault: &Vault) -> [Subject; 3] {
    ["ann", "bob", "cid"].map(|user| person(vault, user))
}

#[test]
fn a_follower_reads_the_newest_and_continues_in_a_slot_of_their_own() {
    let (world, vault) = World::new();
    let [ann, bob, cid] = three(&vault);
    let options = PutOptions {
        meta: Some(r#"{"device":"ann's desk"}"#.into()),
        content_type: Some("x/y".into()),
        ..PutOptions::default()
    };
    ann.saves().put("doom", "one", &options, &mut b"first".as_slice()).unwrap();
    nothing(follow(&bob, "ann"));
    assert!(share(&ann, to(&["bob"]), None));
    assert_eq!(follow(&bob, "ann").unwrap(), b"first");
    nothing(follow(&cid, "ann"));
    ann.saves().put("doom", "one", &options, &mut noise(300_000, 1).as_slice()).unwrap();
    let reader = bob.saves().follow("ann", "doom", "one").unwrap();
    assert_eq!((reader.info().version, reader.info().content_type.as_deref()), (2, Some("x/y")));
    assert_eq!(reader.info().meta, None, "it may name the owner's devices");
    let begun = read(reader).unwrap();
    assert_eq!(begun, noise(300_000, 1));

    // Whatever the follower does, the owner's slot is as it was.
    let before = world.rows();
    assert!(put(&bob, "one", &begun).new_slot);
    put(&bob, "one", b"my own way");
    bob.saves().forget_slot("doom", "one").unwrap();
    assert_eq!(world.rows(), before);

    // Everybody, in place of somebody. The answer shows it, and a restart keeps it.
    assert!(!share(&ann, Audience::Everyone, None));
    drop((ann, bob, cid, vault));
    let vault = world.open();
    let [ann, bob, cid] = three(&vault);
    assert_eq!(ann.saves().shared("doom", "one").unwrap().share.audience, Audience::Everyone);
    assert_eq!(follow(&bob, "ann").unwrap(), follow(&cid, "ann").unwrap());
    ann.saves().unshare("doom", "one").unwrap();
    nothing(follow(&bob, "ann"));
    assert!(matches!(ann.saves().unshare("doom", "one"), Err(VaultError::NotFound { what: "share" })));
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

#[test]
fn whoever_asks_in_vain_is_answered_alike() {
    let (_world, vault) = World::new();
    let [ann, bob, cid] = three(&vault);
    person(&vault, "dan");
    put(&ann, "one", b"x");
    put(&cid, "one", b"y");
    share(&cid, Audience::Everyone, None);
    assert_eq!(follow(&bob, "cid").unwrap(), b"y");
    let asks = |owner: &str| nothing(follow(&bob, owner));
    asks("nobody");
    asks("dan"); // has nothing
    asks("ann"); // does not share
    asks("bob"); // is the asker, and shares nothing
    share(&ann, to(&["cid"]), None);
    asks("ann"); // shares with others
    cid.set_follow_play(false).unwrap();
    asks("cid");
    assert!(!cid.saves().shared("doom", "one").unwrap().open && !cid.follow_play().unwrap());
    cid.set_follow_play(true).unwrap();
    assert_eq!(follow(&bob, "cid").unwrap(), b"y");
    cid.chats().block("bob").unwrap();
    asks("cid");
    cid.chats().unblock("bob").unwrap();
    // A slot without a version, and one that is gone.
    cid.saves().forget_version("doom", "one", 1).unwrap();
    asks("cid");
    put(&cid, "one", b"z");
    assert_eq!(follow(&bob, "cid").unwrap(), b"z");
    cid.saves().forget_slot("doom", "one").unwrap();
    asks("cid");
    put(&cid, "one", b"new");
    asks("cid"); // the new slot of that name is not shared
    share(&cid, Audience::Everyone, None);
    vault.erase(&["cid"]).unwrap();
    asks("cid");
}

#[test]
fn a_share_names_people_who_are_there() {
    let (world, vault) = World::new();
    let [ann, ..] = three(&vault);
    put(&ann, "one", b"x");
    let give = |audience, expires| ann.saves().share("doom", "one", &Share { audience, expires });
    assert!(matches!(give(to(&["nobody"]), None), Err(VaultError::PeerUnknown)));
    assert!(matches!(give(to(&[]), None), Err(VaultError::Invalid { field: "users", .. })));
    assert!(matches!(give(to(&["ann"]), None), Err(VaultError::Invalid { field: "users", .. })));
    assert!(matches!(give(to(&["bob"; 257]), None), Err(VaultError::Invalid { field: "users", .. })));
    assert!(matches!(give(Audience::Everyone, Some(5)), Err(VaultError::Invalid { field: "expires", .. })));
    let elsewhere = Share { audience: Audience::Everyone, expires: None };
    assert!(matches!(ann.saves().share("doom", "two", &elsewhere), Err(VaultError::NotFound { .. })));
    assert!(matches!(ann.saves().shared("doom", "one"), Err(VaultError::NotFound { .. })));

    give(to(&["cid", "bob", "bob"]), None).unwrap();
    let users = || ann.saves().shared("doom", "one").unwrap().share.audience;
    assert_eq!(users(), to(&["bob", "cid"]));
    // Who comes back after an erasure is somebody else.
    vault.erase(&["bob"]).unwrap();
    assert!(matches!(give(to(&["bob"]), None), Err(VaultError::PeerGone)));
    vault.put_subject("bob", &Default::default(), true).unwrap();
    assert_eq!(users(), to(&["cid"]));
    nothing(follow(&vault.subject("bob").unwrap(), "ann"));
    assert_eq!(follow(&vault.subject("cid").unwrap(), "ann").unwrap(), b"x");
    drop(world);
}

#[test]
fn a_share_ends_in_time() {
    let (world, vault) = World::new();
    let [ann, bob, _] = three(&vault);
    put(&ann, "one", &noise(300_000, 1));
    let now = || world.clock.0.load(std::sync::atomic::Ordering::SeqCst);
    share(&ann, Audience::Everyone, Some(now() + 30 * DAY));
    vault.sweep(100).unwrap();
    world.advance(2 * DAY);
    vault.sweep(100).unwrap();
    let mut reader = bob.saves().follow("ann", "doom", "one").unwrap();
    reader.next_chunk().unwrap();
    world.advance(28 * DAY);
    assert!(reader.cancelled() && matches!(reader.next_chunk(), Err(VaultError::Forgotten)));
    drop(reader);
    nothing(follow(&bob, "ann"));
    assert!(!ann.saves().shared("doom", "one").unwrap().open);
    // A clock set back does not open it again, once that time was believed; and the pass has it cut for good.
    vault.sweep(1000).unwrap();
    assert!(matches!(ann.saves().shared("doom", "one"), Err(VaultError::NotFound { what: "share" })));
    world.step(-60 * DAY as i64);
    nothing(follow(&bob, "ann"));
}

/// Each of these ends a download that is under way, before it is acknowledged or with the next piece.
#[test]
fn whatever_ends_a_share_ends_a_reader() {
    type End = fn(&Vault, &Subject);
    let ends: [(&str, End, bool); 6] = [
        (
            "revocation",
            |_, ann| assert_eq!(ann.saves().unshare("doom", "one").unwrap(), Deletion::Erased),
            true,
        ),
        ("another share", |_, ann| assert!(!share(ann, to(&["cid"]), None)), true),
        ("the slot", |_, ann| drop(ann.saves().forget_slot("doom", "one")), true),
        ("erasure", |vault, _| drop(vault.erase(&["ann"]).unwrap()), true),
        ("the switch", |_, ann| ann.set_follow_play(false).unwrap(), false),
        ("a block", |_, ann| ann.chats().block("bob").unwrap(), false),
    ];
    for (what, end, waits) in ends {
        let (_world, vault) = World::new();
        let [ann, bob, _] = three(&vault);
        put(&ann, "one", &noise(500_000, 1));
        share(&ann, to(&["bob", "cid"]), None);
        let mut reader = bob.saves().follow("ann", "doom", "one").unwrap();
        assert!(reader.next_chunk().unwrap().is_some());
        std::thread::scope(|scope| {
            let ending = scope.spawn(|| end(&vault, &ann));
            while !reader.cancelled() {
                assert!(
                    !ending.is_finished() || reader.cancelled(),
                    "{what}: acknowledged, and the reader goes on"
                );
                std::thread::yield_now();
            }
            assert!(!waits || !ending.is_finished(), "{what}: acknowledged while somebody reads");
            assert!(matches!(reader.next_chunk(), Err(VaultError::Forgotten)), "{what}");
            drop(reader);
            ending.join().unwrap();
        });
        nothing(follow(&bob, "ann"));
    }
    // The follower's own erasure.
    let (_world, vault) = World::new();
    let [ann, bob, _] = three(&vault);
    put(&ann, "one", &noise(500_000, 1));
    share(&ann, Audience::Everyone, None);
    let mut reader = bob.saves().follow("ann", "doom", "one").unwrap();
    vault.erase(&["bob"]).unwrap();
    assert!(matches!(reader.next_chunk(), Err(VaultError::Forgotten)));
    assert!(matches!(follow(&bob, "ann"), Err(VaultError::SubjectErased { .. })));
    drop(reader);
    assert_eq!(ann.saves().list(None, &Page::default()).unwrap().items.len(), 1);
}

/// What permits is cut: a backup from before the revocation brings the row back, and nothing opens it. What restricts is no row at all.
#[test]
fn a_restored_backup_shares_nothing_again() {
    let (world, vault) = World::new();
    let [ann, bob, _] = three(&vault);
    put(&ann, "one", b"x");
    share(&ann, to(&["bob"]), None);
    let backup = world.rows();
    share(&ann, Audience::Everyone, None);
    ann.saves().unshare("doom", "one").unwrap();
    ann.set_follow_play(false).unwrap();
    drop((ann, bob, vault));
    world.restore(&backup);
    let vault = world.open();
    let [ann, bob, _] = three(&vault);
    assert!(!ann.follow_play().unwrap());
    ann.set_follow_play(true).unwrap();
    nothing(follow(&bob, "ann"));
    assert!(matches!(ann.saves().shared("doom", "one"), Err(VaultError::NotFound { .. })));
    let report = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty() && report.orphans == 1, "{report:?}");
    // The share that the backup did not know was cut as well, and a new one is as good as any.
    assert!(share(&ann, to(&["bob"]), None));
    assert_eq!(follow(&bob, "ann").unwrap(), b"x");
}

/// Under a legal hold a share ends as ever; what it says is cut when the hold has ended.
#[test]
fn a_hold_keeps_a_share_and_lets_nobody_in() {
    let (world, vault) = World::new();
    let [ann, bob, cid] = three(&vault);
    put(&ann, "one", &noise(300_000, 1));
    share(&ann, to(&["bob"]), None);
    ann.holds().place("case", &NewHold::default()).unwrap();
    assert_eq!(ann.saves().unshare("doom", "one").unwrap(), Deletion::Blocked);
    nothing(follow(&bob, "ann"));
    assert!(matches!(ann.saves().shared("doom", "one"), Err(VaultError::NotFound { .. })));
    share(&ann, to(&["cid"]), None);
    nothing(follow(&bob, "ann"));
    assert_eq!(follow(&cid, "ann").unwrap().len(), 300_000);
    share(&ann, Audience::Everyone, None);
    ann.saves().unshare("doom", "one").unwrap();
    nothing(follow(&cid, "ann"));
    ann.holds().lift("case").unwrap();
    vault.sweep(1000).unwrap();
    nothing(follow(&bob, "ann"));
    assert!(share(&ann, to(&["bob"]), None));
    assert_eq!(follow(&bob, "ann").unwrap().len(), 300_000);
    let report = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty(), "{report:?}");
    drop(world);
}
