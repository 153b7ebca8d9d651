//! Older rows under newer keys, as a restored backup leaves them: what a number that is given out twice can and cannot do.

use oubliette_engine::Batch;
use oubliette_store::{ConsentGiven, SteamFields, Subject, SubjectFacts, Vault, VaultError};

use crate::world::{World, get, noise, person, put};

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

impl World {
    /// Puts the rows back as they were; keys and blobs stay as they are.
    pub(crate) fn restore(&self, before: &Rows) {
        let mut batch = Batch::new();
        for (key, _) in self.rows() {
            batch.delete(key);
        }
        self.engine.commit(batch).unwrap();
        let mut batch = Batch::new();
        for (key, value) in before.iter().cloned() {
            batch.put(key, value);
        }
        self.engine.commit(batch).unwrap();
    }

    fn overwrite(&self, key: &[u8], value: &[u8]) {
        let mut batch = Batch::new();
        batch.put(key.to_vec(), value.to_vec());
        self.engine.commit(batch).unwrap();
    }
}

/// A large value's row: everything before the head, and the head.
fn split(row: &[u8]) -> (&[u8], &[u8]) {
    assert_eq!(row[..2], [1, 1]);
    row.split_at(4 + usize::from(u16::from_be_bytes([row[2], row[3]])))
}

/// Two bodies under one leaf, of one codec and length, opened under each other's head: the leaf alone did not tell them apart.
#[test]
fn a_body_is_refused_under_another_head_of_the_same_leaf() {
    for compress in [false, true] {
        let (mut world, vault) = World::new();
        world.compress = compress;
        person(&vault, "ann");
        drop(vault);
        let (before, vault) = (world.rows(), world.open());
        put(&vault.subject("ann").unwrap(), "big", &noise(200_000, 1));
        let lost = world.rows();
        drop(vault);
        world.restore(&before);
        let vault = world.open();
        let ann = vault.subject("ann").unwrap();
        put(&ann, "big", &noise(200_000, 2));
        let large = |rows: &Rows| rows.iter().find(|(_, row)| row.starts_with(&[1, 1])).unwrap().clone();
        let ((lost_key, lost_row), (key, row)) = (large(&lost), large(&world.rows()));
        assert_eq!(lost_key, key, "one leaf");
        let ((lost_body, lost_head), (body, head)) = (split(&lost_row), split(&row));

        for swapped in [[lost_body, head].concat(), [body, lost_head].concat()] {
            world.overwrite(&key, &swapped);
            assert!(matches!(get(&ann, "big", None), Err(VaultError::Corrupt { .. })));
            assert_eq!(vault.fsck(false, &mut |_, _| ()).unwrap().faults.len(), 1);
        }
        // Whole, both open: they are sealed under the same leaf, and nothing else was wrong with the swapped ones.
        world.overwrite(&key, &lost_row);
        assert_eq!(get(&ann, "big", None).unwrap(), noise(200_000, 1));
        world.overwrite(&key, &row);
        assert_eq!(get(&ann, "big", None).unwrap(), noise(200_000, 2));
    }
}

fn set_password(ann: &Subject, password: &str) {
    let fields = SteamFields([("password".to_owned(), password.to_owned())].into());
    ann.credentials().set_steam("acc", fields).unwrap();
}

fn set_region(vault: &Vault, region: &str) -> Subject {
    let facts = SubjectFacts { region: Some(region.to_owned()), ..SubjectFacts::default() };
    vault.put_subject("ann", &facts, false).unwrap();
    vault.subject("ann").unwrap()
}

/// Rows of items of a class, by their place.
fn items(rows: &Rows, class: u8, compartment: u8) -> Rows {
    let prefix = [class, 1, 0, 0, 0, compartment];
    rows.iter().filter(|(key, _)| key[16..].starts_with(&prefix)).cloned().collect()
}

/// What was replaced is dead though its row was not there to be cut: with nothing but `lost` in its run, nothing is found.
fn assert_dead(world: &World, vault: &Vault, lost: &Rows, now: &Rows) {
    let before = vault.fsck(false, &mut |_, _| ()).unwrap().orphans;
    let mut batch = Batch::new();
    for (key, _) in now {
        batch.delete(key.clone());
    }
    for (key, row) in lost {
        batch.put(key.clone(), row.clone());
    }
    world.engine.commit(batch).unwrap();
    let report = vault.fsck(false, &mut |_, _| ()).unwrap();
    assert!(report.faults.is_empty() && report.orphans == before + lost.len() as u64, "{report:?}");
}

/// The backup holds neither the last facts nor the last credential. Their numbers are the next after all that is known.
#[test]
fn a_replacement_takes_the_value_along_whose_row_a_restored_backup_lost() {
    for length in [4, 8_000] {
        let (world, vault) = World::new();
        let ann = set_region(&vault, "one");
        ann.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
        set_password(&ann, "old");
        let backup = world.rows();
        set_region(&vault, "two");
        set_password(&ann, "older");
        set_password(&ann, &"l".repeat(length));
        let lost = world.rows();
        drop((ann, vault));
        world.restore(&backup);

        let vault = world.open();
        let ann = vault.subject("ann").unwrap();
        assert_eq!(ann.info().unwrap().region, None, "what was cut stays cut");
        set_region(&vault, "three");
        set_password(&ann, "new");
        assert_eq!(ann.info().unwrap().region.as_deref(), Some("three"));
        assert_eq!(ann.credentials().steam("acc").unwrap().fields, ["password"]);
        let now = world.rows();
        for (class, compartment) in [(3, 1), (5, 1)] {
            let (lost, now) = (items(&lost, class, compartment), items(&now, class, compartment));
            assert!(lost.len() == 1 && now.len() == 1 && lost[0].0 < now[0].0);
            assert_dead(&world, &vault, &lost, &now);
        }
        assert_eq!(ann.info().unwrap().region, None);
        assert!(matches!(ann.credentials().steam("acc"), Err(VaultError::NotFound { .. })));
    }
}

/// Whoever takes a row away must not keep its leaf from being cut with the rows that are there: the use above it is.
#[test]
fn a_row_that_was_taken_away_does_not_outlive_its_replacement() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    ann.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
    let secret = [("shared_secret".to_owned(), "zvIayp3JPvtvX/QGHqsqKBk/44s=".to_owned())];
    ann.credentials().set_steam("acc", SteamFields(secret.into())).unwrap();
    let taken = items(&world.rows(), 3, 1);
    ann.credentials().guard_code("acc").unwrap();
    let mut batch = Batch::new();
    batch.delete(taken[0].0.clone());
    world.engine.commit(batch).unwrap();
    set_password(&ann, "new");
    assert_dead(&world, &vault, &taken, &items(&world.rows(), 3, 1));
    assert!(matches!(ann.credentials().steam("acc"), Err(VaultError::NotFound { .. })));
}
