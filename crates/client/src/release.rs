//! Released secrets: asked for, opened and checked.

use std::fmt;

use oubliette_crypto::hpke::{ReleaseContext, SealedRelease, open_release};
use oubliette_crypto::{ReleaseKey, VaultId};
use serde::{Deserialize, Serialize};
use ureq::http::Method;
use zeroize::Zeroize;

use crate::{
    error::ClientError,
    http::{Client, path},
    types::SteamSecrets,
};

/// What to release.
#[derive(Debug, Clone, Default)]
pub struct ReleaseAsked {
    /// Names of the fields, such as `refresh_token`.
    pub fields: Vec<String>,
    /// What for, in 1 to 64 letters, digits, `_`, `-`, `.` or `:`. The person sees it.
    pub purpose: String,
    /// Name or id of the key, as registered with the token. `None`: the id of the key that opens the answer.
    pub recipient: Option<String>,
}

/// A released answer, opened.
#[derive(Debug)]
pub struct Released {
    /// The answer's random name, which the vault's log has, too.
    pub release: String,
    /// The fields asked for. Wiped on drop.
    pub secrets: SteamSecrets,
}

#[derive(Serialize)]
struct Body<'a> {
    fields: &'a [String],
    purpose: &'a str,
    recipient: &'a str,
    request: &'a str,
}

#[derive(Deserialize)]
struct Answer {
    release: String,
    vault: String,
    request: String,
    purpose: String,
    suite: String,
    enc: String,
    ciphertext: String,
}

/// What is sealed.
#[derive(Deserialize)]
struct Message {
    account: Wiped,
    fields: SteamSecrets,
}

#[derive(Deserialize)]
struct Wiped(String);

impl Drop for Wiped {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Answer").field("release", &self.release).finish_non_exhaustive()
    }
}

impl Client {
    /// Has fields of an account sealed to `key`, whose public half must be registered with this client's token, and opens the answer.
    /// Each call draws a name of its own for its request, so that no answer to another one is taken for it.
    pub fn release(
        &self,
        user: &str,
        account: &str,
        asked: &ReleaseAsked,
        key: &ReleaseKey,
    ) -> Result<Released, ClientError> {
        let request = random()?;
        let id = key.public().id().to_string();
        let body = Body {
            fields: &asked.fields,
            purpose: &asked.purpose,
            recipient: asked.recipient.as_deref().unwrap_or(&id),
            request: &request,
        };
        let path = path(&["subjects", user, "credentials", "steam", account, "release"]);
        let answer: Answer = self.call_with(Method::POST, &path, &body)?;
        if answer.request != request || answer.purpose != asked.purpose {
            return Err(ClientError::Answer("it answers another request".to_owned()));
        }
        open(&answer, account, key)
    }
}

fn open(answer: &Answer, account: &str, key: &ReleaseKey) -> Result<Released, ClientError> {
    let misread = |what: &str| ClientError::Answer(format!("the released answer's {what}"));
    if answer.suite != "0020-0001-0002" {
        return Err(misread("suite is another"));
    }
    let vault = VaultId(hex(&answer.vault).ok_or_else(|| misread("vault"))?);
    let release = hex(&answer.release).ok_or_else(|| misread("name"))?;
    let context = ReleaseContext {
        vault: &vault,
        release: &release,
        request: &answer.request,
        purpose: &answer.purpose,
    };
    let base64 = |text: &str| data_encoding::BASE64URL_NOPAD.decode(text.as_bytes()).ok();
    let enc = base64(&answer.enc).and_then(|enc| enc.try_into().ok()).ok_or_else(|| misread("enc"))?;
    let ciphertext = base64(&answer.ciphertext).ok_or_else(|| misread("ciphertext"))?;
    let opened =
        open_release(key, &context, &SealedRelease { enc, ciphertext }).map_err(|_| ClientError::Sealed)?;
    let message: Message = serde_json::from_slice(&opened)
        .map_err(|error| misread(&format!("content, column {}", error.column())))?;
    if message.account.0 != account {
        return Err(misread("account is another"));
    }
    Ok(Released { release: answer.release.clone(), secrets: message.fields })
}

fn hex(text: &str) -> Option<[u8; 16]> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok()
}

fn random() -> Result<String, ClientError> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes).map_err(|_| ClientError::Setup("the system gave no randomness"))?;
    Ok(data_encoding::HEXLOWER.encode(&bytes))
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
    use oubliette_crypto::hpke::seal_release;

    use super::*;

    fn answer(key: &ReleaseKey, message: &str) -> Answer {
        let (vault, release) = (VaultId([1; 16]), [2; 16]);
        let context = ReleaseContext { vault: &vault, release: &release, request: "r", purpose: "p" };
        let sealed = seal_release(&key.public(), &context, message.as_bytes()).unwrap();
        Answer {
            release: HEXLOWER.encode(&release),
            vault: HEXLOWER.encode(vault.as_bytes()),
            request: "r".to_owned(),
            purpose: "p".to_owned(),
            suite: "0020-0001-0002".to_owned(),
            enc: BASE64URL_NOPAD.encode(&sealed.enc),
            ciphertext: BASE64URL_NOPAD.encode(&sealed.ciphertext),
        }
    }

    #[test]
    fn an_answer_opens_and_a_changed_one_does_not() {
        let key = ReleaseKey::generate().unwrap();
        let message = "{\"account\":\"acc\",\"fields\":{\"password\":\"hunter2\"}}  ";
        let whole = || answer(&key, message);
        let released = open(&whole(), "acc", &key).unwrap();
        assert_eq!(released.secrets.password.as_deref(), Some("hunter2"));
        assert!(!format!("{released:?} {:?}", whole()).contains("hunter2"));

        let other = ReleaseKey::generate().unwrap();
        assert!(matches!(open(&whole(), "acc", &other), Err(ClientError::Sealed)));
        for changed in [
            Answer { release: "00".repeat(16), ..whole() },
            Answer { vault: "00".repeat(16), ..whole() },
            Answer { request: "s".to_owned(), ..whole() },
            Answer { purpose: "q".to_owned(), ..whole() },
            Answer { enc: BASE64URL_NOPAD.encode(&[9; 32]), ..whole() },
            Answer { ciphertext: BASE64URL_NOPAD.encode(&[9; 64]), ..whole() },
        ] {
            assert!(matches!(open(&changed, "acc", &key), Err(ClientError::Sealed)), "{changed:?}");
        }
        for malformed in [
            Answer { release: "0".to_owned(), ..whole() },
            Answer { vault: "x".repeat(32), ..whole() },
            Answer { enc: "AAAA".to_owned(), ..whole() },
            Answer { ciphertext: "*".to_owned(), ..whole() },
            Answer { suite: "0020-0001-0001".to_owned(), ..whole() },
            answer(&key, "{\"account\":\"acc\",\"fields\":{\"hunter2\":\"hunter2\"}}"),
            answer(&key, "hunter2"),
        ] {
            let error = open(&malformed, "acc", &key).unwrap_err();
            assert!(
                matches!(error, ClientError::Answer(_)) && !error.to_string().contains("hunter2"),
                "{error}"
            );
        }
        assert!(matches!(open(&whole(), "another", &key), Err(ClientError::Answer(_))));
    }
}
