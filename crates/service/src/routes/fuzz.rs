//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, reason = "a broken promise is told by a panic")]

use axum::extract::Query;
use axum::http::Uri;
use serde::de::DeserializeOwned;

use super::Paging;
use super::chats::SettingsBody;
use super::consents::ConsentBody;
use super::credentials::{CodeBody, ConfirmationBody, Merge, ReleaseBody, SteamBody};
use super::export::ExportParams;
use super::holds::HoldBody;
use super::messages::{BatchBody, ForgetParams, MessageBody, RawParams, WindowParams};
use super::subjects::{Reopen, SubjectBody};
use crate::extract::parse_json;

pub(crate) use super::saves::fuzz::{etags, etags_seeds};

/// Input: `what:1 ‖ text`, of a body, or of a query string. What is refused is refused with a problem that names a field, and is never
/// quoted: a secret stands in every body of the seeds.
pub(crate) fn bodies(input: &[u8]) {
    let Some((what, text)) = input.split_first() else { return };
    match what % 8 {
        0 => body::<SubjectBody>(text),
        1 => body::<ConsentBody>(text),
        2 => body::<SteamBody>(text),
        3 => body::<MessageBody>(text),
        4 => body::<BatchBody>(text),
        6 => body::<HoldBody>(text),
        7 => body::<SettingsBody>(text),
        _ => queries(text),
    }
}

/// Input: `what:1 ‖ text`, of a body that asks for something of stored credentials, or of a query string; as [`bodies`].
pub(crate) fn credential_bodies(input: &[u8]) {
    let Some((what, text)) = input.split_first() else { return };
    match what % 4 {
        0 => body::<ReleaseBody>(text),
        1 => body::<CodeBody>(text),
        2 => body::<ConfirmationBody>(text),
        _ => {
            let text = std::str::from_utf8(text).unwrap_or_default();
            let Ok(uri) = format!("/v1/x?{text}").parse::<Uri>() else { return };
            let _refused = Query::<Merge>::try_from_uri(&uri).is_err();
        }
    }
}

pub(crate) fn credential_bodies_seeds() -> Vec<Vec<u8>> {
    let texts = [
        (
            0,
            format!(r#"{{"fields":["password"],"purpose":"{SECRET}","recipient":"h","request":"{SECRET}"}}"#),
        ),
        (0, r#"{"fields":[],"purpose":"p","recipient":"h"}"#.to_owned()),
        (1, r#"{"offset":-3}"#.to_owned()),
        (1, "{}".to_owned()),
        (2, format!(r#"{{"tag":"{SECRET}","offset":3}}"#)),
        (3, "merge=true".to_owned()),
    ];
    texts.map(|(what, text)| [&[what], text.as_bytes()].concat()).to_vec()
}

fn body<T: DeserializeOwned>(json: &[u8]) {
    if let Err(problem) = parse_json::<T>(json) {
        let told = String::from_utf8(problem.body("request")).unwrap();
        assert!(told.contains(r#""code":"invalid""#) && told.contains(r#""field":"#), "{told}");
        // A name that is not known is quoted as the field at fault; a value never is, and nothing is quoted elsewhere.
        let elsewhere = told.split_once(r#""field":""#).map_or("", |(before, _)| before);
        assert!(!elsewhere.contains(SECRET), "{told}");
    }
}

fn queries(text: &[u8]) {
    let Ok(text) = std::str::from_utf8(text) else { return };
    let Ok(uri) = format!("/v1/x?{text}").parse::<Uri>() else { return };
    let _refused = (
        Query::<Paging>::try_from_uri(&uri).is_err(),
        Query::<Reopen>::try_from_uri(&uri).is_err(),
        Query::<WindowParams>::try_from_uri(&uri).is_err(),
        Query::<ForgetParams>::try_from_uri(&uri).is_err(),
        Query::<RawParams>::try_from_uri(&uri).is_err(),
        Query::<ExportParams>::try_from_uri(&uri).is_err(),
    );
}

/// Stands where secrets do in the seeds.
const SECRET: &str = "hunter2hunter2";

pub(crate) fn bodies_seeds() -> Vec<Vec<u8>> {
    let texts = [
        (0, r#"{"region":"eu"}"#.to_owned()),
        (0, "{}".to_owned()),
        (1, r#"{"policy_version":"3","time":"2023-11-14T22:13:20Z","evidence":"x"}"#.to_owned()),
        (2, format!(r#"{{"password":"{SECRET}","shared_secret":"zvIayp3JPvtvX/QGHqsqKBk/44s="}}"#)),
        (3, format!(r#"{{"body":"{SECRET}","sent_at":"2023-11-14T22:13:20Z","client_id":"c"}}"#)),
        (4, format!(r#"{{"messages":[{{"body":"{SECRET}"}},{{"body":"b"}}]}}"#)),
        (5, "limit=5&cursor=AAAABQ&before=x&after=y&reopen=true&through=z".to_owned()),
        (6, format!(r#"{{"reason":"{SECRET}","expires":"2999-01-01T00:00:00Z"}}"#)),
        (0, r#"{"birth_year":2015,"guardian_consent":"x"}"#.to_owned()),
        (5, "policy=either&sent_at=x&client_id=y&lang=en".to_owned()),
        (7, r#"{"policy":"either","keep_days":30}"#.to_owned()),
    ];
    texts.map(|(what, text)| [&[what], text.as_bytes()].concat()).to_vec()
}
