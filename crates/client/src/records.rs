//! Records, streamed.

use std::io::{self, Read};

use serde::{Deserialize, Serialize};
use ureq::{
    BodyReader, SendBody,
    http::{Method, StatusCode, header},
};

use crate::{
    error::ClientError,
    http::{Client, json, path, with_query},
    saves::{ASK_FIRST, Noting, length, text},
    types::{Deletion, Listed},
};

/// A record, without its content.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Record {
    /// What it is recorded for.
    pub purpose: String,
    /// Its name within the purpose.
    pub id: String,
    /// Grows with each value.
    pub version: u64,
    /// Bytes.
    pub size: u64,
    /// When it was stored.
    pub created: String,
    /// As given when it was stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub content_type: Option<String>,
    /// Only in the answer to storing it: there was none of this id before; from the status.
    #[serde(skip)]
    pub new: bool,
}

/// A record on its way; read it to its end.
pub struct RecordBody {
    /// Bytes that will come.
    pub length: u64,
    /// As stored.
    pub content_type: Option<String>,
    /// When it was stored.
    pub created: Option<String>,
    reader: BodyReader<'static>,
}

impl Read for RecordBody {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.reader.read(into)
    }
}

impl std::fmt::Debug for RecordBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RecordBody").field("length", &self.length).finish_non_exhaustive()
    }
}

/// Records of purposes that the vault's settings name.
impl Client {
    /// Stores a record in place of what it was before. `known_length`: how many bytes will come, if known.
    pub fn put_record(
        &self,
        user: &str,
        purpose: &str,
        id: &str,
        content_type: &str,
        content: &mut dyn Read,
        known_length: Option<u64>,
    ) -> Result<Record, ClientError> {
        let mut request = self.request(Method::PUT, &path(&["subjects", user, "records", purpose, id]));
        request = request.header(header::CONTENT_TYPE, content_type);
        if let Some(length) = known_length {
            request = request.header(header::CONTENT_LENGTH, length);
        }
        if known_length.is_none_or(|length| length >= ASK_FIRST) {
            request = request.header(header::EXPECT, "100-continue");
        }
        let mut failed = None;
        let mut content = Noting { content, left: known_length, failed: &mut failed };
        let sent = self.send(request, SendBody::from_reader(&mut content));
        if let Some(error) = failed {
            return Err(ClientError::Content(error));
        }
        let response = sent?;
        let new = response.status() == StatusCode::CREATED;
        json(response).map(|record: Record| Record { new, ..record })
    }

    /// Opens a record.
    pub fn record(&self, user: &str, purpose: &str, id: &str) -> Result<RecordBody, ClientError> {
        let request = self.request(Method::GET, &path(&["subjects", user, "records", purpose, id]));
        let response = self.send(request, ())?;
        Ok(RecordBody {
            length: length(&response)?,
            content_type: text(response.headers(), header::CONTENT_TYPE.as_str()),
            created: text(response.headers(), "x-record-created"),
            reader: response.into_body().into_with_config().limit(u64::MAX).reader(),
        })
    }

    /// Forgets a record.
    pub fn forget_record(&self, user: &str, purpose: &str, id: &str) -> Result<Deletion, ClientError> {
        self.delete(&path(&["subjects", user, "records", purpose, id]))
    }

    /// A person's records, of one purpose or all.
    pub fn records(
        &self,
        user: &str,
        purpose: Option<&str>,
        cursor: Option<&str>,
    ) -> Result<Listed<Record>, ClientError> {
        #[derive(Deserialize)]
        struct Page {
            records: Vec<Record>,
            next_cursor: Option<String>,
        }
        let mut parts = vec!["subjects", user, "records"];
        parts.extend(purpose);
        let page: Page =
            self.call(Method::GET, &with_query(path(&parts), &[("cursor", cursor.map(str::to_owned))]))?;
        Ok(Listed { items: page.records, next_cursor: page.next_cursor })
    }
}
