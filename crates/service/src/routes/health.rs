//! Liveness and readiness.

use axum::{Json, extract::State, http::StatusCode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::{problem::Problem, state::App};

/// Liveness.
#[derive(Serialize, ToSchema)]
pub(crate) struct Live {
    #[schema(example = "ok")]
    status: &'static str,
}

/// Readiness.
#[derive(Serialize, ToSchema)]
pub(crate) struct Ready {
    ready: bool,
    /// Why not, where not.
    reasons: Vec<String>,
    /// How the memory is kept that keys live in: `secret`, `locked` or `plain`.
    #[schema(example = "secret")]
    key_memory: String,
}

/// Answers while the process serves.
#[utoipa::path(get, path = "/healthz", tag = "service", responses((status = 200, body = Live)))]
pub(crate) async fn live() -> Json<Live> {
    Json(Live { status: "ok" })
}

/// 200 while the vault can take reads and writes; 503 with reasons otherwise.
#[utoipa::path(get, path = "/readyz", tag = "service",
    responses((status = 200, body = Ready), (status = 503, description = "not ready", body = Ready)))]
pub(crate) async fn ready(State(app): State<App>) -> Result<(StatusCode, Json<Ready>), Problem> {
    let tokens = app.tokens.clone();
    let reasons = app
        .run_now(move |vault| {
            let mut reasons = vault.not_ready();
            // Nobody is let in then.
            reasons.extend(tokens.list().err().map(|error| error.to_string()));
            Ok(reasons)
        })
        .await?;
    let status = if reasons.is_empty() { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(Ready { ready: reasons.is_empty(), reasons, key_memory: oubliette_store::key_memory() })))
}
