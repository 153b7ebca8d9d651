//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use oubliette_crypto::cover::CoverForm;
use oubliette_crypto::{Branch, Class, CryptoError, Handle, JobId, Leaf, PageRef, Path};

use super::{DeletionRequest, Hold, Overriding, Reason, Restrictions, State};
use crate::fuzzing::{body, trimmed};
use crate::user::UserId;

pub(crate) fn restrictions(input: &[u8]) {
    if let Ok(restrictions) = Restrictions::decode(input) {
        assert_eq!(restrictions.encode().unwrap().as_slice(), input);
    }
}

pub(crate) fn restrictions_seeds() -> Vec<Vec<u8>> {
    let mut restrictions = Restrictions { follow_play_off: true, ..Restrictions::default() };
    let one = restrictions.encode().unwrap().to_vec();
    restrictions.withdrawn.insert("steam_credentials".to_owned());
    let two = restrictions.encode().unwrap().to_vec();
    restrictions.blocked_peers.extend([Handle([1; 16]), Handle([2; 16])]);
    let three = restrictions.encode().unwrap().to_vec();
    let hold = |expires| Hold { reason: "a court's order".to_owned(), since: 1_700_000_000, expires };
    restrictions.holds.extend([("a".to_owned(), hold(None)), ("b".to_owned(), hold(Some(1_800_000_000)))]);
    (restrictions.foreign, restrictions.birth_year) = (true, Some(2015));
    let leaf = Leaf { class: Class::Chat, compartment: 3, branch: Branch::Items, seq: 9 };
    for (path, due) in
        [(Path::compartment(Class::Saves, 7).unwrap(), 0), (Path::leaf(&leaf).unwrap(), 1_700_000_000)]
    {
        restrictions.promise(path, due).unwrap();
    }
    let four = restrictions.encode().unwrap().to_vec();
    let mut deletion = DeletionRequest {
        job: JobId([3; 16]),
        binding: [4; 32],
        requested: 1_700_000_000,
        due: 1_700_604_800,
        reason: Reason::new("account_closed").unwrap(),
        by_operator: false,
        shortened: false,
        blocked: None,
        kept_until: 0,
        overriding: None,
    };
    let five = Restrictions { deletion: Some(deletion.clone()), ..Restrictions::default() };
    (deletion.by_operator, deletion.blocked, deletion.kept_until) =
        (true, Some(1_700_604_801), 1_800_000_000);
    deletion.overriding = Some(Overriding {
        cooling_off: true,
        holds: true,
        due: 1_700_000_000,
        asked: 1_700_000_001,
        expires: 1_700_086_401,
        by: [5; 16],
        approved: Some([6; 16]),
    });
    restrictions.deletion = Some(deletion);
    let six = restrictions.encode().unwrap().to_vec();
    vec![Vec::new(), one, two, three, four, five.encode().unwrap().to_vec(), six]
}

/// Input: the state page's plaintext.
pub(crate) fn state(input: &[u8]) {
    let page = body(input);
    let Ok(mut state) = State::decode(&page) else { return };
    // Packing opens and writes no page: what was read is canonical.
    let mut dead = Vec::new();
    let packed = state
        .cover
        .pack::<CryptoError>(&mut |_: &PageRef| unreachable!(), &mut |_| unreachable!(), &mut dead)
        .unwrap();
    assert!(dead.is_empty() && matches!(packed.form(), CoverForm::Inline | CoverForm::Page));
    assert_eq!(state.encode(packed.form(), packed.expose()).unwrap().expose(), page.expose());
}

pub(crate) fn state_seeds() -> Vec<Vec<u8>> {
    let seed = |user: &str| {
        let mut state = State::fresh(UserId::new(user).unwrap(), Handle([7; 16]), 1_700_000_000).unwrap();
        let none = &mut |_: &PageRef| Err(CryptoError::Unopenable);
        let packed = state.cover.pack(none, &mut |_| Err(CryptoError::Unopenable), &mut Vec::new()).unwrap();
        trimmed(&state.encode(packed.form(), packed.expose()).unwrap())
    };
    vec![Vec::new(), seed("ann"), seed(&"x".repeat(256))]
}
