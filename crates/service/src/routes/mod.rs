//! The routes: thin handlers, each one call into the vault.

pub(crate) mod audit;
pub(crate) mod backups;
pub(crate) mod blocks;
pub(crate) mod chats;
pub(crate) mod consents;
pub(crate) mod credentials;
pub(crate) mod deletion;
pub(crate) mod docs;
pub(crate) mod export;
pub(crate) mod fuzz;
pub(crate) mod health;
pub(crate) mod holds;
pub(crate) mod messages;
pub(crate) mod receipts;
pub(crate) mod records;
pub(crate) mod requests;
pub(crate) mod saves;
pub(crate) mod settings;
pub(crate) mod subjects;

use axum::{
    Router,
    extract::Request,
    http::StatusCode,
    middleware::{from_fn, from_fn_with_state},
    response::{IntoResponse, Response},
    routing::{delete, get, post, put},
};
use oubliette_store::{Deletion, MAX_PAGE, Page};
use serde::{Deserialize, Serialize};
use tower_http::catch_panic::CatchPanicLayer;
use utoipa::{IntoParams, ToSchema};

use crate::{access, finish, idempotency, metrics, problem::Problem, state::App, unheeded, unread};

/// All routes with their middleware.
pub(crate) fn router(app: App) -> Router {
    let subject = "/v1/subjects/{user}";
    let slot = "/v1/subjects/{user}/saves/{game}/{slot}";
    let chat = "/v1/subjects/{user}/chats/{peer}";
    let account = "/v1/subjects/{user}/credentials/steam/{account}";
    let at = |base: &str, rest: &str| format!("{base}{rest}");
    let finished = app.clone();
    Router::new()
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .route("/openapi.json", get(docs::openapi_json))
        .route("/v1/audit", get(audit::list))
        .route("/v1/backups", post(backups::begin).get(backups::list))
        .route("/v1/backups/{id}", get(backups::get))
        .route("/v1/receipts/{id}", get(receipts::get))
        .route("/v1/log/checkpoint", get(receipts::checkpoint).post(receipts::take))
        .route("/v1/log/proof/{id}", get(receipts::proof))
        .route("/v1/log/consistency", get(receipts::consistency))
        .route(subject, put(subjects::put).get(subjects::get))
        .route(&at(subject, "/export"), get(export::export))
        .route(&at(subject, "/saves"), get(saves::list))
        .route(&at(subject, "/saves/{game}"), get(saves::prefetch::get))
        .route(slot, put(saves::put).get(saves::get).delete(saves::delete))
        .route(&at(slot, "/versions"), get(saves::versions))
        .route(
            &at(slot, "/retention"),
            put(saves::keep::put).get(saves::keep::get).delete(saves::keep::delete),
        )
        .route(
            &at(slot, "/share"),
            put(saves::share::put).get(saves::share::get).delete(saves::share::delete),
        )
        .route(&at(subject, "/follow/{owner}/{game}/{slot}"), get(saves::share::follow))
        .route(
            &at(subject, "/settings/follow-play"),
            put(settings::put_follow_play)
                .get(settings::get_follow_play)
                .delete(settings::delete_follow_play),
        )
        .route(&at(subject, "/chats"), get(chats::list))
        .route(chat, put(chats::set).delete(chats::forget))
        .route(&at(chat, "/messages"), post(messages::append).get(messages::read))
        .route(&at(chat, "/messages:batch"), post(messages::append_batch))
        .route(&at(chat, "/messages/{id}"), delete(messages::forget))
        .route(&at(subject, "/blocks"), get(blocks::list))
        .route(&at(subject, "/blocks/{peer}"), put(blocks::block).delete(blocks::unblock))
        .route(&at(subject, "/credentials/steam"), get(credentials::list))
        .route(account, put(credentials::put).get(credentials::get).delete(credentials::delete))
        .route(&at(account, "/guard-code"), post(credentials::guard_code))
        .route(&at(account, "/confirmation-key"), post(credentials::confirmation_key))
        .route(&at(account, "/release"), post(credentials::release))
        .route(&at(subject, "/requests"), post(requests::add).get(requests::list))
        .route(&at(subject, "/requests/{id}/answer"), put(requests::answer))
        .route("/v1/requests", get(requests::open))
        .route("/metrics", get(metrics::get))
        .route(&at(subject, "/consents"), get(consents::history))
        .route(&at(subject, "/consents/{purpose}"), put(consents::give).delete(consents::withdraw))
        .route(&at(subject, "/deletion"), post(deletion::request).get(deletion::get).delete(deletion::cancel))
        .route(&at(subject, "/deletion/approval"), get(deletion::waiting).post(deletion::approve))
        .route(&at(subject, "/holds"), get(holds::list))
        .route(&at(subject, "/holds/{id}"), put(holds::place).delete(holds::lift))
        .route(&at(subject, "/records"), get(records::list))
        .route(&at(subject, "/records/{purpose}"), get(records::list_of))
        .route(
            &at(subject, "/records/{purpose}/{id}"),
            put(records::put).get(records::get).delete(records::delete),
        )
        .route_layer(from_fn_with_state(app.clone(), idempotency::once))
        .route_layer(from_fn(unheeded::refuse))
        .route_layer(from_fn_with_state(app.clone(), access::authorise))
        .merge(docs::pages())
        .route_layer(from_fn(finish::note_route))
        .fallback(no_such_route)
        .with_state(app)
        .layer(from_fn(unread::close))
        .layer(CatchPanicLayer::custom(|_| Problem::internal().into_response()))
        .layer(from_fn_with_state(finished, finish::finish))
}

/// An empty name never matches a route; it deserves a better answer than "no such route".
async fn no_such_route(request: Request) -> Response {
    let path = request.uri().path();
    if path.starts_with("/v1/") && (path.contains("//") || path.ends_with('/')) {
        return Problem::invalid("path", "a name in the path is empty; names have 1 to 256 bytes")
            .into_response();
    }
    Problem::of_status(StatusCode::NOT_FOUND).into_response()
}

/// What a deletion answers.
#[derive(Serialize, ToSchema)]
pub(crate) struct Erased {
    /// `erased`: the keys are gone. `blocked` (with 202): nobody reads it any more, and the keys go once a legal hold has ended or the time is over that
    /// the law wants it kept.
    #[schema(example = "erased")]
    state: &'static str,
}

impl Erased {
    pub(crate) const DONE: axum::Json<Self> = axum::Json(Self { state: "erased" });
}

/// The answer to a deletion: 200 when it is done, 202 when it waits.
pub(crate) fn deleted(deletion: Deletion) -> (StatusCode, axum::Json<Erased>) {
    match deletion {
        Deletion::Erased => (StatusCode::OK, Erased::DONE),
        Deletion::Blocked => (StatusCode::ACCEPTED, axum::Json(Erased { state: "blocked" })),
    }
}

/// What a refused write answers. `forgotten` is said of whoever is erased; where a deletion of the place alone was faster, the write may come again.
pub(crate) async fn of_a_write(app: &App, user: String, refused: Problem) -> Problem {
    if refused.code == "forgotten" && app.with_subject(user, |_| Ok(())).await.is_ok() {
        return Problem::overtaken();
    }
    refused
}

/// Paging of a list.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct Paging {
    /// Most entries in the answer, 1 to 1000.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the page before.
    cursor: Option<String>,
}

impl Paging {
    pub(crate) fn page(self) -> Result<Page, Problem> {
        Ok(Page { limit: check_limit(self.limit)?, cursor: self.cursor })
    }
}

pub(crate) fn check_limit(limit: Option<usize>) -> Result<Option<usize>, Problem> {
    match limit {
        Some(limit) if limit == 0 || limit > MAX_PAGE => {
            Err(Problem::invalid("limit", format!("limit must be 1 to {MAX_PAGE}")))
        }
        limit => Ok(limit),
    }
}
