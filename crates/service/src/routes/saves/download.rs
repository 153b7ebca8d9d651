//! A save on its way out. What fits is read and verified before the first byte of the answer leaves, so that damage
//! is a problem document; the rest is read a chunk at a time as the client takes it.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::body::{Frame, SizeHint};
use oubliette_store::{SaveInfo, SaveReader, Subject, VaultError};

use super::{
    conditions::{Judged, judge, range_allowed},
    range::{Span, span},
};
use crate::{problem::Problem, state::App, stream, times};

/// Read before the answer starts.
const AHEAD: u64 = 256 << 10;

/// Headers alone.
pub(super) fn head(info: &SaveInfo, headers: &HeaderMap) -> Result<Response, Problem> {
    Ok(match judge(headers, info)? {
        Judged::NotModified => not_modified(info),
        Judged::Send => {
            (StatusCode::OK, facts(info, info.size), Body::new(Announced(info.size))).into_response()
        }
    })
}

/// The bytes of what `open` finds for this person, or the part asked for.
pub(super) async fn get(
    app: &App,
    user: String,
    open: impl FnOnce(Subject) -> Result<SaveReader, VaultError> + Send + 'static,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let opened = app
        .with_subject(user, move |subject| {
            let mut reader = open(subject)?;
            let plan = match plan(&headers, reader.info()) {
                Ok(plan) => plan,
                Err(answer) => return Ok(Err(answer)),
            };
            if let (StatusCode::PARTIAL_CONTENT, from, to) = plan {
                reader.range(from, to)?;
            }
            let mut ahead = Vec::new();
            let mut read = 0;
            while read < AHEAD
                && let Some(chunk) = reader.next_chunk()?
            {
                read += chunk.len() as u64;
                ahead.push(chunk);
            }
            Ok(Ok((reader, plan, ahead)))
        })
        .await?;
    let (reader, (status, from, to), ahead) = match opened {
        Ok(opened) => opened,
        Err(Refused::NotModified(info)) => return Ok(not_modified(&info)),
        Err(Refused::Problem(problem)) => return Err(problem),
    };
    let mut fields = facts(reader.info(), to - from);
    if status == StatusCode::PARTIAL_CONTENT
        && let Ok(value) = HeaderValue::from_str(&format!("bytes {from}-{}/{}", to - 1, reader.info().size))
    {
        fields.insert(header::CONTENT_RANGE, value);
    }
    let read: u64 = ahead.iter().map(|chunk| chunk.len() as u64).sum();
    let body = if read == to - from {
        Body::from(ahead.concat())
    } else {
        stream::body(reader, ahead, to - from, app.config.idle_timeout)
    };
    Ok((status, fields, body).into_response())
}

/// Why no bytes are sent.
enum Refused {
    NotModified(Box<SaveInfo>),
    Problem(Problem),
}

/// Status and span of an answer with bytes.
fn plan(headers: &HeaderMap, info: &SaveInfo) -> Result<(StatusCode, u64, u64), Refused> {
    if let Judged::NotModified = judge(headers, info).map_err(Refused::Problem)? {
        return Err(Refused::NotModified(Box::new(info.clone())));
    }
    let wanted = if range_allowed(headers, info) { span(headers, info.size) } else { Span::Whole };
    match wanted {
        Span::Whole => Ok((StatusCode::OK, 0, info.size)),
        Span::Part(from, to) => Ok((StatusCode::PARTIAL_CONTENT, from, to)),
        Span::Unsatisfiable => Err(Refused::Problem(Problem::range_unsatisfiable(info.size))),
    }
}

fn not_modified(info: &SaveInfo) -> Response {
    (StatusCode::NOT_MODIFIED, [(header::ETAG, info.etag())]).into_response()
}

/// The headers that describe a version.
fn facts(info: &SaveInfo, length: u64) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        // A stored value that no header can hold is left out; the list of versions shows it.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(name, value);
        }
    };
    set("etag", &info.etag());
    set("content-type", info.content_type.as_deref().unwrap_or("application/octet-stream"));
    set("accept-ranges", "bytes");
    set("x-save-created", &times::text(info.created));
    if let Some(meta) = &info.meta {
        set("x-save-meta", meta);
    }
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(length));
    headers
}

/// The body of an answer to HEAD: never sent, but its length is announced.
struct Announced(u64);

impl hyper::body::Body for Announced {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        Poll::Ready(None)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.0)
    }
}
