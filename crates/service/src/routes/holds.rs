//! Legal holds: while one stands, nothing of the person is erased.

use axum::{Json as Answer, extract::State, http::StatusCode};
use oubliette_store::{HoldInfo, NewHold};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    extract::{Json, Names},
    problem::Problem,
    state::App,
    times,
};

/// Why, and until when.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct HoldBody {
    /// At most 1024 bytes.
    #[schema(max_length = 1024)]
    reason: Option<String>,
    /// RFC 3339, in the future; never, if absent.
    expires: Option<String>,
}

/// A hold.
#[derive(Serialize, ToSchema)]
pub(crate) struct HoldView {
    id: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// RFC 3339, UTC.
    since: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
}

/// The holds that stand.
#[derive(Serialize, ToSchema)]
pub(crate) struct HoldList {
    holds: Vec<HoldView>,
}

/// What lifting a hold answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Lifted {
    #[schema(example = "lifted")]
    state: &'static str,
}

impl From<HoldInfo> for HoldView {
    fn from(hold: HoldInfo) -> Self {
        Self {
            id: hold.id,
            reason: hold.reason,
            since: times::text(hold.since),
            expires: hold.expires.map(times::text),
        }
    }
}

/// Places a hold, or changes the one of this name. What is deleted from now on is not read any more, and erased after the last hold.
#[utoipa::path(put, path = "/v1/subjects/{user}/holds/{id}", tag = "holds", request_body = HoldBody,
    responses((status = 201, description = "placed", body = HoldView), (status = 200, description = "changed", body = HoldView)))]
pub(crate) async fn place(
    State(app): State<App>,
    Names((user, id)): Names<(String, String)>,
    Json(body): Json<HoldBody, 65_536>,
) -> Result<(StatusCode, Answer<HoldView>), Problem> {
    let expires = body
        .expires
        .map(|text| times::micros(&text).ok_or_else(|| Problem::invalid("expires", "not an RFC 3339 time")))
        .transpose()?;
    let hold = NewHold { reason: body.reason, expires };
    let (info, new) = app.run(move |vault| vault.holds(&user)?.place(&id, &hold)).await?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Answer(info.into())))
}

/// Lifts a hold. If it was the last one, what was deleted meanwhile is erased when this answers.
#[utoipa::path(delete, path = "/v1/subjects/{user}/holds/{id}", tag = "holds", responses((status = 200, body = Lifted)))]
pub(crate) async fn lift(
    State(app): State<App>,
    Names((user, id)): Names<(String, String)>,
) -> Result<Answer<Lifted>, Problem> {
    app.run(move |vault| vault.holds(&user)?.lift(&id)).await?;
    Ok(Answer(Lifted { state: "lifted" }))
}

/// The holds that stand.
#[utoipa::path(get, path = "/v1/subjects/{user}/holds", tag = "holds", responses((status = 200, body = HoldList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<HoldList>, Problem> {
    let holds = app.run(move |vault| vault.holds(&user)?.list()).await?;
    Ok(Answer(HoldList { holds: holds.into_iter().map(Into::into).collect() }))
}
