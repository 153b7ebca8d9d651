//! The outermost layer: a request id for every answer, one log line by route template, every refusal a problem document.

use std::time::Instant;

use axum::{
    body::Body,
    extract::{MatchedPath, Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::Response,
};

use crate::{
    audit::{self, Facts},
    extract::is_json,
    problem::Problem,
    state::App,
};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The request's route template, put into the answer's extensions by [`note_route`] for the log.
#[derive(Clone)]
struct Template(MatchedPath);

/// Wraps the router whole, so that nothing leaves without passing here, and nothing before it is recorded.
///
/// A task of its own sees the request to its end: a client that goes away as soon as it has sent a request must not get it carried out
/// without a record.
pub(crate) async fn finish(State(app): State<App>, request: Request, next: Next) -> Response {
    let id = request_id();
    let id_text = id.text();
    let (method, head) = (request.method().clone(), request.method() == Method::HEAD);
    let under_way = app.see_to_its_end();
    let task = tokio::spawn(async move {
        let _until_then = under_way;
        answer(&app, request, next, &id, method).await
    });
    match task.await {
        Ok(response) => response,
        // Only a panic outside of the handlers, or the end of the process, ends the task.
        Err(_) => {
            let mut response = Response::default();
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            write_problem(&mut response, &Problem::internal(), &id_text, head);
            response
        }
    }
}

async fn answer(app: &App, mut request: Request, next: Next, id: &RequestId, method: Method) -> Response {
    let started = Instant::now();
    let facts = Facts::default();
    request.extensions_mut().insert(facts.clone());
    let mut response = next.run(request).await;
    let status = response.status();
    let refused = status.is_client_error() || status.is_server_error();
    if refused && response.extensions().get::<Problem>().is_none() && !is_json(response.headers()) {
        response.extensions_mut().insert(Problem::of_status(status));
    }
    let mut problem = response.extensions_mut().remove::<Problem>();
    let code = problem.as_ref().map_or("", |problem| problem.code);
    // Before the first byte of the answer leaves.
    if let Err(unrecorded) = audit::record(app, facts, id, &method, status, code).await {
        // The body that stood here is dropped unread.
        response = axum::response::IntoResponse::into_response(unrecorded);
        problem = response.extensions_mut().remove::<Problem>();
    }
    let code = problem.as_ref().map_or("", |problem| problem.code);
    let id = id.text();
    if let Some(problem) = &problem {
        write_problem(&mut response, problem, &id, method == Method::HEAD);
    }
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(&id) {
        headers.insert(REQUEST_ID, value);
    }
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // No cache on the way may keep what the vault is to forget.
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));

    // Templates, never paths: a path names a person.
    let route = response.extensions().get::<Template>().map_or("", |template| template.0.as_str());
    app.metrics.answered(&method, route, response.status(), started.elapsed());
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

fn write_problem(response: &mut Response, problem: &Problem, id: &str, head: bool) {
    let body = problem.body(id);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(body.len()));
    *response.body_mut() = if head { Body::empty() } else { Body::from(body) };
}

/// Unique enough to find a line in a log.
pub(crate) struct RequestId(pub(crate) [u8; 8]);

impl RequestId {
    fn text(&self) -> String {
        data_encoding::HEXLOWER.encode(&self.0)
    }
}

fn request_id() -> RequestId {
    let mut bytes = [0u8; 8];
    // Without random bytes every request has the id 0, which is better than none served.
    let _zeros = getrandom::fill(&mut bytes);
    RequestId(bytes)
}
