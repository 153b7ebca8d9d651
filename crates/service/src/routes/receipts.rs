//! Receipts of deletions, and the public log that they stand in (docs/receipts.md).

use axum::{
    extract::{Request, State},
    http::header,
    response::{IntoResponse, Response},
};
use oubliette_store::{ReceiptId, VaultError, translog::MAX_NOTE};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::{
    body,
    extract::{Names, Params},
    problem::Problem,
    state::App,
};

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ConsistencyParams {
    /// Entries that the log had when it was last seen; 0 for never.
    #[param(minimum = 0, maximum = 9_223_372_036_854_775_807_u64)]
    from: u64,
}

/// A receipt: a signed note, whose text is JSON behind a first line. It names nobody; `oubliette receipt verify` checks it without the service.
#[utoipa::path(get, path = "/v1/receipts/{id}", tag = "receipts",
    responses((status = 200, description = "a C2SP signed note", body = String, content_type = "text/plain")))]
pub(crate) async fn get(State(app): State<App>, Names(id): Names<String>) -> Result<Response, Problem> {
    let id = receipt_id(&id)?;
    app.run(move |vault| vault.receipt(&id)).await.map(text)
}

/// The newest checkpoint of the log of deletions, with the signatures that witnesses added.
#[utoipa::path(get, path = "/v1/log/checkpoint", tag = "receipts",
    responses((status = 200, description = "a C2SP checkpoint", body = String, content_type = "text/plain")))]
pub(crate) async fn checkpoint(State(app): State<App>) -> Result<Response, Problem> {
    app.run(|vault| vault.log_checkpoint()).await.map(|note| text(note.to_string()))
}

/// That a receipt's deletion stands in the log as it is now.
#[utoipa::path(get, path = "/v1/log/proof/{id}", tag = "receipts",
    responses((status = 200, description = "a C2SP tlog-proof", body = String, content_type = "text/plain")))]
pub(crate) async fn proof(State(app): State<App>, Names(id): Names<String>) -> Result<Response, Problem> {
    let id = receipt_id(&id)?;
    app.run(move |vault| vault.log_proof(&id)).await.map(|proof| text(proof.to_string()))
}

/// That the log of now begins with what it was at a size: what a witness asks for, in the form of C2SP tlog-witness.
#[utoipa::path(get, path = "/v1/log/consistency", tag = "receipts", params(ConsistencyParams),
    responses((status = 200, description = "`old` and the size, the proof, and the checkpoint", body = String, content_type = "text/plain")))]
pub(crate) async fn consistency(
    State(app): State<App>,
    Params(params): Params<ConsistencyParams>,
) -> Result<Response, Problem> {
    app.run(move |vault| vault.log_consistency(params.from)).await.map(|proof| text(proof.to_string()))
}

/// Takes a checkpoint of this log that a witness signed, whose key is in the settings.
#[utoipa::path(post, path = "/v1/log/checkpoint", tag = "receipts",
    request_body(content = String, content_type = "text/plain"),
    responses((status = 200, description = "the newest checkpoint", body = String, content_type = "text/plain"),
        (status = 409, description = "the checkpoint is ahead of this vault, or of another history: it was rolled back", body = crate::problem::ProblemDocument, content_type = "application/problem+json"),
        (status = 422, description = "no checkpoint of this log that a known witness signed", body = crate::problem::ProblemDocument, content_type = "application/problem+json")))]
pub(crate) async fn take(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let body = body::collect(request, MAX_NOTE, app.config.idle_timeout).await?;
    let note =
        String::from_utf8(body.to_vec()).map_err(|_| Problem::invalid("body", "must be UTF-8 text"))?;
    let newest = app.run(move |vault| {
        vault.take_cosigned(&note)?;
        vault.log_checkpoint()
    });
    newest.await.map(|note| text(note.to_string()))
}

fn receipt_id(id: &str) -> Result<ReceiptId, Problem> {
    // Whatever is no number is no receipt's.
    ReceiptId::parse(id).ok_or_else(|| VaultError::NotFound { what: "receipt" }.into())
}

fn text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "text/plain; charset=utf-8")], text).into_response()
}
