//! People.

use std::collections::BTreeMap;

use axum::{Json as Answer, extract::State, http::StatusCode};
use oubliette_store::{SubjectFacts, SubjectInfo};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::{
    extract::{Json, Names, Params},
    problem::Problem,
    state::App,
    times,
};

/// What is kept about a person beside their content.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SubjectBody {
    /// Where the person's content belongs.
    #[schema(example = "cn-east")]
    region: Option<String>,
    /// The year of birth. Who is, or may be, under 14 needs a guardian's consent; what was stored without one is forgotten.
    #[schema(example = 1990, minimum = 1900)]
    birth_year: Option<u16>,
    /// What shows a guardian's consent; recorded as the consent `guardian`.
    guardian_consent: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Reopen {
    /// Create the person anew although an erasure under this id is remembered.
    #[serde(default)]
    reopen: bool,
}

/// A person, without content.
#[derive(Serialize, ToSchema)]
pub(crate) struct SubjectView {
    user: String,
    #[schema(example = "active")]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    birth_year: Option<u16>,
    /// RFC 3339, UTC.
    created: String,
    /// What is stored, per class.
    usage: BTreeMap<&'static str, UsageView>,
}

/// Usage of one class of content.
#[derive(Serialize, ToSchema)]
pub(crate) struct UsageView {
    items: u64,
    /// As stored: sealed, compressed, padded.
    bytes: u64,
}

impl From<SubjectInfo> for SubjectView {
    fn from(info: SubjectInfo) -> Self {
        let usage =
            info.usage.into_iter().map(|u| (u.class, UsageView { items: u.items, bytes: u.bytes })).collect();
        Self {
            user: info.user,
            state: info.state,
            region: info.region,
            birth_year: info.birth_year,
            created: times::text(info.created),
            usage,
        }
    }
}

/// Creates a person or updates the facts about them; no other route creates one.
#[utoipa::path(put, path = "/v1/subjects/{user}", tag = "subjects", params(Reopen), request_body = SubjectBody,
    responses((status = 201, description = "created", body = SubjectView),
              (status = 200, description = "updated", body = SubjectView)))]
pub(crate) async fn put(
    State(app): State<App>,
    Names(user): Names<String>,
    Params(Reopen { reopen }): Params<Reopen>,
    Json(body): Json<SubjectBody, 65_536>,
) -> Result<(StatusCode, Answer<SubjectView>), Problem> {
    let SubjectBody { region, birth_year, guardian_consent } = body;
    let facts = SubjectFacts { region, birth_year, guardian_consent };
    let (info, created) = app.run(move |vault| vault.put_subject(&user, &facts, reopen)).await?;
    Ok((if created { StatusCode::CREATED } else { StatusCode::OK }, Answer(info.into())))
}

/// State, region, usage; no content.
#[utoipa::path(get, path = "/v1/subjects/{user}", tag = "subjects", responses((status = 200, body = SubjectView)))]
pub(crate) async fn get(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<SubjectView>, Problem> {
    let info = app.with_subject(user, |subject| subject.info()).await?;
    Ok(Answer(info.into()))
}
