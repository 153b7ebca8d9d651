use oubliette_crypto::{Class, JobId};
use proptest::prelude::*;

use super::*;
use crate::codec::Malformed;
use crate::person::Reason;

fn hold(reason: &str, expires: Option<i64>) -> Hold {
    Hold { reason: reason.to_owned(), since: 5, expires }
}

fn asked(due: i64) -> DeletionRequest {
    DeletionRequest {
        job: JobId([5; 16]),
        binding: [6; 32],
        requested: 1,
        due,
        reason: Reason::new("moved_on").unwrap(),
        by_operator: false,
        shortened: false,
        blocked: None,
        kept_until: 0,
        overriding: None,
    }
}

fn overriding() -> Overriding {
    Overriding { cooling_off: true, holds: true, due: 3, asked: 2, expires: 9, by: [1; 16], approved: None }
}

fn deletions() -> impl Strategy<Value = DeletionRequest> {
    let overriding =
        (1u8..4, any::<[u8; 16]>(), prop::option::of(any::<[u8; 16]>())).prop_map(|(what, by, approved)| {
            Overriding { cooling_off: what & 1 != 0, holds: what & 2 != 0, by, approved, ..overriding() }
        });
    (any::<(i64, bool)>(), 0i64..3, "[a-z0-9_.-]{1,26}", prop::option::of(overriding)).prop_map(
        |((due, by_operator), blocked, word, overriding)| DeletionRequest {
            reason: Reason::new(&word).unwrap(),
            by_operator,
            shortened: due % 2 == 0,
            blocked: Some(blocked).filter(|blocked| *blocked > 0),
            kept_until: blocked,
            overriding,
            ..asked(due)
        },
    )
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
        deletion in prop::option::of(deletions()),
        at: prop::sample::Index,
        flip in 1u8..,
    ) {
        let blocked_peers = peers.into_iter().map(Handle).collect();
        let holds = holds.into_iter().map(|(id, (reason, expires))| (id, hold(&reason, expires))).collect();
        let [follow_play_off, foreign] = flags;
        let waiting = Waiting(waiting.into_iter().collect());
        let restrictions =
            Restrictions { follow_play_off, foreign, birth_year, withdrawn, blocked_peers, holds, waiting, deletion };
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
        (RestrictionChange::RequestDeletion(Box::new(asked(8))), true),
        (RestrictionChange::RequestDeletion(Box::new(asked(9))), false),
        (RestrictionChange::Approve(JobId([5; 16]), overriding(), [2; 16]), false),
        (RestrictionChange::CancelDeletion(JobId([4; 16])), false),
        (RestrictionChange::CancelDeletion(JobId([5; 16])), true),
        (RestrictionChange::CancelDeletion(JobId([5; 16])), false),
    ] {
        assert_eq!(restrictions.apply(change, 7).unwrap(), changed);
    }
    assert_eq!(restrictions, Restrictions::default());
    let long = RestrictionChange::WithdrawConsent("x".repeat(256));
    assert!(matches!(restrictions.apply(long, 7), Err(KeyringError::TooLarge { got: 256, .. })));
    let long = RestrictionChange::PlaceHold("a".into(), hold(&"x".repeat(1025), None));
    assert!(matches!(restrictions.apply(long, 7), Err(KeyringError::TooLarge { got: 1025, .. })));
}

#[test]
fn a_second_person_approves_just_what_was_asked_while_it_stands() {
    let (job, other) = (JobId([5; 16]), JobId([4; 16]));
    let mut restrictions = Restrictions { deletion: Some(asked(100)), ..Restrictions::default() };
    let mut apply = |change, now| restrictions.apply(change, now).unwrap();
    assert!(!apply(RestrictionChange::Override(other, overriding()), 2));
    assert!(apply(
        RestrictionChange::Override(job, Overriding { approved: Some([9; 16]), ..overriding() }),
        2
    ));
    let changed = Overriding { holds: false, ..overriding() };
    for (job, what, by, now) in [
        (other, overriding(), [2; 16], 8),
        (job, changed, [2; 16], 8),
        (job, Overriding { approved: Some([2; 16]), ..overriding() }, [2; 16], 8),
        (job, overriding(), [1; 16], 8),
        (job, overriding(), [2; 16], 9),
    ] {
        assert!(!apply(RestrictionChange::Approve(job, what, by), now));
    }
    assert!(apply(RestrictionChange::Approve(job, overriding(), [2; 16]), 8));
    assert!(!apply(RestrictionChange::Override(job, overriding()), 8), "what was approved stands");
    let mut less = Restrictions { deletion: Some(asked(100)), ..Restrictions::default() };
    let alone = Overriding { holds: false, ..overriding() };
    for (change, changed) in [
        (RestrictionChange::Override(job, alone.clone()), true),
        (RestrictionChange::Approve(job, alone.clone(), [2; 16]), true),
        (RestrictionChange::Override(job, alone), false),
        (RestrictionChange::Override(job, overriding()), true),
    ] {
        assert_eq!(less.apply(change, 2).unwrap(), changed);
    }
    assert!(!less.deletion.unwrap().overrides_holds(), "more has to be approved anew");
    let refused = restrictions.apply(RestrictionChange::CancelDeletion(job), 3);
    assert!(matches!(refused, Err(KeyringError::DeletionDue)));
    let deletion = restrictions.deletion.unwrap();
    assert!(deletion.due == 3 && deletion.overrides_holds());
    assert!(!format!("{deletion:?}").contains("moved"));
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
