use oubliette_crypto::Class;
use proptest::prelude::*;

use super::*;
use crate::codec::Malformed;

fn hold(reason: &str, expires: Option<i64>) -> Hold {
    Hold { reason: reason.to_owned(), since: 5, expires }
}

fn paths() -> impl Strategy<Value = Vec<(Path, i64)>> {
    prop::collection::vec((1u32..40, any::<bool>(), 0i64..5), 0..6).prop_map(|paths| {
        let path = |compartment, whole| match whole {
            true => Path::compartment(Class::Saves, compartment).unwrap(),
            false => Path::branch(Class::Chat, compartment, oubliette_crypto::Branch::Items).unwrap(),
        };
        paths.into_iter().map(|(compartment, whole, due)| (path(compartment, whole), due)).collect()
    })
}

proptest! {
    #[test]
    fn one_set_has_one_encoding(
        flags in any::<[bool; 2]>(),
        birth_year in prop::option::of(1u16..),
        withdrawn in prop::collection::btree_set("[a-z]{0,20}", 0..5),
        peers in prop::collection::btree_set(any::<[u8; 16]>(), 0..5),
        holds in prop::collection::btree_map("[a-z]{0,5}", ("[a-z]{0,9}", prop::option::of(0i64..9)), 0..3),
        waiting in paths(),
        at: prop::sample::Index,
        flip in 1u8..,
    ) {
        let blocked_peers = peers.into_iter().map(Handle).collect();
        let holds = holds.into_iter().map(|(id, (reason, expires))| (id, hold(&reason, expires))).collect();
        let [follow_play_off, foreign] = flags;
        let waiting = Waiting(waiting.into_iter().collect());
        let restrictions =
            Restrictions { follow_play_off, foreign, birth_year, withdrawn, blocked_peers, holds, waiting };
        let mut bytes = restrictions.encode().unwrap().to_vec();
        prop_assert_eq!(Restrictions::decode(&bytes), Ok(restrictions.clone()));
        if !bytes.is_empty() {
            prop_assert_eq!(Restrictions::decode(&bytes[..bytes.len() - 1]), Err(Malformed));
            let at = at.index(bytes.len());
            bytes[at] ^= flip;
            if let Ok(other) = Restrictions::decode(&bytes) {
                prop_assert_eq!(other.encode().unwrap().to_vec(), bytes);
            }
        }
    }

    /// A path is covered if one above it was promised, however they were taken together; and nothing happens before its moment.
    #[test]
    fn promises_are_kept(promised in paths(), probes in paths(), now in 0i64..5) {
        let mut restrictions = Restrictions::default();
        for (path, due) in &promised {
            restrictions.promise(*path, *due).unwrap();
        }
        for (probe, _) in &probes {
            let covered = promised.iter().any(|(base, _)| base.is_prefix_of(probe));
            prop_assert_eq!(restrictions.waiting.covers(probe), covered);
        }
        let (changed, cut) = restrictions.ripen(now);
        prop_assert_eq!(changed, !cut.is_empty());
        for (path, due) in &promised {
            let is_cut = cut.iter().any(|base| base.is_prefix_of(path));
            let early = promised.iter().any(|(base, at)| base.is_prefix_of(path) && *at <= now);
            prop_assert_eq!(is_cut, early, "{:?} due {} at {}", path, due, now);
        }
    }
}

#[test]
fn changes_say_whether_they_changed_anything() {
    let mut restrictions = Restrictions::default();
    let peer = Handle([1; 16]);
    for (change, changed) in [
        (RestrictionChange::FollowPlay(true), false),
        (RestrictionChange::FollowPlay(false), true),
        (RestrictionChange::FollowPlay(false), false),
        (RestrictionChange::BlockPeer(peer), true),
        (RestrictionChange::BlockPeer(peer), false),
        (RestrictionChange::UnblockPeer(peer), true),
        (RestrictionChange::WithdrawConsent("steam".into()), true),
        (RestrictionChange::GiveConsent("steam".into()), true),
        (RestrictionChange::Foreign(true), true),
        (RestrictionChange::Foreign(false), true),
        (RestrictionChange::PlaceHold("a".into(), hold("why", None)), true),
        (RestrictionChange::PlaceHold("a".into(), hold("why", None)), false),
        (RestrictionChange::PlaceHold("a".into(), hold("why", Some(9))), true),
        (RestrictionChange::LiftHold("a".into()), true),
        (RestrictionChange::LiftHold("a".into()), false),
        (RestrictionChange::FollowPlay(true), true),
    ] {
        assert_eq!(restrictions.apply(change).unwrap(), changed);
    }
    assert_eq!(restrictions, Restrictions::default());
    let long = RestrictionChange::WithdrawConsent("x".repeat(256));
    assert!(matches!(restrictions.apply(long), Err(KeyringError::TooLarge { got: 256, .. })));
    let long = RestrictionChange::PlaceHold("a".into(), hold(&"x".repeat(1025), None));
    assert!(matches!(restrictions.apply(long), Err(KeyringError::TooLarge { got: 1025, .. })));
}

#[test]
fn nothing_ripens_while_a_hold_stands() {
    let mut restrictions = Restrictions::default();
    let path = Path::class(Class::Saves);
    restrictions.holds.insert("a".into(), hold("", Some(100)));
    restrictions.promise(path, 0).unwrap();
    assert!(restrictions.is_held(99) && !restrictions.is_ripe(99));
    assert_eq!(restrictions.ripen(99), (false, Vec::new()));
    assert!(!restrictions.is_held(100) && restrictions.is_ripe(100));
    assert_eq!(restrictions.ripen(100), (true, vec![path]));
    assert_eq!(restrictions, Restrictions::default());
    assert!(!format!("{:?}", hold("hunter2", None)).contains("hunter2"));
}
