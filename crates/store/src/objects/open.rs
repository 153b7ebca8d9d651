//! Taking a stored value apart: its head at once, its content when asked for, in verified pieces.

use oubliette_crypto::object::{
    CHUNK_LEN, HEADER_LEN, Reader, chunk_at, chunk_range, last_chunk, open_small, plain_len,
};
use oubliette_crypto::{Codec, Kind, ObjectContext};
use oubliette_engine::{BlobRef, Blobs, EngineError};
use oubliette_keyring::KeyLease;
use std::sync::Arc;
use zeroize::Zeroizing;

use super::frames::{self, FRAME_LEN, Frame, table_len};
use super::head::{BodyMark, Facts, Head};
use super::padding;
use crate::VaultError;
use crate::person::Person;
use crate::rows::{Part, Place, Value};

/// A value whose head was authenticated.
pub(crate) struct Opened {
    /// When it was written, in microseconds since 1970.
    pub(crate) created: u64,
    /// Bytes of content.
    pub(crate) content_len: u64,
    pub(crate) part: Part,
    head: Head,
    place: Place,
    /// For error messages.
    name: String,
    stored: Stored,
    /// Dropped after the plaintext above, which a deletion waits for.
    lease: KeyLease,
}

enum Stored {
    Small(Zeroizing<Vec<u8>>),
    Large { blobs: Arc<dyn Blobs>, blob: BlobRef, context: ObjectContext, mark: BodyMark },
}

impl Person {
    /// Opens the head of a stored row. The lease lives as long as the answer.
    pub(crate) fn open(&self, place: Place, row: &[u8]) -> Result<Opened, VaultError> {
        let lease = self.key(place)?;
        let name = place.describe(&self.handle());
        let corrupt = || VaultError::Corrupt { what: name.clone() };
        let value = Value::parse(row).ok_or_else(corrupt)?;
        let Value { part, blob, sealed } = value;
        let policy = part.policy(place).ok_or_else(corrupt)?;
        let kind = if blob.is_some() { Kind::Head } else { Kind::Small };
        let plain = open_small(lease.key(), &self.context(place, policy, kind), sealed);
        let plain = plain.map_err(|_| corrupt())?;
        let (head, rest) = Head::decode(&plain).ok_or_else(corrupt)?;
        let stored = match (blob, head.body) {
            (None, None) => {
                let length = usize::try_from(head.content_len).map_err(|_| corrupt())?;
                Stored::Small(Zeroizing::new(rest.get(..length).ok_or_else(corrupt)?.to_vec()))
            }
            (Some(blob), Some(mark)) => {
                let context = self.context(place, policy, Kind::Body(head.codec));
                Stored::Large { blobs: self.vault.blobs.clone(), blob, context, mark }
            }
            _ => return Err(corrupt()),
        };
        let (created, content_len) = (head.created, head.content_len);
        Ok(Opened { created, content_len, part, head, place, name, lease, stored })
    }
}

impl Opened {
    /// What was stored beside the content.
    pub(crate) fn facts(&self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        match self.head.facts {
            Facts::Here(ref facts) => Ok(facts.clone()),
            Facts::InBody(length) => {
                let mut body = self.body()?.ok_or_else(|| self.corrupt())?;
                let from = body.len.checked_sub(length as u64).ok_or_else(|| self.corrupt())?;
                body.plain(from, length)
            }
        }
    }

    /// Facts of a known shape. Serde's own errors are not passed on: they quote content.
    pub(crate) fn facts_as<T: serde::de::DeserializeOwned>(&self) -> Result<T, VaultError> {
        serde_json::from_slice(&self.facts()?).map_err(|_| self.corrupt())
    }

    /// The key's lease alone.
    pub(crate) fn into_lease(self) -> KeyLease {
        self.lease
    }

    /// The whole content, for values that are small by nature.
    pub(crate) fn content(self) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let length = usize::try_from(self.content_len).map_err(|_| self.corrupt())?;
        let mut content = self.into_content()?;
        let mut whole = Zeroizing::new(Vec::with_capacity(length));
        while let Some(piece) = content.next_chunk()? {
            whole.extend_from_slice(&piece);
        }
        Ok(whole)
    }

    /// The content as a stream with ranges.
    pub(crate) fn into_content(self) -> Result<Content, VaultError> {
        let length = self.content_len;
        let body = self.body()?;
        let source = match (body, self.stored) {
            (Some(mut body), _) => match self.head.codec {
                Codec::Plain => Source::Plain(body),
                Codec::Zstd => {
                    let frames =
                        body.frames(&self.head).map_err(|error| error.unwrap_or_else(|| body.corrupt()))?;
                    Source::Frames(body, frames)
                }
            },
            (None, Stored::Small(content)) => Source::Small(content),
            (None, Stored::Large { .. }) => return Err(VaultError::Corrupt { what: self.name }),
        };
        Ok(Content { source, length, at: 0, to: length, lease: self.lease })
    }

    fn body(&self) -> Result<Option<Body>, VaultError> {
        let Stored::Large { blobs, blob, context, mark } = &self.stored else { return Ok(None) };
        // The head, which is authentic, says how long the padded body is; the blob must be exactly that long.
        let len = mark.len.get();
        let expected = padding(self.place.class).padded_len(len);
        let padded = plain_len(blobs.len(blob)?).filter(|padded| Some(*padded) == expected);
        let padded = padded.ok_or_else(|| self.corrupt())?;
        let mut header = [0; HEADER_LEN];
        blobs.read_at(blob, 0, &mut header).map_err(|error| named(error, &self.name))?;
        // Another body under the same leaf opens, too: it is the salt that says which one this head was sealed with.
        if !header.starts_with(&mark.salt) {
            return Err(self.corrupt());
        }
        let reader = Reader::new(self.lease.key(), context, &header).map_err(|_| self.corrupt())?;
        let (blobs, blob, name) = (blobs.clone(), blob.clone(), self.name.clone());
        Ok(Some(Body { blobs, blob, reader, len, padded, name, last: None }))
    }

    /// The error that names this row.
    pub(crate) fn corrupt(&self) -> VaultError {
        VaultError::Corrupt { what: self.name.clone() }
    }
}

/// Verified content in pieces. Every piece is refused once the value was forgotten.
pub(crate) struct Content {
    source: Source,
    length: u64,
    at: u64,
    to: u64,
    lease: KeyLease,
}

enum Source {
    Small(Zeroizing<Vec<u8>>),
    Plain(Body),
    Frames(Body, Vec<Frame>),
}

impl Content {
    /// Restricts to bytes `from..to`.
    pub(crate) fn range(&mut self, from: u64, to: u64) -> Result<(), VaultError> {
        if from > to || to > self.length || (from == self.length && self.length > 0) {
            return Err(VaultError::RangeUnsatisfiable { size: self.length });
        }
        (self.at, self.to) = (from, to);
        Ok(())
    }

    pub(crate) fn cancelled(&self) -> bool {
        self.lease.cancelled()
    }

    /// The next piece, at most 128 KiB; `None` at the end.
    pub(crate) fn next_chunk(&mut self) -> Result<Option<Zeroizing<Vec<u8>>>, VaultError> {
        if self.lease.cancelled() {
            return Err(VaultError::Forgotten);
        }
        if self.at >= self.to {
            return Ok(None);
        }
        let (index, start) = (self.at / FRAME_LEN as u64, self.at - self.at % FRAME_LEN as u64);
        let end = (start + FRAME_LEN as u64).min(self.length);
        let (skip, keep) = ((self.at - start) as usize, (self.to.min(end) - self.at) as usize);
        let piece = match &mut self.source {
            Source::Small(content) => cut(content, self.at as usize, keep),
            Source::Plain(body) => Some(body.plain(self.at, keep)?),
            Source::Frames(body, frames) => {
                let frame = usize::try_from(index).ok().and_then(|index| frames.get(index).copied());
                let frame = frame.ok_or_else(|| body.corrupt())?;
                let stored = body.plain(frame.from, frame.stored as usize)?;
                let plain =
                    frames::unpack(frame, stored, (end - start) as usize).ok_or_else(|| body.corrupt())?;
                if skip == 0 && keep == plain.len() { Some(plain) } else { cut(&plain, skip, keep) }
            }
        };
        if self.lease.cancelled() {
            return Err(VaultError::Forgotten);
        }
        self.at += keep as u64;
        Ok(piece)
    }
}

fn cut(bytes: &[u8], from: usize, length: usize) -> Option<Zeroizing<Vec<u8>>> {
    bytes.get(from..from.checked_add(length)?).map(|piece| Zeroizing::new(piece.to_vec()))
}

/// The sealed body of a large value, at random access.
struct Body {
    blobs: Arc<dyn Blobs>,
    blob: BlobRef,
    reader: Reader,
    /// Bytes of plaintext before padding.
    len: u64,
    /// Bytes of plaintext, padding included.
    padded: u64,
    name: String,
    /// The chunk opened last: the next frame mostly begins in it.
    last: Option<(u64, Zeroizing<Vec<u8>>)>,
}

impl Body {
    /// So many plain bytes from here on.
    fn plain(&mut self, from: u64, length: usize) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let to =
            from.checked_add(length as u64).filter(|to| *to <= self.padded).ok_or_else(|| self.corrupt())?;
        let mut out = Zeroizing::new(Vec::with_capacity(length));
        let mut at = from;
        if let Some((index, chunk)) = &self.last {
            let (wanted, within) = chunk_at(at);
            if wanted == *index && at < to {
                let rest = chunk.get(within..).unwrap_or_default();
                let take = rest.len().min(length);
                out.extend_from_slice(rest.get(..take).unwrap_or_default());
                at += take as u64;
            }
        }
        if at < to {
            self.open_chunks(at, to, &mut out)?;
        }
        Ok(out)
    }

    /// One read from the store, then chunk by chunk.
    fn open_chunks(&mut self, from: u64, to: u64, out: &mut Vec<u8>) -> Result<(), VaultError> {
        let (first, skip) = chunk_at(from);
        let (end, _) = chunk_at(to - 1);
        let range = chunk_range(first, self.padded).zip(chunk_range(end, self.padded));
        let (start, stop) = range.map(|(first, end)| (first.start, end.end)).ok_or_else(|| self.corrupt())?;
        let mut sealed = vec![0; (stop - start) as usize];
        self.blobs.read_at(&self.blob, start, &mut sealed).map_err(|error| named(error, &self.name))?;
        let mut skip = skip;
        for (index, sealed) in (first..=end).zip(sealed.chunks(oubliette_crypto::object::SEALED_CHUNK_LEN)) {
            let mut chunk = Zeroizing::new(Vec::with_capacity(CHUNK_LEN));
            let last = index == last_chunk(self.padded);
            self.reader.open_chunk(index, last, sealed, &mut chunk).map_err(|_| self.corrupt())?;
            let from = std::mem::take(&mut skip);
            let upto = chunk.len().min((to - index * CHUNK_LEN as u64) as usize);
            out.extend_from_slice(chunk.get(from..upto).ok_or_else(|| self.corrupt())?);
            self.last = Some((index, chunk));
        }
        Ok(())
    }

    /// The table of a body in frames. `Err(None)`: it is not one.
    fn frames(&mut self, head: &Head) -> Result<Vec<Frame>, Option<VaultError>> {
        let facts = if let Facts::InBody(length) = head.facts { length as u64 } else { 0 };
        let table = table_len(head.content_len);
        let frames_len = self.len.checked_sub(facts).and_then(|rest| rest.checked_sub(table)).ok_or(None)?;
        let bytes = self.plain(frames_len, usize::try_from(table).map_err(|_| None)?).map_err(Some)?;
        frames::parse_table(&bytes, frames_len).ok_or(None)
    }

    fn corrupt(&self) -> VaultError {
        VaultError::Corrupt { what: self.name.clone() }
    }
}

/// A blob that is damaged is named by its row.
fn named(error: EngineError, name: &str) -> VaultError {
    match error {
        EngineError::Corrupt { .. } => VaultError::Corrupt { what: name.to_owned() },
        other => other.into(),
    }
}
