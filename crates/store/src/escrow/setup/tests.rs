//! What is noted of windows when generations go back, and who is no second holder.

use std::path::Path;

use oubliette_crypto::HolderKey;

use super::*;
use crate::escrow::holder;

const VAULT: VaultId = VaultId([7; 16]);

/// A set-up whose holders have given keys for windows 1 to 3; of each window both are needed.
fn setup(dir: &Path) -> Setup {
    let holders = ["ann", "ben"].map(|name| holder::keygen(&dir.join(name), name, 1, 3).unwrap());
    let plan =
        EscrowPlan { store: dir.to_owned(), threshold: 2, days: 7, holders: holders.into_iter().collect() };
    Setup::begin(plan, VAULT, 0).unwrap()
}

fn seal(setup: &mut Setup, window: u32, generation: u64) -> bool {
    let to = setup.recipients(window).unwrap();
    let news = setup.note_sealing(window, generation, &to).unwrap();
    assert_eq!(Setup::parse(&setup.to_json()).as_ref(), Ok(&*setup), "it is read again as it is");
    news
}

/// After a recovery generations go on where the ledger ends: a root that a window sealed may have a lower number than the first that it was noted with.
/// An erasure of a generation in between would look as if no window had ever opened the person, and a new window would stand below an older one.
#[test]
fn generations_that_go_back_make_nothing_final_early_and_leave_the_set_up_readable() {
    let dir = tempfile::tempdir().unwrap();
    let end = |setup: &Setup, window| Some(setup.end_of(window));
    let mut goes_on = setup(dir.path());
    assert!(seal(&mut goes_on, 1, 100) && seal(&mut goes_on, 2, 200));
    assert!(!seal(&mut goes_on, 2, 210));
    let mut in_a_new_window = goes_on.clone();
    let then = |setup: &Setup| setup.end_of(1) + 1;

    // Back to generation 150, in the same window. Who is erased at 160 was in the root that it sealed at 150.
    assert_eq!(goes_on.final_after(160, then(&goes_on)), Some(crate::escrow::NOT_FINAL), "window 1, by 100");
    assert!(seal(&mut goes_on, 2, 150), "it is news");
    assert_eq!(goes_on.last_able(160).map(|sealed| sealed.window), Some(2));
    assert_eq!(goes_on.final_after(160, 0), end(&goes_on, 2));

    // And before everything that was noted, in a new one.
    assert_eq!(in_a_new_window.final_after(60, 0), None);
    assert!(seal(&mut in_a_new_window, 3, 50));
    assert_eq!(in_a_new_window.final_after(60, 0), end(&in_a_new_window, 3));
    assert_eq!(in_a_new_window.final_after(50, 0), None, "the root of 50 did not open who went by it");
}

/// One person with two shares would open alone what two are needed for.
#[test]
fn two_holders_with_one_key_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let mut setup = setup(dir.path());
    let before = setup.clone();
    let own = HolderKey::generate().unwrap();
    let taken = holder::keygen(&dir.path().join("ann"), "ann", 2, 1).unwrap();
    let fresh = holder::keygen(&dir.path().join("cleo"), "cleo", 2, 1).unwrap();
    // The key of a window that another holder gave, for that window or another one.
    let moved = vec![WindowKey { window: 3, ..taken.keys[0].clone() }];
    for keys in [taken.keys, moved] {
        let refused = setup.take_card(&HolderCard::sign("dora", &own, keys).unwrap()).unwrap_err();
        assert!(matches!(refused, VaultError::Invalid { field: "card", .. }), "{refused}");
        assert!(refused.to_string().contains("gives a key that `ann` has given"), "{refused}");
    }
    // Another one's signing key, under a name of its own.
    let two = HolderCard::sign("cleo", &own, fresh.keys).unwrap();
    setup.take_card(&two).unwrap();
    let again = holder::keygen(&dir.path().join("more"), "more", 2, 1).unwrap();
    let refused = setup.take_card(&HolderCard::sign("dora", &own, again.keys).unwrap()).unwrap_err();
    assert!(refused.to_string().contains("`cleo` has given"), "{refused}");
    assert_eq!(setup.holders.len(), before.holders.len() + 1);
}
