//! Plain maFiles: JSON of SteamDesktopAuthenticator and of the programs that followed it, or Steam's own answer when an authenticator was
//! added.

use oubliette_client::SteamSecrets;
use serde::Deserialize;
use zeroize::Zeroize;

use super::{Bad, Parsed};

/// A text that some programs write as a number. Wiped on drop.
#[derive(Deserialize)]
#[serde(untagged)]
enum Text {
    Text(String),
    Number(u64),
}

impl Text {
    fn take(&mut self) -> String {
        match self {
            Self::Text(text) => std::mem::take(text),
            Self::Number(number) => number.to_string(),
        }
    }
}

impl Drop for Text {
    fn drop(&mut self) {
        if let Self::Text(text) = self {
            text.zeroize();
        }
    }
}

/// What is taken of a maFile; everything else in it is of no use elsewhere.
#[derive(Deserialize)]
struct MaFile {
    account_name: Option<Text>,
    device_id: Option<Text>,
    identity_secret: Option<Text>,
    revocation_code: Option<Text>,
    secret_1: Option<Text>,
    serial_number: Option<Text>,
    shared_secret: Option<Text>,
    steam_id: Option<Text>,
    token_gid: Option<Text>,
    uri: Option<Text>,
    #[serde(rename = "Session")]
    session: Option<Session>,
    tokens: Option<Tokens>,
    /// Steam's answer wraps the rest.
    response: Option<Box<MaFile>>,
}

/// Of SteamDesktopAuthenticator.
#[derive(Deserialize)]
struct Session {
    #[serde(rename = "SteamID")]
    steam_id: Option<Text>,
    #[serde(rename = "AccessToken")]
    access_token: Option<Text>,
    #[serde(rename = "RefreshToken")]
    refresh_token: Option<Text>,
}

/// Of steamguard-cli.
#[derive(Deserialize)]
struct Tokens {
    access_token: Option<Text>,
    refresh_token: Option<Text>,
}

/// Reads one maFile.
pub(super) fn parse(json: &[u8]) -> Result<Parsed, Bad> {
    // The parser's own message might repeat a value.
    let read: MaFile = serde_json::from_slice(json)
        .map_err(|error| format!("is no maFile (line {}, column {})", error.line(), error.column()))?;
    let mut file = match read {
        MaFile { response: Some(inner), .. } => *inner,
        file => file,
    };
    let account = taken(&mut file.account_name).ok_or_else(|| "has no account_name".to_owned())?;
    let [mut access, mut refresh, mut steam_id] = [None, None, taken(&mut file.steam_id)];
    if let Some(tokens) = &mut file.tokens {
        (access, refresh) = (taken(&mut tokens.access_token), taken(&mut tokens.refresh_token));
    }
    if let Some(session) = &mut file.session {
        access = taken(&mut session.access_token).or(access);
        refresh = taken(&mut session.refresh_token).or(refresh);
        // Zero stands for nobody.
        steam_id = taken(&mut session.steam_id).filter(|id| id != "0").or(steam_id);
    }
    let mut secrets = SteamSecrets::default();
    secrets.access_token = access;
    secrets.refresh_token = refresh;
    secrets.steam_id = steam_id;
    secrets.device_id = taken(&mut file.device_id);
    secrets.identity_secret = taken(&mut file.identity_secret);
    secrets.revocation_code = taken(&mut file.revocation_code);
    secrets.secret_1 = taken(&mut file.secret_1);
    secrets.serial_number = taken(&mut file.serial_number);
    secrets.shared_secret = taken(&mut file.shared_secret);
    secrets.token_gid = taken(&mut file.token_gid);
    secrets.uri = taken(&mut file.uri);
    if secrets.shared_secret.is_none() && secrets.identity_secret.is_none() && secrets.refresh_token.is_none()
    {
        return Err("holds no shared_secret, identity_secret or refresh token".to_owned());
    }
    Ok(Parsed { accounts: vec![(account, secrets)], left_out: None })
}

/// A value that is there and not empty.
fn taken(text: &mut Option<Text>) -> Option<String> {
    text.as_mut().map(Text::take).filter(|text| !text.is_empty())
}

/// Puts what was found elsewhere to what is known; a field that both have must be the same. Answers the field that is not.
pub(super) fn join(known: &mut SteamSecrets, mut more: SteamSecrets) -> Result<(), &'static str> {
    macro_rules! join {
        ($($field:ident)*) => {$(
            match (&known.$field, more.$field.take()) {
                (_, None) => {}
                (None, found) => known.$field = found,
                (Some(known), Some(mut found)) => {
                    let same = *known == found;
                    found.zeroize();
                    if !same {
                        return Err(stringify!($field));
                    }
                }
            }
        )*};
    }
    join!(access_token account_name device_id guard_data identity_secret password refresh_token revocation_code);
    join!(secret_1 serial_number shared_secret steam_id token_gid uri);
    Ok(())
}

/// See `crate::fuzzing`. Input: `what:1 ‖ text`, of a maFile, of a manifest, or of an encrypted maFile with its entry before the first line
/// feed. What is refused is not quoted: a secret stands in every text of the seeds.
pub(crate) fn fuzz(input: &[u8]) {
    use super::encrypted;

    let Some((what, text)) = input.split_first() else { return };
    let told = match what % 3 {
        0 => match parse(text) {
            Ok(Parsed { accounts, .. }) => {
                assert!(accounts.len() == 1 && accounts.iter().all(|(name, _)| !name.is_empty()));
                return;
            }
            Err(told) => told,
        },
        1 => match encrypted::manifest(text) {
            Ok(_) => return assert!(encrypted::is_manifest(text)),
            Err(told) => told,
        },
        _ => {
            let Some(line) = text.iter().position(|byte| *byte == b'\n') else { return };
            let (entry, ciphertext) = text.split_at(line);
            let Ok(entry) = serde_json::from_slice(entry) else { return };
            match encrypted::open(&entry, ciphertext.trim_ascii(), "pass-phrase") {
                Ok(_) => return,
                Err(told) => told,
            }
        }
    };
    assert!(!told.contains("hunter2"), "{told}");
}
