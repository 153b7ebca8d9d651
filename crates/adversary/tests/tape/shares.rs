//! Who a share let in: what was given stands in the owner's tree, and what was revoked or replaced is reached by nobody.

use std::collections::BTreeSet;

use oubliette_adversary::{MemoryGround, World, close};
use oubliette_store::{Audience, Share, VaultOptions};

#[test]
fn a_revoked_share_is_reached_by_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let ground = MemoryGround::new(folder.path(), 1).unwrap();
    let mut world = World::create(ground, VaultOptions::default()).unwrap();
    let vault = world.vault().unwrap();
    for user in ["ann", "bob", "cid"] {
        vault.put_subject(user, &Default::default(), false).unwrap();
    }
    let saves = vault.subject("ann").unwrap().saves();
    for slot in ["one", "two"] {
        saves.put("game", slot, &Default::default(), &mut b"x".as_slice()).unwrap();
    }
    let handle = |world: &World, user: &str| {
        let user = oubliette_keyring::UserId::new(user).unwrap();
        world.keyring().unwrap().subject(&user).unwrap().handle().to_string()
    };
    let (bob, cid) = (handle(&world, "bob"), handle(&world, "cid"));
    let share = |world: &World, slot: &str, user: &str| {
        let saves = world.vault().unwrap().subject("ann").unwrap().saves();
        let audience = Audience::Users(vec![user.to_owned()]);
        saves.share("game", slot, &Share { audience, expires: None }).unwrap();
    };
    let named = |world: &World| close(&world.seize().unwrap()).audiences;
    let only = |handle: &String| BTreeSet::from([handle.clone()]);

    share(&world, "one", "bob");
    assert_eq!(named(&world), only(&bob), "the search does not see a share that stands");
    world.back_up().unwrap();
    share(&world, "one", "cid");
    assert_eq!(named(&world), only(&cid), "a share that was replaced is reached");
    share(&world, "two", "bob");
    let saves = world.vault().unwrap().subject("ann").unwrap().saves();
    saves.unshare("game", "one").unwrap();
    assert_eq!(named(&world), only(&bob), "a revoked share is reached");
    saves.forget_slot("game", "two").unwrap();
    assert_eq!(named(&world), BTreeSet::new(), "a forgotten slot's share is reached");
    drop(saves);
    // An old copy of the rows brings none of them back; of the last one the vault does not even know any more.
    world.restore().unwrap();
    assert_eq!(named(&world), BTreeSet::new(), "a restored backup brings a share back");
    share(&world, "one", "cid");
    assert_eq!(named(&world), only(&cid));
    world.vault().unwrap().erase(&["ann"]).unwrap();
    assert_eq!(named(&world), BTreeSet::new(), "an erased person's share is reached");
}
