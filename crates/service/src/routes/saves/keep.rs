//! How many versions of a slot are kept, and for how long.

use axum::{Json as Answer, extract::State};
use oubliette_store::{Keep, SlotKeep};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    extract::{Json, Names},
    problem::Problem,
    state::App,
};

/// What is kept. The newest version always is.
#[derive(Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct KeepBody {
    /// At most so many versions.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    keep_last: Option<u32>,
    /// A version for so many days after a newer one took its place.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(minimum = 1, maximum = 1_000_000)]
    keep_days: Option<u32>,
}

/// What is kept of a slot.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeepView {
    /// What was set for this slot.
    own: KeepBody,
    /// What stands: the slot's own, then the game's, then the vault's.
    stands: KeepBody,
}

impl From<Keep> for KeepBody {
    fn from(keep: Keep) -> Self {
        Self { keep_last: keep.last, keep_days: keep.days }
    }
}

impl From<SlotKeep> for KeepView {
    fn from(keep: SlotKeep) -> Self {
        Self { own: keep.own.into(), stands: keep.stands.into() }
    }
}

/// Sets what is kept of the slot; what is too much is forgotten at once.
#[utoipa::path(put, path = "/v1/subjects/{user}/saves/{game}/{slot}/retention", tag = "saves", request_body = KeepBody,
    responses((status = 200, body = KeepView)))]
pub(crate) async fn put(
    State(app): State<App>,
    Names((user, game, slot)): Names<(String, String, String)>,
    Json(body): Json<KeepBody, 65_536>,
) -> Result<Answer<KeepView>, Problem> {
    set(&app, user, game, slot, Keep { last: body.keep_last, days: body.keep_days }).await
}

/// What is kept of the slot, and who says so.
#[utoipa::path(get, path = "/v1/subjects/{user}/saves/{game}/{slot}/retention", tag = "saves",
    responses((status = 200, body = KeepView)))]
pub(crate) async fn get(
    State(app): State<App>,
    Names((user, game, slot)): Names<(String, String, String)>,
) -> Result<Answer<KeepView>, Problem> {
    let keep = app.with_subject(user, move |subject| subject.saves().keep(&game, &slot)).await?;
    Ok(Answer(keep.into()))
}

/// Takes back what was set: what the game or the vault says stands again.
#[utoipa::path(delete, path = "/v1/subjects/{user}/saves/{game}/{slot}/retention", tag = "saves",
    responses((status = 200, body = KeepView)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Names((user, game, slot)): Names<(String, String, String)>,
) -> Result<Answer<KeepView>, Problem> {
    set(&app, user, game, slot, Keep::default()).await
}

async fn set(
    app: &App,
    user: String,
    game: String,
    slot: String,
    keep: Keep,
) -> Result<Answer<KeepView>, Problem> {
    let keep = app.with_subject(user, move |subject| subject.saves().set_keep(&game, &slot, keep)).await?;
    Ok(Answer(keep.into()))
}
