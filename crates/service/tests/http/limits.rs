//! What is kept of a slot, and how much a person may store.

use oubliette_client::{Keep, Limit, Quotas, SaveOptions, SubjectFacts};
use oubliette_service::Config;
use oubliette_store::{KeepRules, Vault, VaultOptions};

use crate::support::{Service, noise, refused};

const SLOT: &str = "/v1/subjects/alice/saves/g/s";

fn limited(items: Option<u64>, bytes: Option<u64>) -> SubjectFacts {
    let quota = Quotas { saves: Some(Limit { bytes, items }), ..Quotas::default() };
    SubjectFacts { quota: Some(quota), ..SubjectFacts::default() }
}

#[test]
fn a_full_quota_is_told_with_its_numbers() {
    let service = Service::start();
    let client = service.client();
    let subject = client.put_subject("alice", &limited(Some(2), Some(100_000)), false).unwrap();
    assert_eq!(subject.quota, limited(Some(2), Some(100_000)).quota);
    // Larger than all there may be, known before the last byte or not.
    for length in [Some(150_000), None] {
        let options = SaveOptions { length, ..SaveOptions::default() };
        let answer = client.put_save("alice", "g", "s", &mut noise(1, 150_000).as_slice(), &options);
        refused(answer, 413, "quota_exceeded");
    }
    assert_eq!(service.raw("PUT", SLOT, &[], &noise(2, 60_000)).status, 201);
    let problem = service.raw("PUT", SLOT, &[], &noise(3, 60_000)).problem(507, "quota_exceeded");
    let quota = &problem["quota"];
    assert_eq!(
        (&quota["class"], &quota["of"], &quota["limit"]),
        (&"saves".into(), &"bytes".into(), &100_000.into())
    );
    let used = client.subject("alice").unwrap().usage["saves"].bytes;
    assert_eq!(quota["used"], used);
    assert!(quota["asked"].as_u64().unwrap() + used > 100_000);
    assert_eq!(service.raw("PUT", SLOT, &[], b"small").status, 200);
    let problem = service.raw("PUT", SLOT, &[], b"third").problem(507, "quota_exceeded");
    assert_eq!((&problem["quota"]["of"], &problem["quota"]["used"]), (&"items".into(), &2.into()));
    client.forget_save("alice", "g", "s", Some(1)).unwrap();
    assert_eq!(service.raw("PUT", SLOT, &[], b"third").status, 200);

    // Left out it stays; empty it goes.
    client
        .put_subject("alice", &SubjectFacts { region: Some("eu".into()), ..Default::default() }, false)
        .unwrap();
    service.raw("PUT", SLOT, &[], b"fourth").problem(507, "quota_exceeded");
    let free = SubjectFacts { quota: Some(Quotas::default()), ..Default::default() };
    let subject = client.put_subject("alice", &free, false).unwrap();
    assert!(subject.quota.is_none() && subject.region.as_deref() == Some("eu"));
    assert_eq!(service.raw("PUT", SLOT, &[], b"fourth").status, 200);
    for (body, field) in
        [(r#"{"quota":{"savs":{}}}"#, "savs"), (r#"{"quota":{"saves":{"bytes":-1}}}"#, "body")]
    {
        let answer = service.raw(
            "PUT",
            "/v1/subjects/alice",
            &[("Content-Type", "application/json")],
            body.as_bytes(),
        );
        assert_eq!(answer.problem(400, "invalid")["field"], field);
    }
    // Who comes back after an erasure begins anew.
    client.put_subject("alice", &limited(Some(0), None), false).unwrap();
    service.erase("alice").unwrap();
    assert!(client.put_subject("alice", &Default::default(), true).unwrap().quota.is_none());
    assert_eq!(service.raw("PUT", SLOT, &[], b"new").status, 201);
}

#[test]
fn what_is_kept_is_the_slots_the_games_or_the_vaults() {
    let folder = tempfile::tempdir().unwrap();
    let all = oubliette_store::Keep { last: Some(3), days: Some(30) };
    let keep = KeepRules {
        all,
        games: [("g".to_owned(), oubliette_store::Keep { last: Some(4), days: None })].into(),
    };
    let options = VaultOptions { keep, ..VaultOptions::default() };
    let vault = Vault::create(&folder.path().join("vault"), options).unwrap();
    let service = Service::over(folder, vault, Config::default());
    let client = service.with_people(&["alice"]);
    refused(client.kept_saves("alice", "g", "s"), 404, "not_found");
    for n in 0..6 {
        client.put_save("alice", "g", "s", &mut noise(n, 100).as_slice(), &SaveOptions::default()).unwrap();
    }
    let numbers = || {
        let versions = client.versions("alice", "g", "s", None).unwrap().items;
        versions.iter().map(|version| version.version).collect::<Vec<_>>()
    };
    assert_eq!(numbers(), [6, 5, 4, 3]);
    let kept = client.kept_saves("alice", "g", "s").unwrap();
    assert_eq!((kept.own, kept.stands), (Keep::default(), Keep { keep_last: Some(4), keep_days: Some(30) }));
    let set = client.keep_saves("alice", "g", "s", &Keep { keep_last: Some(2), keep_days: None }).unwrap();
    assert_eq!(set.stands, Keep { keep_last: Some(2), keep_days: Some(30) });
    assert_eq!(numbers(), [6, 5]);
    let back = service.raw("DELETE", &format!("{SLOT}/retention"), &[], b"").json();
    assert_eq!(
        (&back["own"]["keep_last"], &back["stands"]["keep_last"]),
        (&serde_json::Value::Null, &4.into())
    );
    for (body, field) in [
        (r#"{"keep_last":0}"#, "keep_last"),
        (r#"{"keep_days":1000001}"#, "keep_days"),
        (r#"{"keep":1}"#, "keep"),
    ] {
        let answer = service.raw(
            "PUT",
            &format!("{SLOT}/retention"),
            &[("Content-Type", "application/json")],
            body.as_bytes(),
        );
        assert_eq!(answer.problem(400, "invalid")["field"], field, "{body}");
    }
    service.raw("GET", &format!("{SLOT}?version=1"), &[], b"").problem(404, "not_found");
}
