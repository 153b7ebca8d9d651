//! Consents: given per purpose, withdrawn at will, the history kept.

use axum::{Json as Answer, extract::State, http::StatusCode};
use oubliette_store::{ConsentEvent, ConsentGiven, Deletion};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    extract::{Json, Names},
    problem::Problem,
    state::App,
    times,
};

/// What the person agreed to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ConsentBody {
    /// Version of the policy shown.
    policy_version: Option<String>,
    /// When consent was given, RFC 3339; now, if absent.
    time: Option<String>,
    /// How it was given.
    evidence: Option<String>,
}

/// A consent given or withdrawn.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsentView {
    purpose: String,
    /// `given` or `withdrawn`.
    state: &'static str,
    time: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    policy_version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    evidence: Option<String>,
}

/// A person's consents, in order.
#[derive(Serialize, ToSchema)]
pub(crate) struct ConsentList {
    consents: Vec<ConsentView>,
}

/// What a withdrawal answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Withdrawn {
    /// `withdrawn`; or `blocked` (with 202): use has stopped, and what is to be forgotten waits for the end of a legal hold or minimum.
    #[schema(example = "withdrawn")]
    state: &'static str,
}

impl From<ConsentEvent> for ConsentView {
    fn from(event: ConsentEvent) -> Self {
        Self {
            purpose: event.purpose,
            state: event.state,
            time: times::text(event.time),
            policy_version: event.policy_version,
            evidence: event.evidence,
        }
    }
}

/// Records a consent.
#[utoipa::path(put, path = "/v1/subjects/{user}/consents/{purpose}", tag = "consents", request_body = Option<ConsentBody>,
    responses((status = 200, body = ConsentView)))]
pub(crate) async fn give(
    State(app): State<App>,
    Names((user, purpose)): Names<(String, String)>,
    Json(body): Json<ConsentBody, 65_536>,
) -> Result<Answer<ConsentView>, Problem> {
    let time = body
        .time
        .map(|text| times::micros(&text).ok_or_else(|| Problem::invalid("time", "not an RFC 3339 time")))
        .transpose()?;
    let given = ConsentGiven { policy_version: body.policy_version, time, evidence: body.evidence };
    let event = app.with_subject(user, move |subject| subject.consents().give(&purpose, &given)).await?;
    Ok(Answer(event.into()))
}

/// Withdraws a consent and forgets what depended on it, such as all Steam credentials with `steam_credentials`.
#[utoipa::path(delete, path = "/v1/subjects/{user}/consents/{purpose}", tag = "consents",
    responses((status = 200, body = Withdrawn), (status = 202, description = "waits", body = Withdrawn)))]
pub(crate) async fn withdraw(
    State(app): State<App>,
    Names((user, purpose)): Names<(String, String)>,
) -> Result<(StatusCode, Answer<Withdrawn>), Problem> {
    let deletion = app.with_subject(user, move |subject| subject.consents().withdraw(&purpose)).await?;
    Ok(match deletion {
        Deletion::Erased => (StatusCode::OK, Answer(Withdrawn { state: "withdrawn" })),
        Deletion::Blocked => (StatusCode::ACCEPTED, Answer(Withdrawn { state: "blocked" })),
    })
}

/// Every consent given or withdrawn.
#[utoipa::path(get, path = "/v1/subjects/{user}/consents", tag = "consents",
    responses((status = 200, body = ConsentList)))]
pub(crate) async fn history(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<ConsentList>, Problem> {
    let events = app.with_subject(user, |subject| subject.consents().history()).await?;
    Ok(Answer(ConsentList { consents: events.into_iter().map(Into::into).collect() }))
}
