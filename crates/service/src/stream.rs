//! Stored content on its way out, larger than what is read ahead: a chunk at a time as the client takes it.

use std::{
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use axum::body::{Body, Bytes};
use hyper::body::{Frame, SizeHint};
use oubliette_store::{RecordReader, SaveReader, VaultError};
use tokio::sync::mpsc;

/// How soon a reader whose content was forgotten is let go while its client is slow: the erasure waits for it.
const NOTICE: Duration = Duration::from_millis(20);

/// Verified plaintext in pieces.
pub(crate) trait Source: Send + Sync + 'static {
    /// The next piece; `None` at the end.
    fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, VaultError>;
    /// True once the content was forgotten.
    fn cancelled(&self) -> bool;
}

impl Source for SaveReader {
    fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, VaultError> {
        SaveReader::next_chunk(self)
    }
    fn cancelled(&self) -> bool {
        SaveReader::cancelled(self)
    }
}

impl Source for RecordReader {
    fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, VaultError> {
        RecordReader::next_chunk(self)
    }
    fn cancelled(&self) -> bool {
        RecordReader::cancelled(self)
    }
}

/// A body of exactly `length` bytes: what was read ahead, then what the source still has.
pub(crate) fn body(reader: impl Source, ahead: Vec<Vec<u8>>, length: u64, idle: Duration) -> Body {
    let (chunks, from_task) = mpsc::channel(1);
    tokio::spawn(feed(reader, ahead, chunks, idle));
    Body::new(Chunks { from: from_task, left: length })
}

/// Reads on as fast as the client takes it. Ends, and lets the key go, when the client went away, stands still too
/// long, or the content is forgotten: the body then breaks off, which no client takes for the end.
pub(crate) async fn feed(
    mut reader: impl Source,
    ahead: Vec<Vec<u8>>,
    to: mpsc::Sender<Bytes>,
    idle: Duration,
) {
    for chunk in ahead {
        if !hand_over(&reader, chunk, &to, idle).await {
            return;
        }
    }
    loop {
        let read = tokio::task::spawn_blocking(move || {
            let chunk = reader.next_chunk();
            (reader, chunk)
        });
        let Ok((returned, chunk)) = read.await else { return };
        reader = returned;
        match chunk {
            Ok(Some(chunk)) => {
                if !hand_over(&reader, chunk, &to, idle).await {
                    return;
                }
            }
            Ok(None) => return,
            Err(error) => {
                tracing::warn!(%error, "a download broke off");
                return;
            }
        }
    }
}

/// Waits for the client to take a chunk, looking meanwhile whether the content still stands.
async fn hand_over(reader: &impl Source, chunk: Vec<u8>, to: &mpsc::Sender<Bytes>, idle: Duration) -> bool {
    let deadline = tokio::time::Instant::now() + idle;
    loop {
        match tokio::time::timeout(NOTICE, to.reserve()).await {
            Ok(Ok(place)) => {
                place.send(Bytes::from(chunk));
                return true;
            }
            Ok(Err(_client_gone)) => return false,
            Err(_) if reader.cancelled() || tokio::time::Instant::now() >= deadline => return false,
            Err(_) => {}
        }
    }
}

/// A body that is exactly `left` bytes long or an error.
struct Chunks {
    from: mpsc::Receiver<Bytes>,
    left: u64,
}

impl hyper::body::Body for Chunks {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<std::io::Result<Frame<Bytes>>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        self.from.poll_recv(cx).map(|chunk| match chunk {
            Some(chunk) => {
                self.left = self.left.saturating_sub(chunk.len() as u64);
                Some(Ok(Frame::data(chunk)))
            }
            None => Some(Err(std::io::Error::other("the content ended early"))),
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
