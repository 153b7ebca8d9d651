//! The newest versions of a game's slots in one answer, part by part.

use std::io::{self, BufRead, BufReader, Read};

use percent_encoding::percent_decode_str;
use serde::Deserialize;
use ureq::http::{Method, header};

use crate::{
    error::ClientError,
    http::{Client, path, with_query},
    types::SaveFacts,
};

/// No line above a part is longer.
const MAX_LINE: u64 = 64 << 10;
/// Nor is the last part: a thousand slots with 4 KiB of meta each.
const MAX_SUMMARY: u64 = 64 << 20;

/// One slot of a prefetch.
#[derive(Debug, Clone, Default)]
pub struct PrefetchedSave {
    /// The slot.
    pub slot: String,
    /// Its newest version.
    pub version: u64,
    /// For `If-Match`.
    pub etag: String,
    /// Bytes.
    pub size: u64,
    /// When it was stored.
    pub created: String,
    /// As given when it was stored.
    pub content_type: Option<String>,
    /// `X-Save-Meta`.
    pub meta: Option<String>,
}

/// What a prefetch brought.
#[derive(Debug, Clone)]
pub struct Prefetched {
    /// The slots, in the order in which they came.
    pub saves: Vec<Slot>,
    /// Where the next answer begins, if there are more slots.
    pub next_cursor: Option<String>,
}

/// A slot that was brought.
#[derive(Debug, Clone, Deserialize)]
pub struct Slot {
    /// The slot.
    pub slot: String,
    /// Its newest version.
    #[serde(flatten)]
    pub facts: SaveFacts,
}

impl Client {
    /// Brings the newest version of each slot of a game, at most `limit` of them (32 if not said), each handed to `take` as it comes. Whatever `take`
    /// leaves unread is passed over. An answer that broke off is an error, after what came whole was handed out.
    pub fn prefetch_saves(
        &self,
        user: &str,
        game: &str,
        limit: Option<usize>,
        cursor: Option<&str>,
        take: &mut dyn FnMut(&PrefetchedSave, &mut dyn Read) -> io::Result<()>,
    ) -> Result<Prefetched, ClientError> {
        let query = [("limit", limit.map(|limit| limit.to_string())), ("cursor", cursor.map(str::to_owned))];
        let request =
            self.request(Method::GET, &with_query(path(&["subjects", user, "saves", game]), &query));
        let response = self.send(request, ())?;
        let content_type = response.headers().get(header::CONTENT_TYPE);
        let boundary =
            content_type.and_then(|value| value.to_str().ok()?.split_once("boundary=")).map(|b| b.1);
        let boundary = boundary.ok_or_else(|| bad("no boundary"))?.to_owned();
        let mut body = BufReader::new(response.into_body().into_with_config().limit(u64::MAX).reader());
        read_parts(&mut body, &boundary, take)
    }
}

fn read_parts(
    body: &mut dyn BufRead,
    boundary: &str,
    take: &mut dyn FnMut(&PrefetchedSave, &mut dyn Read) -> io::Result<()>,
) -> Result<Prefetched, ClientError> {
    let mut parts = 0;
    loop {
        expect(body, &format!("--{boundary}"))?;
        let (name, save) = head(body)?;
        let mut content = body.take(save.size);
        if name == "saves" {
            #[derive(Deserialize)]
            struct Summary {
                saves: Vec<Slot>,
                next_cursor: Option<String>,
            }
            let mut json = Vec::new();
            content.take(MAX_SUMMARY).read_to_end(&mut json).map_err(broken)?;
            let summary: Summary = serde_json::from_slice(&json).map_err(|_| bad("the last part"))?;
            expect(body, "")?;
            expect(body, &format!("--{boundary}--"))?;
            if summary.saves.len() != parts {
                return Err(bad("parts are missing"));
            }
            return Ok(Prefetched { saves: summary.saves, next_cursor: summary.next_cursor });
        }
        take(&save, &mut content)?;
        io::copy(&mut content, &mut io::sink()).map_err(broken)?;
        if content.limit() > 0 {
            return Err(broken(io::ErrorKind::UnexpectedEof.into()));
        }
        expect(body, "")?;
        parts += 1;
    }
}

/// The lines above a part: its name, and what they say of the save.
fn head(body: &mut dyn BufRead) -> Result<(String, PrefetchedSave), ClientError> {
    let (mut name, mut save) = (None, PrefetchedSave::default());
    let mut length = None;
    loop {
        let line = line(body)?;
        if line.is_empty() {
            break;
        }
        let (field, value) = line.split_once(": ").ok_or_else(|| bad("a line above a part"))?;
        match field.to_ascii_lowercase().as_str() {
            "content-disposition" => {
                name = parameter(value, "name").map(str::to_owned);
                let slot = percent_decode_str(parameter(value, "filename").unwrap_or_default());
                save.slot = slot.decode_utf8().map_err(|_| bad("a slot's name"))?.into_owned();
            }
            "content-length" => length = value.parse().ok(),
            "content-type" => save.content_type = Some(value.to_owned()),
            "etag" => save.etag = value.to_owned(),
            "x-save-version" => save.version = value.parse().map_err(|_| bad("a version"))?,
            "x-save-created" => save.created = value.to_owned(),
            "x-save-meta" => save.meta = Some(value.to_owned()),
            _ => {}
        }
    }
    save.size = length.ok_or_else(|| bad("a part without its length"))?;
    Ok((name.ok_or_else(|| bad("a part without a name"))?, save))
}

fn parameter<'a>(value: &'a str, name: &str) -> Option<&'a str> {
    value.split("; ").find_map(|part| part.strip_prefix(name)?.strip_prefix("=\"")?.strip_suffix('"'))
}

fn expect(body: &mut dyn BufRead, wanted: &str) -> Result<(), ClientError> {
    if line(body)? == wanted { Ok(()) } else { Err(bad("a boundary is missing")) }
}

/// A line without its end.
fn line(body: &mut dyn BufRead) -> Result<String, ClientError> {
    let mut line = Vec::new();
    body.take(MAX_LINE).read_until(b'\n', &mut line).map_err(broken)?;
    let line = line.strip_suffix(b"\r\n").ok_or_else(|| broken(io::ErrorKind::UnexpectedEof.into()))?;
    String::from_utf8(line.to_vec()).map_err(|_| bad("a line above a part"))
}

fn broken(error: io::Error) -> ClientError {
    ClientError::Transport(error.to_string())
}

fn bad(what: &str) -> ClientError {
    ClientError::Answer(what.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const BODY: &str = "--b\r\nContent-Disposition: form-data; name=\"0\"; filename=\"a%2Fb\"\r\nContent-Length: 7\r\n\
        ETag: \"1-aaaa\"\r\nX-Save-Version: 1\r\n\r\n--b\r\n\r\n\r\n--b\r\nContent-Disposition: form-data; name=\"saves\"\r\n\
        Content-Type: application/json\r\nContent-Length: LEN\r\n\r\nJSON\r\n--b--\r\n";
    const JSON: &str = r#"{"saves":[{"part":"0","slot":"a/b","version":1,"etag":"\"1-aaaa\"","size":7,"created":"x"}],"next_cursor":"c"}"#;

    fn read(body: &str) -> Result<(Prefetched, Vec<(String, String)>), ClientError> {
        let mut seen = Vec::new();
        let prefetched = read_parts(&mut body.as_bytes(), "b", &mut |save, content| {
            let mut text = String::new();
            content.read_to_string(&mut text)?;
            seen.push((save.slot.clone(), text));
            Ok(())
        })?;
        Ok((prefetched, seen))
    }

    #[test]
    fn a_boundary_in_the_bytes_is_no_boundary() {
        let body = BODY.replace("LEN", &JSON.len().to_string()).replace("JSON", JSON);
        let (prefetched, seen) = read(&body).unwrap();
        assert_eq!(seen, [("a/b".to_owned(), "--b\r\n\r\n".to_owned())]);
        assert_eq!((prefetched.next_cursor.as_deref(), prefetched.saves[0].facts.version), (Some("c"), 1));
        // Whatever is missing at the end, or within, is an error.
        for length in 0..body.len() {
            assert!(read(&body[..length]).is_err(), "{length}");
        }
        assert!(matches!(
            read(&body.replace("\"saves\":[{", "\"saves\":[],\"x\":[{")),
            Err(ClientError::Answer(_))
        ));
    }
}
