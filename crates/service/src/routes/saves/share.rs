//! Follow play: what an owner shares, and a follower's read of it.

use std::time::Duration;

use axum::{
    Json as Answer,
    extract::State,
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
};
use oubliette_store::{Audience, Share, ShareInfo};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;
use utoipa::ToSchema;

use super::{
    super::{Erased, deleted},
    download,
};
use crate::{
    extract::{Json, Names},
    problem::Problem,
    state::App,
    times,
};

/// A refused follower is answered at the next multiple of this since the request came, so that the time says little of why.
const TICK: Duration = Duration::from_millis(25);

/// Who may continue from a slot.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ShareBody {
    audience: AudienceName,
    /// With `users`: 1 to 256 user ids, each of somebody who is in the vault.
    users: Option<Vec<String>>,
    /// RFC 3339; without end if absent.
    expires: Option<String>,
}

/// Whom a share is for.
#[derive(Clone, Copy, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum AudienceName {
    /// Everybody in the vault.
    Everyone,
    /// Those named.
    Users,
}

/// A share as it stands.
#[derive(Serialize, ToSchema)]
pub(crate) struct ShareView {
    audience: AudienceName,
    /// Those who have left are left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<Vec<String>>,
    /// RFC 3339, UTC.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// RFC 3339, UTC.
    created: String,
    /// False while the person's own switch is off, and once the time is over.
    open: bool,
}

impl From<ShareInfo> for ShareView {
    fn from(info: ShareInfo) -> Self {
        let (audience, users) = match info.share.audience {
            Audience::Everyone => (AudienceName::Everyone, None),
            Audience::Users(users) => (AudienceName::Users, Some(users)),
        };
        let expires = info.share.expires.map(times::text);
        Self { audience, users, expires, created: times::text(info.created), open: info.open }
    }
}

impl ShareBody {
    fn share(self) -> Result<Share, Problem> {
        let audience = match (self.audience, self.users) {
            (AudienceName::Everyone, None) => Audience::Everyone,
            (AudienceName::Everyone, Some(_)) => {
                return Err(Problem::invalid("users", "names people although the audience is everyone"));
            }
            (AudienceName::Users, Some(users)) => Audience::Users(users),
            (AudienceName::Users, None) => {
                return Err(Problem::invalid("users", "is missing; it says whom the share is for"));
            }
        };
        let expires = self.expires.map(|text| {
            times::micros(&text).ok_or_else(|| Problem::invalid("expires", "not an RFC 3339 time"))
        });
        Ok(Share { audience, expires: expires.transpose()? })
    }
}

/// Lets others continue from the slot's newest version, in place of an earlier share.
#[utoipa::path(put, path = "/v1/subjects/{user}/saves/{game}/{slot}/share", tag = "follow play", request_body = ShareBody,
    responses((status = 201, description = "shared", body = ShareView),
              (status = 200, description = "shared otherwise than before", body = ShareView)))]
pub(crate) async fn put(
    State(app): State<App>,
    Names((user, game, slot)): Names<(String, String, String)>,
    Json(body): Json<ShareBody, 262_144>,
) -> Result<(StatusCode, Answer<ShareView>), Problem> {
    let share = body.share()?;
    let (info, new) =
        app.with_subject(user, move |subject| subject.saves().share(&game, &slot, &share)).await?;
    Ok((if new { StatusCode::CREATED } else { StatusCode::OK }, Answer(info.into())))
}

/// Who may continue from the slot; 404 if it is not shared.
#[utoipa::path(get, path = "/v1/subjects/{user}/saves/{game}/{slot}/share", tag = "follow play",
    responses((status = 200, body = ShareView)))]
pub(crate) async fn get(
    State(app): State<App>,
    Names((user, game, slot)): Names<(String, String, String)>,
) -> Result<Answer<ShareView>, Problem> {
    let info = app.with_subject(user, move |subject| subject.saves().shared(&game, &slot)).await?;
    Ok(Answer(info.into()))
}

/// Ends the share, in every copy; whoever reads by it is cut off first.
#[utoipa::path(delete, path = "/v1/subjects/{user}/saves/{game}/{slot}/share", tag = "follow play",
    responses((status = 200, body = Erased), (status = 202, description = "waits, and is not shared any more", body = Erased)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Names((user, game, slot)): Names<(String, String, String)>,
) -> Result<(StatusCode, Answer<Erased>), Problem> {
    let deletion = app.with_subject(user, move |subject| subject.saves().unshare(&game, &slot)).await?;
    Ok(deleted(deletion))
}

/// The newest bytes of a slot that its owner shares with this person. In every other case, whatever the reason, the same 404. What the
/// owner's `X-Save-Meta` said is not shown.
#[utoipa::path(get, path = "/v1/subjects/{user}/follow/{owner}/{game}/{slot}", tag = "follow play",
    params(("Range" = Option<String>, Header, description = "a single range of bytes"),
           ("If-Range" = Option<String>, Header, description = "an ETag; the range only if it matches"),
           ("If-Match" = Option<String>, Header, description = "412 unless it matches"),
           ("If-None-Match" = Option<String>, Header, description = "304 if it matches")),
    responses((status = 200, description = "all bytes", body = Vec<u8>, content_type = "application/octet-stream",
                    headers(("ETag" = String), ("X-Save-Created" = String))),
              (status = 206, description = "the range", body = Vec<u8>, content_type = "application/octet-stream",
                    headers(("ETag" = String), ("Content-Range" = String))),
              (status = 304, description = "the client's copy is the newest")))]
pub(crate) async fn follow(
    State(app): State<App>,
    Names((user, owner, game, slot)): Names<(String, String, String, String)>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let came = Instant::now();
    let answer =
        download::get(&app, user, move |subject| subject.saves().follow(&owner, &game, &slot), headers).await;
    if answer.as_ref().is_err_and(|problem| problem.status == StatusCode::NOT_FOUND) {
        tokio::time::sleep_until(came + next_tick(came.elapsed())).await;
    }
    answer.map(IntoResponse::into_response)
}

fn next_tick(passed: Duration) -> Duration {
    let ticks = passed.as_micros() / TICK.as_micros() + 1;
    TICK.saturating_mul(u32::try_from(ticks).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_leave_at_ticks() {
        for (passed, tick) in [(0, 25), (24, 25), (25, 50), (26, 50), (990, 1000)] {
            assert_eq!(next_tick(Duration::from_millis(passed)), Duration::from_millis(tick));
        }
    }
}
