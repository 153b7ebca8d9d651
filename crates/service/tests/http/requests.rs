//! The tracker of what people ask for, and the officer's list of what is due.

use oubliette_client::RequestMade;
use oubliette_service::tokens::{Scope, Tokens};

use crate::support::{Service, refused};

#[test]
fn requests_are_due_after_15_days_and_the_officer_sees_the_open_ones() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    let made = |kind: &str, received: Option<&str>| RequestMade {
        kind: kind.to_owned(),
        received: received.map(str::to_owned),
        detail: Some("please".to_owned()),
    };
    let old = client.add_request("alice", &made("access", Some("2024-02-20T08:00:00Z"))).unwrap();
    assert_eq!((old.id, old.due.as_str()), (1, "2024-03-06T08:00:00Z"));
    let new = client.add_request("bob", &made("deletion", None)).unwrap();
    let open = client.open_requests().unwrap();
    let seen: Vec<_> = open.iter().map(|open| (open.user.as_deref(), open.overdue)).collect();
    assert_eq!(seen, [(Some("alice"), Some(true)), (Some("bob"), Some(false))]);
    let answered = client.answer_request("alice", 1, "granted", Some("sent on paper")).unwrap();
    assert_eq!(answered.answer.unwrap().outcome, "granted");
    refused(client.answer_request("alice", 1, "refused", None), 400, "invalid");
    refused(client.answer_request("alice", 7, "refused", None), 404, "not_found");
    refused(client.answer_request("alice", 1, "perhaps", None), 400, "invalid");
    refused(client.add_request("alice", &made("escape", None)), 400, "invalid");
    refused(client.add_request("alice", &made("access", Some("yesterday"))), 400, "invalid");
    refused(client.add_request("alice", &made("access", Some("2999-01-01T00:00:00Z"))), 400, "invalid");
    refused(client.add_request("nobody", &made("access", None)), 404, "subject_unknown");
    assert_eq!(client.open_requests().unwrap().len(), 1);
    assert_eq!(client.requests("alice").unwrap().len(), 1);
    service.raw("GET", "/v1/requests?cursor=x", &[], b"").problem(400, "invalid");
    service
        .raw("PUT", "/v1/subjects/bob/requests/x/answer", &[], b"{}")
        .problem(415, "unsupported_media_type");

    let (officer, _) = Tokens::open(&service.data()).create("officer", &[Scope::AuditRead], None).unwrap();
    let officer = service.client_with(officer.reveal());
    assert_eq!(officer.open_requests().unwrap()[0].id, new.id);
    refused(officer.requests("bob"), 403, "forbidden");
    service.erase("bob").unwrap();
    assert!(client.open_requests().unwrap().is_empty());
}
