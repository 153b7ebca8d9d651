//! Chats and block lists.

use std::collections::BTreeMap;

use oubliette_client::{ChatSettings, NewMessage, Window};

use crate::support::{Service, refused};

fn text(body: &str) -> NewMessage {
    NewMessage { body: body.to_owned(), ..Default::default() }
}

#[test]
fn two_people_see_one_order() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    client.send_message("alice", "bob", &text("hi")).unwrap();
    let reply = NewMessage {
        client_id: Some("c-1".into()),
        sent_at: Some("2026-01-02T03:04:05Z".into()),
        ..text("你好")
    };
    client.send_message("bob", "alice", &reply).unwrap();
    let batch = [text("one"), text("two"), text("three")];
    assert_eq!(client.send_messages("alice", "bob", &batch).unwrap().len(), 3);

    let all = client.messages("alice", "bob", &Window::default()).unwrap().items;
    let bodies: Vec<_> = all.iter().map(|message| message.body.as_deref().unwrap()).collect();
    assert_eq!(bodies, ["three", "two", "one", "你好", "hi"]);
    let bobs = client.messages("bob", "alice", &Window::default()).unwrap().items;
    assert!(all.iter().map(|m| &m.id).eq(bobs.iter().map(|m| &m.id)), "the same ids in the same order");
    assert_eq!((all[3].author.as_deref(), all[3].client_id.as_deref()), (Some("bob"), Some("c-1")));
    assert!(all[3].sent_at.as_deref().unwrap().starts_with("2026-01-02T03:04:05"));
    assert_eq!(all[0].policy, "author");

    let page = client.messages("alice", "bob", &Window { limit: Some(2), ..Default::default() }).unwrap();
    assert_eq!(page.items.len(), 2);
    let older = Window { before: page.next_cursor, ..Default::default() };
    let older = client.messages("alice", "bob", &older).unwrap().items;
    assert_eq!(older.iter().map(|m| m.body.as_deref().unwrap()).collect::<Vec<_>>(), ["one", "你好", "hi"]);
    let newer = Window { after: Some(all[2].id.clone()), ..Default::default() };
    assert_eq!(client.messages("bob", "alice", &newer).unwrap().items.len(), 2);
    assert_eq!(client.chats("alice", None).unwrap().items[0].peer.as_deref(), Some("bob"));
}

#[test]
fn raw_bytes_and_their_limits() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    let path = "/v1/subjects/alice/chats/bob/messages";
    assert_eq!(service.raw("POST", path, &[("Content-Type", "image/png")], &[0, 255, 1]).status, 201);
    let message = client.messages("bob", "alice", &Window::default()).unwrap().items.remove(0);
    assert_eq!(
        (message.body_base64.as_deref(), message.content_type.as_deref()),
        (Some("AP8B"), Some("image/png"))
    );
    service.raw("POST", path, &[("Content-Type", "image/png")], &vec![0; 65_537]).problem(413, "too_large");
    client.send_message("alice", "bob", &text(&"x".repeat(65_536))).unwrap();
    refused(client.send_message("alice", "bob", &text(&"x".repeat(65_537))), 413, "too_large");
}

#[test]
fn what_cannot_be_sent() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob", "carol"]);
    refused(client.send_message("alice", "nobody", &text("x")), 404, "peer_unknown");
    refused(client.send_message("alice", "alice", &text("x")), 400, "invalid");
    let json = [("Content-Type", "application/json")];
    let path = "/v1/subjects/alice/chats/bob/messages";
    let policy = service.raw("POST", path, &json, b"{\"body\":\"x\",\"policy\":\"both\"}");
    assert_eq!(policy.problem(400, "invalid")["field"], "policy");
    let bytes = [("Content-Type", "image/png")];
    let policy = service.raw("POST", &format!("{path}?policy=both"), &bytes, b"x");
    assert_eq!(policy.problem(400, "invalid")["field"], "policy");
    let twice = service.raw("POST", &format!("{path}?policy=author"), &json, b"{\"body\":\"x\"}");
    assert_eq!(twice.problem(400, "invalid")["field"], "query");
    let time = service.raw("POST", path, &json, b"{\"body\":\"x\",\"sent_at\":\"yesterday\"}");
    assert_eq!(time.problem(400, "invalid")["field"], "sent_at");
    refused(client.send_messages("alice", "bob", &[]), 400, "invalid");
    refused(client.send_messages("alice", "bob", &vec![text("x"); 101]), 400, "invalid");
    // A batch with one bad message is refused whole.
    refused(
        client.send_messages("alice", "carol", &[text("x"), text(&"x".repeat(65_537))]),
        413,
        "too_large",
    );
    assert!(client.chats("alice", None).unwrap().items.iter().all(|chat| chat.messages == 0));

    client.send_message("alice", "bob", &text("before")).unwrap();
    client.block("bob", "alice").unwrap();
    refused(client.send_message("alice", "bob", &text("x")), 403, "blocked_by_recipient");
    assert_eq!(client.blocks("bob").unwrap()[0].peer, "alice");
    client.unblock("bob", "alice").unwrap();
    client.send_message("alice", "bob", &text("after")).unwrap();
    assert!(client.blocks("bob").unwrap().is_empty());
}

#[test]
fn messages_are_forgotten_by_their_authors() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    let ids: Vec<String> =
        ["a", "b", "c"].map(|body| client.send_message("alice", "bob", &text(body)).unwrap().id).to_vec();
    client.send_message("bob", "alice", &text("mine")).unwrap();
    refused(client.forget_message("bob", "alice", &ids[0]), 403, "not_author");
    client.forget_message("alice", "bob", &ids[2]).unwrap();
    let bodies = |user: &str, peer: &str| -> Vec<String> {
        client
            .messages(user, peer, &Window::default())
            .unwrap()
            .items
            .into_iter()
            .filter_map(|m| m.body)
            .collect()
    };
    assert_eq!(bodies("bob", "alice"), ["mine", "b", "a"]);
    client.forget_messages_through("alice", "bob", &ids[1]).unwrap();
    assert_eq!(bodies("bob", "alice"), ["mine"]);
    client.forget_chat("bob", "alice").unwrap();
    assert!(bodies("alice", "bob").is_empty());
}

#[test]
fn policies_say_who_can_take_a_message_back() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    let under = |policy: &str| NewMessage { policy: Some(policy.into()), ..text(policy) };
    let ids: BTreeMap<_, _> = ["author", "either", "survivor"]
        .map(|policy| (policy, client.send_message("alice", "bob", &under(policy)).unwrap().id))
        .into();
    let seen = |user: &str, peer: &str| -> Vec<String> {
        let items = client.messages(user, peer, &Window::default()).unwrap().items;
        items.into_iter().map(|m| format!("{} {}", m.author.as_deref().unwrap_or("-"), m.policy)).collect()
    };
    let all = ["alice survivor", "alice either", "alice author"];
    assert_eq!(
        (seen("alice", "bob"), seen("bob", "alice")),
        (all.map(str::to_owned).to_vec(), all.map(str::to_owned).to_vec())
    );
    refused(client.forget_message("bob", "alice", &ids["author"]), 403, "not_author");
    client.forget_message("bob", "alice", &ids["either"]).unwrap();
    refused(client.forget_message("bob", "alice", &ids["either"]), 404, "not_found");
    client.forget_message("alice", "bob", &ids["survivor"]).unwrap();
    assert_eq!(seen("alice", "bob"), ["alice author"]);
    assert_eq!(seen("bob", "alice"), ["alice survivor", "alice author"]);

    // Bytes of any kind, with what JSON would say of them; and again.
    let sent = NewMessage {
        client_id: Some("pic 1".into()),
        sent_at: Some("2026-01-02T03:04:05Z".into()),
        ..under("survivor")
    };
    let first = client.send_bytes("alice", "bob", ("image/png", &[0, 255, 1]), &sent).unwrap();
    let again = client.send_bytes("alice", "bob", ("image/png", &[0, 255, 1]), &sent).unwrap();
    assert_eq!((&first.id, first.seq), (&again.id, again.seq));
    refused(client.send_bytes("alice", "bob", ("image/png", b"else"), &sent), 400, "invalid");
    let newest = client.messages("bob", "alice", &Window::default()).unwrap().items.remove(0);
    assert_eq!((newest.body_base64.as_deref(), newest.policy.as_str()), (Some("AP8B"), "survivor"));
    assert_eq!(newest.client_id.as_deref(), Some("pic 1"));

    // What the person sets for a conversation holds for what they write from then on.
    let settings = ChatSettings { policy: Some("either".into()), keep_days: Some(30) };
    assert_eq!(client.set_chat("bob", "alice", &settings).unwrap(), settings);
    assert_eq!(client.chats("bob", None).unwrap().items[0].settings, settings);
    client.send_message("bob", "alice", &text("mine")).unwrap();
    assert_eq!(seen("alice", "bob")[0], "bob either");
    refused(
        client.set_chat("bob", "alice", &ChatSettings { keep_days: Some(0), policy: None }),
        400,
        "invalid",
    );
    let wrong = ChatSettings { policy: Some("both".into()), keep_days: None };
    refused(client.set_chat("bob", "alice", &wrong), 400, "invalid");
    refused(client.set_chat("bob", "nobody", &settings), 404, "peer_unknown");

    service.erase("alice").unwrap();
    assert_eq!(seen("bob", "alice"), ["- survivor", "- survivor"]);
}

#[test]
fn after_the_peers_erasure() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    client.send_message("alice", "bob", &text("theirs")).unwrap();
    client.send_message("bob", "alice", &text("mine")).unwrap();
    service.erase("alice").unwrap();
    refused(client.send_message("bob", "alice", &text("x")), 410, "peer_gone");
    let left = client.messages("bob", "alice", &Window::default()).unwrap().items;
    assert_eq!(left.iter().map(|m| m.body.as_deref().unwrap()).collect::<Vec<_>>(), ["mine"]);
    assert_eq!(client.chats("bob", None).unwrap().items[0].peer, None);
}
