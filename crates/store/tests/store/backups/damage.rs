//! Backups that break off, are damaged, or were put there by somebody else.

use oubliette_store::{VaultError, verify_backups};

use super::place::{Place, back_up, bring_back};
use crate::world::{World, get, noise, person, put};

/// Three segments and a bit.
fn filled() -> (World, oubliette_store::Vault) {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    for n in 0..9_u64 {
        put(&ann, &format!("slot {n}"), &noise(3 << 20, n));
    }
    (world, vault)
}

fn all_there(vault: &oubliette_store::Vault) {
    let ann = vault.subject("ann").unwrap();
    for n in 0..9 {
        assert!(get(&ann, &format!("slot {n}"), None).unwrap() == noise(3 << 20, n), "slot {n}");
    }
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

#[test]
fn what_a_backup_that_broke_off_has_written_is_used() {
    let (mut world, vault) = filled();
    let place = Place::default();
    place.allow(2);
    let full = back_up(&vault, &place).unwrap_err();
    assert!(matches!(&full, VaultError::BackupTarget { detail } if detail.contains("no space")), "{full}");
    assert_eq!((place.names("segment-").len(), place.names("manifest-").len()), (2, 0));
    let verified = verify_backups(&place, None, &mut |_| ()).unwrap();
    assert!(verified.faults.is_empty() && verified.unneeded == 2 && verified.backups.is_empty());
    // The vault is none the worse for it.
    all_there(&vault);
    place.moved();
    place.allow(0);
    let made = back_up(&vault, &place).unwrap();
    let (put, _) = place.moved();
    // The body that was cut off in the middle is written anew, and what came after it.
    assert!(put < (27 << 20) - (13 << 20), "{put}");
    assert_eq!(made.people, 1);
    drop(vault);
    let (_, vault) = bring_back(&mut world, &place, None, false).unwrap();
    all_there(&vault);
    assert!(vault.backups().verify(&place, None, &mut |_| ()).unwrap().faults.is_empty());
}

/// It broke off, then what it had copied was changed and deleted.
#[test]
fn what_it_has_written_and_is_gone_does_not_come_back() {
    let (mut world, vault) = filled();
    let place = Place::default();
    place.allow(2);
    back_up(&vault, &place).unwrap_err();
    place.allow(0);
    let ann = vault.subject("ann").unwrap();
    ann.saves().forget_slot("doom", "slot 0").unwrap();
    put(&ann, "slot 1", b"changed");
    back_up(&vault, &place).unwrap();
    drop((ann, vault));
    let (_, vault) = bring_back(&mut world, &place, None, false).unwrap();
    let ann = vault.subject("ann").unwrap();
    assert!(matches!(get(&ann, "slot 0", None), Err(VaultError::NotFound { .. })));
    assert_eq!(get(&ann, "slot 1", None).unwrap(), b"changed");
    assert!(get(&ann, "slot 8", None).unwrap() == noise(3 << 20, 8));
    let report = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty() && report.orphans == 0, "{report:?}");
}

#[test]
fn what_is_damaged_is_named_and_nothing_wrong_is_written() {
    let (mut world, vault) = filled();
    let place = Place::default();
    back_up(&vault, &place).unwrap();
    let whole = place.objects().clone();
    let named = |place: &Place, vault: &oubliette_store::Vault, name: &str, offline: bool| {
        let by_digests = verify_backups(place, None, &mut |_| ()).unwrap();
        let by_keys = vault.backups().verify(place, None, &mut |_| ()).unwrap();
        for found in [&by_keys, &by_digests].into_iter().take(1 + usize::from(offline)) {
            assert!(found.faults.iter().any(|fault| fault.contains(name)), "{name}: {found:?}");
        }
    };
    let mut vault = vault;
    for name in whole.keys() {
        let length = whole[name].len();
        for at in [0, 9, 41, length / 2, length - 40, length - 1] {
            place.objects().get_mut(name).unwrap()[at] ^= 4;
            // Without keys nobody can tell a wrong MAC, which a manifest ends with.
            named(&place, &vault, name, at < length - 32 || name.starts_with("segment-"));
            if at == length / 2 {
                let refused = bring_back(&mut world, &place, None, false).map(drop).unwrap_err();
                let told = match &refused {
                    VaultError::Corrupt { what } => what.contains(name),
                    // The only manifest is damaged: there is no backup.
                    VaultError::NotFound { .. } => name.starts_with("manifest-"),
                    _ => false,
                };
                assert!(told, "{name}: {refused}");
                vault = world.open();
            }
            *place.objects() = whole.clone();
        }
        place.objects().remove(name);
        if name.starts_with("segment-") {
            named(&place, &vault, name, true);
            assert!(matches!(
                bring_back(&mut world, &place, None, false).map(drop),
                Err(VaultError::Corrupt { .. })
            ));
            vault = world.open();
        }
        *place.objects() = whole.clone();
        let half = whole[name][..length / 2].to_vec();
        place.objects().insert(name.clone(), half);
        named(&place, &vault, name, true);
        *place.objects() = whole.clone();
    }
    drop(vault);
    let (_, vault) = bring_back(&mut world, &place, None, false).unwrap();
    all_there(&vault);
}

/// A segment that is gone from its place is copied again by the next backup.
#[test]
fn the_next_backup_does_not_build_on_one_that_lacks_a_segment() {
    let (mut world, vault) = filled();
    let place = Place::default();
    back_up(&vault, &place).unwrap();
    let lost = place.names("segment-").remove(1);
    place.objects().remove(&lost);
    back_up(&vault, &place).unwrap();
    drop(vault);
    let (_, vault) = bring_back(&mut world, &place, None, false).unwrap();
    all_there(&vault);
}

/// Somebody who can write to the place, and has another vault's key.
#[test]
fn what_another_vault_made_is_told_and_not_used() {
    let (mut world, vault) = World::new();
    let place = Place::default();
    let ann = person(&vault, "ann");
    put(&ann, "a", b"true");
    let made = back_up(&vault, &place).unwrap();
    // The same bytes under a MAC that is not ours: what a stranger can compute.
    let name = format!("manifest-{}", made.id);
    let mut forged = place.objects()[&name].clone();
    let length = forged.len();
    forged[length - 32..].fill(7);
    place.objects().insert(name.clone(), forged);
    let offline = verify_backups(&place, None, &mut |_| ()).unwrap();
    assert!(offline.faults.is_empty() && !offline.by_keys, "digests alone do not tell: {offline:?}");
    let verified = vault.backups().verify(&place, None, &mut |_| ()).unwrap();
    assert!(verified.faults.iter().any(|fault| fault.contains("was not made by this vault")), "{verified:?}");
    let (listed, _) = vault.backups().list(&place).unwrap();
    assert!(!listed[0].genuine && listed[0].says().contains("not made by this vault"));
    // Not what the next one builds on.
    let next = back_up(&vault, &place).unwrap();
    assert!(vault.backups().verify(&place, Some(&next.id), &mut |_| ()).unwrap().faults.is_empty());
    drop((ann, vault));
    let refused = bring_back(&mut world, &place, Some(&made.id), false).map(drop).unwrap_err();
    assert!(matches!(&refused, VaultError::Corrupt { what } if what.contains(&name)), "{refused}");
    let (_, vault) = bring_back(&mut world, &place, Some(&next.id), false).unwrap();
    assert_eq!(get(&vault.subject("ann").unwrap(), "a", None).unwrap(), b"true");
    assert!(matches!(
        bring_back(&mut world, &place, Some("20260301T120000Z-00000000"), false).map(drop),
        Err(VaultError::NotFound { .. })
    ));
}

/// Nobody knows what a manifest needs that cannot be read.
#[test]
fn nothing_is_removed_while_a_manifest_cannot_be_read() {
    let (_world, vault) = filled();
    let place = Place::default();
    back_up(&vault, &place).unwrap();
    put(&vault.subject("ann").unwrap(), "more", b"m");
    back_up(&vault, &place).unwrap();
    let name = place.names("manifest-").remove(0);
    place.objects().get_mut(&name).unwrap()[20] ^= 1;
    let before = place.objects().clone();
    let keep = oubliette_store::KeepBackups { last: Some(1), days: None };
    let refused = vault.backups().prune(&place, keep).unwrap_err();
    assert!(matches!(&refused, VaultError::Corrupt { what } if what.contains(&name)), "{refused}");
    assert!(*place.objects() == before);
    let (listed, unreadable) = vault.backups().list(&place).unwrap();
    assert!(listed.len() == 1 && unreadable.len() == 1);
}

/// The newest backup is the one that cannot be read: a day would be lost without a word.
#[test]
fn an_older_backup_is_restored_only_where_it_is_named() {
    let (mut world, vault) = World::new();
    let place = Place::default();
    let ann = person(&vault, "ann");
    put(&ann, "a", b"of yesterday");
    let older = back_up(&vault, &place).unwrap();
    put(&ann, "a", b"of today");
    let newest = back_up(&vault, &place).unwrap();
    drop((ann, vault));
    let name = format!("manifest-{}", newest.id);
    place.objects().get_mut(&name).unwrap()[20] ^= 1;
    let refused = bring_back(&mut world, &place, None, false).map(drop).unwrap_err();
    assert!(matches!(&refused, VaultError::Corrupt { what } if what.contains(&name)), "{refused}");
    let (_, vault) = bring_back(&mut world, &place, Some(&older.id), false).unwrap();
    assert_eq!(get(&vault.subject("ann").unwrap(), "a", None).unwrap(), b"of yesterday");
}
