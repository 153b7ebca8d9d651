//! Older rows under newer keys, as a restored backup leaves them: what a number that is given out twice can and cannot do.

use oubliette_engine::Batch;
use oubliette_store::VaultError;

use crate::world::{World, get, noise, person, put};

type Rows = Vec<(Vec<u8>, Vec<u8>)>;

impl World {
    /// Puts the rows back as they were; keys and blobs stay as they are.
    fn restore(&self, before: &Rows) {
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
