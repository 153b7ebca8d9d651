//! Records over HTTP: streamed, under their purpose's rules.

use std::io::Read;

use oubliette_client::{ConsentGiven, Deletion};
use oubliette_service::Config;
use oubliette_store::{Policy, RecordRule, Vault, VaultOptions};

use crate::support::{Service, noise, refused};

fn service() -> Service {
    let folder = tempfile::tempdir().unwrap();
    let rule = RecordRule {
        consent: Some("shop".into()),
        max_size: Some(3 << 20),
        content_types: vec!["application/json".into(), "image/png".into()],
        ..RecordRule::default()
    };
    let policy = Policy { records: [("orders".to_owned(), rule)].into(), ..Policy::default() };
    let options = VaultOptions { policy, ..VaultOptions::default() };
    let vault = Vault::create(&folder.path().join("vault"), options).unwrap();
    Service::over(folder, vault, Config::default())
}

#[test]
fn records_come_and_go() {
    let service = service();
    let client = service.with_people(&["alice"]);
    let put = |id: &str, kind: &str, content: &[u8]| {
        client.put_record("alice", "orders", id, kind, &mut &*content, Some(content.len() as u64))
    };
    refused(put("1", "application/json", b"{}"), 403, "consent_required");
    client.give_consent("alice", "shop", &ConsentGiven::default()).unwrap();
    assert!(put("1", "application/json", b"{}").unwrap().new);
    let again = put("1", "application/json", b"{\"a\":1}").unwrap();
    assert!(!again.new && again.version > 1);
    let picture = noise(1, 2 << 20);
    put("2", "image/png", &picture).unwrap();
    let mut whole = Vec::new();
    let mut body = client.record("alice", "orders", "2").unwrap();
    assert_eq!((body.length, body.content_type.as_deref()), (2 << 20, Some("image/png")));
    body.read_to_end(&mut whole).unwrap();
    assert!(whole == picture && body.created.is_some());
    let raw = service.raw("GET", "/v1/subjects/alice/records/orders/1", &[], b"");
    assert_eq!((raw.status, raw.body.as_slice()), (200, &b"{\"a\":1}"[..]));
    assert_eq!(raw.header("etag"), Some(format!("\"{}\"", again.version).as_str()));
    for purpose in [None, Some("orders")] {
        let listed = client.records("alice", purpose, None).unwrap().items;
        assert_eq!(listed.iter().map(|record| record.id.as_str()).collect::<Vec<_>>(), ["2", "1"]);
    }
    // A stream of which nobody knows the length.
    client.put_record("alice", "orders", "3", "image/png", &mut picture.as_slice(), None).unwrap();
    assert_eq!(client.forget_record("alice", "orders", "2").unwrap(), Deletion::Erased);
    refused(client.record("alice", "orders", "2"), 404, "not_found");
    client.withdraw_consent("alice", "shop").unwrap();
    assert!(client.records("alice", None, None).unwrap().items.is_empty());
    refused(client.records("alice", Some("orders"), None), 403, "consent_required");
}

#[test]
fn records_that_break_a_rule_are_refused() {
    let service = service();
    let client = service.with_people(&["alice"]);
    client.give_consent("alice", "shop", &ConsentGiven::default()).unwrap();
    let put = |purpose: &str, kind: &str, length: usize, told: bool| {
        let content = noise(2, length);
        let told = told.then_some(length as u64);
        client.put_record("alice", purpose, "1", kind, &mut content.as_slice(), told)
    };
    refused(put("hats", "image/png", 1, true), 404, "not_found");
    refused(put("orders", "text/plain", 1, true), 400, "invalid");
    for told in [true, false] {
        refused(put("orders", "image/png", (3 << 20) + 1, told), 413, "too_large");
    }
    refused(client.records("alice", Some("hats"), None), 404, "not_found");
    assert!(client.records("alice", None, None).unwrap().items.is_empty());
}
