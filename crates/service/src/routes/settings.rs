//! A person's own settings.

use axum::{Json as Answer, extract::State};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    extract::{Json, Names},
    problem::Problem,
    state::App,
};

/// The switch of follow play.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct FollowPlay {
    /// Off hides every share at once; on shows them again.
    enabled: bool,
}

/// Turns follow play on or off for all of the person's slots.
#[utoipa::path(put, path = "/v1/subjects/{user}/settings/follow-play", tag = "follow play", request_body = FollowPlay,
    responses((status = 200, body = FollowPlay)))]
pub(crate) async fn put_follow_play(
    State(app): State<App>,
    Names(user): Names<String>,
    Json(body): Json<FollowPlay, 65_536>,
) -> Result<Answer<FollowPlay>, Problem> {
    set(&app, user, body.enabled).await
}

/// Whether the person's shares are to be seen at all.
#[utoipa::path(get, path = "/v1/subjects/{user}/settings/follow-play", tag = "follow play",
    responses((status = 200, body = FollowPlay)))]
pub(crate) async fn get_follow_play(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<FollowPlay>, Problem> {
    let enabled = app.with_subject(user, |subject| subject.follow_play()).await?;
    Ok(Answer(FollowPlay { enabled }))
}

/// Back to how it is at first: on.
#[utoipa::path(delete, path = "/v1/subjects/{user}/settings/follow-play", tag = "follow play",
    responses((status = 200, body = FollowPlay)))]
pub(crate) async fn delete_follow_play(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<FollowPlay>, Problem> {
    set(&app, user, true).await
}

async fn set(app: &App, user: String, enabled: bool) -> Result<Answer<FollowPlay>, Problem> {
    app.with_subject(user, move |subject| subject.set_follow_play(enabled)).await?;
    Ok(Answer(FollowPlay { enabled }))
}
