//! What a request asks for and its route would not heed is refused, and nothing is done.

use std::sync::atomic::{AtomicBool, Ordering};

use oubliette_client::{ConsentGiven, NewMessage, SteamSecrets};

use crate::support::{Service, noise};

const SAVE: &str = "/v1/subjects/alice/saves/chess/s";
const ACCOUNT: &str = "/v1/subjects/alice/credentials/steam/acc";

fn text(body: &str) -> NewMessage {
    NewMessage { body: body.to_owned(), ..Default::default() }
}

fn secrets(service: &Service) {
    let client = service.client();
    client.give_consent("alice", "steam_credentials", &ConsentGiven::default()).unwrap();
    let mut secrets = SteamSecrets::default();
    secrets.shared_secret = Some("MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=".to_owned());
    client.put_steam("alice", "acc", &secrets).unwrap();
}

/// Once a client that resumed an upload by `Content-Range` lost the whole save, and one that asked for a condition the value that it meant to keep.
#[test]
fn a_write_whose_condition_or_form_nobody_would_look_at() {
    let service = Service::start();
    service.with_people(&["alice", "bob"]);
    secrets(&service);
    service.raw("PUT", SAVE, &[], b"whole");
    let refused = |method: &str, path: &str, header: (&str, &str), body: &[u8]| {
        let status = if header.0 == "content-encoding" { 415 } else { 400 };
        let code = if status == 415 { "unsupported_media_type" } else { "invalid" };
        let problem = service
            .raw(method, path, &[header, ("content-type", "application/json")], body)
            .problem(status, code);
        assert!(status == 415 || problem["field"] == header.0, "{problem}");
    };
    refused("PUT", SAVE, ("content-range", "bytes 3-4/5"), b"le");
    refused("PUT", SAVE, ("content-encoding", "gzip"), b"\x1f\x8b");
    refused("PUT", SAVE, ("if-unmodified-since", "Sat, 28 Nov 2026 20:00:00 GMT"), b"x");
    refused("DELETE", SAVE, ("if-match", "\"1\""), b"");
    refused("PUT", ACCOUNT, ("if-none-match", "*"), b"{\"password\":\"x\"}");
    refused("DELETE", ACCOUNT, ("if-match", "\"1\""), b"");
    refused("PUT", "/v1/subjects/alice/saves/chess/s/retention", ("if-match", "\"1\""), b"{\"keep_last\":1}");
    refused(
        "POST",
        "/v1/subjects/alice/chats/bob/messages",
        ("content-encoding", "gzip"),
        b"{\"body\":\"x\"}",
    );
    assert_eq!(service.raw("GET", SAVE, &[], b"").body, b"whole");
    assert_eq!(service.raw("GET", ACCOUNT, &[], b"").json()["fields"], serde_json::json!(["shared_secret"]));
    // What is heeded, or changes nothing, is let pass.
    assert_eq!(
        service.raw("PUT", SAVE, &[("content-encoding", "identity"), ("if-match", "\"1\"")], b"2").status,
        200
    );
}

/// `DELETE …/chats/{peer}?through=ID` forgot the whole side.
#[test]
fn parameters_that_a_route_does_not_know() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    client.send_message("alice", "bob", &text("stays")).unwrap();
    service.raw("PUT", SAVE, &[], b"x");
    for (method, path) in [
        ("DELETE", "/v1/subjects/alice/chats/bob?through=x"),
        ("PUT", "/v1/subjects/alice/saves/chess/s?through=5"),
        ("GET", "/v1/subjects/alice/blocks?through=1"),
        ("HEAD", "/v1/subjects/alice/saves/chess/s/share?through=1"),
    ] {
        if method == "HEAD" {
            assert_eq!(service.raw(method, path, &[], b"").status, 400);
        } else {
            assert_eq!(
                service.raw(method, path, &[], b"").problem(400, "invalid")["field"],
                "through",
                "{path}"
            );
        }
    }
    assert_eq!(
        service.raw("GET", "/v1/subjects/alice/chats/bob/messages", &[], b"").json()["messages"][0]["body"],
        "stays"
    );
    // A value of the wrong kind: the field is named.
    assert_eq!(
        service.raw("GET", "/v1/subjects/alice/saves?limit=abc", &[], b"").problem(400, "invalid")["field"],
        "limit"
    );
    assert_eq!(service.raw("GET", "/healthz?probe=1", &[], b"").status, 200);
}

/// Forward from a message, page by page by the cursor: it went backwards from the second page on, and the rest was never seen.
#[test]
fn a_cursor_goes_on_in_its_own_direction() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    let sent: Vec<String> =
        (0..10).map(|n| client.send_message("alice", "bob", &text(&n.to_string())).unwrap().id).collect();
    let page = |query: &str| {
        service.raw("GET", &format!("/v1/subjects/alice/chats/bob/messages?limit=3{query}"), &[], b"").json()
    };
    for (start, expected) in [
        (format!("&after={}", sent[0]), (1..10).collect::<Vec<_>>()),
        (String::new(), (0..10).rev().collect()),
    ] {
        let (mut seen, mut cursor, newer) = (Vec::new(), String::new(), !start.is_empty());
        for _ in 0..5 {
            let page = page(&format!("{start}{cursor}"));
            let bodies = page["messages"]
                .as_array()
                .unwrap()
                .iter()
                .map(|m| m["body"].as_str().unwrap().parse::<i32>().unwrap());
            let mut bodies: Vec<i32> = bodies.collect();
            if newer {
                bodies.reverse();
            }
            seen.extend(bodies);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        assert_eq!(seen, expected);
    }
    let both = format!("/v1/subjects/alice/chats/bob/messages?before={0}&cursor={0}", sent[5]);
    assert_eq!(service.raw("GET", &both, &[], b"").problem(400, "invalid")["field"], "cursor");
    // Any type but JSON itself is a message's own.
    let game = [("content-type", "application/vnd.game+json")];
    assert_eq!(
        service.raw("POST", "/v1/subjects/alice/chats/bob/messages", &game, b"{\"move\":\"e4\"}").status,
        201
    );
}

/// While the content alone is replaced or forgotten nobody is told that something was erased.
#[test]
fn writes_and_sign_ins_beside_deletions_may_come_again() {
    let service = Service::start();
    service.with_people(&["alice"]);
    secrets(&service);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for n in 0..60 {
                    let body = format!("{{\"refresh_token\":\"{n}\"}}");
                    let json = [("content-type", "application/json")];
                    assert_eq!(
                        service.raw("PUT", &format!("{ACCOUNT}?merge=true"), &json, body.as_bytes()).status,
                        200
                    );
                }
                done.store(true, Ordering::SeqCst);
            });
        }
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let code = service.raw("POST", &format!("{ACCOUNT}/guard-code"), &[], b"");
                assert!([200, 503].contains(&code.status), "{code:?}");
            }
        });
        scope.spawn(|| {
            while !done.load(Ordering::SeqCst) {
                let deleted = service.raw("DELETE", SAVE, &[], b"");
                assert!([200, 404].contains(&deleted.status), "{deleted:?}");
            }
        });
        scope.spawn(|| {
            let content = noise(1, 300_000);
            while !done.load(Ordering::SeqCst) {
                let stored = service.raw("PUT", SAVE, &[], &content);
                assert!([200, 201, 503].contains(&stored.status), "{stored:?}");
            }
        });
    });
}
