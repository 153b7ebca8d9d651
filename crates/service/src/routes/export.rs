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
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use hyper::body::Frame;
use oubliette_store::{Language, Subject};
use serde::Deserialize;
use tokio::sync::mpsc;
use utoipa::IntoParams;

use crate::{
    extract::{Names, Params},
    problem::Problem,
    state::App,
};

/// Bytes handed over at once.
const PIECE: usize = 64 << 10;
/// How soon an export of somebody who was erased ends while its receiver is slow.
const NOTICE: Duration = Duration::from_millis(20);

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ExportParams {
    /// Language of the README, `en` or `zh`; both if absent.
    #[param(pattern = "^(en|zh)$")]
    lang: Option<String>,
}

/// Everything that is stored of the person: JSON, original bytes, a manifest of SHA-256, a README. Secrets of credentials are not in it.
#[utoipa::path(get, path = "/v1/subjects/{user}/export", tag = "subjects", params(ExportParams),
    responses((status = 200, description = "a ZIP, written while it is read", body = Vec<u8>, content_type = "application/zip")))]
pub(crate) async fn export(
    State(app): State<App>,
    Names(user): Names<String>,
    Params(params): Params<ExportParams>,
) -> Result<Response, Problem> {
    let language = match params.lang.as_deref() {
        None => Language::Both,
        Some(lang) => lang.parse().map_err(|_| Problem::invalid("lang", "must be `en` or `zh`"))?,
    };
    let permit = app.exports.clone().try_acquire_owned().map_err(|_| Problem::overloaded())?;
    let subject = app.with_subject(user, Ok).await?;
    let (pieces, from_task) = mpsc::channel(2);
    let idle = app.config.idle_timeout;
    tokio::task::spawn_blocking(move || {
        let mut to = Pieces { subject: subject.clone(), to: pieces, kept: Vec::with_capacity(PIECE), idle };
        let written = subject.export(&mut to, language);
        match written.map_err(io::Error::other).and_then(|_| io::Write::flush(&mut to)) {
            Ok(()) => {
                to.hand_over(Piece::End).ok();
            }
            Err(error) => tracing::warn!(%error, "an export broke off"),
        }
        drop(permit);
    });
    let headers = [
        (header::CONTENT_TYPE, "application/zip"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"export.zip\""),
        (header::CACHE_CONTROL, "no-store"),
    ];
    let body = Body::new(Streamed { from: from_task, ended: false });
    Ok((StatusCode::OK, headers, body).into_response())
}

enum Piece {
    Bytes(Bytes),
    /// Without it the body broke off, which no client takes for the end.
    End,
}

/// Where the archive is written to: a channel as short as the client is slow.
struct Pieces {
    subject: Subject,
    to: mpsc::Sender<Piece>,
    kept: Vec<u8>,
    idle: Duration,
}

impl Pieces {
    /// Waits for the client, and meanwhile looks whether the person is still there and the client still comes.
    fn hand_over(&self, mut piece: Piece) -> io::Result<()> {
        let deadline = Instant::now() + self.idle;
        loop {
            piece = match self.to.try_send(piece) {
                Ok(()) => return Ok(()),
                Err(mpsc::error::TrySendError::Closed(_)) => return Err(io::ErrorKind::BrokenPipe.into()),
                Err(mpsc::error::TrySendError::Full(piece)) => piece,
            };
            self.subject.check().map_err(io::Error::other)?;
            if Instant::now() >= deadline {
                return Err(io::ErrorKind::TimedOut.into());
            }
            std::thread::sleep(NOTICE);
        }
    }
}

impl io::Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE - self.kept.len());
        self.kept.extend_from_slice(bytes.get(..taken).unwrap_or_default());
        if self.kept.len() == PIECE {
            self.flush()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.kept.is_empty() {
            return Ok(());
        }
        let piece = std::mem::replace(&mut self.kept, Vec::with_capacity(PIECE));
        self.hand_over(Piece::Bytes(Bytes::from(piece)))
    }
}

struct Streamed {
    from: mpsc::Receiver<Piece>,
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
            Some(Piece::Bytes(bytes)) => Some(Ok(Frame::data(bytes))),
            Some(Piece::End) => {
                self.ended = true;
                None
            }
            None => {
                self.ended = true;
                Some(Err(io::Error::other("the export ended early")))
            }
        })
    }

    fn is_end_stream(&self) -> bool {
        self.ended
    }
}
