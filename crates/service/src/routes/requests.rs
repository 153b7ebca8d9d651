//! What people ask for under their rights, for the privacy officer who answers.

use axum::{Json as Answer, extract::State, http::StatusCode};
use oubliette_store::{OpenRequest, Page, RequestAnswer, RequestInfo, RequestKind, RequestOutcome};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    extract::{Json, Names, Params},
    problem::Problem,
    state::App,
    times,
};

/// A right.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RequestKind)]
pub(crate) enum Kind {
    Access,
    Correction,
    Deletion,
    Restriction,
    Portability,
}

/// How a request ended.
#[derive(Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = RequestOutcome)]
pub(crate) enum Outcome {
    Granted,
    Refused,
    Withdrawn,
}

/// What a person asks for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RequestBody {
    kind: Kind,
    /// When it was received, RFC 3339; now, if absent.
    received: Option<String>,
    /// In the person's words; at most 4 KiB.
    detail: Option<String>,
}

/// What was answered.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AnswerBody {
    outcome: Outcome,
    /// At most 4 KiB.
    detail: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct OpenParams {
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// A request and, once it is there, its answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestView {
    /// Its number among the person's own.
    id: u64,
    kind: Kind,
    received: String,
    /// 15 days after it was received.
    due: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerView>,
}

/// An answer.
#[derive(Serialize, ToSchema)]
pub(crate) struct AnswerView {
    time: String,
    outcome: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

/// A person's requests, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct RequestList {
    requests: Vec<RequestView>,
}

/// An open request and whose it is.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenView {
    user: String,
    #[serde(flatten)]
    request: RequestView,
    /// Whether it should have been answered.
    overdue: bool,
}

/// Everybody's open requests, in no order.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenList {
    requests: Vec<OpenView>,
    /// A page may be empty and have a next one: each looks at so many people.
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// Notes that a person asks for something.
#[utoipa::path(post, path = "/v1/subjects/{user}/requests", tag = "requests", request_body = RequestBody,
    responses((status = 201, body = RequestView)))]
pub(crate) async fn add(
    State(app): State<App>,
    Names(user): Names<String>,
    Json(body): Json<RequestBody, 65_536>,
) -> Result<(StatusCode, Answer<RequestView>), Problem> {
    let received = match body.received.as_deref().map(times::micros) {
        Some(None) => return Err(Problem::invalid("received", "received must be an RFC 3339 time")),
        received => received.flatten(),
    };
    let (kind, detail) = (body.kind.into(), body.detail);
    let noted = app.with_subject(user, move |subject| subject.requests().add(kind, received, detail)).await?;
    Ok((StatusCode::CREATED, Answer(noted.into())))
}

/// Everything that a person asked for, with the answers.
#[utoipa::path(get, path = "/v1/subjects/{user}/requests", tag = "requests",
    responses((status = 200, body = RequestList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<RequestList>, Problem> {
    let requests = app.with_subject(user, |subject| subject.requests().list()).await?;
    Ok(Answer(RequestList { requests: requests.into_iter().map(Into::into).collect() }))
}

/// Notes the answer to a request.
#[utoipa::path(put, path = "/v1/subjects/{user}/requests/{id}/answer", tag = "requests", request_body = AnswerBody,
    responses((status = 200, body = RequestView)))]
pub(crate) async fn answer(
    State(app): State<App>,
    Names((user, id)): Names<(String, String)>,
    Json(body): Json<AnswerBody, 65_536>,
) -> Result<Answer<RequestView>, Problem> {
    let id = id.parse().map_err(|_| Problem::invalid("id", "a request's id is a number"))?;
    let (outcome, detail) = (body.outcome.into(), body.detail);
    let answered =
        app.with_subject(user, move |subject| subject.requests().answer(id, outcome, detail)).await?;
    Ok(Answer(answered.into()))
}

/// Everybody's requests that have no answer yet, with the day by which each needs one.
#[utoipa::path(get, path = "/v1/requests", tag = "requests", params(OpenParams),
    responses((status = 200, body = OpenList)))]
pub(crate) async fn open(
    State(app): State<App>,
    Params(OpenParams { cursor }): Params<OpenParams>,
) -> Result<Answer<OpenList>, Problem> {
    let page = Page { limit: None, cursor };
    let listed = app.run(move |vault| vault.open_requests(&page)).await?;
    let now = times::now();
    let view = |OpenRequest { user, request }: OpenRequest| {
        let overdue = request.due < now;
        OpenView { user: user.0, request: request.into(), overdue }
    };
    let requests = listed.items.into_iter().map(view).collect();
    Ok(Answer(OpenList { requests, next_cursor: listed.next_cursor }))
}

macro_rules! same {
    ($ours:ident, $theirs:ident: $($name:ident)*) => {
        impl From<$ours> for $theirs {
            fn from(ours: $ours) -> Self {
                match ours { $($ours::$name => Self::$name),* }
            }
        }
        impl From<$theirs> for $ours {
            fn from(theirs: $theirs) -> Self {
                match theirs { $($theirs::$name => Self::$name),* }
            }
        }
    };
}
same!(Kind, RequestKind: Access Correction Deletion Restriction Portability);
same!(Outcome, RequestOutcome: Granted Refused Withdrawn);

impl From<RequestInfo> for RequestView {
    fn from(info: RequestInfo) -> Self {
        Self {
            id: info.id,
            kind: info.kind.into(),
            received: times::text(info.received),
            due: times::text(info.due),
            detail: info.detail,
            answer: info.answer.map(|RequestAnswer { time, outcome, detail }| AnswerView {
                time: times::text(time),
                outcome: outcome.into(),
                detail,
            }),
        }
    }
}
