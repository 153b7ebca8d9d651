//! Platform credentials: stored under consent, used inside, never returned in the clear; released only sealed to a registered key.

mod codes;
mod release;

use std::{collections::BTreeMap, fmt};

use axum::{Json as Answer, extract::State, http::StatusCode};
use oubliette_store::{AccountInfo, SteamFields, Use};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

pub(crate) use codes::{
    __path_confirmation_key, __path_guard_code, CodeBody, ConfirmationBody, confirmation_key, guard_code,
};
pub(crate) use release::{__path_release, ReleaseBody, release};

use super::{Erased, deleted, of_a_write};
use crate::{
    extract::{Json, Names, Params},
    problem::Problem,
    state::App,
    times,
};

/// What signs a player in to Steam. At least one field.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SteamBody {
    access_token: Option<String>,
    /// The name that is typed to sign in, where the account is called otherwise here.
    account_name: Option<String>,
    device_id: Option<String>,
    /// The machine's token, with which the next sign-in needs no mailed code.
    guard_data: Option<String>,
    /// Base64; makes keys for confirmations.
    identity_secret: Option<String>,
    password: Option<String>,
    refresh_token: Option<String>,
    revocation_code: Option<String>,
    /// Base64.
    secret_1: Option<String>,
    serial_number: Option<String>,
    /// Base64, or 40 hexadecimal digits; mints guard codes.
    shared_secret: Option<String>,
    /// SteamID64: 17 digits.
    steam_id: Option<String>,
    token_gid: Option<String>,
    /// `otpauth://...`
    uri: Option<String>,
}

impl fmt::Debug for SteamBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SteamBody(..)")
    }
}

impl From<SteamBody> for SteamFields {
    fn from(body: SteamBody) -> Self {
        let fields = [
            ("access_token", body.access_token),
            ("account_name", body.account_name),
            ("device_id", body.device_id),
            ("guard_data", body.guard_data),
            ("identity_secret", body.identity_secret),
            ("password", body.password),
            ("refresh_token", body.refresh_token),
            ("revocation_code", body.revocation_code),
            ("secret_1", body.secret_1),
            ("serial_number", body.serial_number),
            ("shared_secret", body.shared_secret),
            ("steam_id", body.steam_id),
            ("token_gid", body.token_gid),
            ("uri", body.uri),
        ];
        let fields = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Self(fields.collect::<BTreeMap<_, _>>())
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Merge {
    /// Keep the stored fields that the body does not name, instead of forgetting them.
    #[serde(default)]
    merge: bool,
}

/// A stored account, without its secrets.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountView {
    account: String,
    /// Which fields are stored.
    fields: Vec<String>,
    /// When they were, RFC 3339.
    updated: String,
    /// When last used since then: a release to the moment, codes to the day.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_used: Option<String>,
    /// What for, newest first: of each kind of use, and of each purpose and recipient of a release, the last.
    uses: Vec<UseView>,
}

/// A use of an account.
#[derive(Serialize, ToSchema)]
pub(crate) struct UseView {
    /// `guard_code`, `confirmation_key` or `release`.
    #[schema(example = "release")]
    kind: &'static str,
    /// RFC 3339: of a release the moment, of codes and keys the day.
    time: String,
    /// What a release was for.
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose: Option<String>,
    /// To whose key a release was sealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    recipient: Option<String>,
    /// Which fields a release held.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
}

impl From<Use> for UseView {
    fn from(used: Use) -> Self {
        let Use { kind, time, purpose, recipient, fields } = used;
        Self { kind: kind.as_str(), time: times::text(time), purpose, recipient, fields }
    }
}

impl From<AccountInfo> for AccountView {
    fn from(info: AccountInfo) -> Self {
        Self {
            account: info.account,
            fields: info.fields,
            updated: times::text(info.updated),
            last_used: info.last_used.map(times::text),
            uses: info.uses.into_iter().map(Into::into).collect(),
        }
    }
}

/// A person's accounts.
#[derive(Serialize, ToSchema)]
pub(crate) struct AccountList {
    credentials: Vec<AccountView>,
}

/// Stores an account's secrets in place of what was stored, which is forgotten. Needs the consent `steam_credentials`.
#[utoipa::path(put, path = "/v1/subjects/{user}/credentials/steam/{account}", tag = "credentials", params(Merge),
    request_body = SteamBody, responses((status = 200, body = AccountView)))]
pub(crate) async fn put(
    State(app): State<App>,
    Names((user, account)): Names<(String, String)>,
    Params(Merge { merge }): Params<Merge>,
    Json(body): Json<SteamBody, 65_536>,
) -> Result<Answer<AccountView>, Problem> {
    let fields = SteamFields::from(body);
    let who = user.clone();
    let stored = app
        .with_subject(user, move |subject| {
            let credentials = subject.credentials();
            if merge {
                credentials.merge_steam(&account, fields)
            } else {
                credentials.set_steam(&account, fields)
            }
        })
        .await;
    match stored {
        Err(refused) => Err(of_a_write(&app, who, refused).await),
        Ok(info) => Ok(Answer(info.into())),
    }
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
