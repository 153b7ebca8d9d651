//! The connection: URLs, headers, problem documents.

use std::{fmt, time::Duration};

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Serialize, de::DeserializeOwned};
use ureq::{
    Agent, AsSendBody, Body,
    http::{Method, Request, Response, StatusCode, header, request::Builder},
};
use zeroize::Zeroizing;

use crate::{
    error::{ClientError, Problem},
    types::Deletion,
};

/// Everything but RFC 3986's unreserved characters.
const NAME: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');
/// No JSON answer is longer.
const MAX_JSON: u64 = 256 << 20;

/// A client of one service; cheap to clone, its connections are shared.
#[derive(Clone)]
pub struct Client {
    agent: Agent,
    base: String,
    /// The whole header value.
    authorization: Zeroizing<String>,
    /// Sent with every write.
    idempotency_key: Option<String>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("base", &self.base).finish_non_exhaustive()
    }
}

impl Client {
    /// A client of the service at `url` (`http://host:port`), with a bearer token.
    pub fn new(url: &str, token: &str) -> Result<Self, ClientError> {
        if !url.starts_with("http://") {
            return Err(ClientError::Setup("the URL must start with http:// (this client speaks no TLS)"));
        }
        let token = token.trim();
        if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(ClientError::Setup("the token is empty or has characters that no token has"));
        }
        let agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_per_read(Some(Duration::from_secs(120)))
            .timeout_per_write(Some(Duration::from_secs(120)))
            .build()
            .new_agent();
        let base = url.trim_end_matches('/').to_owned();
        Ok(Self {
            agent,
            base,
            authorization: Zeroizing::new(format!("Bearer {token}")),
            idempotency_key: None,
        })
    }

    /// The same client, which sends this key with every write: a write that was carried out before under the key is answered as it
    /// was then, and has no second effect. Take a new, random key for each write that you may have to send again.
    pub fn with_idempotency_key(&self, key: &str) -> Self {
        Self { idempotency_key: Some(key.to_owned()), ..self.clone() }
    }

    /// A request with the token, for a path made by [`path`].
    pub(crate) fn request(&self, method: Method, path: &str) -> Builder {
        let key = self.idempotency_key.as_ref().filter(|_| !method.is_safe());
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::AUTHORIZATION, self.authorization.as_str());
        match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        }
    }

    /// Sends it; a refusal is an error.
    pub(crate) fn send(
        &self,
        request: Builder,
        body: impl AsSendBody,
    ) -> Result<Response<Body>, ClientError> {
        let response = self.exchange(request, body)?;
        let status = response.status();
        if status.is_success() || status == StatusCode::NOT_MODIFIED {
            Ok(response)
        } else {
            Err(refusal(response))
        }
    }

    /// Sends it and takes any answer.
    pub(crate) fn exchange(
        &self,
        request: Builder,
        body: impl AsSendBody,
    ) -> Result<Response<Body>, ClientError> {
        let request =
            request.body(body).map_err(|_| ClientError::Setup("the URL or a header value is malformed"))?;
        self.agent.run(request).map_err(|error| ClientError::Transport(error.to_string()))
    }

    /// A request without a body, answered in JSON.
    pub(crate) fn call<T: DeserializeOwned>(&self, method: Method, path: &str) -> Result<T, ClientError> {
        json(self.send(self.request(method, path), ())?)
    }

    /// A deletion: done, or waiting.
    pub(crate) fn delete(&self, path: &str) -> Result<Deletion, ClientError> {
        let response = self.send(self.request(Method::DELETE, path), ())?;
        let waits = response.status() == StatusCode::ACCEPTED;
        json::<serde_json::Value>(response)?;
        Ok(if waits { Deletion::Blocked } else { Deletion::Erased })
    }

    /// A request with a JSON body, answered in JSON.
    pub(crate) fn call_with<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        body: &impl Serialize,
    ) -> Result<T, ClientError> {
        let body = serde_json::to_vec(body).map_err(|error| ClientError::Answer(error.to_string()))?;
        let body = Zeroizing::new(body);
        let request = self.request(method, path).header(header::CONTENT_TYPE, "application/json");
        json(self.send(request, body.as_slice())?)
    }
}

/// A path under `/v1` from its parts, each a name to be percent-encoded.
pub(crate) fn path(parts: &[&str]) -> String {
    let mut path = String::from("/v1");
    for part in parts {
        path.push('/');
        path.extend(utf8_percent_encode(part, NAME));
    }
    path
}

/// Adds the query pairs that have a value.
pub(crate) fn with_query(mut path: String, pairs: &[(&str, Option<String>)]) -> String {
    let mut mark = '?';
    for (name, value) in pairs {
        if let Some(value) = value {
            path.push(mark);
            path.push_str(name);
            path.push('=');
            path.extend(utf8_percent_encode(value, NAME));
            mark = '&';
        }
    }
    path
}

pub(crate) fn json<T: DeserializeOwned>(mut response: Response<Body>) -> Result<T, ClientError> {
    let bytes = response
        .body_mut()
        .with_config()
        .limit(MAX_JSON)
        .read_to_vec()
        .map_err(|error| ClientError::Transport(error.to_string()))?;
    serde_json::from_slice(&bytes)
        .map_err(|error| ClientError::Answer(format!("line {}, column {}", error.line(), error.column())))
}

fn refusal(mut response: Response<Body>) -> ClientError {
    let status = response.status().as_u16();
    let bytes = response.body_mut().with_config().limit(1 << 20).read_to_vec().unwrap_or_default();
    match serde_json::from_slice::<Problem>(&bytes) {
        Ok(problem) => ClientError::Problem(Box::new(problem)),
        // A HEAD has no body to say more, and a proxy speaks its own language.
        Err(_) => {
            let request_id = response
                .headers()
                .get("x-request-id")
                .and_then(|value| value.to_str().ok())
                .unwrap_or_default()
                .to_owned();
            ClientError::Problem(Box::new(Problem {
                status,
                code: format!("http_{status}"),
                title: "Refused".to_owned(),
                detail: format!("the service answered with status {status} and no problem document"),
                field: None,
                current: None,
                yours: None,
                quota: None,
                request_id,
            }))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_encoded_whole() {
        assert_eq!(path(&["subjects", "a/b ü?#%"]), "/v1/subjects/a%2Fb%20%C3%BC%3F%23%25");
        let query =
            with_query("/x".into(), &[("a", None), ("b", Some("1&2".into())), ("c", Some("3".into()))]);
        assert_eq!(query, "/x?b=1%262&c=3");
    }

    #[test]
    fn the_token_is_not_printed() {
        let client = Client::new("http://127.0.0.1:1", "obl_hunter2").unwrap();
        assert!(!format!("{client:?}").contains("hunter2"));
    }

    #[test]
    fn what_cannot_work_is_refused_early() {
        assert!(matches!(Client::new("https://x", "t"), Err(ClientError::Setup(_))));
        assert!(matches!(Client::new("http://x", " "), Err(ClientError::Setup(_))));
        assert!(matches!(Client::new("http://x", "a\nb"), Err(ClientError::Setup(_))));
    }

    #[test]
    fn nobody_there_is_a_transport_error() {
        let client = Client::new("http://127.0.0.1:1", "t").unwrap();
        assert!(matches!(client.subject("u"), Err(ClientError::Transport(_))));
    }
}
