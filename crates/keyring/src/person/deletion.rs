//! A deletion that was asked for stands among what restricts a person: no restored backup takes it back, and it dies with them.

use std::fmt;

use oubliette_crypto::JobId;

use crate::codec::{Malformed, Reader};

/// Most bytes in the reason of a deletion.
pub const MAX_DELETION_REASON: usize = 26;

const BY_OPERATOR: u8 = 1;
const OVERRIDES: u8 = 2;
const SHORTENED: u8 = 4;
const COOLING_OFF: u8 = 1;
const HOLDS: u8 = 2;

/// Why somebody is deleted, as a word: lower-case letters, digits, `_`, `-` and `.`, so that nobody writes about the person in it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Reason {
    length: u8,
    bytes: [u8; MAX_DELETION_REASON],
}

impl Reason {
    /// Of an erasure by an operator who says no other.
    pub const UNASKED: Self = {
        let mut bytes = [0; MAX_DELETION_REASON];
        let word = b"operator";
        let (to, _) = bytes.split_at_mut(word.len());
        to.copy_from_slice(word);
        Self { length: 8, bytes }
    };

    /// `None` if it is no such word.
    pub fn new(word: &str) -> Option<Self> {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_-.".contains(&byte);
        if word.is_empty() || !word.bytes().all(fits) {
            return None;
        }
        let mut bytes = [0; MAX_DELETION_REASON];
        bytes.get_mut(..word.len())?.copy_from_slice(word.as_bytes());
        Some(Self { length: u8::try_from(word.len()).ok()?, bytes })
    }

    /// The word.
    pub fn as_str(&self) -> &str {
        self.bytes
            .get(..self.length.into())
            .and_then(|word| std::str::from_utf8(word).ok())
            .unwrap_or_default()
    }
}

/// Not the word: it is about a person.
impl fmt::Debug for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Reason(..)")
    }
}

/// A deletion that was asked for. All moments are seconds since the Unix epoch, by the time that things are forgotten by.
#[derive(Clone, PartialEq, Eq)]
pub struct DeletionRequest {
    /// Which deletion.
    pub job: JobId,
    /// What stands in receipts for the person ([`oubliette_crypto::receipt_binding`]).
    pub binding: [u8; 32],
    /// When it was asked for.
    pub requested: i64,
    /// When the cooling-off period ends.
    pub due: i64,
    /// Why.
    pub reason: Reason,
    /// Asked by an operator with the vault in hand, or carried out by one before it was due.
    pub by_operator: bool,
    /// Two people had the cooling-off period shortened. It stays so, whatever is to be overridden after that.
    pub shortened: bool,
    /// When reads and writes were stopped; `None` while they are not.
    pub blocked: Option<i64>,
    /// Until when the law wants the content kept although nobody reads it; 0 if it does not.
    pub kept_until: i64,
    /// What is to be overridden, and who said so.
    pub overriding: Option<Overriding>,
}

/// What a deletion overrides once a second person has said yes.
#[derive(Clone, PartialEq, Eq)]
pub struct Overriding {
    /// The cooling-off period.
    pub cooling_off: bool,
    /// Legal holds.
    pub holds: bool,
    /// When the deletion is due once approved.
    pub due: i64,
    /// When it was asked for.
    pub asked: i64,
    /// From when on nobody may approve it any more.
    pub expires: i64,
    /// Who asked: a digest of their token's or certificate's id.
    pub by: [u8; 16],
    /// Who said yes, likewise.
    pub approved: Option<[u8; 16]>,
}

/// The job alone.
impl fmt::Debug for DeletionRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeletionRequest").field("job", &self.job).finish_non_exhaustive()
    }
}

/// What is overridden, not by whom.
impl fmt::Debug for Overriding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cooling_off, holds, .. } = self;
        f.debug_struct("Overriding")
            .field("cooling_off", cooling_off)
            .field("holds", holds)
            .finish_non_exhaustive()
    }
}

impl DeletionRequest {
    /// Whether a second person said yes to deleting over legal holds.
    pub fn overrides_holds(&self) -> bool {
        self.approved().is_some_and(|overriding| overriding.holds)
    }

    /// What is overridden, if a second person said yes to it.
    pub fn approved(&self) -> Option<&Overriding> {
        self.overriding.as_ref().filter(|overriding| overriding.approved.is_some())
    }

    /// The stored form (docs/formats.md, section 4).
    pub(super) fn put(&self, bytes: &mut Vec<u8>) {
        let flags = (u8::from(self.by_operator) * BY_OPERATOR)
            | (u8::from(self.overriding.is_some()) * OVERRIDES)
            | (u8::from(self.shortened) * SHORTENED);
        bytes.extend_from_slice(self.job.as_bytes());
        bytes.extend_from_slice(&self.binding);
        for moment in [self.requested, self.due, self.blocked.unwrap_or(0), self.kept_until] {
            bytes.extend_from_slice(&moment.to_be_bytes());
        }
        bytes.extend_from_slice(&[flags, self.reason.length]);
        bytes.extend_from_slice(self.reason.as_str().as_bytes());
        let Some(overriding) = &self.overriding else { return };
        bytes.push((u8::from(overriding.cooling_off) * COOLING_OFF) | (u8::from(overriding.holds) * HOLDS));
        for moment in [overriding.due, overriding.asked, overriding.expires] {
            bytes.extend_from_slice(&moment.to_be_bytes());
        }
        bytes.extend_from_slice(&overriding.by);
        bytes.push(overriding.approved.is_some().into());
        bytes.extend_from_slice(overriding.approved.as_ref().map_or(&[], |by| by.as_slice()));
    }

    pub(super) fn take(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        let (job, binding) = (JobId(fields.array()?), fields.array()?);
        let (requested, due, blocked) = (fields.i64()?, fields.i64()?, fields.i64()?);
        let (kept_until, flags, length) = (fields.i64()?, fields.u8()?, fields.u8()?);
        let word = std::str::from_utf8(fields.take(length.into())?).map_err(|_| Malformed)?;
        let reason = Reason::new(word).ok_or(Malformed)?;
        if flags > (BY_OPERATOR | OVERRIDES | SHORTENED) {
            return Err(Malformed);
        }
        let overriding = if flags & OVERRIDES == 0 { None } else { Some(Overriding::take(fields)?) };
        Ok(Self {
            job,
            binding,
            requested,
            due,
            reason,
            by_operator: flags & BY_OPERATOR != 0,
            shortened: flags & SHORTENED != 0,
            blocked: Some(blocked).filter(|moment| *moment != 0),
            kept_until,
            overriding,
        })
    }
}

impl Overriding {
    fn take(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        let what @ 1..=3 = fields.u8()? else { return Err(Malformed) };
        let (due, asked, expires, by) = (fields.i64()?, fields.i64()?, fields.i64()?, fields.array()?);
        let approved = match fields.u8()? {
            0 => None,
            1 => Some(fields.array()?),
            _ => return Err(Malformed),
        };
        Ok(Self {
            cooling_off: what & COOLING_OFF != 0,
            holds: what & HOLDS != 0,
            due,
            asked,
            expires,
            by,
            approved,
        })
    }
}
