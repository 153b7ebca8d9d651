//! Game saves: bytes in, bytes out, versions and preconditions by ETag.

mod conditions;
mod conflict;
mod download;
pub(super) mod fuzz;
pub(crate) mod keep;
pub(crate) mod prefetch;
mod range;
pub(crate) mod share;
mod upload;

pub(crate) use conflict::YourSide;

use axum::{
    Json as Answer,
    extract::{Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use oubliette_store::{SaveInfo, SlotInfo};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{Erased, Paging, check_limit, deleted, of_a_write};
use crate::{
    extract::{Names, Params},
    problem::Problem,
    state::App,
    times,
};

/// What a write answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct SaveStored {
    /// Never used again in this slot.
    version: u64,
    /// Bytes.
    size: u64,
    /// RFC 3339, UTC.
    created: String,
}

/// The facts of one version.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct SaveFacts {
    /// Never used again in this slot.
    version: u64,
    /// As in the header `ETag`.
    #[schema(example = "\"3-9f1c\"")]
    etag: String,
    /// Bytes.
    size: u64,
    /// RFC 3339, UTC.
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// What `X-Save-Meta` said.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    meta: Option<serde_json::Value>,
    /// The `device` that `X-Save-Meta` names, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    device: Option<String>,
}

impl From<&SaveInfo> for SaveFacts {
    fn from(info: &SaveInfo) -> Self {
        let meta = conflict::parse_meta(info.meta.as_deref());
        Self {
            device: conflict::device(meta.as_ref()),
            version: info.version,
            etag: info.etag(),
            size: info.size,
            created: times::text(info.created),
            content_type: info.content_type.clone(),
            meta,
        }
    }
}

/// A slot and its newest version.
#[derive(Serialize, ToSchema)]
pub(crate) struct SlotView {
    game: String,
    slot: String,
    version: u64,
    etag: String,
    size: u64,
    created: String,
    /// How many versions are kept.
    versions: u64,
}

impl From<SlotInfo> for SlotView {
    fn from(slot: SlotInfo) -> Self {
        let latest = slot.latest;
        Self {
            etag: latest.etag(),
            game: latest.game,
            slot: latest.slot,
            version: latest.version,
            size: latest.size,
            created: times::text(latest.created),
            versions: slot.versions,
        }
    }
}

/// A page of slots.
#[derive(Serialize, ToSchema)]
pub(crate) struct SlotList {
    saves: Vec<SlotView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// A page of versions, newest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct VersionList {
    versions: Vec<SaveFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct VersionParam {
    /// This version, not the newest.
    version: Option<u64>,
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListParams {
    /// Only this game's slots.
    game: Option<String>,
    /// Most entries in the answer, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

/// Stores a new version. `Content-Type` and `X-Save-Meta` are kept.
#[utoipa::path(put, path = "/v1/subjects/{user}/saves/{game}/{slot}", tag = "saves",
    params(("If-Match" = Option<String>, Header, description = "write only over this version"),
           ("If-None-Match" = Option<String>, Header, description = "`*`: write only into a new slot"),
           ("X-Save-Meta" = Option<String>, Header, description = "JSON, at most 4 KiB")),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "new slot", body = SaveStored, headers(("ETag" = String))),
              (status = 200, description = "new version", body = SaveStored, headers(("ETag" = String)))))]
pub(crate) async fn put(
    State(app): State<App>,
    Names((user, game, slot)): Names<(String, String, String)>,
    request: Request,
) -> Result<Response, Problem> {
    let who = user.clone();
    let info = match upload::store(&app, user, game, slot, request).await {
        Err(refused) => return Err(of_a_write(&app, who, refused).await),
        Ok(info) => info,
    };
    let status = if info.new_slot { StatusCode::CREATED } else { StatusCode::OK };
    let stored = SaveStored { version: info.version, size: info.size, created: times::text(info.created) };
    Ok((status, [(header::ETAG, info.etag())], Answer(stored)).into_response())
}

/// The newest bytes, or those of one version; `HEAD` sends the headers alone.
#[utoipa::path(method(get, head), path = "/v1/subjects/{user}/saves/{game}/{slot}", tag = "saves",
    params(VersionParam,
           ("Range" = Option<String>, Header, description = "a single range of bytes"),
           ("If-Range" = Option<String>, Header, description = "an ETag; the range only if it matches"),
           ("If-Match" = Option<String>, Header, description = "412 unless it matches"),
           ("If-None-Match" = Option<String>, Header, description = "304 if it matches")),
    responses((status = 200, description = "all bytes", body = Vec<u8>, content_type = "application/octet-stream",
                    headers(("ETag" = String), ("X-Save-Meta" = String), ("X-Save-Created" = String))),
              (status = 206, description = "the range", body = Vec<u8>, content_type = "application/octet-stream",
                    headers(("ETag" = String), ("Content-Range" = String))),
              (status = 304, description = "the client's copy is the newest")))]
pub(crate) async fn get(
    State(app): State<App>,
    Names((user, game, slot)): Names<(String, String, String)>,
    Params(VersionParam { version }): Params<VersionParam>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    if method == Method::HEAD {
        let info = app.with_subject(user, move |subject| subject.saves().info(&game, &slot, version)).await?;
        return download::head(&info, &headers);
    }
    download::get(&app, user, move |subject| subject.saves().get(&game, &slot, version), headers).await
}

/// Forgets the slot with all its versions, or one version.
#[utoipa::path(delete, path = "/v1/subjects/{user}/saves/{game}/{slot}", tag = "saves", params(VersionParam),
    responses((status = 200, body = Erased), (status = 202, description = "waits", body = Erased)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Names((user, game, slot)): Names<(String, String, String)>,
    Params(VersionParam { version }): Params<VersionParam>,
) -> Result<(StatusCode, Answer<Erased>), Problem> {
    let deletion = app
        .with_subject(user, move |subject| match version {
            Some(version) => subject.saves().forget_version(&game, &slot, version),
            None => subject.saves().forget_slot(&game, &slot),
        })
        .await?;
    Ok(deleted(deletion))
}

/// The person's slots.
#[utoipa::path(get, path = "/v1/subjects/{user}/saves", tag = "saves", params(ListParams),
    responses((status = 200, body = SlotList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Names(user): Names<String>,
    Params(params): Params<ListParams>,
) -> Result<Answer<SlotList>, Problem> {
    let page = oubliette_store::Page { limit: check_limit(params.limit)?, cursor: params.cursor };
    let listed =
        app.with_subject(user, move |subject| subject.saves().list(params.game.as_deref(), &page)).await?;
    let saves = listed.items.into_iter().map(Into::into).collect();
    Ok(Answer(SlotList { saves, next_cursor: listed.next_cursor }))
}

/// A slot's versions, newest first.
#[utoipa::path(get, path = "/v1/subjects/{user}/saves/{game}/{slot}/versions", tag = "saves", params(Paging),
    responses((status = 200, body = VersionList)))]
pub(crate) async fn versions(
    State(app): State<App>,
    Names((user, game, slot)): Names<(String, String, String)>,
    Params(paging): Params<Paging>,
) -> Result<Answer<VersionList>, Problem> {
    let page = paging.page()?;
    let listed = app.with_subject(user, move |subject| subject.saves().versions(&game, &slot, &page)).await?;
    let versions = listed.items.iter().map(SaveFacts::from).collect();
    Ok(Answer(VersionList { versions, next_cursor: listed.next_cursor }))
}
