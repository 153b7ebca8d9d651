//! What is made of stored secrets: Guard codes and keys for confirmations.

use axum::{Json as Answer, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    extract::{Json, Names},
    problem::Problem,
    state::App,
    times,
};

/// For which time. No body at all is for now.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CodeBody {
    /// Seconds by which Steam's clock is ahead of the vault's.
    #[serde(default)]
    #[schema(minimum = -86400, maximum = 86400)]
    offset: i64,
}

/// A Steam Guard code.
#[derive(Serialize, ToSchema)]
pub(crate) struct GuardCodeView {
    #[schema(example = "2F9J5")]
    code: String,
    /// End of the code's 30 seconds by the vault's clock, RFC 3339.
    valid_until: String,
    /// The code after this one, in the last 5 seconds of its 30.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

/// What Steam is asked, and when.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConfirmationBody {
    /// `conf`, `details`, `allow`, `cancel` or what else Steam names; at most 32 letters, digits or `_`.
    #[schema(max_length = 32, pattern = "^[A-Za-z0-9_]*$", example = "conf")]
    tag: String,
    /// Seconds by which Steam's clock is ahead of the vault's.
    #[serde(default)]
    #[schema(minimum = -86400, maximum = 86400)]
    offset: i64,
}

/// A key for one confirmation request.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConfirmationKeyView {
    /// Base64 of 20 bytes.
    key: String,
    /// Steam's time that it was made for, in seconds since 1970; sent along with it.
    time: u64,
}

/// A Steam Guard code from the stored shared secret; the secret stays inside.
#[utoipa::path(post, path = "/v1/subjects/{user}/credentials/steam/{account}/guard-code", tag = "credentials",
    request_body = Option<CodeBody>, responses((status = 200, body = GuardCodeView)))]
pub(crate) async fn guard_code(
    State(app): State<App>,
    Names((user, account)): Names<(String, String)>,
    Json(body): Json<Option<CodeBody>, 1024>,
) -> Result<Answer<GuardCodeView>, Problem> {
    let offset = body.map_or(0, |body| body.offset);
    let code =
        app.with_subject(user, move |subject| subject.credentials().guard_code_at(&account, offset)).await?;
    Ok(Answer(GuardCodeView { code: code.code, valid_until: times::text(code.valid_until), next: code.next }))
}

/// A key for a confirmation from the stored identity secret; the secret stays inside.
#[utoipa::path(post, path = "/v1/subjects/{user}/credentials/steam/{account}/confirmation-key", tag = "credentials",
    request_body = ConfirmationBody, responses((status = 200, body = ConfirmationKeyView)))]
pub(crate) async fn confirmation_key(
    State(app): State<App>,
    Names((user, account)): Names<(String, String)>,
    Json(ConfirmationBody { tag, offset }): Json<ConfirmationBody, 1024>,
) -> Result<Answer<ConfirmationKeyView>, Problem> {
    let made = app
        .with_subject(user, move |subject| subject.credentials().confirmation_key(&account, &tag, offset))
        .await?;
    Ok(Answer(ConfirmationKeyView { key: made.key, time: made.time }))
}
