//! Whatever else is recorded about a person, by purpose: JSON or bytes. Purposes are settings of the vault.

use std::io::Cursor;

use axum::{
    Json as Answer,
    body::Body,
    extract::{Request, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use oubliette_store::{RecordInfo, RecordOptions, VaultError};
use serde::Serialize;
use utoipa::ToSchema;

use super::{Erased, Paging, deleted};
use crate::{
    body,
    extract::{Names, Params},
    problem::Problem,
    state::App,
    stream, times,
};

/// Up to here a declared body is received before the vault is called, and so much is read before an answer starts.
const SMALL: u64 = 256 << 10;

/// A record, without its content.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordView {
    purpose: String,
    id: String,
    /// Grows with each value of the record.
    version: u64,
    /// Bytes.
    size: u64,
    /// RFC 3339, UTC.
    created: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
}

/// A page of records.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecordList {
    records: Vec<RecordView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

impl From<RecordInfo> for RecordView {
    fn from(info: RecordInfo) -> Self {
        Self {
            purpose: info.purpose,
            id: info.id,
            version: info.version,
            size: info.size,
            created: times::text(info.created),
            content_type: info.content_type,
        }
    }
}

/// Stores a record in place of what it was before. `Content-Type` is kept.
#[utoipa::path(put, path = "/v1/subjects/{user}/records/{purpose}/{id}", tag = "records",
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 201, description = "new record", body = RecordView),
              (status = 200, description = "new value", body = RecordView)))]
pub(crate) async fn put(
    State(app): State<App>,
    Names((user, purpose, id)): Names<(String, String, String)>,
    request: Request,
) -> Result<(StatusCode, Answer<RecordView>), Problem> {
    let content_type = request.headers().get(header::CONTENT_TYPE).map(|value| value.as_bytes().to_vec());
    let content_type = content_type
        .map(|bytes| String::from_utf8(bytes).map_err(|_| Problem::invalid("content-type", "not UTF-8")))
        .transpose()?;
    let options = RecordOptions { content_type, expected_len: body::content_length(&request) };
    let info = match options.expected_len {
        Some(length) if length <= SMALL => {
            let bytes = body::collect(request, SMALL as usize, app.config.idle_timeout).await?;
            app.with_subject(user, move |subject| {
                subject.records().put(&purpose, &id, &options, &mut Cursor::new(bytes.as_slice()))
            })
            .await?
        }
        _ => receive(&app, user, purpose, id, options, request).await?,
    };
    Ok((if info.new { StatusCode::CREATED } else { StatusCode::OK }, Answer(info.into())))
}

async fn receive(
    app: &App,
    user: String,
    purpose: String,
    id: String,
    options: RecordOptions,
    request: Request,
) -> Result<RecordInfo, Problem> {
    let _permit = app.uploads.try_acquire().map_err(|_| Problem::overloaded())?;
    // Asked before the body is touched: a client that sent `Expect: 100-continue` then never sends it in vain.
    let (who, what, asked) = (user.clone(), purpose.clone(), options.clone());
    app.with_subject(who, move |subject| subject.records().may_put(&what, &asked)).await?;
    // The vault knows the purpose's limit and counts.
    let (pump, mut reader) = body::stream(request.into_body(), u64::MAX, app.config.idle_timeout);
    let stored = app.run_now(move |vault| {
        let stored = vault.subject(&user)?.records().put(&purpose, &id, &options, &mut reader)?;
        Ok::<_, VaultError>(stored)
    });
    let (pumped, stored) = tokio::join!(pump.run(), stored);
    match (pumped, stored) {
        // The cause lies with the client; the vault only saw a body cut off.
        (Err(problem), Err(_)) => Err(problem),
        (_, stored) => stored,
    }
}

/// A record's bytes.
#[utoipa::path(get, path = "/v1/subjects/{user}/records/{purpose}/{id}", tag = "records",
    responses((status = 200, description = "all bytes", body = Vec<u8>, content_type = "application/octet-stream",
                    headers(("ETag" = String), ("X-Record-Created" = String)))))]
pub(crate) async fn get(
    State(app): State<App>,
    Names((user, purpose, id)): Names<(String, String, String)>,
) -> Result<Response, Problem> {
    let (reader, ahead, read) = app
        .with_subject(user, move |subject| {
            let mut reader = subject.records().get(&purpose, &id)?;
            let (mut ahead, mut read) = (Vec::new(), 0);
            while read < SMALL
                && let Some(chunk) = reader.next_chunk()?
            {
                read += chunk.len() as u64;
                ahead.push(chunk);
            }
            Ok((reader, ahead, read))
        })
        .await?;
    let size = reader.info().size;
    let headers = facts(reader.info());
    let body = if read == size {
        Body::from(ahead.concat())
    } else {
        stream::body(reader, ahead, size, app.config.idle_timeout)
    };
    Ok((headers, body).into_response())
}

fn facts(info: &RecordInfo) -> HeaderMap {
    let mut headers = HeaderMap::new();
    let mut set = |name: &'static str, value: &str| {
        // A stored value that no header can hold is left out; the list shows it.
        if let Ok(value) = HeaderValue::from_bytes(value.as_bytes()) {
            headers.insert(name, value);
        }
    };
    set("etag", &format!("\"{}\"", info.version));
    set("content-type", info.content_type.as_deref().unwrap_or("application/octet-stream"));
    set("x-record-created", &times::text(info.created));
    headers.insert(header::CONTENT_LENGTH, HeaderValue::from(info.size));
    headers
}

/// Forgets a record.
#[utoipa::path(delete, path = "/v1/subjects/{user}/records/{purpose}/{id}", tag = "records",
    responses((status = 200, body = Erased), (status = 202, description = "waits", body = Erased)))]
pub(crate) async fn delete(
    State(app): State<App>,
    Names((user, purpose, id)): Names<(String, String, String)>,
) -> Result<(StatusCode, Answer<Erased>), Problem> {
    let deletion = app.with_subject(user, move |subject| subject.records().forget(&purpose, &id)).await?;
    Ok(deleted(deletion))
}

/// The person's records of all purposes whose consent stands; those of one purpose newest first.
#[utoipa::path(get, path = "/v1/subjects/{user}/records", tag = "records", params(Paging),
    responses((status = 200, body = RecordList)))]
pub(crate) async fn list(
    State(app): State<App>,
    Names(user): Names<String>,
    Params(paging): Params<Paging>,
) -> Result<Answer<RecordList>, Problem> {
    page(&app, user, None, paging).await
}

/// The person's records of one purpose, newest first.
#[utoipa::path(get, path = "/v1/subjects/{user}/records/{purpose}", tag = "records", params(Paging),
    responses((status = 200, body = RecordList)))]
pub(crate) async fn list_of(
    State(app): State<App>,
    Names((user, purpose)): Names<(String, String)>,
    Params(paging): Params<Paging>,
) -> Result<Answer<RecordList>, Problem> {
    page(&app, user, Some(purpose), paging).await
}

async fn page(
    app: &App,
    user: String,
    purpose: Option<String>,
    paging: Paging,
) -> Result<Answer<RecordList>, Problem> {
    let page = paging.page()?;
    let listed =
        app.with_subject(user, move |subject| subject.records().list(purpose.as_deref(), &page)).await?;
    let records = listed.items.into_iter().map(Into::into).collect();
    Ok(Answer(RecordList { records, next_cursor: listed.next_cursor }))
}
