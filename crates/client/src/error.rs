//! What can go wrong between a client and the service.

use serde::Deserialize;

use crate::types::SaveFacts;

/// Errors of the client.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The service refused.
    #[error("{0}")]
    Problem(Box<Problem>),
    /// The service could not be reached, or the connection broke.
    #[error("no answer from the service ({0}); check that it runs and that the URL is right")]
    Transport(String),
    /// The answer is not what this client understands.
    #[error("the service's answer is not understood ({0}); use a client of the same version")]
    Answer(String),
    /// A released answer that does not open.
    #[error(
        "the released answer does not open: it was sealed to another key, or changed on the way; check that the key is the one registered"
    )]
    Sealed,
    /// The caller's own reader or writer failed.
    #[error("reading or writing the content failed: {0}")]
    Content(#[from] std::io::Error),
    /// The URL or token given to the client cannot be used.
    #[error("{0}")]
    Setup(&'static str),
}

impl ClientError {
    /// The stable code of a refusal.
    pub fn code(&self) -> Option<&str> {
        match self {
            Self::Problem(problem) => Some(&problem.code),
            _ => None,
        }
    }
}

/// A problem document (RFC 9457).
#[derive(Debug, Clone, Deserialize)]
pub struct Problem {
    /// HTTP status.
    pub status: u16,
    /// Stable, for programs.
    pub code: String,
    /// What kind of refusal.
    pub title: String,
    /// What to do.
    pub detail: String,
    /// The field, header or name at fault.
    pub field: Option<String>,
    /// With `version_conflict`: the version that stands.
    pub current: Option<SaveFacts>,
    /// With `version_conflict` of a write: the version that was refused.
    pub yours: Option<YourSide>,
    /// With `quota_exceeded`, unless it is the disk that is full.
    pub quota: Option<QuotaFacts>,
    /// To be found in the service's log.
    pub request_id: String,
}

/// The sender's side of a conflict.
#[derive(Debug, Clone, Deserialize)]
pub struct YourSide {
    /// What `If-Match` said.
    pub if_match: Option<String>,
    /// Bytes, if they were announced.
    pub size: Option<u64>,
    /// When it came.
    pub received: String,
    /// As given.
    pub content_type: Option<String>,
    /// `X-Save-Meta`.
    pub meta: Option<serde_json::Value>,
    /// The `device` that it names, if it does.
    pub device: Option<String>,
    /// The version that the sender went on from, if it is still there.
    pub base: Option<SaveFacts>,
}

/// Which limit would be exceeded, and by what.
#[derive(Debug, Clone, Deserialize)]
pub struct QuotaFacts {
    /// Which class, or `total`.
    pub class: String,
    /// `bytes`, as stored, or `items`.
    pub of: String,
    /// What is stored.
    pub used: u64,
    /// What this would have added, as far as it is known.
    pub asked: u64,
    /// How much may be stored.
    pub limit: u64,
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.detail)?;
        if let Some(field) = &self.field {
            write!(f, " (at fault: {field})")?;
        }
        write!(f, " [{} {}, request {}]", self.status, self.code, self.request_id)
    }
}
