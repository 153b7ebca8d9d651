//! Saves: versions, preconditions, ranges, streams.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use oubliette_client::{SaveOptions, SaveRead};
use oubliette_service::{Config, operator::Answer};

use crate::support::{Raw, Service, noise, refused};

const PATH: &str = "/v1/subjects/alice/saves/chess/slot%201";

#[test]
fn versions_come_and_go() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    let first =
        service.raw("PUT", PATH, &[("Content-Type", "text/plain"), ("X-Save-Meta", "{\"n\":\"ü\"}")], b"one");
    assert_eq!(first.status, 201, "{first:?}");
    let stored = first.json();
    assert_eq!((stored["version"].as_u64(), stored["size"].as_u64()), (Some(1), Some(3)));
    assert!(stored["created"].as_str().unwrap().ends_with('Z'));
    assert!(first.header("etag").unwrap().starts_with("\"1-"));
    let second = service.raw("PUT", PATH, &[], b"two!");
    assert_eq!((second.status, second.json()["version"].as_u64()), (200, Some(2)));

    let newest = service.raw("GET", PATH, &[], b"");
    assert_eq!((newest.status, newest.body.as_slice()), (200, &b"two!"[..]));
    assert_eq!(newest.header("content-type"), Some("application/octet-stream"));
    assert_eq!(newest.header("cache-control"), Some("no-store"));
    let older = service.raw("GET", &format!("{PATH}?version=1"), &[], b"");
    assert_eq!(older.body, b"one");
    assert_eq!(older.header("content-type"), Some("text/plain"));
    assert_eq!(older.header("x-save-meta"), Some("{\"n\":\"ü\"}"));
    assert_eq!(older.header("etag"), first.header("etag"));

    let versions = client.versions("alice", "chess", "slot 1", None).unwrap().items;
    assert_eq!(versions.iter().map(|v| v.version).collect::<Vec<_>>(), [2, 1]);
    assert_eq!(versions[1].meta, Some(serde_json::json!({"n": "ü"})));
    let slots = client.saves("alice", Some("chess"), None).unwrap().items;
    assert_eq!((slots.len(), slots[0].version, slots[0].versions), (1, 2, 2));
    assert!(client.saves("alice", Some("go"), None).unwrap().items.is_empty());

    client.forget_save("alice", "chess", "slot 1", Some(2)).unwrap();
    refused(client.forget_save("alice", "chess", "slot 1", Some(2)), 404, "not_found");
    assert_eq!(service.raw("GET", PATH, &[], b"").body, b"one");
    assert_eq!(service.raw("DELETE", PATH, &[], b"").json()["state"], "erased");
    service.raw("GET", PATH, &[], b"").problem(404, "not_found");
    refused(client.versions("alice", "chess", "slot 1", None), 404, "not_found");
}

#[test]
fn lists_are_paged() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    for n in 0..5 {
        client.put_save("alice", "g", &format!("s{n}"), &mut &b"x"[..], &Default::default()).unwrap();
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = service.raw("GET", &format!("/v1/subjects/alice/saves?limit=2{cursor}"), &[], b"").json();
        seen.extend(
            page["saves"].as_array().unwrap().iter().map(|slot| slot["slot"].as_str().unwrap().to_owned()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    seen.sort();
    assert_eq!(seen, ["s0", "s1", "s2", "s3", "s4"]);
}

#[test]
fn a_stale_version_is_refused_with_the_current_one() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    let put = |headers: &[(&str, &str)], body: &[u8]| service.raw("PUT", PATH, headers, body);
    put(&[("If-Match", "\"1\"")], b"x").problem(412, "version_conflict");
    put(&[("If-Match", "*")], b"x").problem(412, "version_conflict");
    assert_eq!(put(&[("If-None-Match", "*")], b"one").status, 201);
    put(&[("If-None-Match", "*")], b"x").problem(412, "version_conflict");

    let etag = client.head_save("alice", "chess", "slot 1", None).unwrap().0;
    assert_eq!(put(&[("If-Match", &etag)], b"two").status, 200);
    let conflict = put(&[("If-Match", &etag)], b"x");
    let problem = conflict.problem(412, "version_conflict");
    assert_eq!(problem["current"]["version"], 2);
    assert_eq!(problem["current"]["etag"].as_str(), conflict.header("etag"));
    assert_eq!(put(&[("If-Match", "\"2\"")], b"three").status, 200);
    assert_eq!(put(&[("If-Match", "\"9\", \"3\"")], b"four").status, 200);
    assert_eq!(put(&[("If-Match", "*")], b"five").status, 200);
    put(&[("If-Match", "\"5-0000x\"")], b"x").problem(412, "version_conflict");
    put(&[("If-Match", "W/\"5\"")], b"x").problem(412, "version_conflict");
    put(&[("If-Match", "5")], b"x").problem(400, "invalid");
    assert_eq!(service.raw("GET", PATH, &[], b"").body, b"five");
    service.raw("DELETE", PATH, &[("If-Match", "\"1\"")], b"").problem(400, "invalid");
}

#[test]
fn a_precondition_may_be_required() {
    let service = Service::with(Config { require_precondition: true, ..Config::default() });
    service.with_people(&["alice"]);
    service.raw("PUT", PATH, &[], b"x").problem(428, "precondition_required");
    assert_eq!(service.raw("PUT", PATH, &[("If-None-Match", "*")], b"x").status, 201);
}

#[test]
fn conditional_reads_ranges_and_heads() {
    let service = Service::start();
    service.with_people(&["alice"]);
    let content = noise(1, 300_000);
    let etag = service.raw("PUT", PATH, &[], &content).header("etag").unwrap().to_owned();
    let get = |headers: &[(&str, &str)]| service.raw("GET", PATH, headers, b"");

    let unchanged = get(&[("If-None-Match", &etag)]);
    assert_eq!(
        (unchanged.status, unchanged.body.len(), unchanged.header("etag")),
        (304, 0, Some(etag.as_str()))
    );
    assert_eq!(get(&[("If-None-Match", "\"1-zzzz\"")]).status, 200);
    get(&[("If-Match", "\"7\"")]).problem(412, "version_conflict");

    for (range, from, to) in [
        ("bytes=0-0", 0, 1),
        ("bytes=131000-140000", 131_000, 140_001),
        ("bytes=299999-", 299_999, 300_000),
        ("bytes=-5", 299_995, 300_000),
        ("bytes=5-999999", 5, 300_000),
    ] {
        let part = get(&[("Range", range)]);
        assert_eq!((part.status, part.whole), (206, true), "{range}");
        assert_eq!(part.header("content-range"), Some(format!("bytes {from}-{}/300000", to - 1).as_str()));
        assert!(part.body == content[from..to], "{range}");
    }
    for beyond in ["bytes=300000-", "bytes=300000-300001", "bytes=-0"] {
        let answer = get(&[("Range", beyond)]);
        answer.problem(416, "range_unsatisfiable");
        assert_eq!(answer.header("content-range"), Some("bytes */300000"));
    }
    for ignored in ["bytes=0-1,5-6", "lines=1-2", "bytes=9-1"] {
        assert_eq!(get(&[("Range", ignored)]).status, 200, "{ignored}");
    }
    assert_eq!(get(&[("Range", "bytes=0-1"), ("If-Range", &etag)]).status, 206);
    let whole = get(&[("Range", "bytes=0-1"), ("If-Range", "\"1-zzzz\"")]);
    assert!(whole.status == 200 && whole.body == content);

    let head = service.raw("HEAD", PATH, &[("Range", "bytes=0-1")], b"");
    assert_eq!(
        (head.status, head.header("content-length"), head.header("etag")),
        (200, Some("300000"), Some(etag.as_str()))
    );
    assert_eq!(service.raw("HEAD", &format!("{PATH}?version=9"), &[], b"").status, 404);
}

#[test]
fn an_empty_save() {
    let service = Service::start();
    service.with_people(&["alice"]);
    assert_eq!(service.raw("PUT", PATH, &[("Content-Length", "0")], b"").status, 201);
    let read = service.raw("GET", PATH, &[], b"");
    assert_eq!((read.status, read.body.len(), read.header("content-length")), (200, 0, Some("0")));
    service.raw("GET", PATH, &[("Range", "bytes=0-")], b"").problem(416, "range_unsatisfiable");
}

#[test]
fn bad_metadata() {
    let service = Service::start();
    service.with_people(&["alice"]);
    service.raw("PUT", PATH, &[("X-Save-Meta", "not json")], b"x").problem(400, "invalid");
    let long = format!("\"{}\"", "x".repeat(4096));
    let answer = service.raw("PUT", PATH, &[("X-Save-Meta", &long)], b"x");
    assert!(matches!(answer.status, 400 | 413), "{answer:?}");
    service.raw("GET", PATH, &[], b"").problem(404, "not_found");
}

#[test]
fn a_large_save_streams_both_ways() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    let content = noise(2, 12 << 20);
    for length in [None, Some(content.len() as u64)] {
        let options = SaveOptions { length, ..Default::default() };
        let stored = client.put_save("alice", "g", "big", &mut content.as_slice(), &options).unwrap();
        assert_eq!(stored.size, content.len() as u64);
        let mut body = client.save("alice", "g", "big", &SaveRead::default()).unwrap().unwrap();
        let mut read = Vec::new();
        body.read_to_end(&mut read).unwrap();
        assert!(read == content && body.etag == stored.etag);
    }
    let range = SaveRead { range: Some((1 << 20, Some(9 << 20))), ..Default::default() };
    let mut read = Vec::new();
    client.save("alice", "g", "big", &range).unwrap().unwrap().read_to_end(&mut read).unwrap();
    assert!(read == content[1 << 20..9 << 20]);
}

#[test]
fn a_truncated_upload_leaves_nothing() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    let sent = noise(3, 600_000);
    let heads = ["Content-Length: 1000", "Content-Length: 1000000", "Transfer-Encoding: chunked"];
    for head in heads {
        let mut stream = service.connect();
        let token = &service.token;
        write!(stream, "PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n{head}\r\n\r\n")
            .unwrap();
        let part = if head.ends_with("chunked") {
            [b"927c0\r\n", sent.as_slice(), b"\r\n"].concat()
        } else if head.ends_with("1000000") {
            sent.clone()
        } else {
            b"half".to_vec()
        };
        stream.write_all(&part).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 2"), "{head}");
        refused(client.head_save("alice", "chess", "slot 1", None), 404, "http_404");
        assert!(client.saves("alice", None, None).unwrap().items.is_empty());
    }
    // The slot is as new as ever, and what the broken uploads took is given back.
    assert_eq!(service.raw("PUT", PATH, &[("If-None-Match", "*")], b"x").status, 201);
}

/// A client that stands still in the middle of a download must not hold up an erasure.
#[test]
fn an_erasure_ends_a_slow_download() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    let content = noise(4, 32 << 20);
    client.put_save("alice", "chess", "slot 1", &mut content.as_slice(), &SaveOptions::default()).unwrap();
    let mut stream = service.connect();
    let token = &service.token;
    write!(
        stream,
        "GET {PATH} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
    )
    .unwrap();
    let mut first = [0; 1000];
    stream.read_exact(&mut first).unwrap();
    assert!(first.starts_with(b"HTTP/1.1 200"));

    let began = Instant::now();
    let erased = service.erase("alice");
    assert!(matches!(erased, Ok(Answer::Erased(_))), "{erased:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let mut rest = Vec::new();
    let ended = stream.read_to_end(&mut rest);
    assert!(ended.is_err() || rest.len() < content.len(), "the download went on after the erasure");
    service.raw("GET", PATH, &[], b"").problem(410, "subject_erased");
}

#[test]
fn an_erasure_ends_a_slow_upload() {
    let service = Service::start();
    service.with_people(&["alice"]);
    let mut stream = service.connect();
    let token = &service.token;
    write!(
        stream,
        "PUT {PATH} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\nContent-Length: 10000000\r\n\r\n"
    )
    .unwrap();
    stream.write_all(&noise(5, 4 << 20)).unwrap();
    std::thread::sleep(Duration::from_millis(300));
    let began = Instant::now();
    let erased = service.erase("alice");
    assert!(matches!(erased, Ok(Answer::Erased(_))), "{erased:?}");
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
    let _ = stream.write_all(&noise(6, 6 << 20));
    let answer = Raw::read(stream, false);
    assert_eq!(answer.status, 410, "{answer:?}");
}
