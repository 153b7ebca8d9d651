//! What people ask for under their rights.

use serde::{Deserialize, Serialize};
use ureq::http::Method;

use crate::{
    error::ClientError,
    http::{Client, path, with_query},
};

/// What a person asks for.
#[derive(Debug, Clone, Default, Serialize)]
pub struct RequestMade {
    /// `access`, `correction`, `deletion`, `restriction` or `portability`.
    pub kind: String,
    /// When it was received, RFC 3339; now, if absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub received: Option<String>,
    /// In the person's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

/// A request and, once it is there, its answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PersonRequest {
    /// Whose, in a list of everybody's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// Its number among the person's own.
    pub id: u64,
    /// What for.
    pub kind: String,
    /// When it was received.
    pub received: String,
    /// By when an answer is due.
    pub due: String,
    /// Whether it should have been answered; in a list of everybody's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub overdue: Option<bool>,
    /// In the person's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The answer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answer: Option<RequestAnswered>,
}

/// An answer.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct RequestAnswered {
    /// When.
    pub time: String,
    /// `granted`, `refused` or `withdrawn`.
    pub outcome: String,
    /// What was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
}

#[derive(Deserialize)]
struct Page {
    requests: Vec<PersonRequest>,
    next_cursor: Option<String>,
}

impl Client {
    /// Notes that a person asks for something.
    pub fn add_request(&self, user: &str, made: &RequestMade) -> Result<PersonRequest, ClientError> {
        self.call_with(Method::POST, &path(&["subjects", user, "requests"]), made)
    }

    /// Everything that a person asked for, newest first.
    pub fn requests(&self, user: &str) -> Result<Vec<PersonRequest>, ClientError> {
        self.call(Method::GET, &path(&["subjects", user, "requests"])).map(|page: Page| page.requests)
    }

    /// Notes the answer to a request: `granted`, `refused` or `withdrawn`.
    pub fn answer_request(
        &self,
        user: &str,
        id: u64,
        outcome: &str,
        detail: Option<&str>,
    ) -> Result<PersonRequest, ClientError> {
        let path = path(&["subjects", user, "requests", &id.to_string(), "answer"]);
        self.call_with(Method::PUT, &path, &serde_json::json!({ "outcome": outcome, "detail": detail }))
    }

    /// Everybody's requests without an answer, the one that is due first before the others. Reads all pages.
    pub fn open_requests(&self) -> Result<Vec<PersonRequest>, ClientError> {
        let (mut all, mut cursor) = (Vec::new(), None);
        loop {
            let page: Page =
                self.call(Method::GET, &with_query(path(&["requests"]), &[("cursor", cursor)]))?;
            all.extend(page.requests);
            cursor = page.next_cursor;
            if cursor.is_none() {
                // RFC 3339 in UTC sorts as text.
                all.sort_by(|a, b| a.due.cmp(&b.due));
                return Ok(all);
            }
        }
    }
}
