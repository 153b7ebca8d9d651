//! The outermost layer: a request id for every answer, one log line by route template, every refusal a problem document.

use std::time::Instant;

use axum::{
    body::Body,
    extract::{MatchedPath, Request},
    http::{HeaderName, HeaderValue, Method, header},
    middleware::Next,
    response::Response,
};

use crate::{extract::is_json, problem::Problem};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's route template, put into the answer's extensions by [`note_route`] for the log.
#[derive(Clone)]
struct Template(MatchedPath);

/// Wraps the router whole, so that nothing leaves without passing here.
pub(crate) async fn finish(request: Request, next: Next) -> Response {
    let started = Instant::now();
    let id = request_id();
    let method = request.method().clone();
    let refused = refuse_unsupported(&request);
    let mut response = match refused {
        Some(problem) => axum::response::IntoResponse::into_response(problem),
        None => next.run(request).await,
    };
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    if refused && response.extensions().get::<Problem>().is_none() && !is_json(response.headers()) {
        response.extensions_mut().insert(Problem::of_status(status));
    }
    let code = match response.extensions_mut().remove::<Problem>() {
        Some(problem) => {
            write_problem(&mut response, &problem, &id, method == Method::HEAD);
            problem.code
        }
        None => "",
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // No cache on the way may keep what the vault is to forget.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));

    // Templates, never paths: a path names a person.
    let route = response.extensions().get::<Template>().map_or("", |template| template.0.as_str());
    let (status, ms) = (response.status().as_u16(), started.elapsed().as_millis());
    if status >= 500 {
        tracing::warn!(%method, route, status, code, ms, request_id = id, "answered");
    } else {
        tracing::debug!(%method, route, status, code, ms, request_id = id, "answered");
    }
    response
}

/// Remembers the matched template; runs inside the router, where it is known.
pub(crate) async fn note_route(matched: MatchedPath, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Template(matched));
    response
}

/// A header that promises what this version does not do is refused: to ignore it would be a silent lie.
fn refuse_unsupported(request: &Request) -> Option<Problem> {
    request.headers().contains_key("idempotency-key").then(|| {
        Problem::invalid(
            "Idempotency-Key",
            "idempotency keys are not supported by this version; leave the header out",
        )
    })
}

fn write_problem(response: &mut Response, problem: &Problem, id: &str, head: bool) {
    let body = problem.body(id);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = if head { Body::empty() } else { Body::from(body) };
}

/// 16 hex digits; unique enough to find a line in a log.
fn request_id() -> String {
    let mut bytes = [0u8; 8];
    match getrandom::fill(&mut bytes) {
        Ok(()) => data_encoding::HEXLOWER.encode(&bytes),
        Err(_) => "0".repeat(16),
    }
}
