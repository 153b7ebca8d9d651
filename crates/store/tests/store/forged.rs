//! Rows that somebody put there who can write rows and holds no key.

use oubliette_engine::Batch;
use oubliette_store::{ConsentGiven, SubjectFacts, Vault, VaultError};

use crate::world::{World, person, put, text};

const META: u8 = 0;
const ITEMS: u8 = 1;

/// The key of a row in the tree of whoever `like` belongs to.
fn key(like: &[u8], class: u8, branch: u8, compartment: u32, seq: u64) -> Vec<u8> {
    [&like[..16], &[class, branch], &compartment.to_be_bytes(), &seq.to_be_bytes()].concat()
}

/// Puts a copy of a true row under each of these keys.
fn forge(world: &World, value: &[u8], keys: &[Vec<u8>]) {
    let mut batch = Batch::new();
    for key in keys {
        batch.put(key.clone(), value.to_vec());
    }
    world.engine.commit(batch).unwrap();
}

fn take_away(world: &World, keys: &[Vec<u8>]) {
    let mut batch = Batch::new();
    for key in keys {
        batch.delete(key.clone());
    }
    world.engine.commit(batch).unwrap();
}

/// Ann with something of every class, closed; and her first row of saves.
fn world() -> (World, (Vec<u8>, Vec<u8>)) {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    person(&vault, "ben");
    vault
        .put_subject("ann", &SubjectFacts { region: Some("eu".into()), ..SubjectFacts::default() }, false)
        .unwrap();
    put(&ann, "slot", b"one");
    ann.chats().append("ben", &[text("hello")]).unwrap();
    ann.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
    let fields = oubliette_store::SteamFields([("password".to_owned(), "p".to_owned())].into());
    ann.credentials().set_steam("account", fields).unwrap();
    drop((ann, vault));
    let row = world.rows().into_iter().find(|(key, _)| key[16..18] == [1, ITEMS]).unwrap();
    (world, row)
}

fn corrupt<T>(result: Result<T, VaultError>) {
    assert!(matches!(result, Err(VaultError::Corrupt { .. })), "{:?}", result.err());
}

fn save(vault: &Vault, slot: &str) -> u64 {
    put(&vault.subject("ann").unwrap(), slot, b"more").version
}

/// `next = 1 + max(rows)` overflowed, or left a run without numbers.
#[test]
fn forged_rows_with_huge_numbers_use_up_nothing() {
    let (world, (like, value)) = world();
    let forged: Vec<Vec<u8>> = [u64::MAX, u64::MAX - 1, 1 << 40]
        .into_iter()
        .flat_map(|seq| (1..=5).map(move |class| (class, seq)))
        .map(|(class, seq)| key(&like, class, ITEMS, if class == 5 { 2 } else { 1 }, seq))
        .chain([key(&like, 1, ITEMS, u32::MAX, 1), key(&like, 1, ITEMS, u32::MAX, u64::MAX)])
        .collect();
    forge(&world, &value, &forged);
    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    assert_eq!(save(&vault, "slot"), 2);
    assert_eq!(save(&vault, "another"), 1);
    // What needs the newest row, or all of them, is refused by name.
    corrupt(ann.saves().get("doom", "slot", None));
    assert!(ann.saves().get("doom", "slot", Some(2)).is_ok());
    corrupt(ann.consents().history());
    corrupt(ann.credentials().steam("account"));
    corrupt(ann.chats().append("ben", &[text("more")]));
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.len() >= forged.len());
    drop((ann, vault));

    take_away(&world, &forged);
    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    assert_eq!((save(&vault, "slot"), save(&vault, "another"), save(&vault, "third")), (3, 2, 1));
    ann.chats().append("ben", &[text("more")]).unwrap();
    ann.consents().give("other", &ConsentGiven::default()).unwrap();
    let compartments: Vec<u8> =
        world.rows().iter().filter(|(key, _)| key[16..18] == [1, META]).map(|(key, _)| key[21]).collect();
    assert_eq!(compartments, [1, 2, 3]);
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}

/// What stands next to the last number is not written over: the next value goes behind it.
#[test]
fn a_forged_row_in_the_way_is_passed_over() {
    let (world, (like, value)) = world();
    let forged = [key(&like, 1, ITEMS, 1, 2), key(&like, 1, ITEMS, 1, 3)];
    forge(&world, &value, &forged);
    let vault = world.open();
    assert_eq!((save(&vault, "slot"), save(&vault, "slot")), (4, 5));
    assert_eq!(world.rows().iter().filter(|(_, row)| *row == value).count(), 3);
}

/// The sweeper took the forged row for the newer value, and cut and removed the true one.
#[test]
fn the_sweeper_cuts_no_true_value_below_a_forged_row() {
    let (world, (like, value)) = world();
    let forged = [key(&like, 5, ITEMS, 1, 9), key(&like, 3, ITEMS, 1, 9), key(&like, 5, ITEMS, 1, u64::MAX)];
    forge(&world, &value, &forged);
    let before = world.rows();
    let vault = world.open();
    for _ in 0..3 {
        vault.sweep(1000).unwrap();
    }
    corrupt(vault.subject("ann").unwrap().info());
    drop(vault);
    assert_eq!(world.rows(), before);

    take_away(&world, &forged);
    let vault = world.open();
    let ann = vault.subject("ann").unwrap();
    assert_eq!(ann.info().unwrap().region.as_deref(), Some("eu"));
    assert_eq!(ann.credentials().steam("account").unwrap().fields, ["password"]);
}

/// Forgetting it would cut its number, and with it all that can come.
#[test]
fn a_number_that_was_never_handed_out_cannot_be_forgotten() {
    let (world, (like, value)) = world();
    let forged = [key(&like, 1, ITEMS, 1, u64::MAX)];
    forge(&world, &value, &forged);
    let vault = world.open();
    let saves = vault.subject("ann").unwrap().saves();
    corrupt(saves.forget_version("doom", "slot", u64::MAX));
    saves.forget_version("doom", "slot", 1).unwrap();
    drop((saves, vault));
    take_away(&world, &forged);
    assert_eq!(save(&world.open(), "slot"), 2);
}

/// A row that was damaged stands where it stands; its owner can still have it forgotten.
#[test]
fn a_damaged_row_can_be_forgotten_and_its_number_is_not_given_again() {
    let (world, (like, value)) = world();
    let mut damaged = value.clone();
    *damaged.last_mut().unwrap() ^= 1;
    forge(&world, &damaged, std::slice::from_ref(&like));
    let vault = world.open();
    let saves = vault.subject("ann").unwrap().saves();
    corrupt(saves.get("doom", "slot", None));
    assert_eq!(save(&vault, "slot"), 2);
    saves.forget_version("doom", "slot", 1).unwrap();
    assert!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.is_empty());
}
