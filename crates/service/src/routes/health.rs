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
    /// Why not, where not. `oubliette status` says more.
    reasons: Vec<String>,
    /// What needs an operator although the vault is ready.
    warnings: Vec<String>,
    /// How sure the erasure of the root secret is, E0 to E4, as verified since the start.
    #[schema(example = "E1")]
    erasure_class: String,
    /// Over how many cells the root secret is split.
    #[schema(example = 1)]
    cells: usize,
    /// By how many generations the escrow is behind; `null` if there is none.
    #[schema(example = 0)]
    escrow_behind: Option<u64>,
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
    let ready = app
        .run_now(move |vault| {
            // No detail: whoever asks has shown no token, and details name places.
            let mut reasons: Vec<_> = vault.not_ready().iter().map(|reason| reason.what.to_owned()).collect();
            // Nobody is let in then.
            reasons.extend(tokens.list().is_err().then(|| "the tokens cannot be read".to_owned()));
            reasons.dedup();
            Ok(Ready {
                ready: reasons.is_empty(),
                warnings: vault.warnings().iter().map(|warning| warning.what.to_owned()).collect(),
                reasons,
                erasure_class: vault.cell_class(),
                cells: vault.cells().len(),
                escrow_behind: vault.escrow_behind(),
                key_memory: oubliette_store::key_memory(),
            })
        })
        .await?;
    let status = if ready.ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    Ok((status, Json(ready)))
}
