//! `Idempotency-Key`: sent twice, carried out once.

use std::{
    io::Write,
    net::TcpStream,
    time::{Duration, Instant},
};

use oubliette_client::NewMessage;
use oubliette_service::tokens::{Scope, Tokens};
use serde_json::Value;

use crate::support::{Raw, Service, noise, refused};

fn keyed(service: &Service, key: &str, method: &str, path: &str, body: &[u8]) -> Raw {
    service.raw(method, path, &[("Idempotency-Key", key), ("Content-Type", "text/plain")], body)
}

fn same(first: &Raw, again: &Raw) {
    assert_eq!((first.status, &first.body), (again.status, &again.body), "{again:?}");
    for header in ["etag", "content-type"] {
        assert_eq!(first.header(header), again.header(header));
    }
    assert_eq!(
        (first.header("idempotency-replayed"), again.header("idempotency-replayed")),
        (None, Some("true"))
    );
    assert_ne!(first.header("x-request-id"), again.header("x-request-id"));
}

#[test]
fn a_write_that_is_sent_again_is_answered_again() {
    let service = Service::start();
    let client = service.with_people(&["ann", "ben"]);
    let slot = "/v1/subjects/ann/saves/g/s";
    let messages = "/v1/subjects/ann/chats/ben/messages";
    for body in [b"small".to_vec(), noise(3, 3 << 20)] {
        let key = format!("save {}", body.len());
        let first = keyed(&service, &key, "PUT", slot, &body);
        assert!(first.status < 300, "{first:?}");
        same(&first, &keyed(&service, &key, "PUT", slot, &body));
    }
    assert_eq!(client.versions("ann", "g", "s", None).unwrap().items.len(), 2);
    let first = keyed(&service, "m", "POST", messages, b"hello");
    same(&first, &keyed(&service, "m", "POST", messages, b"hello"));
    assert_eq!(client.messages("ann", "ben", &Default::default()).unwrap().items.len(), 1);
    let first = keyed(&service, "d", "DELETE", slot, b"");
    same(&first, &keyed(&service, "d", "DELETE", slot, b""));
    // Without a key it is another request, and there is nothing left.
    service.raw("DELETE", slot, &[], b"").problem(404, "not_found");
    // A person who does not exist yet.
    let first = service.raw("PUT", "/v1/subjects/new", &[("Idempotency-Key", "p")], b"");
    assert_eq!(first.status, 201);
    same(&first, &service.raw("PUT", "/v1/subjects/new", &[("Idempotency-Key", "p")], b""));
    // Somebody else's key of the same name.
    assert_eq!(keyed(&service, "m", "POST", "/v1/subjects/ben/chats/ann/messages", b"hello").status, 201);
    // The typed client.
    let once = client.with_idempotency_key("typed");
    let message = NewMessage { body: "twice".into(), ..NewMessage::default() };
    let first = once.send_message("ann", "ben", &message).unwrap();
    assert_eq!(once.send_message("ann", "ben", &message).unwrap().id, first.id);
    let repeated = service.raw("GET", "/v1/audit?limit=1000", &[], b"").json()["entries"].clone();
    assert_eq!(repeated.as_array().unwrap().iter().filter(|entry| entry["note"] == "repeated").count(), 6);
}

#[test]
fn another_request_with_the_same_key_is_refused() {
    let service = Service::start();
    service.with_people(&["ann", "ben"]);
    let slot = "/v1/subjects/ann/saves/g/s";
    assert_eq!(keyed(&service, "k", "PUT", slot, b"one").status, 201);
    let mismatch = |answer: Raw| drop(answer.problem(422, "idempotency_mismatch"));
    mismatch(keyed(&service, "k", "PUT", slot, b"two"));
    mismatch(keyed(&service, "k", "PUT", "/v1/subjects/ann/saves/g/t", b"one"));
    mismatch(keyed(&service, "k", "DELETE", slot, b""));
    let header = [("Idempotency-Key", "k"), ("Content-Type", "text/plain"), ("X-Save-Meta", "1")];
    mismatch(service.raw("PUT", slot, &header, b"one"));
    same(&keyed(&service, "other", "PUT", slot, b"one"), &keyed(&service, "other", "PUT", slot, b"one"));

    // A refusal is not kept: the same request may succeed later.
    let absent = "/v1/subjects/ann/saves/g/later";
    keyed(&service, "r", "DELETE", absent, b"").problem(404, "not_found");
    service.raw("PUT", absent, &[], b"x");
    assert_eq!(keyed(&service, "r", "DELETE", absent, b"").status, 200);
    // What a token may not do it may not have repeated either.
    let (reader, _) = Tokens::open(&service.data()).create("reader", &[Scope::SavesRead], None).unwrap();
    let authorization = format!("Bearer {}", reader.reveal());
    let headers =
        [("Authorization", authorization.as_str()), ("Idempotency-Key", "k"), ("Content-Type", "text/plain")];
    service.bare("PUT", slot, &headers, b"one").problem(403, "forbidden");

    let long = "x".repeat(256);
    for bad in ["", &long, "\u{fc}"] {
        let answer = service.raw("PUT", slot, &[("Idempotency-Key", bad)], b"x");
        assert_eq!(answer.problem(400, "invalid")["field"], "idempotency-key");
    }
    let twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")];
    service.raw("PUT", slot, &twice, b"x").problem(400, "invalid");
    // Where it would mean nothing it is not silently ignored.
    for (method, path) in
        [("GET", slot), ("GET", "/v1/audit"), ("POST", "/v1/subjects/ann/credentials/steam/a/guard-code")]
    {
        service.raw(method, path, &[("Idempotency-Key", "k")], b"").problem(400, "invalid");
    }
}

#[test]
fn the_second_of_two_at_once_is_told_to_wait() {
    let service = Service::start();
    let client = service.with_people(&["ann"]);
    let begin = || {
        let mut slow = service.connect();
        write!(
            slow,
            "PUT /v1/subjects/ann/saves/g/s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nIdempotency-Key: k\r\nConnection: close\r\nContent-Length: 4\r\n\r\nab",
            service.token
        )
        .unwrap();
        slow
    };
    let answered = |slow: &TcpStream| {
        slow.set_nonblocking(true).unwrap();
        let peeked = slow.peek(&mut [0]).is_ok();
        slow.set_nonblocking(false).unwrap();
        peeked
    };
    let mut slow = begin();
    // A request that would be refused anyway tells when the first has begun.
    let deadline = Instant::now() + Duration::from_secs(60);
    let second = loop {
        let answer = keyed(&service, "k", "DELETE", "/v1/subjects/ann/saves/g/absent", b"");
        if answer.status == 409 {
            break answer;
        }
        answer.problem(404, "not_found");
        assert!(Instant::now() < deadline);
        // It came while the other one had the key, and was the one that was told to wait.
        if answered(&slow) {
            slow = begin();
        }
    };
    second.problem(409, "idempotency_in_progress");
    assert_eq!(second.header("retry-after"), Some("1"));
    slow.write_all(b"cd").unwrap();
    let first = Raw::read(slow, false);
    assert_eq!(first.status, 201, "{first:?}");
    same(&first, &service.raw("PUT", "/v1/subjects/ann/saves/g/s", &[("Idempotency-Key", "k")], b"abcd"));
    assert_eq!(client.versions("ann", "g", "s", None).unwrap().items.len(), 1);
}

#[test]
fn keys_survive_a_restart_and_go_with_the_person() {
    let service = Service::start();
    service.with_people(&["ann"]);
    let slot = "/v1/subjects/ann/saves/g/s";
    let first = keyed(&service, "k", "PUT", slot, b"one");
    let (folder, ended) = service.stop();
    ended.unwrap();
    let vault = oubliette_store::Vault::open(&folder.path().join("vault"), Default::default()).unwrap();
    let service = Service::over(folder, vault, Default::default());
    same(&first, &keyed(&service, "k", "PUT", slot, b"one"));
    service.erase("ann").unwrap();
    keyed(&service, "k", "PUT", slot, b"one").problem(410, "subject_erased");
    let reopened = service.client().put_subject("ann", &Default::default(), true).unwrap();
    assert_eq!(reopened.state, "active");
    let anew = keyed(&service, "k", "PUT", slot, b"two");
    assert_eq!((anew.status, anew.header("idempotency-replayed")), (201, None));
    refused(service.client().saves("nobody", None, None), 404, "subject_unknown");
}

#[test]
fn the_document_says_where_keys_are_taken() {
    let service = Service::start();
    let document = service.client().openapi().unwrap();
    let mut taken = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            let has = parameters.iter().any(|parameter: &Value| parameter["name"] == "Idempotency-Key");
            let write = ["put", "post", "delete"].contains(&method.as_str());
            assert!(!has || write, "{method} {path}");
            taken += u64::from(has);
            // 422 is a key that came with another request; a checkpoint that nobody known signed is the one other thing that is well formed and wrong.
            let other = path == "/v1/log/checkpoint";
            assert_eq!(has || (write && other), operation["responses"]["422"].is_object(), "{method} {path}");
        }
    }
    assert!(taken >= 12, "{taken}");
}
