//! One record of the audit log (docs/formats.md, section 12), and the hash that chains it to the one before.

use oubliette_crypto::{Pseudonym, labels};
use sha2::{Digest, Sha256};

const MAGIC: &[u8; 4] = b"OUBA";
const VERSION: u8 = 1;
/// Before the texts.
const FIXED: usize = 93;
/// Magic, length, and the length's complement: a length that is damaged must not pass for a record that a crash cut off.
pub(super) const BEGIN: usize = 8;
const HASH: usize = 32;
/// Most bytes of each text.
const MAX_TEXT: usize = 255;
/// No record is longer.
pub(super) const MAX_RECORD: usize = FIXED + 5 * (1 + MAX_TEXT) + HASH;
/// No record is shorter.
pub(super) const MIN_RECORD: usize = FIXED + 5 + HASH;

/// The hash of a record; the next record's covers it.
pub(super) type Chain = [u8; HASH];

/// What a record tells of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum AuditKind {
    /// An operation that ended, carried out or refused.
    Done = 1,
    /// An operator's command that is about to be carried out.
    Attempt = 2,
    /// The log was opened. The note says in which state it was found.
    Opened = 3,
    /// The log was closed, and nothing was under way.
    Closed = 4,
}

/// Who acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum ActorKind {
    /// Somebody without a usable token.
    Nobody = 0,
    /// The holder of a token.
    Token = 1,
    /// Whoever has the vault's folder in hand.
    Operator = 2,
    /// The vault itself.
    Vault = 3,
}

/// What is recorded. Holds no content, no user id and no name that a person chose: that is the caller's duty. Texts longer than
/// 255 bytes are cut.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEntry {
    /// What this tells of.
    pub kind: AuditKind,
    /// Who acted.
    pub actor: ActorKind,
    /// The token's name, or that of the token which an operator's command is about; else empty.
    pub actor_name: String,
    /// Tells tokens of one name apart.
    pub actor_id: [u8; 4],
    /// The route's method and template, or the command.
    pub operation: String,
    /// The person acted on, if the vault knows them.
    pub subject: Option<Pseudonym>,
    /// A second person concerned: the peer of a conversation, the owner of a followed save.
    pub other: Option<Pseudonym>,
    /// The permission that the operation needs.
    pub scope: String,
    /// All permissions of that token, as the caller numbers them.
    pub granted: u64,
    /// The outcome, as an HTTP status.
    pub status: u16,
    /// The outcome's stable code; empty if all went well.
    pub code: String,
    /// The request's id.
    pub request: [u8; 8],
    /// How many like it this one stands for.
    pub count: u32,
    /// A purpose or a state, in words of the program's own.
    pub note: String,
}

impl AuditEntry {
    /// An entry with nothing but what happened and who did it.
    pub fn new(kind: AuditKind, actor: ActorKind, operation: impl Into<String>) -> Self {
        Self {
            kind,
            actor,
            actor_name: String::new(),
            actor_id: [0; 4],
            operation: operation.into(),
            subject: None,
            other: None,
            scope: String::new(),
            granted: 0,
            status: 0,
            code: String::new(),
            request: [0; 8],
            count: 1,
            note: String::new(),
        }
    }

    fn texts(&self) -> [&str; 5] {
        [&self.actor_name, &self.operation, &self.scope, &self.code, &self.note].map(|text| cut(text))
    }
}

/// An entry at its place in the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditRecord {
    /// Its number, from 1.
    pub seq: u64,
    /// When it was written, in microseconds since 1970. Never less than that of the record before.
    pub time: u64,
    /// What happened.
    pub entry: AuditEntry,
    /// The number of the first record that was written in the same step.
    pub(super) group: u64,
}

impl AuditRecord {
    /// Appends the stored form; answers the record's hash.
    pub(super) fn encode_into(&self, before: &Chain, into: &mut Vec<u8>) -> Chain {
        let entry = &self.entry;
        let texts = entry.texts();
        let length = MIN_RECORD + texts.iter().map(|text| text.len()).sum::<usize>();
        let start = into.len();
        let person = |person: Option<Pseudonym>| person.map_or([0; 16], |person| person.0);
        into.extend_from_slice(MAGIC);
        let length = u16::try_from(length).unwrap_or(u16::MAX);
        into.extend_from_slice(&length.to_be_bytes());
        into.extend_from_slice(&(!length).to_be_bytes());
        into.extend_from_slice(&[VERSION, entry.kind as u8]);
        for number in [self.seq, self.group, self.time] {
            into.extend_from_slice(&number.to_be_bytes());
        }
        into.extend_from_slice(&person(entry.subject));
        into.extend_from_slice(&person(entry.other));
        into.extend_from_slice(&entry.request);
        into.extend_from_slice(&entry.granted.to_be_bytes());
        into.extend_from_slice(&entry.count.to_be_bytes());
        into.extend_from_slice(&entry.status.to_be_bytes());
        into.push(entry.actor as u8);
        into.extend_from_slice(&entry.actor_id);
        for text in texts {
            into.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
            into.extend_from_slice(text.as_bytes());
        }
        let chain = chain(before, into.get(start..).unwrap_or_default());
        into.extend_from_slice(&chain);
        chain
    }

    /// The record that begins these bytes, its length and its hash; `None` unless it follows `before`.
    pub(super) fn decode(before: &Chain, bytes: &[u8]) -> Option<(Self, usize, Chain)> {
        let length = Self::length(bytes)?;
        let (body, stored) = bytes.get(..length)?.split_last_chunk::<HASH>()?;
        let chain = chain(before, body);
        if chain != *stored {
            return None;
        }
        let mut fields = Fields(body.get(BEGIN..)?);
        let [version, kind] = fields.array()?;
        if version != VERSION {
            return None;
        }
        let (seq, group, time) = (fields.u64()?, fields.u64()?, fields.u64()?);
        let (subject, other) = (fields.person()?, fields.person()?);
        let request = fields.array()?;
        let granted = fields.u64()?;
        let count = u32::from_be_bytes(fields.array()?);
        let status = u16::from_be_bytes(fields.array()?);
        let [actor] = fields.array()?;
        let actor_id = fields.array()?;
        let [actor_name, operation, scope, code, note] =
            [fields.text()?, fields.text()?, fields.text()?, fields.text()?, fields.text()?];
        let (kind, actor) = (AuditKind::of(kind)?, ActorKind::of(actor)?);
        if !fields.0.is_empty() {
            return None;
        }
        let entry = AuditEntry {
            kind,
            actor,
            actor_name,
            actor_id,
            operation,
            subject,
            other,
            scope,
            granted,
            status,
            code,
            request,
            count,
            note,
        };
        Some((Self { seq, time, entry, group }, length, chain))
    }

    /// The length that the first bytes of a record tell.
    pub(super) fn length(bytes: &[u8]) -> Option<usize> {
        let mut fields = Fields(bytes);
        if fields.array()? != *MAGIC {
            return None;
        }
        let (length, complement) = (u16::from_be_bytes(fields.array()?), u16::from_be_bytes(fields.array()?));
        let told = usize::from(length);
        (length == !complement && (MIN_RECORD..=MAX_RECORD).contains(&told)).then_some(told)
    }
}

impl AuditKind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Done, Self::Attempt, Self::Opened, Self::Closed].into_iter().find(|kind| *kind as u8 == byte)
    }
}

impl ActorKind {
    fn of(byte: u8) -> Option<Self> {
        [Self::Nobody, Self::Token, Self::Operator, Self::Vault].into_iter().find(|kind| *kind as u8 == byte)
    }
}

fn chain(before: &Chain, body: &[u8]) -> Chain {
    let hash = Sha256::new().chain_update(labels::AUDIT_CHAIN).chain_update(before).chain_update(body);
    hash.finalize().into()
}

/// What the first record of a vault's log follows.
pub(super) fn start(vault: &[u8; 16]) -> Chain {
    Sha256::new().chain_update(labels::AUDIT_START).chain_update(vault).finalize().into()
}

/// The beginning of a text that is too long.
fn cut(text: &str) -> &str {
    let end = (0..=MAX_TEXT.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    end.and_then(|end| text.get(..end)).unwrap_or_default()
}

/// Takes fields off the front.
struct Fields<'a>(&'a [u8]);

impl Fields<'_> {
    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (field, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*field)
    }
    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_be_bytes)
    }
    fn person(&mut self) -> Option<Option<Pseudonym>> {
        let bytes = self.array()?;
        Some((bytes != [0; 16]).then_some(Pseudonym(bytes)))
    }
    fn text(&mut self) -> Option<String> {
        let [length] = self.array()?;
        let (text, rest) = self.0.split_at_checked(length.into())?;
        self.0 = rest;
        std::str::from_utf8(text).ok().map(str::to_owned)
    }
}
