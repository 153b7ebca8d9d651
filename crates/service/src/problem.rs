//! Every refusal as an RFC 9457 problem document, and the one place where the vault's errors become statuses and codes.
//!
//! A [`Problem`] travels as a response extension; [`crate::finish`] adds the request id and writes the body. Details say
//! what to do and never hold a key, a token, content or an id.

use axum::{
    http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use oubliette_store::{SaveInfo, VaultError, translog::LogError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{
    routes::saves::{SaveFacts, YourSide},
    tokens::Scope,
};

/// A refusal on its way out.
#[derive(Debug, Clone)]
pub(crate) struct Problem {
    pub(crate) status: StatusCode,
    pub(crate) code: &'static str,
    title: &'static str,
    detail: String,
    field: Option<String>,
    more: Option<Box<More>>,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// What only some refusals tell.
#[derive(Debug, Clone, Default)]
struct More {
    current: Option<SaveFacts>,
    yours: Option<YourSide>,
    quota: Option<QuotaFacts>,
}

/// The body of every refusal (RFC 9457, `application/problem+json`).
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// The HTTP status again.
    status: u16,
    /// Stable, for programs.
    code: &'a str,
    /// What kind of refusal this is.
    title: &'a str,
    /// What to do about it.
    detail: &'a str,
    /// The field, header or name at fault, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// With `version_conflict`: the current version.
    #[serde(skip_serializing_if = "Option::is_none")]
    current: Option<&'a SaveFacts>,
    /// With `version_conflict` of a write: the version that was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    yours: Option<&'a YourSide>,
    /// With `quota_exceeded`, unless it is the disk that is full.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<QuotaFacts>,
    /// Also in the header `X-Request-Id` and in the service's log.
    request_id: &'a str,
}

/// Which limit would be exceeded, and by what.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(crate) struct QuotaFacts {
    /// `saves`, `chat`, `credentials`, `records`, or `total`.
    class: &'static str,
    /// `bytes`, as stored (sealed, compressed, padded), or `items`.
    of: &'static str,
    /// What is stored.
    used: u64,
    /// What this would add, as far as it is known.
    asked: u64,
    /// How much may be stored.
    limit: u64,
}

impl Problem {
    pub(crate) fn new(
        status: StatusCode,
        code: &'static str,
        title: &'static str,
        detail: impl Into<String>,
    ) -> Self {
        Self { status, code, title, detail: detail.into(), field: None, more: None, headers: Vec::new() }
    }

    /// What to do.
    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// 400, naming the field, header or name at fault.
    pub(crate) fn invalid(field: impl Into<String>, reason: impl Into<String>) -> Self {
        let mut problem = Self::new(StatusCode::BAD_REQUEST, "invalid", "The request is invalid", reason);
        problem.field = Some(field.into());
        problem
    }

    /// 401 without a usable token.
    pub(crate) fn unauthorized(detail: &'static str) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthorized", "A valid token is needed", detail)
            .with(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"))
    }

    /// 403 naming the scope that the route needs.
    pub(crate) fn forbidden(scope: Scope) -> Self {
        let detail = format!("this route needs the scope {scope}; use a token that has it");
        Self::new(StatusCode::FORBIDDEN, "forbidden", "The token lacks a scope", detail)
    }

    /// 503: come back in a second.
    pub(crate) fn overloaded() -> Self {
        Self::busy("too many requests are waiting; try again after the time in Retry-After")
    }

    /// 503, with a time after which it may be better.
    fn busy(detail: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", "The service is busy", detail)
            .with(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }

    /// 503: a write ran into a deletion of its place.
    pub(crate) fn overtaken() -> Self {
        Self::busy(
            "the place was forgotten while this was being written, and nothing was stored; send it again after the time in Retry-After",
        )
    }

    /// 503 until an operator acts.
    pub(crate) fn unavailable(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The service cannot work", detail)
    }

    /// 500 for what should not happen; the cause stands in the log.
    pub(crate) fn internal() -> Self {
        let detail = "the service failed; its log has the cause under this request id";
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "The service failed", detail)
    }

    /// 413 for more bytes than allowed.
    pub(crate) fn too_large(what: &str, limit: u64) -> Self {
        let detail = format!("{what} may have at most {limit} bytes; send less");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "Too large", detail)
    }

    /// 408 for a body that stopped coming.
    pub(crate) fn body_timeout() -> Self {
        let detail = "the request's body stopped arriving; send it again, nothing was stored";
        Self::new(StatusCode::REQUEST_TIMEOUT, "timeout", "The body came too slowly", detail)
            .with(header::CONNECTION, HeaderValue::from_static("close"))
    }

    /// 412 with the facts of the version that stands, and of the one that was refused.
    pub(crate) fn version_conflict(current: Option<&SaveInfo>, yours: Option<YourSide>) -> Self {
        let detail = match current {
            Some(_) => {
                "another version stands (see `current`); read it, then write with its ETag in If-Match, or keep both by writing into another slot"
            }
            None => "there is no such save; leave If-Match out or write with `If-None-Match: *`",
        };
        let mut problem =
            Self::new(StatusCode::PRECONDITION_FAILED, "version_conflict", "The precondition failed", detail);
        let current_facts = current.map(SaveFacts::from);
        problem.more = Some(Box::new(More { current: current_facts, yours, quota: None }));
        match current.and_then(|info| HeaderValue::from_str(&info.etag()).ok()) {
            Some(etag) => problem.with(header::ETAG, etag),
            None => problem,
        }
    }

    /// 416 with the true size.
    pub(crate) fn range_unsatisfiable(size: u64) -> Self {
        let detail = format!("the range lies outside the save's {size} bytes; ask for less");
        let problem =
            Self::new(StatusCode::RANGE_NOT_SATISFIABLE, "range_unsatisfiable", "No such range", detail);
        match HeaderValue::from_str(&format!("bytes */{size}")) {
            Ok(value) => problem.with(header::CONTENT_RANGE, value),
            Err(_) => problem,
        }
    }

    /// A refusal by the framework itself (unknown path, method, media type, limit), recognised by its status.
    pub(crate) fn of_status(status: StatusCode) -> Self {
        let (code, title, detail) = match status.as_u16() {
            404 => ("not_found", "No such route", "no route has this path; /openapi.json lists them all"),
            405 => (
                "method_not_allowed",
                "Wrong method",
                "this path does not take the method; see the Allow header",
            ),
            408 => return Self::body_timeout(),
            413 => {
                ("too_large", "Too large", "the request's body is larger than this route takes; send less")
            }
            415 => ("unsupported_media_type", "Wrong media type", "send the body as application/json"),
            _ if status.is_client_error() => {
                ("invalid", "The request is invalid", "see /openapi.json for this route")
            }
            _ => return Self { status, ..Self::internal() },
        };
        Self::new(status, code, title, detail)
    }

    /// With a response header.
    pub(crate) fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// The document as sent.
    pub(crate) fn body(&self, request_id: &str) -> Vec<u8> {
        let more = self.more.as_deref();
        let document = ProblemDocument {
            status: self.status.as_u16(),
            code: self.code,
            title: self.title,
            detail: &self.detail,
            field: self.field.as_deref(),
            current: more.and_then(|more| more.current.as_ref()),
            yours: more.and_then(|more| more.yours.as_ref()),
            quota: more.and_then(|more| more.quota),
            request_id,
        };
        serde_json::to_vec(&document).unwrap_or_default()
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = Response::default();
        *response.status_mut() = self.status;
        let headers: &mut HeaderMap = response.headers_mut();
        for (name, value) in &self.headers {
            headers.insert(name.clone(), value.clone());
        }
        response.extensions_mut().insert(self);
        response
    }
}

impl From<VaultError> for Problem {
    fn from(error: VaultError) -> Self {
        use StatusCode as S;
        let detail = match &error {
            // What a person gave or a system path may stand in these: they are for the log and the operator.
            VaultError::Upload(_)
            | VaultError::AuditFailed { .. }
            | VaultError::InUse { .. }
            | VaultError::Moved { .. }
            | VaultError::BackupTarget { .. }
            | VaultError::CellReplaced { .. }
            | VaultError::Other { .. } => String::new(),
            error => error.to_string(),
        };
        let of = |status, code, title| Self::new(status, code, title, detail);
        match error {
            VaultError::SubjectUnknown => of(S::NOT_FOUND, "subject_unknown", "No such person"),
            VaultError::SubjectBlocked => of(S::LOCKED, "subject_blocked", "The person's content is blocked"),
            VaultError::SubjectErased { .. } => of(S::GONE, "subject_erased", "The person was erased"),
            VaultError::NotFound { .. } => of(S::NOT_FOUND, "not_found", "Not found"),
            VaultError::PeerUnknown => of(S::NOT_FOUND, "peer_unknown", "No such peer"),
            VaultError::PeerGone => of(S::GONE, "peer_gone", "The peer has left"),
            VaultError::BlockedByRecipient => {
                of(S::FORBIDDEN, "blocked_by_recipient", "The peer blocks this person")
            }
            VaultError::NotAuthor => of(S::FORBIDDEN, "not_author", "Only its author can forget a message"),
            VaultError::ConsentRequired { .. } => {
                of(S::FORBIDDEN, "consent_required", "A consent is missing")
            }
            VaultError::Held => of(S::CONFLICT, "held", "A legal hold stands"),
            VaultError::OldCellWaits => of(S::CONFLICT, "old_cell_waits", "An old cell waits to be wiped"),
            VaultError::DeletionDue => of(S::CONFLICT, "deletion_due", "The deletion is due"),
            VaultError::ApprovalMismatch => {
                of(S::CONFLICT, "approval_mismatch", "Something else waits for approval")
            }
            VaultError::SecondPersonRequired => {
                of(S::FORBIDDEN, "second_person_required", "A second person must approve")
            }
            VaultError::GuardianConsentRequired => {
                of(S::FORBIDDEN, "guardian_consent_required", "A guardian's consent is missing")
            }
            VaultError::RegionMismatch => of(S::FORBIDDEN, "region_mismatch", "Another region"),
            VaultError::Replayed => of(S::CONFLICT, "replayed", "The request was answered before"),
            VaultError::VersionConflict { current } => Self::version_conflict(current.as_deref(), None),
            VaultError::RangeUnsatisfiable { size } => Self::range_unsatisfiable(size),
            VaultError::TooLarge { .. } => of(S::PAYLOAD_TOO_LARGE, "too_large", "Too large"),
            VaultError::QuotaExceeded { class, what, used, asked, limit } => {
                // Larger than all there may be: forgetting something would not help.
                let alone = what == "bytes" && asked > limit;
                let status = if alone { S::PAYLOAD_TOO_LARGE } else { S::INSUFFICIENT_STORAGE };
                let quota = Some(QuotaFacts { class, of: what, used, asked, limit });
                let more = Some(Box::new(More { quota, ..More::default() }));
                Self { more, ..of(status, "quota_exceeded", "The person's quota is full") }
            }
            VaultError::Invalid { field, reason } => Self::invalid(field, reason),
            VaultError::Forgotten => of(S::GONE, "forgotten", "Forgotten meanwhile"),
            VaultError::Upload(_) => Self::new(
                S::BAD_REQUEST,
                "truncated_upload",
                "The upload did not arrive whole",
                "nothing was stored; send the whole body again",
            ),
            VaultError::BackupTarget { .. } => Self::new(
                S::BAD_GATEWAY,
                "backup_target",
                "The place for backups failed",
                "nothing is wrong with the vault; the service's log has the cause",
            ),
            VaultError::BackupRunning => of(S::CONFLICT, "backup_running", "A backup is running"),
            VaultError::DiskFull => of(S::INSUFFICIENT_STORAGE, "quota_exceeded", "The disk is full"),
            VaultError::Corrupt { .. } | VaultError::KeysLost { .. } | VaultError::RowsLost { .. } => {
                of(S::INTERNAL_SERVER_ERROR, "corrupt", "Stored data is damaged")
            }
            VaultError::Log(LogError::RolledBack { .. } | LogError::Forked { .. }) => {
                of(S::CONFLICT, "log_conflict", "The log contradicts what was signed")
            }
            VaultError::Log(_) => of(S::UNPROCESSABLE_ENTITY, "log_refused", "It does not convince"),
            VaultError::Busy => Self::busy(
                "a slow reader or writer still has what was forgotten, whose keys are gone from storage; ask again after the time in Retry-After",
            ),
            VaultError::Poisoned { .. } => Self::unavailable(
                "the vault refuses work since a failed write; the service stops, to re-read it at its next start",
            ),
            VaultError::CellReplaced { .. } => Self::unavailable(
                "a root cell was replaced or removed, and no change is made until it is back; the service's log says what to do",
            ),
            VaultError::AuditFailed { .. } => Self::new(
                S::SERVICE_UNAVAILABLE,
                "audit_unavailable",
                "The audit log cannot be written",
                "this request could not be recorded: it may have been carried out, so ask before you send it again; the service stops",
            ),
            VaultError::InUse { .. } | VaultError::Moved { .. } | VaultError::Format { .. } => {
                Self::unavailable("the vault folder cannot be used; the service's log has the cause")
            }
            error => {
                tracing::error!(%error, "the vault failed");
                Self::internal()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status_and_code(error: VaultError) -> (u16, &'static str) {
        let problem = Problem::from(error);
        (problem.status.as_u16(), problem.code)
    }

    #[test]
    fn the_contract_s_codes() {
        assert_eq!(status_and_code(VaultError::SubjectUnknown), (404, "subject_unknown"));
        assert_eq!(status_and_code(VaultError::SubjectBlocked), (423, "subject_blocked"));
        assert_eq!(status_and_code(VaultError::SubjectErased { erased_at: 1 }), (410, "subject_erased"));
        assert_eq!(status_and_code(VaultError::OldCellWaits), (409, "old_cell_waits"));
        assert_eq!(status_and_code(VaultError::DeletionDue), (409, "deletion_due"));
        assert_eq!(status_and_code(VaultError::ApprovalMismatch), (409, "approval_mismatch"));
        assert_eq!(status_and_code(VaultError::SecondPersonRequired), (403, "second_person_required"));
        assert_eq!(status_and_code(VaultError::PeerGone), (410, "peer_gone"));
        assert_eq!(status_and_code(VaultError::BlockedByRecipient), (403, "blocked_by_recipient"));
        assert_eq!(status_and_code(VaultError::VersionConflict { current: None }), (412, "version_conflict"));
        assert_eq!(status_and_code(VaultError::Replayed), (409, "replayed"));
        assert_eq!(status_and_code(VaultError::DiskFull), (507, "quota_exceeded"));
        let full =
            |asked, limit| VaultError::QuotaExceeded { class: "saves", what: "bytes", used: 5, asked, limit };
        assert_eq!(status_and_code(full(5, 9)), (507, "quota_exceeded"));
        assert_eq!(status_and_code(full(10, 9)), (413, "quota_exceeded"));
        assert_eq!(
            status_and_code(VaultError::AuditFailed { detail: "disk".into() }),
            (503, "audit_unavailable")
        );
        assert_eq!(status_and_code(VaultError::Busy), (503, "overloaded"));
        assert_eq!(status_and_code(VaultError::Corrupt { what: "row".into() }), (500, "corrupt"));
    }

    #[test]
    fn causes_from_below_stay_inside() {
        let error = VaultError::Upload(std::io::Error::other("hunter2"));
        let body = String::from_utf8(Problem::from(error).body("r1")).unwrap();
        assert!(!body.contains("hunter2"), "{body}");
        assert!(
            body.contains(r#""request_id":"r1""#) && body.contains(r#""code":"truncated_upload""#),
            "{body}"
        );
    }

    #[test]
    fn every_client_error_of_the_framework_has_a_code() {
        for status in 400..500 {
            let problem = Problem::of_status(StatusCode::from_u16(status).unwrap());
            assert_eq!(problem.status.as_u16(), status);
            assert!(!problem.code.is_empty() && problem.code != "internal");
        }
        assert_eq!(Problem::of_status(StatusCode::BAD_GATEWAY).code, "internal");
    }
}
