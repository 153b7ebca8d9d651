//! Refuses what a request asks for and its route would not heed. A write that takes no notice of a precondition destroys what the client meant to
//! keep; one that takes a part for the whole, or compressed bytes for plain ones, stores something else than was sent.
//!
//! What a route heeds stands in the OpenAPI document.

use std::{
    collections::{HashMap, HashSet},
    sync::LazyLock,
};

use axum::{
    extract::{MatchedPath, Request},
    http::{HeaderName, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use utoipa::openapi::{
    RefOr,
    path::{Operation, ParameterIn},
};

use crate::{
    access::{ROUTES, Route},
    openapi,
    problem::Problem,
};

const CONDITIONS: [HeaderName; 3] = [header::IF_MATCH, header::IF_NONE_MATCH, header::IF_UNMODIFIED_SINCE];

/// What one operation heeds.
#[derive(Default)]
struct Heeded {
    query: bool,
    /// Names in lower case.
    headers: HashSet<String>,
}

/// By method and path.
static HEEDED: LazyLock<HashMap<(Method, &str), Heeded>> = LazyLock::new(|| {
    let mut document = openapi::document();
    let heeded = |route: &Route| {
        let operation = openapi::operation(document.paths.paths.get_mut(route.path)?, &route.method)?;
        Some(((route.method.clone(), route.path), Heeded::by(operation)))
    };
    ROUTES.iter().filter_map(heeded).collect()
});

impl Heeded {
    fn by(operation: &Operation) -> Self {
        let mut heeded = Self::default();
        for parameter in operation.parameters.iter().flatten() {
            let RefOr::T(parameter) = parameter else { continue };
            match parameter.parameter_in {
                ParameterIn::Query => heeded.query = true,
                ParameterIn::Header => _ = heeded.headers.insert(parameter.name.to_ascii_lowercase()),
                _ => {}
            }
        }
        heeded
    }
}

/// Passes on what the route will heed all of.
pub(crate) async fn refuse(request: Request, next: Next) -> Response {
    match refusal(&request) {
        Some(problem) => problem.into_response(),
        None => next.run(request).await,
    }
}

fn refusal(request: &Request) -> Option<Problem> {
    let path = request.extensions().get::<MatchedPath>()?.as_str();
    let reads = matches!(*request.method(), Method::GET | Method::HEAD);
    let method = if reads { Method::GET } else { request.method().clone() };
    let heeded = HEEDED.get(&(method, path)).filter(|_| path.starts_with("/v1/"))?;
    // With parameters of its own a route refuses others itself, and says which it knows.
    if let Some(query) = request.uri().query().filter(|query| !query.is_empty() && !heeded.query) {
        let key: String = query.split(['=', '&']).next().unwrap_or_default().chars().take(64).collect();
        return Some(Problem::invalid(key, "this route takes no parameters in its query"));
    }
    if reads {
        return None;
    }
    let headers = request.headers();
    if let Some(name) =
        CONDITIONS.iter().find(|name| headers.contains_key(*name) && !heeded.headers.contains(name.as_str()))
    {
        let reason =
            "this route takes no such precondition: nothing was done; leave the header out if that is meant";
        return Some(Problem::invalid(name.as_str(), reason));
    }
    if headers.contains_key(header::CONTENT_RANGE) {
        let reason = "a part cannot be written: nothing was stored; send the whole";
        return Some(Problem::invalid(header::CONTENT_RANGE.as_str(), reason));
    }
    let encoding = headers.get(header::CONTENT_ENCODING)?;
    (!encoding.as_bytes().eq_ignore_ascii_case(b"identity")).then(|| {
        Problem::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "unsupported_media_type",
            "Wrong content encoding",
            "nothing was stored: send the bytes without `Content-Encoding`; what is compressed already is a content type, such as application/gzip",
        )
    })
}
