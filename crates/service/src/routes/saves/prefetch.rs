//! The newest versions of a game's slots in one answer.
//!
//! The body is `multipart/form-data`: what browsers, Node and Deno read with `Response.formData()`, and every other language has a reader for. One
//! part for each slot, with its length, so that it can be read as a stream; then a part `saves` in JSON that tells of all of them again. It comes last
//! and only when everything before it was sent: whoever has it has all.

use std::{
    pin::Pin,
    task::{Context, Poll},
};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::body::Frame;
use oubliette_store::{Page, SaveInfo, SaveReader, Saves, VaultError};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use super::{super::check_limit, SaveFacts};
use crate::{
    extract::{Names, Params, essence},
    problem::Problem,
    state::App,
    stream, times,
};

/// Slots in one answer, if not said.
const SLOTS: usize = 32;

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct PrefetchParams {
    /// Most slots in the answer, 1 to 1000; 32, if absent.
    #[param(minimum = 1, maximum = 1000)]
    limit: Option<usize>,
    /// `next_cursor` of the answer before.
    cursor: Option<String>,
}

/// The last part of the answer, named `saves`.
#[derive(Serialize, ToSchema)]
pub(crate) struct Prefetched {
    saves: Vec<PrefetchedSave>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_cursor: Option<String>,
}

/// One slot.
#[derive(Serialize, ToSchema)]
pub(crate) struct PrefetchedSave {
    /// The name of the part with the bytes.
    part: String,
    slot: String,
    #[serde(flatten)]
    facts: SaveFacts,
}

/// The newest version of each slot of a game, bytes included, as `multipart/form-data`. Each part has `Content-Length`, `Content-Type`, `ETag`,
/// `X-Save-Version`, `X-Save-Created`, `X-Save-Meta`, and the slot's name, percent-encoded, as its file name; the last part, `saves`,
/// tells of all of them in JSON (see `Prefetched`). An answer without it broke off.
#[utoipa::path(get, path = "/v1/subjects/{user}/saves/{game}", tag = "saves", params(PrefetchParams),
    responses((status = 200, description = "the slots, then `saves`", body = Prefetched, content_type = "multipart/form-data")))]
pub(crate) async fn get(
    State(app): State<App>,
    Names((user, game)): Names<(String, String)>,
    Params(params): Params<PrefetchParams>,
) -> Result<Response, Problem> {
    let limit = check_limit(params.limit)?.unwrap_or(SLOTS);
    let page = Page { limit: Some(limit), cursor: params.cursor };
    let (saves, slots) = app
        .with_subject(user, move |subject| {
            let saves = subject.saves();
            let slots = saves.list(Some(&game), &page)?;
            Ok((saves, slots))
        })
        .await?;
    let boundary = boundary()?;
    let content_type = HeaderValue::from_str(&format!("multipart/form-data; boundary={boundary}"))
        .map_err(|_| Problem::internal())?;
    let (chunks, from) = mpsc::channel(1);
    let sender = Sender { saves, boundary, to: chunks, idle: app.config.idle_timeout };
    let slots_named = slots.items.into_iter().map(|slot| slot.latest).collect();
    tokio::spawn(sender.send_all(slots_named, slots.next_cursor));
    let headers = [(header::CONTENT_TYPE, content_type)];
    Ok((StatusCode::OK, headers, Body::new(Parts { from, ended: false })).into_response())
}

/// Sends the parts as fast as the client takes them.
struct Sender {
    saves: Saves,
    boundary: String,
    to: mpsc::Sender<Option<Bytes>>,
    idle: std::time::Duration,
}

impl Sender {
    /// If anything goes wrong on the way the body breaks off, which no client takes for the end.
    async fn send_all(self, slots: Vec<SaveInfo>, next_cursor: Option<String>) {
        let mut sent = Vec::new();
        for slot in slots {
            let part = sent.len().to_string();
            match self.open(&slot).await {
                // Forgotten since it was listed.
                Ok(None) => {}
                Ok(Some(reader)) => {
                    let facts = SaveFacts::from(reader.info());
                    let head = self.head(&part, reader.info());
                    if !self.part(reader, head).await {
                        return;
                    }
                    sent.push(PrefetchedSave { part, slot: slot.slot.clone(), facts });
                }
                Err(error) => {
                    tracing::warn!(%error, "a prefetch broke off");
                    return;
                }
            }
        }
        let Ok(json) = serde_json::to_string(&Prefetched { saves: sent, next_cursor }) else { return };
        let last = format!(
            "--{0}\r\nContent-Disposition: form-data; name=\"saves\"\r\nContent-Type: application/json\r\n\
             Content-Length: {1}\r\n\r\n{json}\r\n--{0}--\r\n",
            self.boundary,
            json.len()
        );
        for piece in [Some(Bytes::from(last)), None] {
            let _ = tokio::time::timeout(self.idle, self.to.send(piece)).await;
        }
    }

    /// The newest version now: what was listed may have been replaced.
    async fn open(&self, slot: &SaveInfo) -> Result<Option<SaveReader>, VaultError> {
        let (saves, game, slot) = (self.saves.clone(), slot.game.clone(), slot.slot.clone());
        match tokio::task::spawn_blocking(move || saves.get(&game, &slot, None)).await {
            Ok(Ok(reader)) => Ok(Some(reader)),
            Ok(Err(VaultError::NotFound { .. } | VaultError::Forgotten)) => Ok(None),
            Ok(Err(error)) => Err(error),
            Err(_panicked) => Ok(None),
        }
    }

    /// False if the client went away, stood still too long, or the content was forgotten.
    async fn part(&self, reader: SaveReader, head: Vec<u8>) -> bool {
        let (pieces, mut from) = mpsc::channel(1);
        let length = reader.info().size;
        let feeding = tokio::spawn(stream::feed(reader, vec![head.clone()], pieces, self.idle));
        let mut left = length + head.len() as u64;
        while left > 0 {
            let Some(piece) = from.recv().await else { return false };
            left = left.saturating_sub(piece.len() as u64);
            // The feeder looks after cancellation: it stops when this side of its channel is gone or slow.
            if !matches!(tokio::time::timeout(self.idle, self.to.send(Some(piece))).await, Ok(Ok(()))) {
                return false;
            }
        }
        // Only when the key is let go does the next part begin.
        drop(from);
        let _ = feeding.await;
        self.to.send(Some(Bytes::from_static(b"\r\n"))).await.is_ok()
    }

    /// The lines above a part's bytes.
    fn head(&self, part: &str, info: &SaveInfo) -> Vec<u8> {
        let name = utf8_percent_encode(&info.slot, NON_ALPHANUMERIC);
        let mut head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{part}\"; filename=\"{name}\"\r\n",
            self.boundary
        );
        // What readers would look into as parts of this answer is theirs alone to open; the last part tells its type.
        let content_type = info.content_type.as_deref().filter(|own| !is_of_parts(own));
        let content_type = content_type.unwrap_or("application/octet-stream");
        let (length, version) = (info.size.to_string(), info.version.to_string());
        let (etag, created) = (info.etag(), times::text(info.created));
        let fields = [
            ("Content-Type", Some(content_type)),
            ("Content-Length", Some(length.as_str())),
            ("ETag", Some(etag.as_str())),
            ("X-Save-Version", Some(version.as_str())),
            ("X-Save-Created", Some(created.as_str())),
            ("X-Save-Meta", info.meta.as_deref()),
        ];
        for (name, value) in fields {
            // A stored value that no header can hold is left out; the last part tells it.
            if let Some(value) = value.filter(|value| HeaderValue::from_bytes(value.as_bytes()).is_ok()) {
                head.push_str(&format!("{name}: {value}\r\n"));
            }
        }
        head.push_str("\r\n");
        head.into_bytes()
    }
}

/// Longer than anything that stands in a save by chance: 160 bits.
fn boundary() -> Result<String, Problem> {
    let mut bytes = [0; 20];
    getrandom::fill(&mut bytes).map_err(|_| Problem::internal())?;
    Ok(format!("oubliette-{}", data_encoding::HEXLOWER.encode(&bytes)))
}

/// A body that ends with `None`, or in an error.
struct Parts {
    from: mpsc::Receiver<Option<Bytes>>,
    ended: bool,
}

impl hyper::body::Body for Parts {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.from.poll_recv(cx).map(|piece| match piece {
            Some(Some(piece)) => Some(Ok(Frame::data(piece))),
            Some(None) => {
                self.ended = true;
                None
            }
            None => Some(Err(std::io::Error::other("the content ended early"))),
        })
    }
}

/// Whether readers of a multipart answer take bytes of this type apart.
fn is_of_parts(content_type: &str) -> bool {
    let essence = essence(content_type);
    essence.starts_with("multipart/") || essence.starts_with("message/")
}
