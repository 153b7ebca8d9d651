//! Sealing a value: small ones whole into a row, large ones through a body into a blob.

use std::io::Read;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use oubliette_crypto::object::{seal_small, sealed_len};
use oubliette_crypto::{Codec, Kind};
use oubliette_engine::{Batch, MAX_ROW, Precondition};
use oubliette_keyring::KeyLease;
use zeroize::Zeroizing;

use super::body::BodyWriter;
use super::head::{Facts, HEAD_LEN, Head, MAX_FACTS, MAX_INLINE_FACTS};
use super::upload::Upload;
use super::{may_compress, padding};
use crate::VaultError;
use crate::person::Person;
use crate::rows::{Part, Place, Value};

/// Content read ahead of the sealer: pieces of this size, so many of them.
const PIECE: usize = 128 * 1024;
const AHEAD: usize = 4;
/// How long a slow sender may keep a cancelled key in memory.
const CANCEL_POLL: Duration = Duration::from_millis(20);

/// A value sealed and ready to be committed. Dropped instead, it leaves nothing. Holds the key's lease, so that a
/// deletion waits for the commit or the drop, whichever comes.
pub(crate) struct Draft {
    pub(crate) place: Place,
    key: Vec<u8>,
    value: Vec<u8>,
    upload: Option<Upload>,
    lease: KeyLease,
    /// Bytes of content.
    pub(crate) content_len: u64,
    /// As the head says.
    pub(crate) created: u64,
}

impl Draft {
    /// Adds the row to a batch, on condition that the place is free.
    pub(crate) fn add_to(&self, batch: &mut Batch) -> Result<(), VaultError> {
        if self.lease.cancelled() {
            return Err(VaultError::Forgotten);
        }
        batch.require(Precondition::Absent(self.key.clone()));
        batch.put(self.key.clone(), self.value.clone());
        if let Some(upload) = &self.upload {
            upload.settle(batch);
        }
        Ok(())
    }

    /// The batch was committed.
    pub(crate) fn committed(self) {
        if let Some(upload) = self.upload {
            upload.settled();
        }
    }

    /// How many operations it adds to a batch.
    pub(crate) fn operations(&self) -> usize {
        1 + usize::from(self.upload.is_some())
    }

    /// The row's value as it is stored.
    pub(crate) fn value(&self) -> &[u8] {
        &self.value
    }
}

/// What a streamed value may be.
#[derive(Clone, Copy)]
pub(crate) struct Limits {
    /// Bytes announced by the sender; anything else is a broken upload.
    pub(crate) expected: Option<u64>,
    /// Most bytes taken.
    pub(crate) max: u64,
    /// What to call it when it is too large.
    pub(crate) what: &'static str,
}

impl Person {
    /// Seals a value that is in memory.
    pub(crate) fn seal(
        &self,
        place: Place,
        created: u64,
        facts: &[u8],
        content: &[u8],
    ) -> Result<Draft, VaultError> {
        self.seal_part(place, Part::Whole, created, facts, content)
    }

    /// The same of one part of a message.
    pub(crate) fn seal_part(
        &self,
        place: Place,
        part: Part,
        created: u64,
        facts: &[u8],
        content: &[u8],
    ) -> Result<Draft, VaultError> {
        let created = created.max(self.vault.least_time());
        let lease = self.key(place)?;
        if facts.len() > MAX_FACTS {
            return Err(VaultError::TooLarge { what: "what describes the content", limit: MAX_FACTS as u64 });
        }
        if fits_a_row(place, facts.len() as u64 + content.len() as u64) {
            return self.seal_row(place, part, lease, created, facts, content);
        }
        let mut body = self.begin_body(place, part, &lease, facts, Some(content.len() as u64))?;
        body.push(content)?;
        self.seal_large(place, part, lease, created, facts, body)
    }

    /// Seals content as it is read; nothing is kept unless `content` ends cleanly and within its limits. No key is held while
    /// the first bytes are awaited, and none for longer than a blink after a cancellation.
    pub(crate) fn seal_stream(
        &self,
        place: Place,
        created: u64,
        facts: &[u8],
        content: &mut dyn Read,
        limits: Limits,
    ) -> Result<Draft, VaultError> {
        let created = created.max(self.vault.least_time());
        let mut source = Source { content, read: 0, limits };
        let first = source.read_piece(MAX_ROW)?;
        if first.len() < MAX_ROW {
            source.check_end()?;
            return self.seal(place, created, facts, &first);
        }
        let lease = self.key(place)?;
        let body = self.begin_body(place, Part::Whole, &lease, facts, limits.expected)?;
        let (sender, receiver) = sync_channel(AHEAD);
        std::thread::scope(|scope| {
            let worker = scope.spawn(move || {
                let (lease, body) = seal_pieces(&receiver, lease, body)?;
                drop(receiver);
                self.seal_large(place, Part::Whole, lease, created, facts, body)
            });
            let read = source.send_all(first, &sender);
            drop(sender);
            let sealed = worker.join();
            read?;
            sealed.map_err(|_| VaultError::Other {
                detail: "sealing the content failed; send it again".into(),
            })?
        })
    }

    fn seal_row(
        &self,
        place: Place,
        part: Part,
        lease: KeyLease,
        created: u64,
        facts: &[u8],
        content: &[u8],
    ) -> Result<Draft, VaultError> {
        let plain = small_plain(place, created, facts, content)?;
        let content_len = content.len() as u64;
        let policy = part.policy(place).ok_or_else(no_such_part)?;
        let sealed = seal_small(lease.key(), &self.context(place, policy, Kind::Small), &plain)?;
        let value = Value { part, blob: None, sealed: &sealed }.encode()?;
        Ok(Draft { place, key: place.key(&self.handle()), value, upload: None, lease, content_len, created })
    }

    fn begin_body(
        &self,
        place: Place,
        part: Part,
        lease: &KeyLease,
        facts: &[u8],
        expected: Option<u64>,
    ) -> Result<BodyWriter, VaultError> {
        let extra = in_body(facts).len() as u64;
        let policy = part.policy(place).ok_or_else(no_such_part)?;
        BodyWriter::begin(self, (place, policy), lease.key(), self.codec(place), expected, extra)
    }

    fn seal_large(
        &self,
        place: Place,
        part: Part,
        lease: KeyLease,
        created: u64,
        facts: &[u8],
        body: BodyWriter,
    ) -> Result<Draft, VaultError> {
        let written = body.finish(in_body(facts))?;
        let head_facts = match in_body(facts).len() {
            0 => Facts::Here(Zeroizing::new(facts.to_vec())),
            length => Facts::InBody(length),
        };
        let content_len = written.content_len;
        let head = Head {
            codec: self.codec(place),
            content_len,
            created,
            body: Some(written.mark),
            facts: head_facts,
        };
        let plain = head.encode().ok_or_else(facts_too_long)?;
        let policy = part.policy(place).ok_or_else(no_such_part)?;
        let sealed = seal_small(lease.key(), &self.context(place, policy, Kind::Head), &plain)?;
        let value = Value { part, blob: Some(written.blob), sealed: &sealed }.encode()?;
        let upload = Some(written.upload);
        Ok(Draft { place, key: place.key(&self.handle()), value, upload, lease, content_len, created })
    }

    fn codec(&self, place: Place) -> Codec {
        if self.vault.settings.compress && may_compress(place.class) { Codec::Zstd } else { Codec::Plain }
    }
}

/// What is sealed of a small value: head, content, padding.
pub(super) fn small_plain(
    place: Place,
    created: u64,
    facts: &[u8],
    content: &[u8],
) -> Result<Zeroizing<Vec<u8>>, VaultError> {
    let facts = Facts::Here(Zeroizing::new(facts.to_vec()));
    let content_len = content.len() as u64;
    let head = Head { codec: Codec::Plain, content_len, created, body: None, facts };
    let head = head.encode().ok_or_else(facts_too_long)?;
    let padded = padding(place.class).padded_len(head.len() as u64 + content_len);
    let padded = padded.ok_or_else(facts_too_long)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(padded as usize));
    plain.extend_from_slice(&head);
    plain.extend_from_slice(content);
    plain.resize(padded as usize, 0);
    Ok(plain)
}

fn no_such_part() -> VaultError {
    VaultError::Other {
        detail: "a part of a message was sealed outside of a conversation; this is a fault of the program"
            .into(),
    }
}

fn fits_a_row(place: Place, length: u64) -> bool {
    let padded = padding(place.class).padded_len(length + HEAD_LEN as u64);
    padded.and_then(sealed_len).is_some_and(|sealed| sealed + 2 <= MAX_ROW as u64)
}

/// The facts, if they are too long for the head of a large value.
fn in_body(facts: &[u8]) -> &[u8] {
    if facts.len() > MAX_INLINE_FACTS { facts } else { &[] }
}

fn facts_too_long() -> VaultError {
    VaultError::TooLarge { what: "what describes the content", limit: MAX_FACTS as u64 }
}

enum Piece {
    Content(Zeroizing<Vec<u8>>),
    End,
}

/// Seals what arrives until the end is announced. A channel that closes before is an upload that broke off.
fn seal_pieces(
    receiver: &Receiver<Piece>,
    lease: KeyLease,
    mut body: BodyWriter,
) -> Result<(KeyLease, BodyWriter), VaultError> {
    loop {
        if lease.cancelled() {
            return Err(VaultError::Forgotten);
        }
        match receiver.recv_timeout(CANCEL_POLL) {
            Ok(Piece::Content(piece)) => body.push(&piece)?,
            Ok(Piece::End) => return Ok((lease, body)),
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Err(broken_off()),
        }
    }
}

fn broken_off() -> VaultError {
    VaultError::Upload(std::io::ErrorKind::UnexpectedEof.into())
}

/// The sender's side: counts and checks what is read.
struct Source<'a> {
    content: &'a mut dyn Read,
    read: u64,
    limits: Limits,
}

impl Source<'_> {
    /// Fills a piece unless the content ends before.
    fn read_piece(&mut self, size: usize) -> Result<Zeroizing<Vec<u8>>, VaultError> {
        let mut piece = Zeroizing::new(Vec::with_capacity(size));
        (&mut *self.content).take(size as u64).read_to_end(&mut piece).map_err(VaultError::Upload)?;
        self.read += piece.len() as u64;
        if self.read > self.limits.max {
            return Err(VaultError::TooLarge { what: self.limits.what, limit: self.limits.max });
        }
        if self.limits.expected.is_some_and(|expected| self.read > expected) {
            return Err(VaultError::Upload(std::io::Error::other("more bytes came than were announced")));
        }
        Ok(piece)
    }

    fn check_end(&self) -> Result<(), VaultError> {
        match self.limits.expected {
            Some(expected) if self.read < expected => Err(broken_off()),
            _ => Ok(()),
        }
    }

    fn send_all(&mut self, first: Zeroizing<Vec<u8>>, sender: &SyncSender<Piece>) -> Result<(), VaultError> {
        let mut piece = first;
        while !piece.is_empty() {
            if sender.send(Piece::Content(piece)).is_err() {
                return Ok(()); // the sealer ended first and says why
            }
            piece = self.read_piece(PIECE)?;
        }
        self.check_end()?;
        let _ = sender.send(Piece::End);
        Ok(())
    }
}
