//! Follow play over HTTP: shares, the switch, a follower's reads and how they end.

use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

use oubliette_client::{Deletion, SaveOptions, SaveRead, ShareGiven};

use crate::support::{Service, noise, refused};

const SHARE: &str = "/v1/subjects/alice/saves/chess/s/share";

fn everyone() -> ShareGiven {
    ShareGiven { audience: "everyone".into(), ..ShareGiven::default() }
}

fn only(users: &[&str]) -> ShareGiven {
    let users = Some(users.iter().map(|user| (*user).to_owned()).collect());
    ShareGiven { audience: "users".into(), users, expires: None }
}

#[test]
fn a_follower_reads_what_is_shared_with_them() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob", "carol"]);
    let content = noise(1, 400_000);
    let options = SaveOptions {
        meta: Some(r#"{"device":"alice's desk"}"#.into()),
        content_type: Some("x/y".into()),
        ..SaveOptions::default()
    };
    refused(client.share_save("alice", "chess", "s", &everyone()), 404, "not_found");
    client.put_save("alice", "chess", "s", &mut content.as_slice(), &options).unwrap();
    refused(client.shared_save("alice", "chess", "s"), 404, "not_found");
    let share = client.share_save("alice", "chess", "s", &only(&["bob"])).unwrap();
    assert!(share.open && share.users == Some(vec!["bob".to_owned()]) && share.expires.is_none());

    let mut body = client.follow("bob", "alice", "chess", "s", &SaveRead::default()).unwrap().unwrap();
    assert_eq!((body.content_type.as_deref(), body.meta.as_deref()), (Some("x/y"), None));
    let etag = body.etag.clone();
    let mut read = Vec::new();
    body.read_to_end(&mut read).unwrap();
    assert!(read == content);
    let unchanged = SaveRead { if_none_match: Some(etag), ..SaveRead::default() };
    assert!(client.follow("bob", "alice", "chess", "s", &unchanged).unwrap().is_none());
    let part = SaveRead { range: Some((5, Some(200_005))), ..SaveRead::default() };
    let mut read = Vec::new();
    client.follow("bob", "alice", "chess", "s", &part).unwrap().unwrap().read_to_end(&mut read).unwrap();
    assert!(read == content[5..200_005]);
    let head = service.raw("HEAD", "/v1/subjects/bob/follow/alice/chess/s", &[], b"");
    assert_eq!(
        (head.status, head.header("content-length"), head.header("x-save-meta")),
        (200, Some("400000"), None)
    );

    // Nothing under that path takes a write.
    for method in ["PUT", "POST", "DELETE"] {
        assert_eq!(
            service.raw(method, "/v1/subjects/bob/follow/alice/chess/s", &[], b"x").status,
            405,
            "{method}"
        );
    }
    let again = client.share_save("alice", "chess", "s", &everyone()).unwrap();
    assert_eq!((again.audience.as_str(), again.users), ("everyone", None));
    assert!(client.follow("carol", "alice", "chess", "s", &SaveRead::default()).unwrap().is_some());
    client.unshare_save("alice", "chess", "s").unwrap();
    refused(client.unshare_save("alice", "chess", "s"), 404, "not_found");
}

/// One answer, but for the request's id, whatever the reason.
#[test]
fn whoever_asks_in_vain_is_answered_alike() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob", "carol", "dora", "erin"]);
    for owner in ["alice", "carol", "dora", "erin"] {
        client.put_save(owner, "chess", "s", &mut &b"x"[..], &SaveOptions::default()).unwrap();
    }
    client.share_save("carol", "chess", "s", &everyone()).unwrap();
    client.set_follow_play("carol", false).unwrap();
    assert!(!client.follow_play("carol").unwrap() && !client.subject("carol").unwrap().follow_play);
    assert!(!client.shared_save("carol", "chess", "s").unwrap().open);
    client.share_save("dora", "chess", "s", &only(&["alice"])).unwrap();
    client.share_save("erin", "chess", "s", &everyone()).unwrap();
    client.block("erin", "bob").unwrap();
    let mut answers = std::collections::BTreeSet::new();
    let asked = [
        "alice/chess/s",
        "alice/chess/none",
        "alice/none/s",
        "carol/chess/s",
        "dora/chess/s",
        "erin/chess/s",
        "nobody/chess/s",
    ];
    let ask = |path: &str| {
        let came = Instant::now();
        let mut problem = service
            .raw("GET", &format!("/v1/subjects/bob/follow/{path}"), &[], b"")
            .problem(404, "not_found");
        assert!(came.elapsed() >= Duration::from_millis(25), "answered before its time");
        problem["request_id"] = serde_json::Value::Null;
        problem.to_string()
    };
    answers.extend(asked.map(ask));
    service.erase("alice").unwrap();
    answers.insert(ask("alice/chess/s"));
    assert_eq!(answers.len(), 1, "{answers:?}");
    // The asker is no secret to themselves.
    refused(client.follow("nobody", "carol", "chess", "s", &SaveRead::default()), 404, "subject_unknown");
    // What hid it goes, and it is there.
    service.raw("DELETE", "/v1/subjects/carol/settings/follow-play", &[], b"");
    client.unblock("erin", "bob").unwrap();
    for owner in ["carol", "erin"] {
        assert!(client.follow("bob", owner, "chess", "s", &SaveRead::default()).unwrap().is_some());
    }
}

#[test]
fn bad_shares_name_the_field() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    client.put_save("alice", "chess", "s", &mut &b"x"[..], &SaveOptions::default()).unwrap();
    for (body, field) in [
        (r#"{}"#, "audience"),
        (r#"{"audience":"all"}"#, "body"),
        (r#"{"audience":"users"}"#, "users"),
        (r#"{"audience":"users","users":[]}"#, "users"),
        (r#"{"audience":"users","users":["alice"]}"#, "users"),
        (r#"{"audience":"users","users":[""]}"#, "user"),
        (r#"{"audience":"everyone","users":["bob"]}"#, "users"),
        (r#"{"audience":"everyone","expires":"soon"}"#, "expires"),
        (r#"{"audience":"everyone","expires":"2001-01-01T00:00:00Z"}"#, "expires"),
        (r#"{"audience":"everyone","until":"x"}"#, "until"),
    ] {
        let answer = service.raw("PUT", SHARE, &[("Content-Type", "application/json")], body.as_bytes());
        assert_eq!(answer.problem(400, "invalid")["field"], field, "{body}");
    }
    refused(client.share_save("alice", "chess", "s", &only(&["nobody"])), 404, "peer_unknown");
    service.erase("bob").unwrap();
    refused(client.share_save("alice", "chess", "s", &only(&["bob"])), 410, "peer_gone");
    let expires = Some("2999-01-01T00:00:00Z".to_owned());
    let share = client.share_save("alice", "chess", "s", &ShareGiven { expires, ..everyone() }).unwrap();
    assert_eq!(share.expires.as_deref(), Some("2999-01-01T00:00:00Z"));
}

/// A follower who stands still in the middle of a download holds nothing up, and gets no more of it.
#[test]
fn what_ends_a_share_ends_a_slow_download() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    let content = noise(4, 32 << 20);
    let ends: [(&str, &dyn Fn()); 4] = [
        ("revocation", &|| assert_eq!(client.unshare_save("alice", "chess", "s").unwrap(), Deletion::Erased)),
        ("switch", &|| client.set_follow_play("alice", false).unwrap()),
        ("block", &|| client.block("alice", "bob").unwrap()),
        ("erasure", &|| drop(service.erase("alice").unwrap())),
    ];
    client.put_save("alice", "chess", "s", &mut content.as_slice(), &SaveOptions::default()).unwrap();
    for (what, end) in ends {
        client.set_follow_play("alice", true).unwrap();
        client.unblock("alice", "bob").unwrap();
        client.share_save("alice", "chess", "s", &everyone()).unwrap();
        let mut stream = service.connect();
        let token = &service.token;
        write!(
            stream,
            "GET /v1/subjects/bob/follow/alice/chess/s HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer {token}\r\n\r\n"
        )
        .unwrap();
        let mut first = [0; 1000];
        stream.read_exact(&mut first).unwrap();
        assert!(first.starts_with(b"HTTP/1.1 200"), "{what}");
        end();
        let mut rest = Vec::new();
        let ended = stream.read_to_end(&mut rest);
        assert!(ended.is_err() || rest.len() < content.len(), "{what}: the download went on");
        service.raw("GET", "/v1/subjects/bob/follow/alice/chess/s", &[], b"").problem(404, "not_found");
    }
}
