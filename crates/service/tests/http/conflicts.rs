//! Two devices, one slot: what each side is told, and how both are kept.

use oubliette_client::{ClientError, Problem, SaveOptions, SaveRead};
use oubliette_service::Config;

use crate::support::{Service, noise};

fn meta(device: &str) -> Option<String> {
    Some(format!(r#"{{"device":"{device}","level":7}}"#))
}

fn conflict<T: std::fmt::Debug>(answer: Result<T, ClientError>) -> Problem {
    match answer {
        Err(ClientError::Problem(problem)) if problem.code == "version_conflict" => *problem,
        other => panic!("{other:?}"),
    }
}

/// Both small and streamed writes, since they are refused at different places.
#[test]
fn both_sides_of_a_conflict_are_told() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    for (slot, size) in [("small", 100), ("large", 700_000)] {
        let put = |device: &str, if_match: Option<String>, seed: u64| {
            let content = noise(seed, size);
            let options = SaveOptions {
                only_new: if_match.is_none(),
                if_match,
                meta: meta(device),
                content_type: Some("application/x-doom".into()),
                length: Some(content.len() as u64),
            };
            client.put_save("alice", "doom", slot, &mut content.as_slice(), &options)
        };
        let first = put("desk", None, 1).unwrap();
        let second = put("desk", Some(first.etag.clone()), 2).unwrap();
        let problem = conflict(put("handheld", Some(first.etag.clone()), 3));
        let (current, yours) = (problem.current.unwrap(), problem.yours.unwrap());
        assert_eq!((current.version, &current.etag, current.size), (2, &second.etag, size as u64));
        assert_eq!((current.device.as_deref(), &current.created), (Some("desk"), &second.created));
        assert_eq!((yours.size, yours.device.as_deref()), (Some(size as u64), Some("handheld")));
        assert_eq!(yours.meta.unwrap()["level"], 7);
        assert_eq!(yours.content_type.as_deref(), Some("application/x-doom"));
        assert_eq!(yours.if_match.as_ref(), Some(&first.etag));
        assert!(yours.received.ends_with('Z'));
        assert_eq!(yours.base.unwrap().etag, first.etag, "where the two parted");

        // A base that is gone is not told, and neither is another version of its number.
        client.forget_save("alice", "doom", slot, Some(1)).unwrap();
        assert!(conflict(put("handheld", Some(first.etag.clone()), 3)).yours.unwrap().base.is_none());
        assert!(conflict(put("x", Some("\"2-zzzz\"".into()), 3)).yours.unwrap().base.is_none());
        // Nothing stands at all.
        client.forget_save("alice", "doom", slot, None).unwrap();
        let problem = conflict(put("handheld", Some(second.etag), 3));
        assert!(problem.current.is_none() && problem.yours.is_some());
    }
    // Nobody's device, and one that is no text.
    for device in ["{}", r#"{"device":5}"#, r#"["device"]"#] {
        let answer = service.raw(
            "PUT",
            "/v1/subjects/alice/saves/g/s",
            &[("X-Save-Meta", device), ("If-Match", "\"1\"")],
            b"x",
        );
        assert!(answer.problem(412, "version_conflict")["yours"]["device"].is_null());
    }
}

/// The recipe of docs/saves.md, word for word: the refused side goes into a slot of its own, and neither is lost.
#[test]
fn keep_both() {
    let service = Service::with(Config { require_precondition: true, ..Config::default() });
    let client = service.with_people(&["alice"]);
    let put = |slot: &str, device: &str, if_match: Option<&str>, content: &[u8]| {
        let if_match = if_match.map(str::to_owned);
        let options =
            SaveOptions { only_new: if_match.is_none(), if_match, meta: meta(device), ..Default::default() };
        client.put_save("alice", "doom", slot, &mut &*content, &options)
    };
    let base = put("slot 1", "desk", None, b"level 7").unwrap();
    put("slot 1", "desk", Some(&base.etag), b"level 8, by the desk").unwrap();

    let problem = conflict(put("slot 1", "handheld", Some(&base.etag), b"level 8, by the handheld"));
    let yours = problem.yours.unwrap();
    let beside = format!("slot 1 ({}, {})", yours.device.unwrap(), yours.received);
    put(&beside, "handheld", None, b"level 8, by the handheld").unwrap();
    // Sent again after a lost answer: it is there already, and it is ours.
    let again = conflict(put(&beside, "handheld", None, b"level 8, by the handheld"));
    assert_eq!(again.current.unwrap().device.as_deref(), Some("handheld"));

    // The player chooses the handheld's, over what the conflict showed and nothing newer.
    let shown = problem.current.unwrap();
    assert_eq!(shown.device.as_deref(), Some("desk"));
    put("slot 1", "handheld", Some(&shown.etag), b"level 8, by the handheld").unwrap();
    client.forget_save("alice", "doom", &beside, None).unwrap();
    let mut newest = client.save("alice", "doom", "slot 1", &SaveRead::default()).unwrap().unwrap();
    assert_eq!(std::io::read_to_string(&mut newest).unwrap(), "level 8, by the handheld");
    assert_eq!(
        client.versions("alice", "doom", "slot 1", None).unwrap().items.len(),
        3,
        "the desk's is there, too"
    );
}
