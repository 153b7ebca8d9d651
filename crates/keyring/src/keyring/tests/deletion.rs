//! Deletions that were asked for.

use oubliette_crypto::Path;

use super::*;
use crate::core::Found;
use crate::person::State;

const DAY: i64 = 24 * 3600;

fn later(ground: &Ground, days: i64) -> DeletionRequest {
    let request = asked(ground);
    DeletionRequest { due: request.due + days * DAY, ..request }
}

fn hold(keyring: &Keyring, subject: &Subject, expires: Option<i64>) {
    let hold = Hold { reason: "a court's order".to_owned(), since: 1, expires };
    keyring.restrict(subject, RestrictionChange::PlaceHold("a".into(), hold)).unwrap();
}

#[test]
fn a_deletion_is_found_when_due_and_its_facts_go_to_the_sweep_queue() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    keyring.create_subject(&user("bob"), false).unwrap();
    let (handle, epoch) = (ann.handle(), keyring.epoch());
    let request = later(&ground, 7);
    assert_eq!(keyring.request_deletion(&ann, request.clone()).unwrap(), request);
    let second = DeletionRequest { job: JobId([7; 16]), ..request.clone() };
    assert_eq!(keyring.request_deletion(&ann, second).unwrap(), request, "the first one stands");
    assert_eq!(keyring.epoch(), epoch);
    drop((keyring, ann));

    let keyring = ground.open();
    let found = keyring.deletions().unwrap();
    assert_eq!((found.len(), found[0].handle, &found[0].request), (1, handle, &request));
    assert!(matches!(keyring.deletion(&user("bob")).unwrap(), Deletion::None));
    assert!(matches!(keyring.deletion(&user("cem")), Err(KeyringError::Unknown)));
    ground.clock.advance(7 * DAY - 1);
    assert_eq!(keyring.erase_all(&[due("ann", &request)]).unwrap(), [ErasureOutcome::NotDue]);
    assert!(keyring.subject(&user("ann")).is_ok());
    ground.clock.advance(1);
    let other = DeletionRequest { job: JobId([7; 16]), ..request.clone() };
    assert_eq!(keyring.erase_all(&[due("ann", &other)]).unwrap(), [ErasureOutcome::NotDue]);
    assert_eq!(keyring.erase_all(&[due("bob", &request)]).unwrap(), [ErasureOutcome::NotDue]);
    let ann = keyring.even_leaving(&user("ann")).unwrap();
    assert!(matches!(keyring.cancel_deletion(&ann, request.job), Err(KeyringError::DeletionDue)));
    let outcomes = keyring.erase_all(&[due("ann", &request)]).unwrap();
    let ErasureOutcome::Erased(record) = &outcomes[0] else { panic!("{outcomes:?}") };
    assert_eq!((record.job, record.handle), (Some(request.job), handle));
    drop((keyring, ann));

    let keyring = ground.open();
    let Deletion::Erased { entry: Some(entry), .. } = keyring.deletion(&user("ann")).unwrap() else {
        panic!()
    };
    assert_eq!(keyring.sweep_queue(), [entry]);
    assert_eq!((entry.handle, entry.job, entry.binding), (handle, request.job, request.binding));
    let now = ground.clock.now_unix();
    assert_eq!((entry.requested, entry.blocked, entry.erased), (request.requested, now, now));
    assert_eq!(entry.generation_after, record.generation_after);
    assert_eq!(entry.reason, Some(request.reason));
    assert!(!(entry.by_operator || entry.cooling_off_overridden || entry.holds_overridden));
    assert!(keyring.deletions().unwrap().is_empty() && keyring.intents().unwrap().is_empty());
    assert_eq!(keyring.verify(false).unwrap().faults, [""; 0]);
}

#[test]
fn what_is_taken_back_is_forgotten_by_a_deletion() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    let request = later(&ground, 7);
    keyring.request_deletion(&ann, request.clone()).unwrap();
    let epoch = keyring.epoch();
    assert!(!keyring.cancel_deletion(&ann, JobId([1; 16])).unwrap());
    assert_eq!(keyring.epoch(), epoch);
    assert!(keyring.cancel_deletion(&ann, request.job).unwrap());
    assert_eq!(keyring.epoch(), epoch + 1);
    assert_eq!(*ann.restrictions(), Restrictions::default());
    ground.clock.advance(30 * DAY);
    assert_eq!(keyring.erase_all(&[due("ann", &request)]).unwrap(), [ErasureOutcome::NotDue]);
    assert!(ann.check().is_ok());
}

#[test]
fn a_hold_keeps_a_due_deletion_until_it_ends_or_two_people_override_it() {
    let ground = Ground::new();
    let keyring = ground.create();
    let request = asked(&ground);
    let now = ground.clock.now_unix();
    for name in ["ann", "bob"] {
        let (subject, _) = keyring.create_subject(&user(name), false).unwrap();
        hold(&keyring, &subject, Some(now + DAY));
        keyring.request_deletion(&subject, request.clone()).unwrap();
    }
    let both = [due("ann", &request), due("bob", &request)];
    assert_eq!(keyring.erase_all(&both).unwrap(), [ErasureOutcome::Held, ErasureOutcome::Held]);
    assert!(keyring.deletions().unwrap().iter().all(|one| one.held && one.released == Some(now + DAY)));
    let bob = keyring.even_leaving(&user("bob")).unwrap();
    let overriding = Overriding {
        cooling_off: false,
        holds: true,
        due: now,
        asked: now,
        expires: now + DAY,
        by: [1; 16],
        approved: None,
    };
    assert!(keyring.override_deletion(&bob, request.job, overriding.clone()).unwrap());
    assert_eq!(keyring.erase_all(&both).unwrap()[1], ErasureOutcome::Held, "one person alone");
    assert!(!keyring.approve_deletion(&bob, request.job, &overriding, [1; 16]).unwrap());
    assert!(keyring.approve_deletion(&bob, request.job, &overriding, [2; 16]).unwrap());
    let outcomes = keyring.erase_all(&both).unwrap();
    assert!(matches!(outcomes[..], [ErasureOutcome::Held, ErasureOutcome::Erased(_)]));
    ground.clock.advance(DAY);
    assert!(matches!(keyring.erase_all(&both[..1]).unwrap()[..], [ErasureOutcome::Erased(_)]));
    let queue = keyring.sweep_queue();
    assert_eq!(queue.iter().map(|entry| entry.holds_overridden).collect::<Vec<_>>(), [true, false]);
}

/// What two people agreed on first is not lost when a second thing is to be overridden, whether or not anybody agrees to that.
#[test]
fn of_two_overrides_in_a_row_both_are_told() {
    for approved in [false, true] {
        let ground = Ground::new();
        let keyring = ground.create();
        let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
        let request = keyring.request_deletion(&ann, later(&ground, 7)).unwrap();
        let now = ground.clock.now_unix();
        let first = Overriding {
            cooling_off: true,
            holds: false,
            due: now,
            asked: now,
            expires: now + DAY,
            by: [1; 16],
            approved: None,
        };
        assert!(keyring.override_deletion(&ann, request.job, first.clone()).unwrap());
        assert!(keyring.approve_deletion(&ann, request.job, &first, [2; 16]).unwrap());
        if approved {
            hold(&keyring, &ann, None);
        }
        let second = Overriding { cooling_off: false, holds: true, ..first };
        assert!(keyring.override_deletion(&ann, request.job, second.clone()).unwrap());
        if approved {
            assert!(keyring.approve_deletion(&ann, request.job, &second, [3; 16]).unwrap());
        }
        drop((ann, keyring));
        let keyring = ground.open();
        assert!(matches!(
            keyring.erase_all(&[due("ann", &request)]).unwrap()[..],
            [ErasureOutcome::Erased(_)]
        ));
        let entry = keyring.sweep_queue().remove(0);
        assert_eq!((entry.cooling_off_overridden, entry.holds_overridden), (true, approved));
    }
}

#[test]
fn what_the_law_wants_kept_is_blocked_now_and_erased_then() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (request, until) = (asked(&ground), ground.clock.now_unix() + 90 * DAY);
    keyring
        .request_deletion(&keyring.create_subject(&user("ann"), false).unwrap().0, request.clone())
        .unwrap();
    let kept = Erasure { kept_until: until, ..due("ann", &request) };
    assert_eq!(keyring.erase_all(std::slice::from_ref(&kept)).unwrap(), [ErasureOutcome::Kept(until)]);
    drop(keyring);
    let keyring = ground.open();
    assert!(matches!(keyring.subject(&user("ann")), Err(KeyringError::Blocked)));
    let Deletion::Blocked(intent) = keyring.deletion(&user("ann")).unwrap() else { panic!() };
    assert_eq!(keyring.intents().unwrap(), std::slice::from_ref(&intent));
    let standing = intent.request.unwrap();
    assert_eq!((standing.kept_until, standing.blocked), (until, Some(until - 90 * DAY)));
    // Whatever the caller says.
    assert_eq!(keyring.erase_all(&[due("ann", &standing)]).unwrap(), [ErasureOutcome::Kept(until)]);
    ground.clock.advance(90 * DAY);
    assert!(matches!(keyring.erase_all(&[due("ann", &standing)]).unwrap()[..], [ErasureOutcome::Erased(_)]));
    let entry = keyring.sweep_queue()[0];
    assert_eq!((entry.blocked, entry.erased), (until - 90 * DAY, until));
}

#[test]
fn a_hold_may_come_while_the_law_has_it_kept() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (request, until) = (asked(&ground), ground.clock.now_unix() + 90 * DAY);
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    keyring.request_deletion(&ann, request.clone()).unwrap();
    keyring.erase_all(&[Erasure { kept_until: until, ..due("ann", &request) }]).unwrap();
    let intent = |keyring: &Keyring| keyring.intents().unwrap().remove(0);
    let place = RestrictionChange::PlaceHold("a".into(), Hold::default());
    keyring.hold_blocked(&intent(&keyring), place).unwrap();
    let refused = keyring.hold_blocked(&intent(&keyring), RestrictionChange::FollowPlay(false));
    assert!(matches!(refused, Err(KeyringError::Blocked)));
    assert!(matches!(ann.check(), Err(KeyringError::Blocked)) && intent(&keyring).held);
    ground.clock.advance(90 * DAY);
    drop((keyring, ann));
    let keyring = ground.open();
    for at_once in [false, true] {
        let ann = Erasure { at_once, ..due("ann", &request) };
        assert_eq!(keyring.erase_all(&[ann]).unwrap(), [ErasureOutcome::Held]);
    }
    let epoch = keyring.epoch();
    keyring.hold_blocked(&intent(&keyring), RestrictionChange::LiftHold("a".into())).unwrap();
    assert_eq!(keyring.epoch(), epoch + 1, "the reason of a hold goes with it");
    assert!(matches!(keyring.subject(&user("ann")), Err(KeyringError::Blocked)));
    assert!(matches!(keyring.erase_all(&[due("ann", &request)]).unwrap()[..], [ErasureOutcome::Erased(_)]));
    assert_eq!(keyring.verify(false).unwrap().faults, [""; 0]);
}

#[test]
fn an_operator_waits_for_nothing_and_takes_over_what_was_asked_for() {
    let ground = Ground::new();
    let keyring = ground.create();
    let request = later(&ground, 7);
    keyring
        .request_deletion(&keyring.create_subject(&user("ann"), false).unwrap().0, request.clone())
        .unwrap();
    keyring.create_subject(&user("bob"), false).unwrap();
    let own = DeletionRequest { job: JobId([8; 16]), by_operator: true, ..asked(&ground) };
    let at_once = |name| Erasure { at_once: true, kept_until: i64::MAX, ..due(name, &own) };
    let outcomes = keyring.erase_all(&[at_once("ann"), at_once("bob")]).unwrap();
    let job = |outcome: &ErasureOutcome| match outcome {
        ErasureOutcome::Erased(record) => record.job,
        _ => None,
    };
    assert_eq!(outcomes.iter().map(job).collect::<Vec<_>>(), [Some(request.job), Some(own.job)]);
}

/// Whose restrictions are lost is erased all the same; what is certified of it does not say that no hold stood, or what was asked for.
#[test]
fn what_damage_hides_is_not_certified() {
    let ground = Ground::new();
    let keyring = ground.create();
    let request = asked(&ground);
    for name in ["ann", "bob"] {
        keyring
            .request_deletion(&keyring.create_subject(&user(name), false).unwrap().0, request.clone())
            .unwrap();
    }
    let until = ground.clock.now_unix() + DAY;
    let kept = ["ann", "bob"].map(|name| Erasure { kept_until: until, ..due(name, &request) });
    assert_eq!(keyring.erase_all(&kept).unwrap(), [ErasureOutcome::Kept(until), ErasureOutcome::Kept(until)]);
    let core = &keyring.core;
    let Found::Person { state, .. } = core.find(&core.root(), core.person_tag(&user("ann"))).unwrap() else {
        panic!("nobody")
    };
    let state = State::read(&core.pages, &state).unwrap();
    let ids = state.page_ids(&mut |kind, page| core.pages.read_stored(kind, page)).unwrap();
    assert_eq!(ids.len(), 1, "what restricts her");
    ground.pages.remove(&ids).unwrap();
    drop((state, keyring));

    let keyring = ground.open();
    assert!(keyring.intents().unwrap().iter().any(|intent| intent.request.is_none()));
    ground.clock.advance(DAY);
    let own = DeletionRequest { job: JobId([8; 16]), by_operator: true, ..asked(&ground) };
    let at_once = ["ann", "bob"].map(|name| Erasure { at_once: true, ..due(name, &own) });
    assert_eq!(keyring.erase_all(&at_once).unwrap().len(), 2);
    let told = |entry: &crate::SweepEntry| (entry.job == own.job, entry.damaged);
    let mut queue: Vec<_> = keyring.sweep_queue().iter().map(told).collect();
    queue.sort_unstable();
    assert_eq!(queue, [(false, false), (true, true)]);
}

/// Of many one may be in use: the others do not wait for the next time.
#[test]
fn whoever_is_in_use_holds_up_nobody_else() {
    let ground = Ground::new();
    let keyring = ground.create();
    let request = asked(&ground);
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    keyring.create_subject(&user("bob"), false).unwrap();
    for name in ["ann", "bob"] {
        keyring.request_deletion(&keyring.subject(&user(name)).unwrap(), request.clone()).unwrap();
    }
    let lease = ann.key(&item(1, 1)).unwrap();
    let both = [due("ann", &request), due("bob", &request)];
    let outcomes = keyring.erase_all(&both).unwrap();
    assert!(matches!(outcomes[..], [ErasureOutcome::InUse(1), ErasureOutcome::Erased(_)]), "{outcomes:?}");
    assert!(lease.cancelled() && matches!(ann.check(), Err(KeyringError::Blocked)));
    drop(lease);
    let outcomes = keyring.erase_all(&both).unwrap();
    assert!(matches!(outcomes[..], [ErasureOutcome::Erased(_), ErasureOutcome::AlreadyErased(_)]));
}

/// A promise whose caller gave up waiting for leases was cut by the end of the hold, and acknowledged, beside a key in use.
#[test]
fn the_end_of_a_hold_waits_for_the_keys_of_what_it_cuts() {
    let ground = Ground::new();
    let keyring = ground.create();
    let (ann, _) = keyring.create_subject(&user("ann"), false).unwrap();
    hold(&keyring, &ann, None);
    let lease = ann.key(&item(1, 1)).unwrap();
    let promised = keyring.cut(&ann, vec![Path::leaf(&item(1, 1)).unwrap()]);
    assert!(matches!(promised, Err(KeyringError::LeasesHeld { held: 1 })));
    let lifted = keyring.restrict(&ann, RestrictionChange::LiftHold("a".into()));
    assert!(matches!(lifted, Err(KeyringError::LeasesHeld { held: 1 })), "{lifted:?}");
    drop(lease);
    assert!(keyring.cut(&ann, vec![Path::leaf(&item(1, 1)).unwrap()]).is_ok());
}
