//! Everything the vault holds of a person, streamed to them as a ZIP.

use std::{
    io,
    pin::Pin,
    task::{Context, Poll},
    time::{Duration, Instant},
};

use axum::{
    body::{Body, Bytes},
    extract::State,
    http::{Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::body::Frame;
use oubliette_store::{ExportOptions, ExportWatch, Language};
use serde::Deserialize;
use tokio::{runtime::Handle, sync::mpsc};
use utoipa::IntoParams;

use crate::{
    extract::{Names, Params},
    problem::Problem,
    state::App,
};

/// Bytes handed over at once.
const PIECE: usize = 64 << 10;
/// How soon an export ends whose content is being forgotten while its receiver is slow: the deletion waits for it.
const NOTICE: Duration = Duration::from_millis(20);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// Language of the README, `en` or `zh`; both if absent.
    #[param(pattern = "^(en|zh)$")]
    lang: Option<String>,
    /// Where the caller takes it to; the vault's own region if absent. Another one needs the person's consent `cross_border`.
    #[param(min_length = 1, max_length = 64)]
    region: Option<String>,
}

/// Everything that is stored of the person: JSON, original bytes, a manifest of SHA-256, a README. Secrets of credentials are not in it. An answer that
/// broke off has no manifest and is no ZIP: something of what was being sent was forgotten or is damaged, or the receiver stood still.
#[utoipa::path(get, path = "/v1/subjects/{user}/export", tag = "subjects", params(ExportParams),
    responses((status = 200, description = "a ZIP, written while it is read", body = Vec<u8>, content_type = "application/zip")))]
pub(crate) async fn export(
    State(app): State<App>,
    method: Method,
    Names(user): Names<String>,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    let language = match params.lang.as_deref() {
        None => Language::Both,
        Some(lang) => lang.parse().map_err(|_| Problem::invalid("lang", "must be `en` or `zh`"))?,
    };
    let options = ExportOptions { language, region: params.region };
    let permit = app.exports.clone().try_acquire_owned().map_err(|_| Problem::overloaded())?;
    let export = app.with_subject(user, move |subject| subject.export(&options)).await?;
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"export.zip\""),
    ];
    if method == Method::HEAD {
        return Ok((StatusCode::OK, headers).into_response());
    }
    let (pieces, from) = mpsc::channel(1);
    let (watch, idle, runtime) = (export.watch(), app.config.idle_timeout, Handle::current());
    let body = Body::new(Streamed { from, watch: watch.clone(), ended: false });
    tokio::task::spawn_blocking(move || {
        let mut to = Pieces { watch, to: pieces, kept: Vec::with_capacity(PIECE), idle, runtime };
        match export.write(&mut to) {
            Ok(_) => {
                to.hand_over(Piece::End).ok();
            }
            Err(error) => {
                app.look_at(&error);
                tracing::warn!(%error, "an export broke off");
            }
        }
        drop(permit);
    });
    Ok((StatusCode::OK, headers, body).into_response())
}

enum Piece {
    Bytes(Bytes),
    /// Without it the body broke off, which no client takes for the end.
    End,
}

/// Where the archive is written to: a channel as short as the client is slow.
struct Pieces {
    watch: ExportWatch,
    to: mpsc::Sender<Piece>,
    kept: Vec<u8>,
    idle: Duration,
    runtime: Handle,
}

impl Pieces {
    /// A place in the channel, which has one: whatever was put there before has been taken. Waits for the client, and looks meanwhile whether what
    /// is being sent still stands.
    fn place(&self) -> io::Result<mpsc::Permit<'_, Piece>> {
        let deadline = Instant::now() + self.idle;
        loop {
            let place = async { tokio::time::timeout(NOTICE, self.to.reserve()).await };
            match self.runtime.block_on(place) {
                Ok(place) => return place.map_err(|_| io::ErrorKind::BrokenPipe.into()),
                Err(_) if self.watch.cancelled() => return Err(io::Error::other("forgotten meanwhile")),
                Err(_) if Instant::now() >= deadline => return Err(io::ErrorKind::TimedOut.into()),
                Err(_) => {}
            }
        }
    }

    fn hand_over(&self, piece: Piece) -> io::Result<()> {
        self.place()?.send(piece);
        Ok(())
    }
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.kept.len());
        self.kept.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.kept.len() == PIECE {
            let piece = std::mem::replace(&mut self.kept, Vec::with_capacity(PIECE));
            self.hand_over(Piece::Bytes(Bytes::from(piece)))?;
        }
        Ok(taken)
    }

    /// Returns when the connection has taken everything: the key of what was sent is given back after it.
    fn flush(&mut self) -> io::Result<()> {
        if !self.kept.is_empty() {
            let piece = std::mem::take(&mut self.kept);
            self.hand_over(Piece::Bytes(Bytes::from(piece)))?;
        }
        self.place().map(drop)
    }
}

struct Streamed {
    from: mpsc::Receiver<Piece>,
    watch: ExportWatch,
    ended: bool,
}

impl hyper::body::Body for Streamed {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<io::Result<Frame<Bytes>>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        self.from.poll_recv(cx).map(|piece| match piece {
            // Nothing that waited here leaves once it is forgotten.
            Some(Piece::Bytes(bytes)) if !self.watch.cancelled() => Some(Ok(Frame::data(bytes))),
            Some(Piece::End) => {
                self.ended = true;
                None
            }
            Some(Piece::Bytes(_)) | None => {
                self.ended = true;
                Some(Err(io::Error::other("the export ended early")))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
