//! What is malformed, too much, too slow or in the wrong place.

use std::{io::Write, time::Duration};

use oubliette_service::{Config, operator::Answer};

use crate::support::{Raw, Service, refused};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn an_unknown_path() {
    let service = Service::start();
    service.raw("GET", "/v1/nothing", &[], b"").problem(404, "not_found");
    service.raw("GET", "/", &[], b"").problem(404, "not_found");
    service.raw("GET", "/docs/nothing.js", &[], b"").problem(404, "not_found");
    // What this version does not offer is absent, not half there.
    service.raw("POST", "/v1/subjects/a/merge", &[JSON], b"{}").problem(404, "not_found");
}

#[test]
fn a_wrong_method_names_the_right_ones() {
    let service = Service::start();
    let answer = service.raw("DELETE", "/v1/subjects/alice", &[], b"");
    answer.problem(405, "method_not_allowed");
    assert_eq!(answer.header("allow"), Some("PUT, GET"));
}

#[test]
fn a_wrong_media_type() {
    let service = Service::start();
    service
        .raw("PUT", "/v1/subjects/alice", &[("Content-Type", "text/xml")], b"<a/>")
        .problem(415, "unsupported_media_type");
    service.raw("PUT", "/v1/subjects/alice", &[], b"{}").problem(415, "unsupported_media_type");
}

#[test]
fn bad_json_and_unknown_fields_are_named() {
    let service = Service::start();
    let put = |body: &str| service.raw("PUT", "/v1/subjects/alice", &[JSON], body.as_bytes());
    assert_eq!(put("{\"regoin\":\"x\"}").problem(400, "invalid")["field"], "regoin");
    assert_eq!(put("{").problem(400, "invalid")["field"], "body");
    assert_eq!(put("[]").problem(400, "invalid")["field"], "body");
    let wrong = put("{\"region\":{\"hunter2\":1}}");
    wrong.problem(400, "invalid");
    assert!(!String::from_utf8_lossy(&wrong.body).contains("hunter2"));
}

#[test]
fn unknown_and_bad_query_parameters() {
    let service = Service::start();
    service.with_people(&["alice"]);
    let get = |path: &str| service.raw("GET", path, &[], b"");
    assert_eq!(get("/v1/subjects/alice/saves?gaem=x").problem(400, "invalid")["field"], "gaem");
    assert_eq!(get("/v1/subjects/alice/saves?limit=0").problem(400, "invalid")["field"], "limit");
    assert_eq!(get("/v1/subjects/alice/saves?limit=1001").problem(400, "invalid")["field"], "limit");
    get("/v1/subjects/alice/saves?limit=x").problem(400, "invalid");
    get("/v1/subjects/alice/saves/g/s?version=x").problem(400, "invalid");
    get("/v1/subjects/alice/saves?cursor=%00nonsense").problem(400, "invalid");
}

#[test]
fn an_oversized_body() {
    let service = Service::start();
    let big = vec![b' '; 65_537];
    service.raw("PUT", "/v1/subjects/alice", &[JSON], &big).problem(413, "too_large");
    let chunked = [&b"10001\r\n"[..], &big, b"\r\n0\r\n\r\n"].concat();
    let headers = [JSON, ("Transfer-Encoding", "chunked"), ("Content-Length", "")];
    let headers = &headers[..2];
    let mut stream = service.connect();
    let mut head = format!(
        "PUT /v1/subjects/alice HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {}\r\n",
        service.token
    );
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    stream.write_all(format!("{head}\r\n").as_bytes()).unwrap();
    let _ = stream.write_all(&chunked);
    Raw::read(stream, false).problem(413, "too_large");
}

#[test]
fn an_oversized_save() {
    let service = Service::with(Config { max_save: 1 << 20, ..Config::default() });
    let client = service.with_people(&["alice"]);
    let path = "/v1/subjects/alice/saves/g/s";
    service.raw("PUT", path, &[("Content-Length", "1048577")], b"").problem(413, "too_large");
    // One that does not say how long it is.
    let big = vec![7u8; (1 << 20) + 1];
    refused(client.put_save("alice", "g", "s", &mut big.as_slice(), &Default::default()), 413, "too_large");
    refused(client.head_save("alice", "g", "s", None), 404, "http_404");
}

#[test]
fn names_that_are_none() {
    let service = Service::start();
    service.with_people(&["alice"]);
    let get = |path: &str| service.raw("GET", path, &[], b"");
    get("/v1/subjects/%ff%fe").problem(400, "invalid");
    get("/v1/subjects/").problem(400, "invalid");
    get("/v1/subjects//saves").problem(400, "invalid");
    get("/v1/subjects/alice/saves//s").problem(400, "invalid");
    let long = "x".repeat(257);
    get(&format!("/v1/subjects/{long}")).problem(400, "invalid");
    service.raw("PUT", &format!("/v1/subjects/{long}"), &[], b"").problem(400, "invalid");
    service.raw("PUT", &format!("/v1/subjects/alice/saves/g/{long}"), &[], b"bytes").problem(400, "invalid");
    // 256 bytes, slashes and other people's alphabets are fine.
    let names = ["x".repeat(256), "a/b".to_owned(), "玩家".to_owned(), "..%2f".to_owned(), " ".to_owned()];
    let client = service.client();
    for name in &names {
        client.put_subject(name, &Default::default(), false).unwrap();
        assert_eq!(client.subject(name).unwrap().user, *name);
    }
}

#[test]
fn unknown_and_erased_people() {
    let service = Service::start();
    let client = service.with_people(&["bob"]);
    refused(client.subject("alice"), 404, "subject_unknown");
    refused(client.put_save("alice", "g", "s", &mut &b"x"[..], &Default::default()), 404, "subject_unknown");
    refused(client.saves("alice", None, None), 404, "subject_unknown");

    client.put_subject("alice", &Default::default(), false).unwrap();
    let Ok(Answer::Erased(record)) = service.erase("alice") else { panic!("not erased") };
    assert_eq!(record.state, "erased");
    assert!(record.generation_after > record.generation_before);
    refused(client.subject("alice"), 410, "subject_erased");
    refused(client.put_save("alice", "g", "s", &mut &b"x"[..], &Default::default()), 410, "subject_erased");
    refused(client.put_subject("alice", &Default::default(), false), 410, "subject_erased");
    client.put_subject("alice", &Default::default(), true).unwrap();
    client.subject("alice").unwrap();
    client.subject("bob").unwrap();
}

#[test]
fn a_body_that_stops_arriving() {
    let service = Service::with(Config { idle_timeout: Duration::from_millis(200), ..Config::default() });
    let client = service.with_people(&["alice"]);
    for length in [1000, 1 << 20] {
        let mut stream = service.connect();
        let head = format!(
            "PUT /v1/subjects/alice/saves/g/s HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {}\r\nContent-Length: {length}\r\n\r\nhalf",
            service.token
        );
        stream.write_all(head.as_bytes()).unwrap();
        Raw::read(stream, false).problem(408, "timeout");
    }
    assert!(client.saves("alice", None, None).unwrap().items.is_empty());
}

#[test]
fn more_uploads_than_allowed() {
    let service = Service::with(Config { uploads: 0, ..Config::default() });
    let client = service.with_people(&["alice"]);
    let answer = service.raw("PUT", "/v1/subjects/alice/saves/g/s", &[("Content-Length", "1000000")], b"");
    answer.problem(503, "overloaded");
    assert!(answer.header("retry-after").is_some());
    // Small saves have their own way.
    client
        .put_save(
            "alice",
            "g",
            "s",
            &mut &b"x"[..],
            &oubliette_client::SaveOptions { length: Some(1), ..Default::default() },
        )
        .unwrap();
}

#[test]
fn a_full_queue() {
    let service = Service::with(Config { workers: 0, queue: 0, ..Config::default() });
    let answer = service.raw("GET", "/v1/subjects/alice", &[], b"");
    answer.problem(503, "overloaded");
    assert_eq!(answer.header("retry-after"), Some("1"));
}
