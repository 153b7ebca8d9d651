//! A person's deletion: asked for, watched, taken back; and the second person's yes to what overrides something.

use axum::{Extension, Json as Answer, extract::State, http::StatusCode};
use data_encoding::HEXLOWER;
use oubliette_store::{Approval, DeletionInfo, NewDeletion, Override};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::{
    audit::Facts,
    extract::{Json, Names},
    problem::Problem,
    state::App,
    times,
    tokens::{Grant, Scope},
};

/// What is asked for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeletionBody {
    /// Why: a word of `a-z`, `0-9`, `_`, `-` and `.`, with nothing about the person in it.
    #[schema(example = "account_closed", min_length = 1, max_length = 26)]
    reason: String,
    /// Days for which it can be taken back; the vault's own (7), if absent. Fewer than these need the scope `deletion:override` and a second person.
    #[schema(minimum = 0, maximum = 366)]
    cooling_off: Option<u32>,
    /// Also over legal holds; needs the same.
    #[serde(default)]
    override_holds: bool,
}

/// The second person's yes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ApprovalBody {
    /// The deletion's id.
    job: String,
    /// `override.digest` of the deletion as it was read.
    digest: String,
}

/// A deletion as far as it is known. Times are RFC 3339, UTC.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeletionView {
    /// Random; stands in the receipts.
    #[serde(skip_serializing_if = "Option::is_none")]
    job: Option<String>,
    /// `requested`, `cooling_off`, `held`, `blocked`, `erased`, `swept`, `final`.
    #[schema(example = "cooling_off")]
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    requested: Option<String>,
    /// When it can no longer be taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    due: Option<String>,
    /// Until then.
    seconds_left: u64,
    /// A legal hold stands in the way.
    held: bool,
    /// When the last one ends by itself, if it does.
    #[serde(skip_serializing_if = "Option::is_none")]
    held_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    blocked: Option<String>,
    /// Until when the law wants the content kept, of one that is blocked.
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_until: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    erased: Option<String>,
    /// First root generation that cannot open the person.
    #[serde(skip_serializing_if = "Option::is_none")]
    generation_after: Option<u64>,
    /// Until when late requests are answered 410; then nothing says that the person ever existed.
    #[serde(skip_serializing_if = "Option::is_none")]
    fence_until: Option<String>,
    /// What was signed about it so far; `GET /v1/receipts/{id}` gives each.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    receipts: Vec<ReceiptView>,
    #[serde(rename = "override", skip_serializing_if = "Option::is_none")]
    overriding: Option<OverrideView>,
    /// Only in the answer that made the deletion, and kept nowhere: with it, the user id and the job a receipt is shown to be this person's.
    #[serde(skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
}

/// A receipt of a deletion.
#[derive(Serialize, ToSchema)]
pub(crate) struct ReceiptView {
    /// `blocked`, `erased`, `final`.
    #[schema(example = "erased")]
    state: &'static str,
    /// Its number.
    id: String,
}

/// What is overridden once a second person says yes.
#[derive(Serialize, ToSchema)]
pub(crate) struct OverrideView {
    cooling_off: bool,
    holds: bool,
    /// When the deletion is due once approved.
    due: String,
    asked: String,
    /// From when on nobody may approve it any more.
    expires: String,
    /// What the second person approves.
    digest: String,
    approved: bool,
}

/// What taking a deletion back answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Cancelled {
    #[schema(example = "cancelled")]
    state: &'static str,
    job: String,
}

impl From<DeletionInfo> for DeletionView {
    fn from(info: DeletionInfo) -> Self {
        Self {
            job: info.job,
            state: info.state.as_str(),
            reason: info.reason,
            requested: info.requested.map(times::text),
            due: info.due.map(times::text),
            seconds_left: info.seconds_left,
            held: info.held,
            held_until: info.held_until.map(times::text),
            blocked: info.blocked.map(times::text),
            kept_until: info.kept_until.map(times::text),
            erased: info.erased.map(times::text),
            generation_after: info.generation_after,
            fence_until: info.fence_until.map(times::text),
            receipts: info
                .receipts
                .into_iter()
                .map(|(state, id)| ReceiptView { state: state.as_str(), id })
                .collect(),
            overriding: info.overriding.map(OverrideView::from),
            salt: None,
        }
    }
}

impl From<Override> for OverrideView {
    fn from(what: Override) -> Self {
        Self {
            cooling_off: what.cooling_off,
            holds: what.holds,
            due: times::text(what.due),
            asked: times::text(what.asked),
            expires: times::text(what.expires),
            digest: what.digest,
            approved: what.approved,
        }
    }
}

/// Asks for a person's deletion. Asked again, the same deletion is answered, without the salt.
#[utoipa::path(post, path = "/v1/subjects/{user}/deletion", tag = "deletion", request_body = DeletionBody,
    responses((status = 202, description = "asked for, now or before", body = DeletionView)))]
pub(crate) async fn request(
    State(app): State<App>,
    Extension(grant): Extension<Grant>,
    Extension(facts): Extension<Facts>,
    Names(user): Names<String>,
    Json(body): Json<DeletionBody, 65_536>,
) -> Result<(StatusCode, Answer<DeletionView>), Problem> {
    let DeletionBody { reason, cooling_off, override_holds } = body;
    let new = NewDeletion { reason, cooling_off_days: cooling_off, override_holds, by: grant.one_person() };
    if app.vault.overrides(&new) {
        facts.note("override asked for");
        if !grant.allows(Scope::DeletionOverride) {
            return Err(Problem::forbidden(Scope::DeletionOverride));
        }
    }
    let asked = app.run(move |vault| vault.request_deletion(&user, &new)).await?;
    let salt = asked.salt.map(|salt| HEXLOWER.encode(salt.expose()));
    Ok((StatusCode::ACCEPTED, Answer(DeletionView { salt, ..asked.deletion.into() })))
}

/// How far it has come; also after the erasure, until the fence ends.
#[utoipa::path(get, path = "/v1/subjects/{user}/deletion", tag = "deletion", responses((status = 200, body = DeletionView)))]
pub(crate) async fn get(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<DeletionView>, Problem> {
    Ok(Answer(app.run(move |vault| vault.deletion(&user)).await?.into()))
}

/// Takes it back, until it is due. That it was asked for is forgotten.
#[utoipa::path(delete, path = "/v1/subjects/{user}/deletion", tag = "deletion", responses((status = 200, body = Cancelled)))]
pub(crate) async fn cancel(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<Cancelled>, Problem> {
    let job = app.run(move |vault| vault.cancel_deletion(&user)).await?;
    Ok(Answer(Cancelled { state: "cancelled", job }))
}

/// What waits for a second person, for that person: 404 if nothing does.
#[utoipa::path(get, path = "/v1/subjects/{user}/deletion/approval", tag = "deletion", responses((status = 200, body = DeletionView)))]
pub(crate) async fn waiting(
    State(app): State<App>,
    Names(user): Names<String>,
) -> Result<Answer<DeletionView>, Problem> {
    Ok(Answer(app.run(move |vault| vault.deletion_to_approve(&user)).await?.into()))
}

/// The second person says yes to exactly what was asked for, with another token. What is due by then is carried out before this answers.
#[utoipa::path(post, path = "/v1/subjects/{user}/deletion/approval", tag = "deletion", request_body = ApprovalBody,
    responses((status = 200, body = DeletionView)))]
pub(crate) async fn approve(
    State(app): State<App>,
    Extension(grant): Extension<Grant>,
    Extension(facts): Extension<Facts>,
    Names(user): Names<String>,
    Json(body): Json<ApprovalBody, 65_536>,
) -> Result<Answer<DeletionView>, Problem> {
    facts.note("override approved");
    let ApprovalBody { job, digest } = body;
    let approval = Approval { job, digest, by: grant.one_person() };
    Ok(Answer(app.run(move |vault| vault.approve_deletion(&user, &approval)).await?.into()))
}
