//! Platform credentials: stored under consent, used inside, never returned in the clear.

use std::{collections::BTreeMap, fmt};

use axum::{Json as Answer, extract::State, http::StatusCode};
use oubliette_store::{AccountInfo, SteamFields};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{Erased, deleted};
use crate::{
    extract::{Json, Names},
    problem::Problem,
    state::App,
    times,
};

/// What signs a player in to Steam. At least one field.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SteamBody {
    password: Option<String>,
    refresh_token: Option<String>,
    /// Base64; mints guard codes.
    shared_secret: Option<String>,
    /// Base64.
    identity_secret: Option<String>,
    device_id: Option<String>,
    revocation_code: Option<String>,
}

impl fmt::Debug for SteamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SteamBody(..)")
    }
}

impl From<SteamBody> for SteamFields {
    fn from(body: SteamBody) -> Self {
        let fields = [
            ("password", body.password),
            ("refresh_token", body.refresh_token),
            ("shared_secret", body.shared_secret),
            ("identity_secret", body.identity_secret),
            ("device_id", body.device_id),
            ("revocation_code", body.revocation_code),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Self(fields.collect::<BTreeMap<_, _>>())
    }
}

/// A stored account, without its secrets.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountView {
    account: String,
    /// Which fields are stored.
    fields: Vec<String>,
    /// When they were, RFC 3339.
    updated: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
}

impl From<AccountInfo> for AccountView {
    fn from(info: AccountInfo) -> Self {
        Self {
            account: info.account,
            fields: info.fields,
            updated: times::text(info.updated),
            last_used: info.last_used.map(times::text),
        }
    }
}

/// A person's accounts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountList {
    credentials: Vec<AccountView>,
}

/// A Steam Guard code.
#[derive(Serialize, ToSchema)]
pub(crate) struct GuardCodeView {
    #[schema(example = "2F9J5")]
    code: String,
    /// End of the code's 30 seconds, RFC 3339.
    valid_until: String,
}

/// Stores or replaces an account's secrets. Needs the consent `steam_credentials`.
#[utoipa::path(put, path = "/v1/subjects/{user}/credentials/steam/{account}", tag = "credentials",
    request_body = SteamBody, responses((status = 200, body = AccountView)))]
pub(crate) async fn put(
    State(app): State<App>,
    Names((user, account)): Names<(String, String)>,
    Json(body): Json<SteamBody, 65_536>,
) -> Result<Answer<AccountView>, Problem> {
    let fields = SteamFields::from(body);
    let info =
        app.with_subject(user, move |subject| subject.credentials().set_steam(&account, fields)).await?;
    Ok(Answer(info.into()))
}

/// Which fields are stored, and when; no secrets.
#[utoipa::path(get, path = "/v1/subjects/{user}/credentials/steam/{account}", tag = "credentials",
    responses((status = 200, body = AccountView)))]
pub(crate) async fn get(
    State(app): State<App>,
    Names((user, account)): Names<(String, String)>,
) -> Result<Answer<AccountView>, Problem> {
    let info = app.with_subject(user, move |subject| subject.credentials().steam(&account)).await?;
    Ok(Answer(info.into()))
}

/// The person's Steam accounts; no secrets.
#[utoipa::path(get, path = "/v1/subjects/{user}/credentials/steam", tag = "credentials",
    responses((status = 200, body = AccountList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<AccountList>, Problem> {
    let accounts = app.with_subject(user, |subject| subject.credentials().list_steam()).await?;
    Ok(Answer(AccountList { credentials: accounts.into_iter().map(Into::into).collect() }))
}

/// Forgets an account.
#[utoipa::path(delete, path = "/v1/subjects/{user}/credentials/steam/{account}", tag = "credentials",
    responses((status = 200, body = Erased), (status = 202, description = "waits", body = Erased)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Names((user, account)): Names<(String, String)>,
) -> Result<(StatusCode, Answer<Erased>), Problem> {
    let deletion =
        app.with_subject(user, move |subject| subject.credentials().forget_steam(&account)).await?;
    Ok(deleted(deletion))
}

/// A Steam Guard code from the stored shared secret; the secret stays inside.
#[utoipa::path(post, path = "/v1/subjects/{user}/credentials/steam/{account}/guard-code", tag = "credentials",
    responses((status = 200, body = GuardCodeView)))]
pub(crate) async fn guard_code(
    State(app): State<App>,
    Names((user, account)): Names<(String, String)>,
) -> Result<Answer<GuardCodeView>, Problem> {
    let code = app.with_subject(user, move |subject| subject.credentials().guard_code(&account)).await?;
    Ok(Answer(GuardCodeView { code: code.code, valid_until: times::text(code.valid_until) }))
}
