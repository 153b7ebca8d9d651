//! A cloud-game host signs a player in to Steam without the player typing: it mints a Guard code, and has a refresh token released, sealed
//! to a key that only it holds.
//!
//! Run: `cargo run --example cloud_host`. It starts a service of its own and asserts what it shows.
#![allow(
    clippy::print_stdout,
    clippy::indexing_slicing,
    reason = "an example says what it does and stops where it is wrong"
)]

mod support;

use std::{error::Error, fs, path::Path};

use oubliette_client::{ClientError, ConsentGiven, ReleaseAsked, ReleaseKey, SteamSecrets};
use oubliette_service::tokens::Scope;
use serde_json::Value;

const PLAYER: &str = "player-1";
const PURPOSE: &str = "cloud_sign_in";

fn main() -> Result<(), Box<dyn Error>> {
    let service = support::Service::start()?;
    let platform = &service.client;

    // The player's account, made up (examples/data/README.md). Nothing is stored without consent.
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/data/steam/demo-account.json");
    let sample: Value = serde_json::from_slice(&fs::read(file)?)?;
    let account =
        sample.get("account").and_then(serde_json::Value::as_str).ok_or("the sample has no account")?;
    let secrets: SteamSecrets =
        serde_json::from_value(sample.get("credentials").cloned().ok_or("the sample has no credentials")?)?;
    platform.put_subject(PLAYER, &Default::default(), false)?;
    assert_eq!(code_of(platform.put_steam(PLAYER, account, &secrets)), "consent_required");
    let consent =
        ConsentGiven { evidence: Some("settings page, switch 3".into()), ..ConsentGiven::default() };
    platform.give_consent(PLAYER, "steam_credentials", &consent)?;
    let stored = platform.put_steam(PLAYER, account, &secrets)?;
    println!("stored of {account}: {}", stored.fields.join(", "));

    // The host keeps the private half of a key pair; the operator registers the public one with the host's token.
    let key = ReleaseKey::generate()?;
    let scopes = [Scope::CredentialsUse, Scope::CredentialsRelease];
    let host = service.client_with("host-1", &scopes, &key)?;

    // A code is made inside; the shared secret never leaves.
    let code = host.guard_code(PLAYER, account)?;
    println!("guard code {} until {}", code.code, code.valid_until);
    assert_eq!(code.code.len(), 5);

    // What has to leave is sealed to the host, for one purpose, once.
    let asked =
        ReleaseAsked { fields: vec!["refresh_token".into()], purpose: PURPOSE.into(), recipient: None };
    let released = host.release(PLAYER, account, &asked, &key)?;
    assert_eq!(released.secrets.refresh_token, secrets.refresh_token);
    assert!(released.secrets.password.is_none(), "nothing comes along that was not asked for");
    println!("released: the refresh token, as {}", released.release);

    // Somebody with the host's token but not its key gets nothing that opens.
    let thief = ReleaseKey::generate()?;
    let named = ReleaseAsked { recipient: Some("host-1".into()), ..asked.clone() };
    assert!(matches!(host.release(PLAYER, account, &named, &thief), Err(ClientError::Sealed)));
    // Nor does the platform's own token: no key is registered with it.
    assert_eq!(code_of(platform.release(PLAYER, account, &asked, &key)), "invalid");

    // The player sees what their account was used for, and can end it.
    for used in &platform.steam(PLAYER, account)?.uses {
        let purpose = used.purpose.as_deref().map(|purpose| format!(" for {purpose}")).unwrap_or_default();
        let to = used.recipient.as_deref().map(|to| format!(", to {to}")).unwrap_or_default();
        println!("the player sees: {}{purpose}{to}, last {}", used.kind, used.time);
    }
    let uses = platform.steam(PLAYER, account)?.uses;
    assert!(uses.iter().any(|used| used.kind == "guard_code"));
    assert!(uses.iter().any(|used| used.purpose.as_deref() == Some(PURPOSE)));
    platform.withdraw_consent(PLAYER, "steam_credentials")?;
    assert_eq!(code_of(host.release(PLAYER, account, &asked, &key)), "consent_required");
    assert!(platform.steam_accounts(PLAYER)?.is_empty());
    println!("consent withdrawn: the vault has forgotten the account, in every copy");
    Ok(())
}

fn code_of<T>(answer: Result<T, ClientError>) -> String {
    answer.err().and_then(|error| error.code().map(str::to_owned)).unwrap_or_default()
}
