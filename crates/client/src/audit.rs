//! The audit log.

use serde::{Deserialize, Serialize};
use ureq::http::Method;

use crate::{
    error::ClientError,
    http::{Client, path, with_query},
    types::Listed,
};

/// Which records; what is left out fits all. Times are RFC 3339.
#[derive(Debug, Clone, Default)]
pub struct AuditQuery {
    /// Not before.
    pub from: Option<String>,
    /// Before.
    pub to: Option<String>,
    /// Of the token of this name, or about it.
    pub actor: Option<String>,
    /// Of this operation, such as `GET /v1/subjects/{user}`.
    pub operation: Option<String>,
    /// `allowed`, `refused` or `failed`.
    pub outcome: Option<String>,
    /// That concern this living person: a user id.
    pub subject: Option<String>,
    /// Most entries in the answer, 1 to 1000.
    pub limit: Option<usize>,
    /// `next_cursor` of the page before.
    pub cursor: Option<String>,
}

/// Who acted.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditActor {
    /// `token`, `operator`, `vault` or `nobody`.
    pub kind: String,
    /// The token's name.
    pub name: Option<String>,
    /// Tells tokens of one name apart.
    pub id: Option<String>,
    /// Every scope that the token had.
    #[serde(default)]
    pub scopes: Vec<String>,
}

/// A token that was made or taken back.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditedToken {
    /// Its name.
    pub name: String,
    /// Tells tokens of one name apart.
    pub id: String,
    /// Every scope that it was given.
    pub scopes: Vec<String>,
}

/// One record.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AuditEntry {
    /// Its number, from 1.
    pub seq: u64,
    /// When it was written.
    pub time: String,
    /// `done`, `attempt`, `opened` or `closed`.
    pub kind: String,
    /// Who acted.
    pub actor: AuditActor,
    /// Of `token create` and `token revoke`: which token.
    pub token: Option<AuditedToken>,
    /// Method and template of the route, or the operator's command.
    pub operation: String,
    /// The person's random name in the log, or `none`.
    pub subject: String,
    /// That of a second person concerned.
    pub other: Option<String>,
    /// The scope that the operation needs.
    #[serde(default)]
    pub scope: String,
    /// `allowed`, `refused` or `failed`.
    pub outcome: String,
    /// HTTP status.
    pub status: u16,
    /// The problem's code; empty if there was none.
    #[serde(default)]
    pub code: String,
    /// As in the answer's header `X-Request-Id`.
    pub request_id: Option<String>,
    /// How many like it this one stands for.
    pub count: u32,
    /// A purpose or a state.
    #[serde(default)]
    pub note: String,
}

impl Client {
    /// A page of the audit log, oldest first. It may hold few entries, or none, although there is a next one.
    pub fn audit(&self, query: &AuditQuery) -> Result<Listed<AuditEntry>, ClientError> {
        #[derive(Deserialize)]
        struct Page {
            entries: Vec<AuditEntry>,
            next_cursor: Option<String>,
        }
        let pairs = [
            ("from", query.from.clone()),
            ("to", query.to.clone()),
            ("actor", query.actor.clone()),
            ("operation", query.operation.clone()),
            ("outcome", query.outcome.clone()),
            ("subject", query.subject.clone()),
            ("limit", query.limit.map(|limit| limit.to_string())),
            ("cursor", query.cursor.clone()),
        ];
        let page: Page = self.call(Method::GET, &with_query(path(&["audit"]), &pairs))?;
        Ok(Listed { items: page.entries, next_cursor: page.next_cursor })
    }
}
