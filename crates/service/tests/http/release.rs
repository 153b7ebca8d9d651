//! Secrets that leave, sealed to a key registered with the caller's token; keys for confirmations; fields that stay.

use oubliette_client::{
    AuditQuery, Client, ClientError, ConsentGiven, Problem, ReleaseAsked, ReleaseKey, SteamSecrets,
};
use oubliette_service::{Tokens, tokens::Scope};
use serde_json::Value;

use crate::support::{Service, refused};

const PATH: &str = "/v1/subjects/alice/credentials/steam/acc/release";
const JSON: (&str, &str) = ("Content-Type", "application/json");

fn secrets() -> SteamSecrets {
    let mut secrets = SteamSecrets::default();
    secrets.password = Some("hunter2".to_owned());
    secrets.refresh_token = Some("eyAi.hunter2.x".to_owned());
    secrets.identity_secret = Some("0/ZLHWSHnqaEba5ZAw2YGd68DwE=".to_owned());
    secrets
}

fn settled() -> Service {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    client.give_consent("alice", "steam_credentials", &ConsentGiven::default()).unwrap();
    client.put_steam("alice", "acc", &secrets()).unwrap();
    service
}

/// A token for these scopes with this key under the name `host`, and one more key.
fn host(service: &Service, name: &str, scopes: &[Scope], key: &ReleaseKey) -> String {
    let registered = |name: &str, key: &ReleaseKey| {
        let key = data_encoding::BASE64URL_NOPAD.encode(key.public().as_bytes());
        format!("{name}={key}").parse().unwrap()
    };
    let keys = vec![registered("spare", &ReleaseKey::generate().unwrap()), registered("host", key)];
    let (token, _) = Tokens::open(&service.data()).create_with_keys(name, scopes, None, keys).unwrap();
    token.reveal().to_owned()
}

fn asked(fields: &[&str]) -> ReleaseAsked {
    let fields = fields.iter().map(|field| (*field).to_owned()).collect();
    ReleaseAsked { fields, purpose: "cloud_sign_in".to_owned(), recipient: None }
}

/// The refusal itself.
fn problem<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> Problem {
    match answer {
        Err(ClientError::Problem(problem)) => *problem,
        other => panic!("{other:?}"),
    }
}

fn post(service: &Service, token: &str, body: &str) -> crate::support::Raw {
    let bearer = format!("Bearer {token}");
    service.bare("POST", PATH, &[JSON, ("Authorization", &bearer)], body.as_bytes())
}

#[test]
fn a_host_gets_what_it_asks_for_and_the_person_sees_it() {
    let service = settled();
    let key = ReleaseKey::generate().unwrap();
    let token = host(&service, "host-1", &[Scope::CredentialsRelease], &key);
    let client = service.client_with(&token);
    let released = client.release("alice", "acc", &asked(&["refresh_token"]), &key).unwrap();
    assert_eq!(released.secrets.refresh_token.as_deref(), Some("eyAi.hunter2.x"));
    assert!(released.secrets.password.is_none());
    let named = ReleaseAsked { recipient: Some("host".into()), ..asked(&["password", "refresh_token"]) };
    let released = client.release("alice", "acc", &named, &key).unwrap();
    assert_eq!(released.secrets.password.as_deref(), Some("hunter2"));

    let seen = service.client().steam("alice", "acc").unwrap();
    assert_eq!(seen.uses.len(), 1);
    let used = &seen.uses[0];
    assert_eq!((used.kind.as_str(), used.purpose.as_deref()), ("release", Some("cloud_sign_in")));
    assert_eq!((used.recipient.as_deref(), used.fields.len()), (Some("host"), 2));
    assert_eq!(seen.last_used.as_deref(), Some(used.time.as_str()));

    // The audit log has what for, also where it was refused; not what is no word.
    let odd = ReleaseAsked { purpose: "for alice, who asked".to_owned(), ..asked(&["password"]) };
    refused(client.release("alice", "acc", &odd, &key), 400, "invalid");
    let missing = ReleaseAsked { purpose: "trade".to_owned(), ..asked(&["shared_secret"]) };
    refused(client.release("alice", "acc", &missing, &key), 404, "not_found");
    let entries =
        service.client().audit(&AuditQuery { actor: Some("host-1".into()), ..AuditQuery::default() });
    let told: Vec<_> = entries.unwrap().items.into_iter().map(|entry| (entry.status, entry.note)).collect();
    let expected = [(200, "cloud_sign_in"), (200, "cloud_sign_in"), (400, ""), (404, "trade")];
    assert_eq!(told, expected.map(|(status, note)| (status, note.to_owned())));
}

#[test]
fn the_answer_shows_nothing_and_a_request_is_answered_once() {
    let service = settled();
    let key = ReleaseKey::generate().unwrap();
    let token = host(&service, "host-1", &[Scope::CredentialsRelease], &key);
    let body = r#"{"fields":["password"],"purpose":"play","recipient":"host","request":"0123456789abcdef"}"#;
    let answer = post(&service, &token, body);
    assert_eq!(answer.status, 200);
    let text = String::from_utf8_lossy(&answer.body);
    assert!(!text.contains("hunter2") && !text.contains("alice") && !text.contains("acc"), "{text}");
    let answer: Value = serde_json::from_slice(&answer.body).unwrap();
    assert_eq!(answer["recipient"]["name"], "host");
    assert_eq!(answer["recipient"]["key"], key.public().id().to_string());
    assert_eq!(answer["suite"], "0020-0001-0002");
    post(&service, &token, body).problem(409, "replayed");
    // The client refuses an answer that it did not ask for: sealed to another key of the same token.
    let spare = ReleaseAsked { recipient: Some("spare".into()), ..asked(&["password"]) };
    let misled = service.client_with(&token).release("alice", "acc", &spare, &key);
    assert!(misled.unwrap_err().to_string().contains("does not open"));
}

#[test]
fn who_may_not_have_a_secret_does_not_get_it() {
    let service = settled();
    let key = ReleaseKey::generate().unwrap();
    let all: Vec<Scope> =
        Scope::ALL.iter().copied().filter(|scope| *scope != Scope::CredentialsRelease).collect();
    let release =
        |token: &str| service.client_with(token).release("alice", "acc", &asked(&["password"]), &key);
    refused(release(&host(&service, "no scope", &all, &key)), 403, "forbidden");
    // A token's keys are its own: another one with the scope cannot have it sealed to them, nor to a key of its own choice.
    let (other, _) =
        Tokens::open(&service.data()).create("other", &[Scope::CredentialsRelease], None).unwrap();
    let error = problem(release(other.reveal()));
    assert_eq!(error.field.as_deref(), Some("recipient"));
    refused(release(&service.token), 400, "invalid");

    let token = host(&service, "host-1", &[Scope::CredentialsRelease], &key);
    let client = service.client_with(&token);
    let ask =
        |user: &str, account: &str, fields: &[&str]| client.release(user, account, &asked(fields), &key);
    refused(ask("alice", "acc", &["uri"]), 404, "not_found");
    refused(ask("alice", "nothing", &["password"]), 404, "not_found");
    refused(ask("nobody", "acc", &["password"]), 404, "subject_unknown");
    refused(ask("alice", "acc", &[]), 400, "invalid");
    let error = problem(ask("alice", "acc", &["hunter2"]));
    assert!(error.field.as_deref() == Some("fields") && !error.detail.contains("hunter2"));
    for body in [
        r#"{"fields":["password"],"purpose":"hunter2 hunter2","recipient":"host"}"#,
        r#"{"fields":["password"],"purpose":"p","recipient":"host","request":"hunter2"}"#,
        r#"{"fields":["password"],"purpose":"p","recipient":"hunter2"}"#,
        r#"{"fields":"hunter2","purpose":"p","recipient":"host"}"#,
        r#"{"purpose":"p","recipient":"host"}"#,
        "",
    ] {
        let answer = post(&service, &token, body);
        answer.problem(400, "invalid");
        assert!(!String::from_utf8_lossy(&answer.body).contains("hunter2"), "{answer:?}");
    }
    assert!(service.client().steam("alice", "acc").unwrap().uses.is_empty(), "refusals are no uses");

    let dev = service.client();
    dev.withdraw_consent("alice", "steam_credentials").unwrap();
    refused(ask("alice", "acc", &["password"]), 403, "consent_required");
    dev.give_consent("alice", "steam_credentials", &ConsentGiven::default()).unwrap();
    dev.put_steam("alice", "acc", &secrets()).unwrap();
    assert!(ask("alice", "acc", &["password"]).is_ok());
    Tokens::open(&service.data()).revoke("host-1").unwrap();
    refused(ask("alice", "acc", &["password"]), 401, "unauthorized");
    let client = service.client_with(&host(&service, "host-2", &[Scope::CredentialsRelease], &key));
    service.erase("alice").unwrap();
    refused(client.release("alice", "acc", &asked(&["password"]), &key), 410, "subject_erased");
}

/// Such a connection was closed without a word, and the next request of a client that keeps connections was lost in it.
#[test]
fn a_refusal_before_the_body_was_read_says_that_the_connection_ends() {
    use std::io::{Read, Write};
    let service = settled();
    let head_of = |token: &str, body: &str| {
        let mut stream = service.connect();
        let length = body.len().max(1);
        let head = format!(
            "POST {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        String::from_utf8(head).unwrap().to_ascii_lowercase()
    };
    // Of this body nothing ever comes.
    let refused = head_of("obl_wrong", "");
    assert!(
        refused.starts_with("http/1.1 401") && refused.contains("\r\nconnection: close\r\n"),
        "{refused}"
    );
    let refused = head_of(&service.token, "{}");
    assert!(refused.starts_with("http/1.1 400") && !refused.contains("connection: close"), "{refused}");
}

#[test]
fn codes_and_keys_by_steams_clock() {
    let service = settled();
    let client: Client = service.client();
    let key = client.confirmation_key("alice", "acc", "conf", 0).unwrap();
    let ahead = client.confirmation_key("alice", "acc", "conf", 3600).unwrap();
    assert_eq!((key.key.len(), ahead.time >= key.time + 3600), (28, true));
    refused(client.confirmation_key("alice", "acc", "no tag", 0), 400, "invalid");
    refused(client.guard_code("alice", "acc"), 404, "not_found");
    let mut guard = SteamSecrets::default();
    guard.shared_secret = Some("MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=".to_owned());
    let stored = client.merge_steam("alice", "acc", &guard).unwrap();
    assert_eq!(stored.fields, ["identity_secret", "password", "refresh_token", "shared_secret"]);
    assert_eq!(client.guard_code("alice", "acc").unwrap().code.len(), 5);
    // No body, and every one that the document allows.
    for body in ["null", "{}", "{\"offset\":0}"] {
        let path = "/v1/subjects/alice/credentials/steam/acc/guard-code";
        assert_eq!(service.raw("POST", path, &[JSON], body.as_bytes()).status, 200, "{body}");
    }
    assert_eq!(client.guard_code_at("alice", "acc", -30).unwrap().code.len(), 5);
    let error = problem(client.guard_code_at("alice", "acc", 86_401));
    assert_eq!(error.field.as_deref(), Some("offset"));
    let kinds: Vec<_> =
        client.steam("alice", "acc").unwrap().uses.into_iter().map(|used| used.kind).collect();
    assert_eq!(kinds, ["guard_code"], "a change of the fields forgets their uses");

    let (weak, _) = Tokens::open(&service.data()).create("weak", &[Scope::CredentialsRead], None).unwrap();
    let weak = service.client_with(weak.reveal());
    refused(weak.confirmation_key("alice", "acc", "conf", 0), 403, "forbidden");
    assert_eq!(weak.steam("alice", "acc").unwrap().uses.len(), 1);
}
