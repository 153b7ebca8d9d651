//! The inputs that other suites and the examples rely on are what their descriptions say.

#[path = "../support/mod.rs"]
mod support;

use std::collections::BTreeSet;
use support::{chats, freeciv, steam};

#[test]
fn saves_are_successive_versions_of_one_game() {
    let saves = freeciv::sample("islands");
    assert_eq!(saves.len(), 6);
    let ids: BTreeSet<&str> = saves.iter().map(|(_, save)| line_of(save, "id=").unwrap()).collect();
    assert_eq!(ids.len(), 1, "all are of one game");
    let turns: Vec<&str> = saves.iter().map(|(_, save)| line_of(save, "turn=").unwrap()).collect();
    assert_eq!(turns, ["turn=5", "turn=10", "turn=15", "turn=20", "turn=25", "turn=30"]);
    for (name, save) in freeciv::sample("packed") {
        assert!(save.starts_with(b"\xfd7zXZ\0"), "{name} is an xz file");
    }
}

#[test]
fn the_real_game_plays_on_from_every_sample_and_refuses_a_broken_one() {
    if !freeciv::is_installed() {
        return support::left_out("samples", "needs freeciv-server");
    }
    for (name, save) in freeciv::sample("islands").into_iter().chain(freeciv::sample("packed")) {
        freeciv::plays_on(&name, &save).unwrap();
    }
    let (name, save) = freeciv::sample("islands").pop().unwrap();
    let cut = freeciv::plays_on(&name, &save[..50_000]).unwrap_err();
    assert!(cut.contains("End-of-file"), "{cut}");
}

#[test]
fn the_chat_is_between_its_two_people_and_in_order() {
    let chat = chats::sample();
    assert_eq!(chat.people, ["mira", "yun"]);
    assert_eq!(chat.messages.len(), 40);
    assert!(chat.messages.is_sorted_by(|a, b| a.sent_at < b.sent_at), "RFC 3339 UTC sorts as text");
    let chinese = |m: &&chats::Message| m.body.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
    assert!(chat.messages.iter().filter(chinese).count() >= 15);
}

#[test]
fn the_steam_account_has_everything_a_sign_in_needs() {
    let account = steam::sample();
    assert_eq!(account.name, "oubliette_demo");
    for field in ["password", "refresh_token", "shared_secret", "identity_secret", "device_id"] {
        assert!(account.credentials[field].is_string(), "{field}");
    }
    assert_codes(&account.codes, 5);
    assert_eq!(account.codes[0].secret.len(), 20);
}

#[test]
fn shared_saves_unpack_and_the_newest_is_playable() {
    let Some(shared) = support::shared_or_left_out("samples") else { return };
    let saves = freeciv::versions(&shared);
    assert_eq!(saves.len(), 51);
    assert!(saves.iter().all(|(_, save)| save.len() > 700_000));
    if freeciv::is_installed() {
        let (name, save) = &saves[49];
        freeciv::plays_on(name, save).unwrap();
    }
}

#[test]
fn shared_chats_are_between_two_people_each() {
    let Some(shared) = support::shared_or_left_out("samples") else { return };
    let talks = chats::chitchat(&shared);
    assert_eq!(talks.len(), 105);
    assert_eq!(talks.iter().map(|talk| talk.messages.len()).sum::<usize>(), 6_094);
    assert!(talks.iter().all(|talk| talk.people.len() == 2));
}

#[test]
fn shared_guard_codes_have_secrets_in_three_encodings() {
    let Some(shared) = support::shared_or_left_out("samples") else { return };
    let codes = steam::known_codes(&shared);
    assert_codes(&codes, 10);
    assert_eq!(codes[1].secret, [0xde, 0xad, 0xbe, 0xef, 0xca, 0xfe, 0x00]);
}

fn assert_codes(codes: &[steam::KnownCode], count: usize) {
    assert_eq!(codes.len(), count);
    for known in codes {
        assert_eq!(known.code.len(), 5);
        assert!(known.code.chars().all(|c| "23456789BCDFGHJKMNPQRTVWXY".contains(c)), "{}", known.code);
    }
}

/// The first line of a plain save that begins so.
fn line_of<'a>(save: &'a [u8], start: &str) -> Option<&'a str> {
    str::from_utf8(save).ok()?.lines().find(|line| line.starts_with(start))
}
