//! Holds, what waits for them, and who may not be stored.

use oubliette_client::{ConsentGiven, Deletion, NewHold, SteamSecrets, SubjectFacts};
use oubliette_service::{Config, admin::AdminError};
use oubliette_store::{Policy, Vault, VaultOptions};

use crate::support::{Service, refused};

fn secrets() -> SteamSecrets {
    let mut secrets = SteamSecrets::default();
    secrets.password = Some("hunter2".to_owned());
    secrets
}

#[test]
fn what_is_deleted_under_a_hold_waits_and_goes_with_the_release() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    client.give_consent("alice", "steam_credentials", &ConsentGiven::default()).unwrap();
    client.put_steam("alice", "acc", &secrets()).unwrap();
    for slot in ["one", "two"] {
        client.put_save("alice", "g", slot, &mut &b"x"[..], &Default::default()).unwrap();
    }
    let hold = NewHold { reason: Some("case 7".into()), expires: Some("2999-01-01T00:00:00Z".into()) };
    assert!(client.place_hold("alice", "case 7/a", &hold).unwrap().new);
    assert!(!client.place_hold("alice", "case 7/a", &hold).unwrap().new);
    let listed = client.holds("alice").unwrap();
    assert_eq!((listed.len(), listed[0].reason.as_deref()), (1, Some("case 7")));
    assert_eq!(listed[0].expires.as_deref(), Some("2999-01-01T00:00:00Z"));

    let answer = service.raw("DELETE", "/v1/subjects/alice/saves/g/one", &[], b"");
    assert_eq!((answer.status, answer.json()["state"].as_str()), (202, Some("blocked")));
    refused(client.save("alice", "g", "one", &Default::default()), 404, "not_found");
    refused(client.forget_save("alice", "g", "one", None), 404, "not_found");
    assert_eq!(client.withdraw_consent("alice", "steam_credentials").unwrap(), Deletion::Blocked);
    refused(client.put_steam("alice", "acc", &secrets()), 403, "consent_required");
    assert!(client.steam_accounts("alice").unwrap().is_empty());
    let held = service.erase("alice");
    assert!(matches!(&held, Err(AdminError::Failed(failure)) if failure.code == "held"), "{held:?}");
    assert_eq!(client.subject("alice").unwrap().state, "active");

    client.lift_hold("alice", "case 7/a").unwrap();
    refused(client.lift_hold("alice", "case 7/a"), 404, "not_found");
    assert!(client.holds("alice").unwrap().is_empty());
    assert_eq!(client.forget_save("alice", "g", "two", None).unwrap(), Deletion::Erased);
    service.erase("alice").unwrap();
    refused(client.holds("alice"), 410, "subject_erased");
}

#[test]
fn holds_are_checked_and_their_reasons_stay_inside() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    let path = "/v1/subjects/alice/holds/a";
    let put = |body: &str| service.raw("PUT", path, &[("Content-Type", "application/json")], body.as_bytes());
    assert_eq!(put(r#"{"expires":"tomorrow"}"#).problem(400, "invalid")["field"], "expires");
    assert_eq!(put(r#"{"expires":"2001-01-01T00:00:00Z"}"#).problem(400, "invalid")["field"], "expires");
    let long = format!(r#"{{"reason":"{}"}}"#, "hunter2".repeat(200));
    let answer = put(&long);
    assert_eq!(answer.problem(400, "invalid")["field"], "reason");
    assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"));
    assert_eq!(put("{}").status, 201);
    refused(client.place_hold("nobody", "a", &NewHold::default()), 404, "subject_unknown");
    let names = format!("/v1/subjects/alice/holds/{}", "x".repeat(129));
    service.raw("PUT", &names, &[("Content-Type", "application/json")], b"{}").problem(400, "invalid");
}

#[test]
fn a_child_and_somebody_from_elsewhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let options =
        VaultOptions { region: Some("cn-east".into()), policy: Policy::default(), ..VaultOptions::default() };
    let vault = Vault::create(&folder.path().join("vault"), options).unwrap();
    let service = Service::over(folder, vault, Config::default());
    let client = service.client();
    let elsewhere = SubjectFacts { region: Some("eu".into()), ..SubjectFacts::default() };
    refused(client.put_subject("bob", &elsewhere, false), 403, "region_mismatch");
    refused(client.subject("bob"), 404, "subject_unknown");
    let child = SubjectFacts { birth_year: Some(2020), ..SubjectFacts::default() };
    assert_eq!(client.put_subject("alice", &child, false).unwrap().birth_year, Some(2020));
    let save = || client.put_save("alice", "g", "s", &mut &b"x"[..], &Default::default());
    refused(save(), 403, "guardian_consent_required");
    let guardian = SubjectFacts { guardian_consent: Some("form 7".into()), ..SubjectFacts::default() };
    client.put_subject("alice", &guardian, false).unwrap();
    save().unwrap();
    assert_eq!(client.withdraw_consent("alice", "guardian").unwrap(), Deletion::Erased);
    refused(save(), 403, "guardian_consent_required");
    let year = service.raw(
        "PUT",
        "/v1/subjects/alice",
        &[("Content-Type", "application/json")],
        br#"{"birth_year":1492}"#,
    );
    assert_eq!(year.problem(400, "invalid")["field"], "birth_year");
}
