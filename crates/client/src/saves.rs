//! Saves, streamed.

use std::io::{self, Read};

use ureq::{
    Body, BodyReader, SendBody,
    http::{HeaderMap, Method, Response, StatusCode, header, request::Builder},
};

use crate::{
    error::ClientError,
    http::{Client, json, path, with_query},
    types::{Deletion, Listed, SaveFacts, SaveStored, Slot},
};

/// Past this the service is asked before the bytes are sent: it refuses larger saves before it takes them, and whoever sends on meanwhile may lose the
/// answer with the connection.
pub(crate) const ASK_FIRST: u64 = 256 << 10;

/// How a save is stored.
#[derive(Debug, Clone, Default)]
pub struct SaveOptions {
    /// Only over this version: an ETag as answered (`"3-9f1c"`), with its quotes.
    pub if_match: Option<String>,
    /// Only into a new slot.
    pub only_new: bool,
    /// Kept with the save.
    pub content_type: Option<String>,
    /// JSON, at most 4 KiB, kept with the save.
    pub meta: Option<String>,
    /// How many bytes will come, if known: the service then knows a whole upload from a broken one early.
    pub length: Option<u64>,
}

/// What of a save is read.
#[derive(Debug, Clone, Default)]
pub struct SaveRead {
    /// This version, not the newest.
    pub version: Option<u64>,
    /// The bytes `from..to`; without `to`, to the end.
    pub range: Option<(u64, Option<u64>)>,
    /// An ETag; if it is still the newest, no bytes are sent.
    pub if_none_match: Option<String>,
}

/// A save on its way; read it to its end.
pub struct SaveBody {
    /// The version's ETag.
    pub etag: String,
    /// Bytes that will come.
    pub length: u64,
    /// As stored.
    pub content_type: Option<String>,
    /// `X-Save-Meta`.
    pub meta: Option<String>,
    reader: BodyReader<'static>,
}

impl Read for SaveBody {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into)
    }
}

impl std::fmt::Debug for SaveBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SaveBody").field("length", &self.length).finish_non_exhaustive()
    }
}

impl Client {
    /// Stores a new version of a save.
    pub fn put_save(
        &self,
        user: &str,
        game: &str,
        slot: &str,
        content: &mut dyn Read,
        options: &SaveOptions,
    ) -> Result<SaveStored, ClientError> {
        let mut request = self.request(Method::PUT, &path(&["subjects", user, "saves", game, slot]));
        request = optional(request, header::IF_MATCH.as_str(), options.if_match.as_deref());
        request = optional(request, header::IF_NONE_MATCH.as_str(), options.only_new.then_some("*"));
        request = optional(request, "x-save-meta", options.meta.as_deref());
        let content_type = options.content_type.as_deref().unwrap_or("application/octet-stream");
        request = request.header(header::CONTENT_TYPE, content_type);
        if let Some(length) = options.length {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        if options.length.is_none_or(|length| length >= ASK_FIRST) {
            request = request.header(header::EXPECT, "100-continue");
        }
        let mut failed = None;
        let mut content = Noting { content, left: options.length, failed: &mut failed };
        let sent = self.send(request, SendBody::from_reader(&mut content));
        if let Some(error) = failed {
            return Err(ClientError::Content(error));
        }
        let response = sent?;
        let new_slot = response.status() == StatusCode::CREATED;
        let etag = text(response.headers(), header::ETAG.as_str()).unwrap_or_default();
        let stored: SaveStored = json(response)?;
        Ok(SaveStored { etag, new_slot, ..stored })
    }

    /// Opens a save; `None` if it is still the one named by `if_none_match`.
    pub fn save(
        &self,
        user: &str,
        game: &str,
        slot: &str,
        read: &SaveRead,
    ) -> Result<Option<SaveBody>, ClientError> {
        self.open_save(&versioned(user, game, slot, read.version), read)
    }

    /// Opens what this path leads to.
    pub(crate) fn open_save(&self, path: &str, read: &SaveRead) -> Result<Option<SaveBody>, ClientError> {
        let mut request = self.request(Method::GET, path);
        request = optional(request, header::IF_NONE_MATCH.as_str(), read.if_none_match.as_deref());
        if let Some((from, to)) = read.range {
            let last = to.map(|to| to.saturating_sub(1).to_string()).unwrap_or_default();
            request = request.header(header::RANGE, format!("bytes={from}-{last}"));
        }
        let response = self.send(request, ())?;
        if response.status() == StatusCode::NOT_MODIFIED {
            return Ok(None);
        }
        Ok(Some(SaveBody {
            etag: text(response.headers(), header::ETAG.as_str()).unwrap_or_default(),
            length: length(&response)?,
            content_type: text(response.headers(), header::CONTENT_TYPE.as_str()),
            meta: text(response.headers(), "x-save-meta"),
            reader: response.into_body().into_with_config().limit(u64::MAX).reader(),
        }))
    }

    /// ETag and bytes of a save, without reading it.
    pub fn head_save(
        &self,
        user: &str,
        game: &str,
        slot: &str,
        version: Option<u64>,
    ) -> Result<(String, u64), ClientError> {
        let response = self.send(self.request(Method::HEAD, &versioned(user, game, slot, version)), ())?;
        let etag = text(response.headers(), header::ETAG.as_str()).unwrap_or_default();
        Ok((etag, length(&response)?))
    }

    /// Forgets a slot with all its versions, or one version.
    pub fn forget_save(
        &self,
        user: &str,
        game: &str,
        slot: &str,
        version: Option<u64>,
    ) -> Result<Deletion, ClientError> {
        self.delete(&versioned(user, game, slot, version))
    }

    /// A person's slots, of one game or all.
    pub fn saves(
        &self,
        user: &str,
        game: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Listed<Slot>, ClientError> {
        #[derive(serde::Deserialize)]
        struct Page {
            saves: Vec<Slot>,
            next_cursor: Option<String>,
        }
        let query = [("game", game.map(str::to_owned)), ("cursor", cursor.map(str::to_owned))];
        let page: Page = self.call(Method::GET, &with_query(path(&["subjects", user, "saves"]), &query))?;
        Ok(Listed { items: page.saves, next_cursor: page.next_cursor })
    }

    /// A slot's versions, newest first.
    pub fn versions(
        &self,
        user: &str,
        game: &str,
        slot: &str,
        cursor: Option<&str>,
    ) -> Result<Listed<SaveFacts>, ClientError> {
        #[derive(serde::Deserialize)]
        struct Page {
            versions: Vec<SaveFacts>,
            next_cursor: Option<String>,
        }
        let path = path(&["subjects", user, "saves", game, slot, "versions"]);
        let page: Page =
            self.call(Method::GET, &with_query(path, &[("cursor", cursor.map(str::to_owned))]))?;
        Ok(Listed { items: page.versions, next_cursor: page.next_cursor })
    }
}

fn versioned(user: &str, game: &str, slot: &str, version: Option<u64>) -> String {
    with_query(path(&["subjects", user, "saves", game, slot]), &[("version", version.map(|v| v.to_string()))])
}

fn optional(request: Builder, name: &str, value: Option<&str>) -> Builder {
    match value {
        Some(value) => request.header(name, value),
        None => request,
    }
}

pub(crate) fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    std::str::from_utf8(headers.get(name)?.as_bytes()).ok().map(str::to_owned)
}

pub(crate) fn length(response: &Response<Body>) -> Result<u64, ClientError> {
    text(response.headers(), header::CONTENT_LENGTH.as_str())
        .and_then(|text| text.parse().ok())
        .ok_or_else(|| ClientError::Answer("no Content-Length".to_owned()))
}

/// Tells a failure of the caller's reader from one of the connection. A reader that gives fewer or more bytes than were announced has
/// failed, too: of one that ends early the connection would go on asking for the rest, of one that does not end it would drop it.
pub(crate) struct Noting<'a> {
    pub(crate) content: &'a mut dyn Read,
    /// Bytes that must still come, if their number was announced.
    pub(crate) left: Option<u64>,
    pub(crate) failed: &'a mut Option<io::Error>,
}

impl Noting<'_> {
    fn checked(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.left else { return self.content.read(into) };
        let most = usize::try_from(left).unwrap_or(usize::MAX).min(into.len());
        let Some(into) = into.get_mut(..most).filter(|into| !into.is_empty()) else { return Ok(0) };
        let read = self.content.read(into)?;
        let left = left.saturating_sub(read as u64);
        if read == 0 {
            return Err(io::Error::new(
                io::ErrorKind::UnexpectedEof,
                format!("the content ended {left} bytes short of the length that was announced"),
            ));
        }
        // Before the last bytes go out: then nothing is stored.
        if left == 0 && more_follows(self.content)? {
            return Err(io::Error::new(
                io::ErrorKind::InvalidData,
                "the content is longer than the length that was announced",
            ));
        }
        self.left = Some(left);
        Ok(read)
    }
}

/// Whether a reader has anything left.
fn more_follows(content: &mut dyn Read) -> io::Result<bool> {
    loop {
        match content.read(&mut [0]) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            read => return Ok(read? > 0),
        }
    }
}

impl Read for Noting<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.checked(into).map_err(|error| {
            let kind = error.kind();
            if kind != io::ErrorKind::Interrupted {
                *self.failed = Some(error);
            }
            kind.into()
        })
    }
}

#[cfg(test)]
mod tests {
    use std::{net::TcpListener, thread};

    use super::*;

    /// Sends `content` with an announced length to somebody who reads until the connection ends and answers nothing.
    fn send(content: &[u8], length: u64) -> (Result<SaveStored, ClientError>, Vec<u8>) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let reads = thread::spawn(move || {
            let (mut connection, _) = listener.accept().unwrap();
            let mut received = Vec::new();
            // A connection that is torn down is an end as well.
            let _ = connection.read_to_end(&mut received);
            received
        });
        let options = SaveOptions { length: Some(length), ..SaveOptions::default() };
        let client = Client::new(&format!("http://{address}"), "t").unwrap();
        let sent = client.put_save("u", "g", "s", &mut &*content, &options);
        drop(client);
        (sent, reads.join().unwrap())
    }

    /// The client asked such a reader for the missing bytes for ever.
    #[test]
    fn a_reader_that_ends_early_is_an_error() {
        for (content, length) in [(&b""[..], 1), (b"four", 5), (b"four", 1 << 19)] {
            let (sent, _) = send(content, length);
            let Err(ClientError::Content(error)) = sent else { panic!("{sent:?}") };
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof);
            assert!(error.to_string().contains("short of the length"), "{error}");
        }
    }

    #[test]
    fn a_reader_that_goes_on_is_an_error_before_its_last_announced_byte_is_sent() {
        let (sent, received) = send(b"123456", 5);
        let Err(ClientError::Content(error)) = sent else { panic!("{sent:?}") };
        assert!(error.to_string().contains("longer"), "{error}");
        assert!(!received.ends_with(b"12345"));
    }

    #[test]
    fn what_was_announced_goes_through() {
        let mut failed = None;
        let mut content = &b"12345"[..];
        let mut noting = Noting { content: &mut content, left: Some(5), failed: &mut failed };
        let mut read = Vec::new();
        noting.read_to_end(&mut read).unwrap();
        assert_eq!((read.as_slice(), failed.is_none()), (&b"12345"[..], true));
    }
}
