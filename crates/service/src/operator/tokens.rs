//! Making and taking back tokens. The list is a file of its own, for which no vault need be open; the audit log beside it says who may what since
//! when, so each change has its records there.

use axum::http::StatusCode;
use oubliette_store::{ActorKind, AuditAttempt, AuditEntry, AuditKind, QuietAudit, VaultError};
use serde::{Deserialize, Serialize};

use super::Failure;
use crate::{
    audit,
    tokens::{Scope, StoredToken, TokenError, TokenInfo, Tokens},
};

/// A change of the list.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case", deny_unknown_fields)]
pub enum TokenCommand {
    /// Adds a token, whose secret stays with whoever made it.
    Create {
        /// What the list holds of it.
        token: StoredToken,
    },
    /// Takes one back.
    Revoke {
        /// Its name.
        name: String,
    },
}

/// Changes the list of a folder in which nobody works; answers what the token was, or is.
///
/// # Errors
/// `unavailable` with [`VaultError::InUse`] while somebody works there: then it is for them to do ([`super::run`]).
pub fn change_tokens(
    alone: QuietAudit,
    tokens: &Tokens,
    command: &TokenCommand,
) -> Result<TokenInfo, Failure> {
    let changed = carry_out(&|| alone.begin(), tokens, command);
    alone.close()?;
    changed
}

/// The same between records that `begin` keeps room for.
pub(super) fn carry_out(
    begin: &dyn Fn() -> Result<AuditAttempt, VaultError>,
    tokens: &Tokens,
    command: &TokenCommand,
) -> Result<TokenInfo, Failure> {
    // A name that no token has may be anything, even a token, and does not go into the log.
    let (name, token) = match command {
        TokenCommand::Create { token } => ("token create", Some(token.clone())),
        TokenCommand::Revoke { name } => ("token revoke", tokens.find(name).unwrap_or_default()),
    };
    let mut entry = AuditEntry::new(AuditKind::Attempt, ActorKind::Operator, name);
    if let Some(token) = &token {
        token.info().name.clone_into(&mut entry.actor_name);
        (entry.actor_id, entry.granted) = (token.id(), Scope::mask(&token.info().scopes));
    }
    audit::between(begin, entry, true, || {
        let changed = match command {
            TokenCommand::Create { token } => tokens.add(token.clone()),
            TokenCommand::Revoke { name } => tokens.revoke(name),
        };
        changed.map_err(failure)?;
        token.map(|token| token.info().clone()).ok_or_else(|| failure(TokenError::Unknown))
    })
}

fn failure(error: TokenError) -> (StatusCode, Failure) {
    let (status, code) = match &error {
        TokenError::Unknown => (StatusCode::NOT_FOUND, "not_found"),
        TokenError::NameTaken => (StatusCode::CONFLICT, "name_taken"),
        TokenError::Invalid(_) => (StatusCode::BAD_REQUEST, "invalid"),
        TokenError::Io { .. } | TokenError::Damaged { .. } | TokenError::NoRandomness => {
            (StatusCode::INTERNAL_SERVER_ERROR, "internal")
        }
    };
    (status, Failure { code: code.to_owned(), detail: error.to_string() })
}
