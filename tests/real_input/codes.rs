//! Steam Guard codes: the vault's must be those that other programs compute.

use crate::{
    support::{self, steam},
    world::World,
};
use data_encoding::BASE64;
use oubliette_store::{ConsentGiven, SteamFields, VaultError};
use std::collections::BTreeMap;

fn fields(secret: &[u8]) -> SteamFields {
    SteamFields(BTreeMap::from([("shared_secret".to_owned(), BASE64.encode(secret))]))
}

#[test]
fn codes_are_those_of_three_other_programs() {
    let Some(shared) = support::shared_or_left_out("real_input: steam") else { return };
    let known = steam::known_codes(&shared);
    assert_eq!(known.len(), 10);
    check(known);
}

#[test]
fn codes_of_our_sample_account() {
    check(steam::sample().codes);
}

fn check(known: Vec<steam::KnownCode>) {
    let world = World::new();
    let person = world.person("player");
    let credentials = person.credentials();
    assert!(matches!(credentials.set_steam("a", fields(b"x")), Err(VaultError::ConsentRequired { .. })));
    person.consents().give("steam_credentials", &ConsentGiven::default()).unwrap();
    for (n, answer) in known.into_iter().enumerate() {
        let account = format!("account-{n}");
        credentials.set_steam(&account, fields(&answer.secret)).unwrap();
        world.clock.set(answer.time * 1_000_000 + 999_999);
        let code = credentials.guard_code(&account).unwrap();
        assert_eq!(code.code, answer.code, "at {}", answer.time);
        assert_eq!(code.valid_until, (answer.time - answer.time % 30 + 30) * 1_000_000);
    }
    person.consents().withdraw("steam_credentials").unwrap();
    assert!(matches!(credentials.guard_code("account-0"), Err(VaultError::ConsentRequired { .. })));
}
