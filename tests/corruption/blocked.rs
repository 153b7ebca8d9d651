//! Somebody whose erasure had begun when the process ended: damage must not bring them back either.

use std::panic;

use oubliette::VaultOptions;

use crate::folder::{flip, places};
use crate::insider::open_keyring;
use crate::items::{Item, items};
use crate::sample::Sample;
use crate::verdict::{Outcome, look_for};

const LEAVING: &str = "ben";
/// Places in each file.
const PLACES: usize = 16;

#[test]
fn whoever_was_leaving_is_gone_or_the_vault_stays_shut() {
    let sample = Sample::make();
    let keyring = open_keyring(&sample.path());
    keyring.block(&oubliette_keyring::UserId::new(LEAVING).unwrap()).unwrap();
    keyring.close();
    drop(keyring);
    // Ann's conversation now shows her own words alone, so chats are left out.
    let mut expected: Vec<Item> = items().into_iter().filter(|item| item.user() != LEAVING).collect();
    expected.retain(|item| !matches!(item, Item::Chat { .. }));
    expected.push(Item::Erased { user: LEAVING });

    let (mut whole, mut shut) = (0, 0);
    for file in ["root.cell", "keys-a/pages.slots", "ledger/roots", "vault.json", "anchor"] {
        let bytes = std::fs::read(sample.path().join(file)).unwrap();
        for at in places(&bytes, Some(PLACES)) {
            let (_folder, data) = sample.copy();
            flip(&data.join(file), at, 0x10);
            let looked = panic::catch_unwind(|| look_for(&data, VaultOptions::default(), &expected));
            let seen = looked.unwrap_or_else(|_| Err("a panic".into()));
            match seen.unwrap_or_else(|wrong| panic!("{file} at {at}: {wrong}")).outcome {
                Outcome::NotOpened => shut += 1,
                Outcome::Harmless | Outcome::Noticed => whole += 1,
                Outcome::Reported => panic!("{file} at {at}: one copy of the keys is whole"),
            }
        }
    }
    assert!(whole > 40 && shut > 10, "{whole} whole, {shut} shut");
}
