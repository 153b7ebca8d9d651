//! The deletion job: its states, what they let be read, and what a crash leaves.

use oubliette_keyring::{JobId, UserId, receipt_binding};
use oubliette_store::{
    Approval, Asked, DeletionState, DeletionStep, NewDeletion, NewHold, Policy, RecordRule, Retention,
    SubjectFacts, Vault, VaultError,
};

use crate::world::{World, get, person, put, text, texts};

pub(crate) const HOUR: u64 = 3600 * 1_000_000;
pub(crate) const DAY: u64 = 24 * HOUR;

pub(crate) fn wanted(days: Option<u32>, by: &str) -> NewDeletion {
    NewDeletion {
        reason: "account_closed".to_owned(),
        cooling_off_days: days,
        override_holds: false,
        by: by.to_owned(),
    }
}

pub(crate) fn ask(vault: &Vault, user: &str) -> Asked {
    vault.request_deletion(user, &wanted(None, "")).unwrap()
}

pub(crate) fn state(vault: &Vault, user: &str) -> DeletionState {
    vault.deletion(user).unwrap().state
}

fn run(vault: &Vault) -> (oubliette_store::DeletionRun, Vec<DeletionStep>) {
    let mut steps = Vec::new();
    let run = vault.run_deletions(&mut |step| steps.push(step.clone())).unwrap();
    (run, steps)
}

fn hold(vault: &Vault, user: &str, expires: Option<u64>) {
    vault.holds(user).unwrap().place("court", &NewHold { reason: None, expires }).unwrap();
}

#[test]
fn a_person_leaves_after_the_cooling_off_period() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    person(&vault, "bob");
    put(&ann, "slot", &[7; 20_000]);
    put(&ann, "slot", b"small");
    let asked = ask(&vault, "ann");
    let job = asked.deletion.job.clone().unwrap();
    let salt = asked.salt.unwrap();
    assert_eq!((asked.deletion.state, asked.deletion.seconds_left), (DeletionState::CoolingOff, 7 * 86_400));
    let again = ask(&vault, "ann");
    assert!(again.salt.is_none() && again.deletion.job.as_deref() == Some(&job), "the same job, no salt");
    put(&ann, "slot", b"still mine");
    world.advance(6 * DAY);
    let info = vault.deletion("ann").unwrap();
    assert_eq!((info.state, info.seconds_left), (DeletionState::CoolingOff, 86_400));
    assert_eq!(run(&vault).0.erased, 0);
    assert!(get(&vault.subject("ann").unwrap(), "slot", None).is_ok());
    drop(ann);

    world.advance(DAY);
    // Also before the job took it up, and for whoever comes by another way.
    assert_eq!(state(&vault, "ann"), DeletionState::Requested);
    assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectBlocked)));
    assert!(matches!(
        vault.put_subject("ann", &SubjectFacts::default(), true),
        Err(VaultError::SubjectBlocked)
    ));
    let bob = vault.subject("bob").unwrap();
    assert!(matches!(bob.chats().append("ann", &[text("late")]), Err(VaultError::PeerGone)));
    assert!(matches!(vault.cancel_deletion("ann"), Err(VaultError::DeletionDue)));

    let (vault, keyring) = {
        drop((bob, vault));
        world.open_with_keyring()
    };
    assert_eq!(vault.delete_due().unwrap().erased, 1);
    let entry = keyring.sweep_queue()[0];
    let id: Vec<u8> = (0..16).map(|n| u8::from_str_radix(&job[2 * n..2 * n + 2], 16).unwrap()).collect();
    let job_id = JobId(id.try_into().unwrap());
    assert_eq!(entry.job, job_id);
    assert_eq!(entry.binding, receipt_binding(&salt, b"ann", &job_id), "the salt opens it");
    let info = vault.deletion("ann").unwrap();
    assert_eq!(
        (info.state, info.job.as_deref(), info.reason.as_deref()),
        (DeletionState::Erased, Some(&*job), Some("account_closed"))
    );
    assert_eq!(
        ask(&vault, "ann").deletion.state,
        DeletionState::Erased,
        "asked again by a job that was cut off"
    );
    while vault.sweep(1000).unwrap().left > 0 {}
    assert_eq!(state(&vault, "ann"), DeletionState::Final);
    assert!(world.rows().iter().all(|(key, _)| key[..16] != entry.handle.0));
    assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectErased { .. })));
    assert!(matches!(vault.cancel_deletion("ann"), Err(VaultError::SubjectErased { .. })));
    // After the fence nothing says that they were ever here.
    world.advance(31 * DAY);
    while vault.sweep(1000).unwrap().left > 0 {}
    assert!(matches!(vault.deletion("ann"), Err(VaultError::SubjectUnknown)));
    assert!(matches!(vault.deletion("bob"), Err(VaultError::NotFound { what: "deletion" })));
}

#[test]
fn a_deletion_is_taken_back_and_asked_for_anew() {
    let (world, vault) = World::new();
    person(&vault, "ann");
    let first = ask(&vault, "ann").deletion.job.unwrap();
    world.advance(6 * DAY);
    assert_eq!(vault.cancel_deletion("ann").unwrap(), first);
    assert!(matches!(vault.cancel_deletion("ann"), Err(VaultError::NotFound { .. })));
    assert!(matches!(vault.deletion("ann"), Err(VaultError::NotFound { .. })));
    let vault = world.reopen(vault);
    world.advance(2 * DAY);
    assert_eq!(run(&vault).0.erased, 0);
    let second = vault.request_deletion("ann", &wanted(Some(30), "")).unwrap();
    assert!(second.salt.is_some() && second.deletion.job != Some(first));
    assert_eq!(second.deletion.seconds_left, 30 * 86_400, "longer than the usual is anybody's choice");
    for (reason, days) in [("", None), ("Why Not", None), (&*"x".repeat(27), None), ("ok", Some(367))] {
        let wrong = NewDeletion { reason: reason.to_owned(), ..wanted(days, "") };
        assert!(matches!(vault.request_deletion("ann", &wrong), Err(VaultError::Invalid { .. })), "{reason}");
    }
    assert!(matches!(vault.request_deletion("eve", &wanted(None, "")), Err(VaultError::SubjectUnknown)));
}

#[test]
fn promise_a_due_deletion_waits_for_the_last_hold_and_goes_on_by_itself() {
    let (world, vault) = World::new();
    for user in ["ann", "bob"] {
        put(&person(&vault, user), "slot", b"evidence");
        ask(&vault, user);
    }
    hold(&vault, "ann", None);
    let ends = 1_700_000_000_000_000 + 9 * DAY;
    hold(&vault, "bob", Some(ends));
    world.advance(8 * DAY);
    let (done, steps) = run(&vault);
    assert_eq!((done.erased, done.held, steps.len()), (0, 2, 2));
    for user in ["ann", "bob"] {
        assert_eq!(state(&vault, user), DeletionState::Held);
        assert!(matches!(vault.subject(user), Err(VaultError::SubjectBlocked)), "what is kept is not used");
        assert!(vault.holds(user).unwrap().list().unwrap().len() == 1);
        assert!(matches!(vault.cancel_deletion(user), Err(VaultError::DeletionDue)));
    }
    assert_eq!(vault.deletion("bob").unwrap().held_until, Some(ends));
    assert_eq!(world.rows().len(), 4, "nothing was removed under the holds");
    let vault = world.reopen(vault);
    assert_eq!(vault.delete_due().unwrap().held, 2);
    vault.holds("ann").unwrap().lift("court").unwrap();
    assert_eq!(vault.delete_due().unwrap().erased, 1);
    assert_eq!((state(&vault, "ann"), state(&vault, "bob")), (DeletionState::Erased, DeletionState::Held));
    world.advance(DAY);
    assert_eq!(vault.delete_due().unwrap().erased, 1, "without anybody's doing");
    assert_eq!(state(&vault, "bob"), DeletionState::Erased);
}

#[test]
fn promise_what_the_law_wants_kept_is_blocked_and_erased_when_it_may_be() {
    let kept = Retention { minimum_days: Some(100), ..Retention::default() };
    let rule = RecordRule { retention: kept, ..RecordRule::default() };
    let policy = Policy { records: [("orders".to_owned(), rule)].into(), ..Policy::default() };
    let (world, vault) = World::of(policy, None);
    let ann = person(&vault, "ann");
    ann.records().put("orders", "1", &Default::default(), &mut b"shoes".as_slice()).unwrap();
    drop(ann);
    ask(&vault, "ann");
    world.advance(7 * DAY);
    let (done, steps) = run(&vault);
    assert_eq!((done.erased, done.kept, steps[0].state), (0, 1, DeletionState::Blocked));
    let mut vault = world.reopen(vault);
    for _ in 0..3 {
        let info = vault.deletion("ann").unwrap();
        assert_eq!(
            (info.state, info.kept_until),
            (DeletionState::Blocked, Some(1_700_000_000_000_000 + 100 * DAY))
        );
        assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectBlocked)));
        vault.sweep(1000).unwrap();
        assert_eq!((run(&vault).0.kept, world.rows().len()), (1, 2));
        world.advance(30 * DAY);
        vault = world.reopen(vault);
    }
    // A court may still ask for what the law has kept.
    hold(&vault, "ann", None);
    assert!(vault.deletion("ann").unwrap().held && vault.holds("ann").unwrap().list().unwrap().len() == 1);
    world.advance(3 * DAY);
    let vault = world.reopen(vault);
    assert_eq!(vault.delete_due().unwrap().held, 1);
    assert_eq!(state(&vault, "ann"), DeletionState::Blocked);
    vault.holds("ann").unwrap().lift("court").unwrap();
    assert!(matches!(vault.holds("ann").unwrap().lift("court"), Err(VaultError::NotFound { .. })));
    assert_eq!(vault.delete_due().unwrap().erased, 1);
    assert_eq!(state(&vault, "ann"), DeletionState::Erased);
    assert!(matches!(vault.holds("ann"), Err(VaultError::SubjectErased { .. })));
}

#[test]
fn two_people_shorten_the_cooling_off_period_or_override_a_hold() {
    let (world, vault) = World::new();
    for user in ["ann", "bob"] {
        put(&person(&vault, user), "slot", b"x");
    }
    let at_once = wanted(Some(0), "first");
    assert!(vault.overrides(&at_once) && !vault.overrides(&wanted(Some(7), "")));
    assert!(matches!(
        vault.request_deletion("ann", &wanted(Some(0), "")),
        Err(VaultError::Invalid { field: "by", .. })
    ));
    let asked = vault.request_deletion("ann", &at_once).unwrap().deletion;
    assert_eq!(asked.state, DeletionState::CoolingOff, "one person alone changes nothing");
    let (job, what) = (asked.job.unwrap(), asked.overriding.unwrap());
    assert!(what.cooling_off && !what.holds && !what.approved);
    let say = |user: &str, job: &str, digest: &str, by: &str| {
        let approval = Approval { job: job.to_owned(), digest: digest.to_owned(), by: by.to_owned() };
        vault.approve_deletion(user, &approval)
    };
    let mismatch = |said: Result<_, VaultError>| assert!(matches!(said, Err(VaultError::ApprovalMismatch)));
    mismatch(say("ann", &job, &"0".repeat(64), "second"));
    mismatch(say("ann", &"0".repeat(32), &what.digest, "second"));
    assert!(matches!(say("ann", &job, &what.digest, "first"), Err(VaultError::SecondPersonRequired)));
    assert!(matches!(say("bob", &job, &what.digest, "second"), Err(VaultError::NotFound { .. })));
    // The same again keeps what waits; more is another thing to approve.
    let again = vault.request_deletion("ann", &at_once).unwrap().deletion.overriding.unwrap();
    assert_eq!(again.digest, what.digest);
    let more = NewDeletion { override_holds: true, ..at_once.clone() };
    let more = vault.request_deletion("ann", &more).unwrap().deletion.overriding.unwrap();
    mismatch(say("ann", &job, &what.digest, "second"));
    world.advance(DAY);
    mismatch(say("ann", &job, &more.digest, "second"));
    assert_eq!(state(&vault, "ann"), DeletionState::CoolingOff);

    hold(&vault, "ann", None);
    let both = NewDeletion { override_holds: true, ..at_once };
    let what = vault.request_deletion("ann", &both).unwrap().deletion.overriding.unwrap();
    let done = say("ann", &job, &what.digest, "second").unwrap();
    assert_eq!((done.state, done.job), (DeletionState::Erased, Some(job)));
    assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectErased { .. })));
    assert!(vault.subject("bob").is_ok());
}

/// Rows whose cut waits for a hold stay, also of somebody whose deletion is due.
#[test]
fn a_late_deletion_of_an_item_removes_nothing_under_the_hold() {
    let (world, vault) = World::new();
    let ann = person(&vault, "ann");
    put(&ann, "slot", b"evidence");
    ask(&vault, "ann");
    hold(&vault, "ann", None);
    let rows = world.rows().len();
    world.advance(8 * DAY);
    // Whoever held on to the person goes on until the block.
    let _waits = ann.saves().forget_slot("doom", "slot");
    vault.sweep(1000).unwrap();
    assert_eq!(world.rows().len(), rows);
}

#[test]
fn many_leave_under_one_root_and_one_in_use_holds_up_nobody() {
    let (world, vault) = World::new();
    for n in 0..60 {
        put(&person(&vault, &n.to_string()), "slot", b"x");
        ask(&vault, &n.to_string());
    }
    put(&person(&vault, "stays"), "slot", b"x");
    world.advance(7 * DAY);
    let generation = vault.status().unwrap().generation;
    let (done, steps) = run(&vault);
    assert_eq!((done.erased, steps.len()), (60, 60));
    assert!(steps.iter().all(|step| step.state == DeletionState::Swept && step.stores[1].removed == 2));
    assert_eq!(
        vault.status().unwrap().generation,
        generation + 4,
        "the time, blocked, erased, off the queue"
    );
    assert_eq!(world.rows().len(), 2);
    assert_eq!(run(&vault).1.len(), 0, "nothing is due any more");
}

/// A crash between block and erasure, with a legal minimum in between: whoever opens must not erase too early.
#[test]
fn the_next_opening_finishes_what_was_blocked() {
    let (world, vault) = World::new();
    person(&vault, "ann");
    drop(vault);
    let (vault, keyring) = world.open_with_keyring();
    keyring.block(&UserId::new("ann").unwrap()).unwrap();
    assert_eq!(state(&vault, "ann"), DeletionState::Blocked);
    assert_eq!(vault.deletions().unwrap()[0].0, "ann");
    drop(keyring);
    let vault = world.reopen(vault);
    assert_eq!(state(&vault, "ann"), DeletionState::Erased);
    assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectErased { .. })));
}

#[test]
fn texts_of_the_peer_stay_when_somebody_is_about_to_leave() {
    let (world, vault) = World::new();
    let (ann, bob) = (person(&vault, "ann"), person(&vault, "bob"));
    ann.chats().append("bob", &[text("from ann")]).unwrap();
    bob.chats().append("ann", &[text("from bob")]).unwrap();
    drop(ann);
    ask(&vault, "ann");
    hold(&vault, "ann", None);
    assert_eq!(texts(&bob, "ann"), ["from bob", "from ann"]);
    world.advance(8 * DAY);
    let seen = texts(&vault.subject("bob").unwrap(), "ann");
    assert!(seen.contains(&"from bob".to_owned()) && !seen.contains(&"from ann".to_owned()), "{seen:?}");
}

#[test]
fn an_operator_s_erasure_is_the_deletion_that_was_asked_for() {
    let (_world, vault) = World::new();
    person(&vault, "ann");
    person(&vault, "bob");
    let job = ask(&vault, "ann").deletion.job;
    let outcomes = vault.erase(&["ann", "bob"]).unwrap();
    let records: Vec<_> = outcomes
        .into_iter()
        .map(|outcome| match outcome {
            oubliette_store::ErasureOutcome::Erased(record) => record,
            other => panic!("{other:?}"),
        })
        .collect();
    assert!(records[0].job == job && records[0].salt.is_none(), "the salt was told to whoever asked");
    assert!(records[1].job.is_some() && records[1].salt.is_some());
    let shown = format!("{:?}", vault.deletion("bob").unwrap());
    assert!(!shown.contains("operator"), "why is told to whoever asks, not to a log: {shown}");
    assert!(serde_json::to_string(&records[1]).unwrap().contains(r#""salt":""#));
}

#[test]
fn a_poisoned_key_plane_is_said() {
    let (_world, vault) = World::new();
    person(&vault, "ann");
    vault.close().unwrap();
    assert!(matches!(vault.run_deletions(&mut |_| ()), Err(VaultError::Poisoned { .. })));
}

/// Somebody asked for thirty days, and two people want it over a court's hold: they approve the holds that they see, and no shorter time.
#[test]
fn an_override_of_holds_is_of_the_holds_of_then_and_leaves_the_time_that_was_asked_for() {
    let (world, vault) = World::new();
    person(&vault, "ann");
    vault.request_deletion("ann", &wanted(Some(30), "")).unwrap();
    hold(&vault, "ann", None);
    let over = NewDeletion { override_holds: true, ..wanted(None, "first") };
    let approve = || {
        let asked = vault.request_deletion("ann", &over).unwrap().deletion;
        let (job, digest) = (asked.job.unwrap(), asked.overriding.unwrap().digest);
        vault.approve_deletion("ann", &Approval { job, digest, by: "second".to_owned() }).unwrap()
    };
    let approved = approve();
    assert_eq!(approved.seconds_left, 30 * 86_400);
    assert!(approved.overriding.unwrap().approved);
    vault.holds("ann").unwrap().place("later", &NewHold { reason: None, expires: None }).unwrap();
    assert!(!vault.deletion("ann").unwrap().overriding.unwrap().approved, "nobody looked at this one");
    world.advance(30 * DAY);
    run(&vault);
    assert_eq!(state(&vault, "ann"), DeletionState::Held);
    approve();
    run(&vault);
    assert!(matches!(vault.subject("ann"), Err(VaultError::SubjectErased { .. })));
}
