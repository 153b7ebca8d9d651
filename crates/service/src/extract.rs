//! Typed extractors whose refusals are problem documents that name the field at fault and never repeat a value.

use axum::{
    extract::{FromRequest, FromRequestParts, Path, Query, Request, rejection::PathRejection},
    http::{HeaderMap, header, request::Parts},
};
use serde::de::DeserializeOwned;

use crate::{problem::Problem, state::App};

/// Names from the path, percent-decoded, each 1 to 256 bytes of UTF-8.
pub(crate) struct Names<T>(pub(crate) T);

impl<T: DeserializeOwned + Send> FromRequestParts<App> for Names<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        match Path::<T>::from_request_parts(parts, app).await {
            Ok(Path(names)) => Ok(Self(names)),
            Err(PathRejection::FailedToDeserializePathParams(_)) => {
                Err(Problem::invalid("path", "a name in the path is not percent-encoded UTF-8"))
            }
            Err(_) => Err(Problem::internal()),
        }
    }
}

/// The query string; unknown keys are refused.
pub(crate) struct Params<T>(pub(crate) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Params<T> {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &App) -> Result<Self, Problem> {
        Query::<T>::try_from_uri(&parts.uri).map(|Query(params)| Self(params)).map_err(|refused| {
            let text = refused.body_text();
            let text = text.strip_prefix("Failed to deserialize query string: ").unwrap_or(&text);
            // The key stands before serde's own message.
            let named = text.split_once(": ").filter(|(key, _)| !key.contains(' '));
            let (field, reason) = explain(named.map_or(text, |(_, text)| text));
            let field = named.filter(|_| field == "body").map_or(field, |(key, _)| key.to_owned());
            Problem::invalid(field, format!("in the query: {reason}"))
        })
    }
}

/// A JSON body of at most `LIMIT` bytes; unknown fields are refused.
pub(crate) struct Json<T, const LIMIT: usize>(pub(crate) T);

impl<T: DeserializeOwned, const LIMIT: usize> FromRequest<App> for Json<T, LIMIT> {
    type Rejection = Problem;

    async fn from_request(request: Request, app: &App) -> Result<Self, Problem> {
        let declared = request.headers().contains_key(header::CONTENT_TYPE);
        if declared && !is_json(request.headers()) {
            return Err(Problem::of_status(axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE));
        }
        let bytes = crate::body::collect(request, LIMIT, app.config.idle_timeout).await?;
        match (declared, bytes.is_empty()) {
            (true, _) => parse_json(&bytes).map(Self),
            // No body at all says as much as an empty object.
            (false, true) => parse_json(b"{}").map(Self),
            (false, false) => Err(Problem::of_status(axum::http::StatusCode::UNSUPPORTED_MEDIA_TYPE)),
        }
    }
}

/// Whether the body is declared as JSON.
pub(crate) fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let essence = essence(value);
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// A media type without its parameters, in lower case.
pub(crate) fn essence(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or("").trim().to_ascii_lowercase()
}

/// Reads JSON; the refusal names the field.
pub(crate) fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    serde_json::from_slice(bytes).map_err(|error| {
        if error.is_data() {
            let (field, reason) = explain(&error.to_string());
            Problem::invalid(field, reason)
        } else {
            let (line, column) = (error.line(), error.column());
            Problem::invalid("body", format!("the body is not JSON (line {line}, column {column})"))
        }
    })
}

/// Serde's message as (field, reason), without the value at fault: it may be a password.
fn explain(message: &str) -> (String, String) {
    let quoted = |message: &str| message.split('`').nth(1).unwrap_or("").chars().take(64).collect::<String>();
    for (start, reason) in
        [("unknown field", "there is no such field"), ("missing field", "the field is missing")]
    {
        if message.starts_with(start) {
            let expected = message.split_once(", expected ").map_or(String::new(), |(_, fields)| {
                let fields = fields.split(" at line ").next().unwrap_or(fields);
                format!("; known: {}", fields.replace('`', ""))
            });
            return (quoted(message), format!("{reason}{expected}"));
        }
    }
    if message.starts_with("duplicate field") {
        return (quoted(message), "the field stands twice".to_owned());
    }
    // "invalid type: string \"…\", expected u64 at line 1 column 9": only what follows the last "expected" is ours.
    match message.rsplit_once("expected ") {
        Some((_, expected)) => {
            ("body".to_owned(), format!("a value has the wrong type: expected {expected}"))
        }
        None => ("body".to_owned(), "a value has the wrong form".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    #[allow(dead_code, reason = "only parsed")]
    struct Body {
        password: Option<u64>,
        name: String,
    }

    fn refusal(json: &'static str) -> String {
        let problem = parse_json::<Body>(json.as_bytes()).unwrap_err();
        String::from_utf8(problem.body("")).unwrap()
    }

    #[test]
    fn the_field_is_named_and_the_value_is_not_repeated() {
        let unknown = refusal(r#"{"name":"a","paswort":1}"#);
        assert!(
            unknown.contains(r#""field":"paswort""#) && unknown.contains("password or name"),
            "{unknown}"
        );
        assert!(refusal("{}").contains(r#""field":"name""#));
        let wrong = refusal(r#"{"name":"a","password":"hunter2"}"#);
        assert!(!wrong.contains("hunter2") && wrong.contains("expected u64"), "{wrong}");
        let twice = refusal(r#"{"name":"a","name":"b"}"#);
        assert!(twice.contains("twice"), "{twice}");
        assert!(refusal("{").contains("not JSON"));
        // A value may itself hold the words the message is split at.
        let tricky = refusal(r#"{"name":"a","password":"x, expected hunter2"}"#);
        assert!(!tricky.contains("hunter2"), "{tricky}");
    }
}
