//! Request bodies: small ones collected under a limit, large ones handed to a blocking reader through a bounded channel.

use std::{
    io::{self, Read},
    time::Duration,
};

use axum::{
    body::{Body, Bytes},
    extract::Request,
    http::header,
};
use http_body_util::BodyExt;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::problem::Problem;

/// Chunks in flight between socket and vault: with hyper's buffers well under a MiB a request.
const CHUNKS: usize = 4;

/// The whole body, if it has at most `limit` bytes and keeps coming; wiped on drop.
pub(crate) async fn collect(
    request: Request,
    limit: usize,
    idle: Duration,
) -> Result<Zeroizing<Vec<u8>>, Problem> {
    let expected = content_length(&request).unwrap_or(0);
    if expected > limit as u64 {
        return Err(Problem::too_large("the body of this request", limit as u64));
    }
    let mut body = request.into_body();
    // The room is taken at once: growing would leave copies behind, and a body may hold a password.
    let mut bytes = Zeroizing::new(Vec::with_capacity(expected as usize));
    while let Some(chunk) = next(&mut body, idle).await? {
        if bytes.len() + chunk.len() > limit {
            return Err(Problem::too_large("the body of this request", limit as u64));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// The declared length of the body.
pub(crate) fn content_length(request: &Request) -> Option<u64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Splits a body into a pump for the async side and a reader for the blocking side. The reader ends cleanly only
/// after the pump saw the body's true end: an abort, a timeout, more than `limit` bytes or a dropped pump reads as an error.
pub(crate) fn stream(body: Body, limit: u64, idle: Duration) -> (Pump, BodyReader) {
    let (to, from) = mpsc::channel(CHUNKS);
    (Pump { body, limit, idle, to }, BodyReader { from, chunk: Bytes::new(), ended: false })
}

pub(crate) struct Pump {
    body: Body,
    limit: u64,
    idle: Duration,
    to: mpsc::Sender<Option<Bytes>>,
}

impl Pump {
    /// Moves chunks until the body ends or the reader has gone. An error is the client's.
    pub(crate) async fn run(mut self) -> Result<(), Problem> {
        let mut left = self.limit;
        loop {
            let chunk = tokio::select! {
                // The reader has gone: the vault refused. Many clients read the refusal only after they sent all.
                () = self.to.closed() => break,
                chunk = next(&mut self.body, self.idle) => chunk?,
            };
            let last = chunk.is_none();
            left = left
                .checked_sub(chunk.as_ref().map_or(0, |bytes| bytes.len() as u64))
                .ok_or_else(|| Problem::too_large("a save", self.limit))?;
            match self.to.send(chunk).await {
                Ok(()) if !last => {}
                Ok(()) => return Ok(()),
                Err(_reader_gone) => break,
            }
        }
        drain(&mut self.body).await;
        Ok(())
    }
}

/// Takes a little more of a body that nobody wants: a connection closed under a client that still sends would cost it
/// the answer.
async fn drain(body: &mut Body) {
    const BYTES: usize = 32 << 20;
    const TIME: Duration = Duration::from_secs(2);
    let mut taken = 0;
    let take = async {
        while taken < BYTES
            && let Ok(Some(chunk)) = next(body, TIME).await
        {
            taken += chunk.len();
        }
    };
    // Enough is enough, whichever limit came first.
    let _ = tokio::time::timeout(TIME, take).await;
}

/// A blocking `Read` over the pump's chunks.
pub(crate) struct BodyReader {
    from: mpsc::Receiver<Option<Bytes>>,
    chunk: Bytes,
    ended: bool,
}

impl Read for BodyReader {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.chunk.is_empty() && !self.ended {
            match self.from.blocking_recv() {
                Some(Some(chunk)) => self.chunk = chunk,
                Some(None) => self.ended = true,
                None => return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the upload was cut off")),
            }
        }
        let n = self.chunk.len().min(into.len());
        let taken = self.chunk.split_to(n);
        into.get_mut(..n).unwrap_or_default().copy_from_slice(&taken);
        Ok(n)
    }
}

/// The body's next data, skipping trailers; `None` at its end.
pub(crate) async fn next(body: &mut Body, idle: Duration) -> Result<Option<Bytes>, Problem> {
    loop {
        match tokio::time::timeout(idle, body.frame()).await {
            Err(_) => return Err(Problem::body_timeout()),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_))) => {
                return Err(Problem::from(oubliette_store::VaultError::Upload(
                    io::ErrorKind::UnexpectedEof.into(),
                )));
            }
            Ok(Some(Ok(frame))) => {
                if let Ok(data) = frame.into_data()
                    && !data.is_empty()
                {
                    return Ok(Some(data));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        pin::Pin,
        task::{Context, Poll},
    };

    use hyper::body::Frame;

    use super::*;

    async fn pumped(body: Body, idle: Duration) -> (Result<(), Problem>, io::Result<Vec<u8>>) {
        let (pump, mut reader) = stream(body, 1 << 20, idle);
        let read = tokio::task::spawn_blocking(move || {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes).map(|_| bytes)
        });
        (pump.run().await, read.await.unwrap())
    }

    #[tokio::test]
    async fn a_whole_body_arrives() {
        let bytes: Vec<u8> = (0..1_000_000u32).map(|n| n as u8).collect();
        let (pump, read) = pumped(Body::from(bytes.clone()), Duration::from_secs(5)).await;
        assert!(pump.is_ok());
        assert_eq!(read.unwrap(), bytes);
    }

    #[tokio::test]
    async fn a_broken_body_never_ends_cleanly() {
        let frames = vec![Ok(Bytes::from_static(b"half")), Err(io::Error::other("reset"))];
        let body = Body::new(Frames(frames.into_iter(), false));
        let (pump, read) = pumped(body, Duration::from_secs(5)).await;
        assert_eq!(pump.unwrap_err().code, "truncated_upload");
        assert_eq!(read.unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[tokio::test]
    async fn more_than_the_limit_is_refused() {
        let (pump, read) = pumped(Body::from(vec![0; (1 << 20) + 1]), Duration::from_secs(5)).await;
        assert_eq!(pump.unwrap_err().code, "too_large");
        assert!(read.is_err());
    }

    #[tokio::test]
    async fn a_stalled_body_times_out() {
        let body = Body::new(Frames(vec![Ok(Bytes::from_static(b"half"))].into_iter(), true));
        let (pump, read) = pumped(body, Duration::from_millis(20)).await;
        assert_eq!(pump.unwrap_err().code, "timeout");
        assert!(read.is_err());
    }

    /// Yields its frames, then ends or stalls.
    struct Frames(std::vec::IntoIter<io::Result<Bytes>>, bool);

    impl hyper::body::Body for Frames {
        type Data = Bytes;
        type Error = io::Error;
        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<io::Result<Frame<Bytes>>>> {
            match self.0.next() {
                None if self.1 => Poll::Pending,
                next => Poll::Ready(next.map(|bytes| bytes.map(Frame::data))),
            }
        }
    }
}
