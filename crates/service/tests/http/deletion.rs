//! The deletion job over HTTP: the job and its salt, the countdown, two people, and what a late request is told.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use oubliette_client::{AuditQuery, Client, DeletionJob, NewDeletion, NewHold};
use oubliette_service::{
    Config,
    operator::{Answer, Command},
    tokens::{Scope, Tokens},
};
use oubliette_store::{Clock, Vault, VaultOptions};

use crate::support::{Service, operate, refused};

const DAY: u64 = 24 * 3600 * 1_000_000;

/// A clock that is moved by hand.
struct Moved(AtomicU64);

impl Clock for Moved {
    fn now_micros(&self) -> u64 {
        self.0.load(Ordering::SeqCst)
    }
}

fn service() -> (Service, Arc<Moved>) {
    let clock = Arc::new(Moved(AtomicU64::new(1_800_000_000_000_000)));
    let folder = tempfile::tempdir().unwrap();
    let options = VaultOptions { clock: Some(clock.clone()), ..VaultOptions::default() };
    let vault = Vault::create(&folder.path().join("vault"), options).unwrap();
    let config = Config { sweep_every: Duration::from_millis(20), ..Config::default() };
    (Service::over(folder, vault, config), clock)
}

fn leaving() -> NewDeletion {
    NewDeletion { reason: "account_closed".to_owned(), ..NewDeletion::default() }
}

fn at_once() -> NewDeletion {
    NewDeletion { cooling_off: Some(0), override_holds: true, ..leaving() }
}

/// The background job takes it up by itself; how soon does not matter here.
fn until(client: &Client, user: &str, states: &[&str]) -> DeletionJob {
    let begun = Instant::now();
    loop {
        let job = client.deletion(user).unwrap();
        if states.contains(&job.state.as_str()) {
            return job;
        }
        assert!(begun.elapsed() < Duration::from_secs(120), "still {}", job.state);
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn a_deletion_is_asked_for_watched_taken_back_and_carried_out() {
    let (service, clock) = service();
    let client = service.with_people(&["alice", "bob"]);
    client.put_save("alice", "g", "s", &mut &b"bytes"[..], &Default::default()).unwrap();
    refused(client.deletion("alice"), 404, "not_found");
    refused(client.cancel_deletion("alice"), 404, "not_found");
    refused(client.request_deletion("nobody", &leaving()), 404, "subject_unknown");
    let wrong = NewDeletion { reason: "I am tired of it".to_owned(), ..leaving() };
    refused(client.request_deletion("alice", &wrong), 400, "invalid");

    let asked = client.request_deletion("alice", &leaving()).unwrap();
    assert_eq!((asked.state.as_str(), asked.seconds_left), ("cooling_off", 7 * 86_400));
    assert_eq!(asked.salt.as_ref().map(String::len), Some(64));
    let again = service.raw(
        "POST",
        "/v1/subjects/alice/deletion",
        &[("Content-Type", "application/json")],
        br#"{"reason":"something_else"}"#,
    );
    assert_eq!(again.status, 202);
    let again = again.json();
    assert_eq!((again["job"].as_str(), again.get("salt")), (asked.job.as_deref(), None));
    assert_eq!(again["reason"], "account_closed");
    assert!(client.save("alice", "g", "s", &Default::default()).is_ok(), "theirs until it is due");
    assert_eq!(client.cancel_deletion("alice").unwrap(), asked.job.unwrap());
    refused(client.deletion("alice"), 404, "not_found");

    let asked = client.request_deletion("alice", &leaving()).unwrap();
    client.place_hold("alice", "court", &NewHold::default()).unwrap();
    clock.0.fetch_add(8 * DAY, Ordering::SeqCst);
    until(&client, "alice", &["held"]);
    refused(client.save("alice", "g", "s", &Default::default()), 423, "subject_blocked");
    refused(client.cancel_deletion("alice"), 409, "deletion_due");
    assert_eq!(client.holds("alice").unwrap().len(), 1);
    client.lift_hold("alice", "court").unwrap();
    let done = until(&client, "alice", &["swept", "final"]);
    assert!(done.salt.is_none() && done.erased.is_some() && done.fence_until.is_some());
    // A late writer, a late job, and nobody is made anew by accident.
    refused(
        client.put_save("alice", "g", "s", &mut &b"late"[..], &Default::default()).map(drop),
        410,
        "subject_erased",
    );
    refused(client.put_subject("alice", &Default::default(), false).map(drop), 410, "subject_erased");
    refused(client.cancel_deletion("alice"), 410, "subject_erased");
    assert!(client.request_deletion("alice", &leaving()).unwrap().salt.is_none());
    client.put_subject("alice", &Default::default(), true).unwrap();
    refused(client.deletion("alice"), 404, "not_found");
    assert_ne!(client.request_deletion("alice", &leaving()).unwrap().job, asked.job);
    clock.0.fetch_add(40 * DAY, Ordering::SeqCst);
    drop(service);
}

#[test]
fn what_overrides_takes_two_people_and_is_in_the_audit_log() {
    let (service, _clock) = service();
    let client = service.with_people(&["alice", "bob"]);
    client.place_hold("alice", "court", &NewHold::default()).unwrap();
    let tokens = Tokens::open(&service.data());
    let with = |name: &str, scopes: &[Scope]| {
        let (token, _) = tokens.create(name, scopes, None).unwrap();
        service.client_with(token.reveal())
    };
    let asks = with("asks", &[Scope::DeletionRequest]);
    let first = with("first", &[Scope::DeletionRequest, Scope::DeletionOverride]);
    let second = with("second", &[Scope::DeletionOverride]);
    refused(asks.request_deletion("alice", &at_once()), 403, "forbidden");
    let usual = asks.request_deletion("alice", &leaving()).unwrap();
    let asked = first.request_deletion("alice", &at_once()).unwrap();
    assert!(asked.job == usual.job && asked.salt.is_none() && asked.state == "cooling_off");
    let (job, what) = (asked.job.unwrap(), asked.overriding.unwrap());
    assert!(what.cooling_off && what.holds && !what.approved);
    refused(asks.approve_deletion("alice", &job, &what.digest), 403, "forbidden");
    refused(first.approve_deletion("alice", &job, &what.digest), 403, "second_person_required");
    refused(second.approve_deletion("bob", &job, &what.digest), 404, "not_found");
    refused(second.approve_deletion("alice", &job, &"0".repeat(64)), 409, "approval_mismatch");
    refused(second.deletion("alice"), 403, "forbidden");
    refused(second.deletion_to_approve("bob"), 404, "not_found");
    refused(asks.deletion_to_approve("alice"), 403, "forbidden");
    let waits = second.deletion_to_approve("alice").unwrap();
    assert_eq!(waits.overriding.unwrap().digest, what.digest, "who approves sees what");
    let done = second.approve_deletion("alice", &job, &what.digest).unwrap();
    assert!(["erased", "swept", "final"].contains(&done.state.as_str()), "{}", done.state);
    refused(client.subject("alice").map(drop), 410, "subject_erased");
    refused(second.approve_deletion("alice", &job, &what.digest), 404, "not_found");

    let mut notes = Vec::new();
    for entry in client.audit(&AuditQuery::default()).unwrap().items {
        if !entry.note.is_empty() {
            notes.push((entry.actor.name.unwrap_or_default(), entry.note, entry.status));
        }
    }
    let said = |name: &str, note: &str, status: u16| {
        notes.iter().any(|(who, what, how)| who == name && what == note && *how == status)
    };
    assert!(said("asks", "override asked for", 403) && said("first", "override asked for", 202), "{notes:?}");
    assert!(said("first", "override approved", 403) && said("second", "override approved", 200), "{notes:?}");
}

#[test]
fn the_operator_lists_and_runs_what_the_service_holds() {
    let (service, clock) = service();
    let client = service.with_people(&["alice", "bob"]);
    let alice = client.request_deletion("alice", &leaving()).unwrap();
    client.request_deletion("bob", &NewDeletion { cooling_off: Some(30), ..leaving() }).unwrap();
    let Answer::Deletions(all) = operate(&service.data(), &Command::DeletionList).unwrap() else { panic!() };
    let seen: Vec<_> =
        all.iter().map(|one| (one.user.as_str(), one.state.as_str(), one.seconds_left / 86_400)).collect();
    assert_eq!(seen, [("alice", "cooling_off", 7), ("bob", "cooling_off", 30)]);
    assert_eq!(all[0].job, alice.job);
    clock.0.fetch_add(7 * DAY, Ordering::SeqCst);
    // The service's own job may be first; either way nothing is due afterwards, and bob stays.
    let Answer::DeletionRun(run) = operate(&service.data(), &Command::DeletionRun).unwrap() else { panic!() };
    assert!(run.erased <= 1 && run.left == 0, "{run:?}");
    until(&client, "alice", &["erased", "swept", "final"]);
    let Answer::Deletions(all) = operate(&service.data(), &Command::DeletionList).unwrap() else { panic!() };
    assert!(all.len() == 1 && all[0].user == "bob");
}
