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
    /// To be found in the service's log.
    pub request_id: String,
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
