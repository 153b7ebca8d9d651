//! The audit log: who did what to whom, refusals included.

use axum::{Json as Answer, extract::State};
use oubliette_store::{
    ActorKind, AuditFilter, AuditKind, AuditOutcome, AuditRecord, Page, Pseudonym, VaultError,
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::check_limit;
use crate::{extract::Params, problem::Problem, state::App, times, tokens::Scope};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct AuditParams {
    /// Not before this time, RFC 3339.
    from: Option<String>,
    /// Before this time, RFC 3339.
    to: Option<String>,
    /// Of the token of this name, or about it.
    actor: Option<String>,
    /// Of this operation, such as `GET /v1/subjects/{user}`.
    operation: Option<String>,
    /// `allowed`, `refused` or `failed`.
    outcome: Option<String>,
    /// That concern this living person: a user id.
    subject: Option<String>,
    /// Most entries in the answer, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Who acted.
#[derive(Serialize, ToSchema)]
pub(crate) struct ActorView {
    /// `token`, `operator`, `vault` or `nobody`.
    #[schema(example = "token")]
    kind: &'static str,
    /// The token's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Tells tokens of one name apart.
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    /// Every scope that the token had.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    scopes: Vec<&'static str>,
}

/// A token that was made or taken back.
#[derive(Serialize, ToSchema)]
#[schema(as = AuditedToken)]
pub(crate) struct TokenView {
    name: String,
    /// Tells tokens of one name apart.
    id: String,
    scopes: Vec<&'static str>,
}

/// One record.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryView {
    seq: u64,
    /// RFC 3339, UTC.
    time: String,
    /// `done`, `attempt`, `opened` or `closed`.
    #[schema(example = "done")]
    kind: &'static str,
    actor: ActorView,
    /// Of `token create` and `token revoke`: which token.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<TokenView>,
    /// Method and template of the route, or the operator's command.
    #[schema(example = "GET /v1/subjects/{user}")]
    operation: String,
    /// The person's random name in this log, or `none`.
    subject: String,
    /// That of a second person concerned, such as the peer of a conversation.
    #[serde(skip_serializing_if = "Option::is_none")]
    other: Option<String>,
    /// The scope that the operation needs.
    #[serde(skip_serializing_if = "String::is_empty")]
    scope: String,
    /// `allowed`, `refused` or `failed`.
    #[schema(example = "allowed")]
    outcome: &'static str,
    status: u16,
    /// The problem's code.
    #[serde(skip_serializing_if = "String::is_empty")]
    code: String,
    /// As in the answer's header `X-Request-Id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
    /// How many like it this one stands for.
    count: u32,
    #[serde(skip_serializing_if = "String::is_empty")]
    note: String,
}

/// A page of the log, oldest first. It may hold few entries, or none, although there is a `next_cursor`.
#[derive(Serialize, ToSchema)]
pub(crate) struct EntryList {
    entries: Vec<EntryView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Who did what to whom, oldest first; no content. People stand here under a random name that leads to nobody once they are erased.
#[utoipa::path(get, path = "/v1/audit", tag = "audit", params(AuditParams), responses((status = 200, body = EntryList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Params(params): Params<AuditParams>,
) -> Result<Answer<EntryList>, Problem> {
    let page = Page { limit: check_limit(params.limit)?, cursor: params.cursor };
    let mut filter = AuditFilter {
        from: time("from", params.from)?,
        to: time("to", params.to)?,
        actor: params.actor,
        operation: params.operation,
        outcome: params.outcome.map(|text| outcome(&text)).transpose()?,
        subject: None,
    };
    let listed = app
        .run(move |vault| {
            let audit = vault.audit();
            if let Some(user) = params.subject {
                // Erased, unknown or misspelt: in this log they are nobody.
                filter.subject = Some(audit.pseudonym(&user)?.ok_or(VaultError::SubjectUnknown)?);
            }
            audit.entries(&filter, &page)
        })
        .await?;
    let entries = listed.items.into_iter().map(EntryView::from).collect();
    Ok(Answer(EntryList { entries, next_cursor: listed.next_cursor }))
}

fn time(field: &'static str, text: Option<String>) -> Result<Option<u64>, Problem> {
    text.map(|text| times::micros(&text).ok_or_else(|| Problem::invalid(field, "not an RFC 3339 time")))
        .transpose()
}

fn outcome(text: &str) -> Result<AuditOutcome, Problem> {
    let all = [AuditOutcome::Allowed, AuditOutcome::Refused, AuditOutcome::Failed];
    let found = all.into_iter().find(|outcome| outcome.as_str() == text);
    found.ok_or_else(|| Problem::invalid("outcome", "must be allowed, refused or failed"))
}

impl From<AuditRecord> for EntryView {
    fn from(record: AuditRecord) -> Self {
        let entry = record.entry;
        let hex = |bytes: &[u8]| data_encoding::HEXLOWER.encode(bytes);
        let scopes: Vec<_> = Scope::of_mask(entry.granted).into_iter().map(Scope::as_str).collect();
        let named = TokenView { name: entry.actor_name, id: hex(&entry.actor_id), scopes };
        let (by, about) = match entry.actor {
            ActorKind::Token => (Some(named), None),
            // What an operator did to it.
            _ => (None, Some(named).filter(|token| !token.name.is_empty())),
        };
        let person = |who: Pseudonym| who.to_string();
        Self {
            seq: record.seq,
            time: times::text(record.time),
            kind: match entry.kind {
                AuditKind::Done => "done",
                AuditKind::Attempt => "attempt",
                AuditKind::Opened => "opened",
                AuditKind::Closed => "closed",
            },
            actor: ActorView {
                kind: match entry.actor {
                    ActorKind::Nobody => "nobody",
                    ActorKind::Token => "token",
                    ActorKind::Operator => "operator",
                    ActorKind::Vault => "vault",
                },
                name: by.as_ref().map(|token| token.name.clone()),
                id: by.as_ref().map(|token| token.id.clone()),
                scopes: by.map_or_else(Vec::new, |token| token.scopes),
            },
            token: about,
            operation: entry.operation,
            subject: entry.subject.map_or_else(|| "none".to_owned(), person),
            other: entry.other.map(person),
            scope: entry.scope,
            outcome: AuditOutcome::of(entry.status).as_str(),
            status: entry.status,
            code: entry.code,
            request_id: (entry.request != [0; 8]).then(|| hex(&entry.request)),
            count: entry.count,
            note: entry.note,
        }
    }
}
