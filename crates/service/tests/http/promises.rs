//! What a platform's privacy policy says, promise by promise, as its users would check it. `docs/promises.md` has the whole map; the
//! promises that need a clock, a region or an operator are tested where those are at hand.

use std::fs;
use std::io::Read;
use std::path::Path;

use oubliette_client::{
    AuditQuery, ConsentGiven, NewMessage, RequestMade, SaveOptions, SaveRead, ShareGiven, SteamSecrets,
    Window,
};
use oubliette_service::{Tokens, tokens::Scope};

use crate::support::{Service, refused};

const CONSENT: &str = "steam_credentials";

fn secrets() -> SteamSecrets {
    let mut secrets = SteamSecrets::default();
    secrets.password = Some("a password of nine words".to_owned());
    secrets.shared_secret = Some("MTIzNDU2Nzg5MDEyMzQ1Njc4OTA=".to_owned());
    secrets
}

fn message(body: &str) -> NewMessage {
    NewMessage { body: body.to_owned(), ..NewMessage::default() }
}

fn everyone() -> ShareGiven {
    ShareGiven { audience: "everyone".into(), ..ShareGiven::default() }
}

/// Files below a folder, with what they hold.
fn files(folder: &Path, found: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap().map(Result::unwrap) {
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            files(&entry.path(), found);
        } else if kind.is_file() {
            found.push((entry.path().display().to_string(), fs::read(entry.path()).unwrap()));
        }
    }
}

fn nowhere(service: &Service, needles: &[&str]) {
    let mut found = Vec::new();
    files(&service.data(), &mut found);
    assert!(found.len() > 8, "the vault's files");
    for (file, bytes) in &found {
        for needle in needles {
            let there = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!there, "{needle} stands in {file}");
        }
    }
}

#[test]
fn promise_steam_credentials_are_stored_only_with_consent() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    refused(client.put_steam("alice", "acc", &secrets()), 403, "consent_required");
    client.give_consent("alice", CONSENT, &ConsentGiven::default()).unwrap();
    client.put_steam("alice", "acc", &secrets()).unwrap();
    assert_eq!(client.guard_code("alice", "acc").unwrap().code.len(), 5, "signs in without typing");
    client.withdraw_consent("alice", CONSENT).unwrap();
    refused(client.guard_code("alice", "acc"), 403, "consent_required");
    assert!(client.steam_accounts("alice").unwrap().is_empty());
}

#[test]
fn promise_saves_and_chats_are_stored_encrypted() {
    let service = Service::start();
    let client = service.with_people(&["alice.in.wonderland", "bob.the.builder"]);
    let words =
        ["a save of nine words in the clear", "a message of nine words in the clear", "wonderland-slot"];
    let long = words[0].repeat(4_000);
    let (alice, bob) = ("alice.in.wonderland", "bob.the.builder");
    for bytes in [words[0], long.as_str()] {
        client.put_save(alice, "chess", words[2], &mut bytes.as_bytes(), &SaveOptions::default()).unwrap();
    }
    client.send_message(alice, bob, &message(words[1])).unwrap();
    nowhere(&service, &words);
    nowhere(&service, &[alice, bob, "chess"]);
}

#[test]
fn promise_saves_are_offered_for_follow_play_unless_the_player_switches_that_off() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    client.put_save("alice", "chess", "s", &mut &b"world"[..], &SaveOptions::default()).unwrap();
    let follow = || client.follow("bob", "alice", "chess", "s", &SaveRead::default());
    refused(follow(), 404, "not_found");
    client.share_save("alice", "chess", "s", &everyone()).unwrap();
    let mut read = String::new();
    follow().unwrap().unwrap().read_to_string(&mut read).unwrap();
    assert_eq!(read, "world");
    client.set_follow_play("alice", false).unwrap();
    refused(follow(), 404, "not_found");
    client.set_follow_play("alice", true).unwrap();
    assert!(follow().is_ok());
}

#[test]
fn promise_a_blocked_sender_is_refused() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    client.send_message("bob", "alice", &message("hello")).unwrap();
    client.block("alice", "bob").unwrap();
    refused(client.send_message("bob", "alice", &message("hello?")), 403, "blocked_by_recipient");
    assert_eq!(client.blocks("alice").unwrap().len(), 1);
    client.unblock("alice", "bob").unwrap();
    client.send_message("bob", "alice", &message("hello again")).unwrap();
}

#[test]
fn promise_content_is_deleted_on_request_and_when_the_account_is_closed() {
    let service = Service::start();
    let client = service.with_people(&["alice", "bob"]);
    client.put_save("alice", "chess", "s", &mut &b"world"[..], &SaveOptions::default()).unwrap();
    client.put_save("bob", "chess", "s", &mut &b"bob's"[..], &SaveOptions::default()).unwrap();
    let sent = client.send_message("alice", "bob", &message("forget me")).unwrap();
    client.send_message("alice", "bob", &message("this too")).unwrap();

    client.forget_message("alice", "bob", &sent.id).unwrap();
    let seen = |user, peer| client.messages(user, peer, &Window::default()).unwrap().items.len();
    assert_eq!((seen("alice", "bob"), seen("bob", "alice")), (1, 1));
    client.forget_save("alice", "chess", "s", None).unwrap();
    refused(client.save("alice", "chess", "s", &SaveRead::default()), 404, "not_found");

    service.erase("alice").unwrap();
    refused(client.subject("alice"), 410, "subject_erased");
    assert_eq!(seen("bob", "alice"), 0, "what alice wrote is gone for bob, too");
    assert!(client.save("bob", "chess", "s", &SaveRead::default()).is_ok(), "what is bob's is whole");
}

#[test]
fn promise_access_is_authorised_and_audited() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    client.put_save("alice", "chess", "s", &mut &b"world"[..], &SaveOptions::default()).unwrap();
    let (chat_only, _) = Tokens::open(&service.data()).create("chat-1", &[Scope::ChatRead], None).unwrap();
    let stranger = service.client_with(chat_only.reveal());
    refused(stranger.save("alice", "chess", "s", &SaveRead::default()), 403, "forbidden");
    refused(service.client_with("obl_nothing").subject("alice"), 401, "unauthorized");

    let query = AuditQuery { subject: Some("alice".into()), ..AuditQuery::default() };
    let entries = client.audit(&query).unwrap().items;
    let of = |actor: &str, outcome: &str| {
        entries
            .iter()
            .filter(|entry| entry.actor.name.as_deref() == Some(actor) && entry.outcome == outcome)
            .count()
    };
    assert_eq!(of("chat-1", "refused"), 1, "{entries:?}");
    assert!(of("dev", "allowed") >= 2, "{entries:?}");
    let text = serde_json::to_string(&entries).unwrap();
    assert!(!text.contains("alice") && !text.contains("world"), "no id and no content: {text}");
}

#[test]
fn promise_requests_are_answered_within_15_days() {
    let service = Service::start();
    let client = service.with_people(&["alice"]);
    let asked =
        |received: &str| RequestMade { kind: "access".into(), received: Some(received.into()), detail: None };
    let old = client.add_request("alice", &asked("2026-01-01T00:00:00Z")).unwrap();
    assert_eq!(old.due, "2026-01-16T00:00:00Z");
    let open = client.open_requests().unwrap();
    assert_eq!((open.len(), open[0].overdue), (1, Some(true)), "the privacy officer sees it");
}
