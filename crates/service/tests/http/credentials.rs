//! Consents and platform credentials.

use oubliette_client::{ConsentGiven, SteamSecrets};

use crate::support::{Service, refused};

fn secrets() -> SteamSecrets {
    let mut secrets = SteamSecrets::default();
    secrets.password = Some("hunter2".to_owned());
    secrets.shared_secret = Some("MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=".to_owned());
    secrets
}

#[test]
fn nothing_without_consent() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    refused(client.put_steam("alice", "acc", &secrets()), 403, "consent_required");
    refused(client.steam("alice", "acc"), 404, "not_found");
}

#[test]
fn stored_used_never_shown_and_withdrawn() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    let given =
        ConsentGiven { policy_version: Some("2026-01".into()), evidence: Some("form 7".into()), time: None };
    client.give_consent("alice", "steam_credentials", &given).unwrap();
    let stored = client.put_steam("alice", "acc", &secrets()).unwrap();
    assert_eq!(stored.fields, ["password", "shared_secret"]);

    for path in ["/v1/subjects/alice/credentials/steam", "/v1/subjects/alice/credentials/steam/acc"] {
        let shown = service.raw("GET", path, &[], b"");
        let text = String::from_utf8_lossy(&shown.body).into_owned();
        assert!(shown.status == 200 && !text.contains("hunter2") && !text.contains("MTIz"), "{text}");
    }
    let code = client.guard_code("alice", "acc").unwrap();
    assert_eq!(code.code.len(), 5);
    assert!(code.valid_until.ends_with('Z'));
    assert_eq!(client.steam_accounts("alice").unwrap().len(), 1);

    client.withdraw_consent("alice", "steam_credentials").unwrap();
    assert!(client.steam_accounts("alice").unwrap().is_empty());
    assert!(client.guard_code("alice", "acc").is_err());
    refused(client.put_steam("alice", "acc", &secrets()), 403, "consent_required");
    let history = client.consents("alice").unwrap();
    let states: Vec<_> = history.iter().map(|event| event.state.as_str()).collect();
    assert!(states.contains(&"given") && states.contains(&"withdrawn"), "{states:?}");
    assert!(history.iter().any(|event| event.evidence.as_deref() == Some("form 7")));
}

#[test]
fn an_account_is_forgotten() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    client.give_consent("alice", "steam_credentials", &ConsentGiven::default()).unwrap();
    client.put_steam("alice", "acc", &secrets()).unwrap();
    client.forget_steam("alice", "acc").unwrap();
    refused(client.steam("alice", "acc"), 404, "not_found");
    refused(client.guard_code("alice", "acc"), 404, "not_found");
}

#[test]
fn refusals_do_not_repeat_a_secret() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    client.give_consent("alice", "steam_credentials", &ConsentGiven::default()).unwrap();
    let path = "/v1/subjects/alice/credentials/steam/acc";
    for body in [
        r#"{"password":["hunter2"]}"#,
        r#"{"shared_secret":"hunter2 is no base64!"}"#,
        r#"{"password":"hunter2","pin":"hunter2"}"#,
        r#"{"password":"hunter2""#,
        "\"hunter2\"",
    ] {
        let answer = service.raw("PUT", path, &[("Content-Type", "application/json")], body.as_bytes());
        answer.problem(400, "invalid");
        assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"), "{answer:?}");
    }
    service.raw("PUT", path, &[], b"").problem(400, "invalid");
    let time = service.raw(
        "PUT",
        "/v1/subjects/alice/consents/x",
        &[("Content-Type", "application/json")],
        b"{\"time\":\"1\"}",
    );
    assert_eq!(time.problem(400, "invalid")["field"], "time");
}
