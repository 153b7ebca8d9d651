//! What a backup holds and what it moves.

use oubliette_store::{ChatPolicy, KeepBackups, NewBackup, VaultError};

use super::place::{Place, back_up, bring_back};
use crate::world::{World, get, noise, person, put, text, texts, under};

fn no_faults(vault: &oubliette_store::Vault) {
    let report = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty(), "{report:?}");
}

#[test]
fn what_was_there_comes_back_and_who_was_erased_does_not() {
    let (mut world, vault) = World::new();
    let place = Place::default();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    put(&ann, "small", b"E1M1");
    put(&ann, "large", &noise(300_000, 1));
    // Longer than a segment: in parts.
    put(&ann, "huge", &noise(19 << 20, 2));
    put(&bob, "his", &noise(50_000, 3));
    ann.chats().append("bob", &[text("hello")]).unwrap();
    bob.chats().append("ann", &[under(ChatPolicy::Survivor, "both have it")]).unwrap();
    let made = back_up(&vault, &place).unwrap();
    assert_eq!((made.number, made.people), (1, 2));
    let before = place.objects().clone();

    vault.erase(&["bob"]).unwrap();
    put(&ann, "later", b"lost");
    assert!(place.objects().clone() == before, "an erasure changes no byte of a backup");
    drop((ann, bob, vault));
    let (filled, vault) = bring_back(&mut world, &place, None, false).unwrap();
    assert_eq!(filled.bodies, 2);
    assert!(filled.left_out.len() == 1 && filled.left_out[0].1 > 0);
    let ann = vault.subject("ann").unwrap();
    assert_eq!(get(&ann, "small", None).unwrap(), b"E1M1");
    assert!(get(&ann, "large", None).unwrap() == noise(300_000, 1));
    assert!(get(&ann, "huge", None).unwrap() == noise(19 << 20, 2));
    assert!(matches!(get(&ann, "later", None), Err(VaultError::NotFound { .. })));
    assert_eq!(texts(&ann, "bob"), ["both have it", "hello"]);
    assert!(matches!(vault.subject("bob"), Err(VaultError::SubjectErased { .. })));
    no_faults(&vault);

    // With his rows in place it is the same: they are noise.
    drop((ann, vault));
    let (filled, vault) = bring_back(&mut world, &place, None, true).unwrap();
    assert_eq!((filled.bodies, filled.left_out.len()), (3, 0));
    assert!(matches!(vault.subject("bob"), Err(VaultError::SubjectErased { .. })));
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().orphans > 0);
    no_faults(&vault);

    let (listed, unreadable) = vault.backups().list(&place).unwrap();
    assert!(unreadable.is_empty() && listed.len() == 1 && listed[0].genuine && listed[0].complete);
    let readable = listed[0].readable.unwrap();
    assert_eq!((readable.living, readable.erased), (1, 1));
    assert!(listed[0].says().contains("unreadable now for 1 person"), "{}", listed[0].says());
}

/// After a restore a number is given out again: the next backup must not take the new value for the old one.
#[test]
fn a_number_that_comes_again_is_a_new_row() {
    let (mut world, vault) = World::new();
    let place = Place::default();
    let ann = person(&vault, "ann");
    put(&ann, "a", b"first");
    let old = back_up(&vault, &place).unwrap();
    put(&ann, "a", b"lost");
    put(&ann, "b", &noise(9_000, 1));
    back_up(&vault, &place).unwrap();
    drop((ann, vault));
    let (_, vault) = bring_back(&mut world, &place, Some(&old.id), false).unwrap();
    let ann = vault.subject("ann").unwrap();
    put(&ann, "a", b"second");
    put(&ann, "b", &noise(9_000, 2));
    back_up(&vault, &place).unwrap();
    drop((ann, vault));
    let (_, vault) = bring_back(&mut world, &place, None, false).unwrap();
    let ann = vault.subject("ann").unwrap();
    assert_eq!(get(&ann, "a", None).unwrap(), b"second");
    assert!(get(&ann, "b", None).unwrap() == noise(9_000, 2));
    no_faults(&vault);
}

#[test]
fn nothing_of_the_key_plane_leaves() {
    let (world, vault) = World::new();
    let place = Place::default();
    let ann = person(&vault, "ann with a name");
    put(&ann, "slot with a name", &noise(20_000, 1));
    vault.erase(&["ann with a name"]).unwrap();
    put(&person(&vault, "bob"), "a", &noise(20_000, 1));
    back_up(&vault, &place).unwrap();
    let mut secrets: Vec<Vec<u8>> = Vec::new();
    let mut add =
        |bytes: &[u8]| secrets.extend(bytes.chunks(24).filter(|part| part.len() == 24).map(<[u8]>::to_vec));
    let mut ids = Vec::new();
    world.pages.for_each_id(&mut |id| ids.push(id)).unwrap();
    for id in ids {
        add(&world.pages.read(&id).unwrap().unwrap()[32..]);
    }
    let (_, keyring) = world.open_with_keyring();
    add(keyring.anchor_key().unwrap().expose());
    secrets.extend([b"ann with a name".to_vec(), b"slot with a name".to_vec()]);
    assert!(secrets.len() > 100);
    for (name, bytes) in place.objects().iter() {
        for secret in &secrets {
            assert!(!bytes.windows(secret.len()).any(|window| window == secret), "{name}");
        }
    }
}

#[test]
fn what_is_kept_is_whole_and_what_nobody_needs_goes() {
    let (mut world, vault) = World::new();
    let place = Place::default();
    let ann = person(&vault, "ann");
    let mut made = Vec::new();
    for n in 0..6_u64 {
        put(&ann, &format!("slot {n}"), &noise(5_000, n));
        made.push(back_up(&vault, &place).unwrap());
        world.advance(24 * 3600 * 1_000_000);
    }
    let backups = vault.backups();
    let kept = |keep| backups.prune(&place, keep).unwrap().kept;
    assert!(matches!(backups.prune(&place, KeepBackups::default()), Err(VaultError::Invalid { .. })));
    let ids =
        |range: std::ops::Range<usize>| -> Vec<String> { made[range].iter().map(|b| b.id.clone()).collect() };
    assert_eq!(kept(KeepBackups { last: None, days: Some(3) }), ids(3..6));
    assert_eq!(kept(KeepBackups { last: Some(2), days: None }), ids(4..6));
    assert_eq!(kept(KeepBackups { last: Some(0), days: Some(0) }), ids(5..6), "the newest stays");
    assert!(backups.verify(&place, None, &mut |_| ()).unwrap().faults.is_empty());

    // A whole one makes the chain before it superfluous.
    let full =
        backups.create(&place, &NewBackup { full: true, ..NewBackup::default() }, &mut |_| ()).unwrap();
    let pruned = backups.prune(&place, KeepBackups { last: Some(1), days: None }).unwrap();
    assert_eq!(pruned.kept, std::slice::from_ref(&full.id));
    assert!(pruned.segments >= 6 && place.names("segment-").len() == 1, "{pruned:?}");
    drop((ann, backups, vault));
    let (_, vault) = bring_back(&mut world, &place, None, false).unwrap();
    for n in 0..6 {
        assert!(get(&vault.subject("ann").unwrap(), &format!("slot {n}"), None).unwrap() == noise(5_000, n));
    }
}

#[test]
fn a_chain_does_not_grow_for_ever() {
    let (mut world, vault) = World::new();
    let place = Place::default();
    let ann = person(&vault, "ann");
    let mut added = Vec::new();
    put(&ann, "all along", &noise(30_000, 7));
    for n in 0..70_u64 {
        put(&ann, "slot", &n.to_be_bytes());
        added.push(back_up(&vault, &place).unwrap().added);
    }
    let whole = added.iter().filter(|added| **added > 30_000).count();
    assert_eq!(whole, 2, "one at first and one when the chain was long: {added:?}");
    drop((ann, vault));
    let (_, vault) = bring_back(&mut world, &place, None, false).unwrap();
    assert_eq!(get(&vault.subject("ann").unwrap(), "slot", None).unwrap(), 69_u64.to_be_bytes());
}

#[test]
fn another_region_and_another_vault_are_refused() {
    let (_world, vault) = World::of(oubliette_store::Policy::default(), Some("cn-east"));
    let place = Place::default();
    let to = |region: &str| NewBackup { region: Some(region.to_owned()), ..NewBackup::default() };
    let made = |region| vault.backups().create(&place, &to(region), &mut |_| ());
    assert!(matches!(made("eu"), Err(VaultError::RegionMismatch)));
    assert!(place.objects().is_empty());
    assert_eq!(made("cn-east").unwrap().region.as_deref(), Some("cn-east"));
    let (_other_world, other) = World::new();
    let refused = back_up(&other, &place).unwrap_err();
    assert!(
        matches!(&refused, VaultError::Invalid { field: "to", reason } if reason.contains("place of its own")),
        "{refused}"
    );
    assert!(matches!(other.backups().list(&place), Err(VaultError::Invalid { .. })));
}

/// The corpora were written by a script that shares no code with this: what is stored is what docs/formats.md says, and stays so.
#[test]
fn the_formats_are_frozen() {
    let corpora = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/corpus");
    let mut compared = 0;
    for (name, _, seeds) in oubliette_store::fuzzing::TARGETS {
        if !name.starts_with("backup_") {
            continue;
        }
        for (number, seed) in seeds().into_iter().enumerate() {
            let path = corpora.join(name).join(format!("seed-{number:02}"));
            assert!(std::fs::read(&path).unwrap() == seed, "{}", path.display());
            compared += 1;
        }
    }
    assert_eq!(compared, 8);
}
