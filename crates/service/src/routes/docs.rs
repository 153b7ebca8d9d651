//! The contract for programs (`/openapi.json`) and a page to browse it (`/docs`, assets inside the binary).

use std::sync::{Arc, LazyLock};

use axum::{
    Router,
    body::{Body, Bytes},
    extract::Path,
    http::{StatusCode, header},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use utoipa_swagger_ui::Config;

use crate::{openapi, problem::Problem, state::App};

static OPENAPI: LazyLock<Bytes> = LazyLock::new(|| openapi::document().to_json().unwrap_or_default().into());
static PAGES: LazyLock<Arc<Config<'static>>> = LazyLock::new(|| Arc::new(Config::from("/openapi.json")));

/// This document.
#[utoipa::path(get, path = "/openapi.json", tag = "service",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json")))]
pub(crate) async fn openapi_json() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI.clone())
}

/// `/docs` and what it loads.
pub(crate) fn pages() -> Router<App> {
    Router::new()
        .route("/docs", get(|| async { Redirect::permanent("/docs/") }))
        .route("/docs/", get(|| async { page("") }))
        .route("/docs/{*file}", get(|Path(file): Path<String>| async move { page(&file) }))
}

fn page(file: &str) -> Response {
    match utoipa_swagger_ui::serve(file, PAGES.clone()) {
        Ok(Some(file)) => {
            ([(header::CONTENT_TYPE, file.content_type)], Body::from(file.bytes.into_owned())).into_response()
        }
        Ok(None) => Problem::of_status(StatusCode::NOT_FOUND).into_response(),
        Err(_) => Problem::internal().into_response(),
    }
}
