//! `Idempotency-Key`: a write that is sent again is answered again, and has no second effect.
//!
//! A layer around the routes of a person, inside the one that judges tokens. The answer of a write that was carried out is kept with the person, under
//! their keys, for one to two days (`oubliette_store::Once`); refusals are not kept, since they had no effect. A request is the same as an earlier one if
//! method, path, query, the headers that change what a write does, and the body are. Bodies are digested as they stream: nothing is held in memory for it.

use std::{
    collections::HashSet,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll, ready},
};

use axum::{
    body::{Body, Bytes},
    extract::{Request, State},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use http_body_util::BodyExt;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use oubliette_store::{Earlier, KeptAnswer, Once, Subject};
use sha2::{Digest, Sha256};

use crate::{
    audit::Facts,
    body,
    problem::Problem,
    state::{App, ONCE},
};

pub(crate) const HEADER: HeaderName = HeaderName::from_static("idempotency-key");
const REPLAYED: HeaderName = HeaderName::from_static("idempotency-replayed");
/// Headers that change what a write does.
const ASKED: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::IF_MATCH, header::IF_NONE_MATCH, HeaderName::from_static("x-save-meta")];
/// Headers of an answer that are repeated.
const ANSWERED: [HeaderName; 3] = [header::CONTENT_TYPE, header::ETAG, header::LOCATION];
/// No answer to a write is longer.
const MAX_ANSWER: usize = 1 << 20;

/// Whether a route takes keys: writes to a person's content. What answers with a secret takes none, since answers are kept.
pub(crate) fn taken_by(method: &Method, path: &str) -> bool {
    let write = [Method::PUT, Method::POST, Method::DELETE].contains(method);
    let secret = *method == Method::POST && (path.contains("/credentials/") || path.contains("/deletion"));
    write && path.starts_with("/v1/subjects/{user}") && !secret
}

/// Requests with a key that are being carried out.
#[derive(Default)]
pub(crate) struct UnderWay(Mutex<HashSet<(String, String)>>);

/// Takes a request out of the set when it ends, however it does.
struct Entered {
    app: App,
    name: (String, String),
}

impl Entered {
    fn new(app: &App, user: &str, key: &str) -> Option<Self> {
        let name = (user.to_owned(), key.to_owned());
        let mut set = app.same_keys.0.lock().unwrap_or_else(PoisonError::into_inner);
        set.insert(name.clone()).then(|| Self { app: app.clone(), name })
    }
}

impl Drop for Entered {
    fn drop(&mut self) {
        self.app.same_keys.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.name);
    }
}

/// Carries out a request with a key at most once; others pass.
pub(crate) async fn once(State(app): State<App>, request: Request, next: Next) -> Response {
    match answer(app, request, next).await {
        Ok(response) => response,
        Err(problem) => problem.into_response(),
    }
}

async fn answer(app: App, request: Request, next: Next) -> Result<Response, Problem> {
    let Some(key) = key(request.headers())? else { return Ok(next.run(request).await) };
    let facts = request.extensions().get::<Facts>().cloned().unwrap_or_default();
    let Some(user) = facts.keyed_subject() else {
        return Err(Problem::invalid(HEADER.as_str(), "this route takes no key; leave the header out"));
    };
    let once = Once::new(&user, &key, fingerprint(&request)).map_err(Problem::from)?;
    let _entered = Entered::new(&app, &user, &key).ok_or_else(in_progress)?;
    if let Some(earlier) = find(&app, &user, &once).await? {
        facts.note("repeated");
        return repeat(earlier, request, &app).await;
    }
    let (request, digest) = digesting(request);
    let response = ONCE.scope(once.clone(), next.run(request)).await;
    if !response.status().is_success() {
        return Ok(response);
    }
    keep(&app, &user, once, response, digest.finished()).await
}

/// The person may be about to be created.
async fn find(app: &App, user: &str, once: &Once) -> Result<Option<Earlier>, Problem> {
    let (user, once) = (user.to_owned(), once.clone());
    let found = app.with_subject(user, move |subject: Subject| subject.earlier(&once)).await;
    match found {
        // The handler answers as it does without a key.
        Err(problem) if ["subject_unknown", "subject_erased", "subject_blocked"].contains(&problem.code) => {
            Ok(None)
        }
        found => found,
    }
}

/// Answers a request whose key was used before.
async fn repeat(earlier: Earlier, request: Request, app: &App) -> Result<Response, Problem> {
    let kept = match earlier {
        Earlier::Other => return Err(mismatch()),
        Earlier::Interrupted => {
            return Err(Problem::new(
                StatusCode::CONFLICT,
                "idempotency_interrupted",
                "The answer was lost",
                "the request with this key was carried out before, and its answer was lost: read what is there, and use a new key for more",
            ));
        }
        Earlier::Answered(kept) => kept,
    };
    if let Some(expected) = kept.body_digest {
        let mut hasher = Sha256::new();
        let mut left = app.config.max_save;
        let mut body = request.into_body();
        while let Some(chunk) = body::next(&mut body, app.config.idle_timeout).await? {
            // More than any route takes was no body of an earlier request.
            left = left.checked_sub(chunk.len() as u64).ok_or_else(mismatch)?;
            hasher.update(&chunk);
        }
        if <[u8; 32]>::from(hasher.finalize()) != expected {
            return Err(mismatch());
        }
    }
    let mut response = Response::new(Body::from(kept.body));
    *response.status_mut() = StatusCode::from_u16(kept.status).unwrap_or(StatusCode::OK);
    for (name, value) in kept.headers {
        if let (Ok(name), Ok(value)) = (name.parse::<HeaderName>(), HeaderValue::from_str(&value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response.headers_mut().insert(REPLAYED, HeaderValue::from_static("true"));
    Ok(response)
}

/// Keeps an answer before it leaves. The request has taken effect: what cannot be kept is answered all the same, and a repetition is told so.
async fn keep(
    app: &App,
    user: &str,
    once: Once,
    response: Response,
    body_digest: Option<[u8; 32]>,
) -> Result<Response, Problem> {
    let (parts, body) = response.into_parts();
    let body = http_body_util::Limited::new(body, MAX_ANSWER)
        .collect()
        .await
        .map_err(|_| Problem::internal())?
        .to_bytes();
    let text = |name: &HeaderName| {
        let value = parts.headers.get(name)?.to_str().ok()?;
        Some((name.as_str().to_owned(), value.to_owned()))
    };
    let headers = ANSWERED.iter().filter_map(text).collect();
    let answer = KeptAnswer { body_digest, status: parts.status.as_u16(), headers, body: body.to_vec() };
    let user = user.to_owned();
    if let Err(problem) = app.with_subject(user, move |subject| subject.keep_answer(&once, &answer)).await {
        tracing::warn!(code = problem.code, "the answer to a request with a key was not kept");
    }
    Ok(Response::from_parts(parts, Body::from(body)))
}

fn key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(&HEADER).iter();
    let Some(value) = values.next() else { return Ok(None) };
    let visible = |key: &&str| key.bytes().all(|byte| (b' '..=b'~').contains(&byte));
    let sized = |key: &&str| !key.is_empty() && key.len() <= oubliette_store::MAX_ONCE_KEY;
    let key = value.to_str().ok().filter(sized).filter(visible);
    match (key, values.next()) {
        (Some(key), None) => Ok(Some(key.to_owned())),
        _ => Err(Problem::invalid(HEADER.as_str(), "must be one value of 1 to 255 visible ASCII characters")),
    }
}

/// What is asked for, apart from the body.
fn fingerprint(request: &Request) -> [u8; 32] {
    let mut hasher = Sha256::new();
    let mut add = |part: &[u8]| {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    };
    add(request.method().as_str().as_bytes());
    add(request.uri().path_and_query().map_or("", |path| path.as_str()).as_bytes());
    for name in ASKED {
        add(name.as_str().as_bytes());
        for value in request.headers().get_all(&name) {
            add(value.as_bytes());
        }
    }
    hasher.finalize().into()
}

fn mismatch() -> Problem {
    Problem::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "idempotency_mismatch",
        "The key was used for another request",
        "an earlier request had this Idempotency-Key and asked for something else; use a new key for each request",
    )
}

fn in_progress() -> Problem {
    Problem::new(
        StatusCode::CONFLICT,
        "idempotency_in_progress",
        "The same request is under way",
        "a request with this Idempotency-Key is being carried out; wait for its answer, or ask again after the time in Retry-After",
    )
    .with(header::RETRY_AFTER, HeaderValue::from_static("1"))
}

/// The digest of a body that somebody else reads.
struct Digesting(Arc<Mutex<(Sha256, bool)>>);

impl Digesting {
    /// `None` if the body was not read to its end: by a route that takes none.
    fn finished(&self) -> Option<[u8; 32]> {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.1.then(|| state.0.clone().finalize().into())
    }
}

fn digesting(request: Request) -> (Request, Digesting) {
    let (parts, body) = request.into_parts();
    // An empty body has ended before anybody reads it.
    let state = Arc::new(Mutex::new((Sha256::new(), body.is_end_stream())));
    let body = Body::new(Tee { body, state: Arc::clone(&state) });
    (Request::from_parts(parts, body), Digesting(state))
}

struct Tee {
    body: Body,
    state: Arc<Mutex<(Sha256, bool)>>,
}

impl HttpBody for Tee {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let frame = ready!(Pin::new(&mut self.body).poll_frame(context));
        let ended = frame.is_none() || self.body.is_end_stream();
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match &frame {
            Some(Ok(frame)) => {
                if let Some(data) = frame.data_ref() {
                    state.0.update(data);
                }
                state.1 |= ended;
            }
            Some(Err(_)) => state.1 = false,
            None => state.1 = true,
        }
        drop(state);
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
