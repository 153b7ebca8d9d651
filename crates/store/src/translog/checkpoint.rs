//! Checkpoints (C2SP tlog-checkpoint): what a log is at one size.

use data_encoding::BASE64;
use oubliette_crypto::SigningSeed;

use super::merkle::Hash;
use super::{LogError, Note, VerifierKey};

/// The state of a log: its name, how many entries it has, and the root over them. Without extension lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// The log's name, which is also that of its key.
    pub origin: String,
    /// Entries.
    pub size: u64,
    /// The root of the tree over them.
    pub root: Hash,
}

impl Checkpoint {
    /// The text that is signed.
    pub fn text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64.encode(&self.root))
    }

    /// Reads the text.
    ///
    /// # Errors
    /// [`LogError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, LogError> {
        read(text).ok_or(LogError::Malformed("a checkpoint"))
    }

    /// The signed note.
    ///
    /// # Errors
    /// [`LogError::Malformed`] for an origin that is no name.
    pub fn sign(&self, seed: &SigningSeed) -> Result<Note, LogError> {
        Note::sign(self.text(), &self.origin, seed)
    }

    /// The checkpoint in a note that the log's key signed.
    ///
    /// # Errors
    /// As for [`Note::verify`]; [`LogError::OtherLog`] where the origin is not the key's name.
    pub fn open(note: &Note, log: &VerifierKey) -> Result<Self, LogError> {
        note.verify(log)?;
        let checkpoint = Self::parse(note.text())?;
        if checkpoint.origin != log.name() {
            return Err(LogError::OtherLog { expected: log.name().to_owned(), got: checkpoint.origin });
        }
        Ok(checkpoint)
    }
}

fn read(text: &str) -> Option<Checkpoint> {
    let mut lines = text.strip_suffix('\n')?.split('\n');
    let (origin, size, root) = (lines.next()?, number(lines.next()?)?, hash(lines.next()?)?);
    (lines.next().is_none() && !origin.is_empty()).then(|| Checkpoint {
        origin: origin.to_owned(),
        size,
        root,
    })
}

/// A decimal number as it is written: no sign, no leading zero.
pub(super) fn number(text: &str) -> Option<u64> {
    text.parse().ok().filter(|number: &u64| number.to_string() == text)
}

/// A hash in base64.
pub(super) fn hash(text: &str) -> Option<Hash> {
    base64(text)?.try_into().ok()
}

/// Bytes in base64, in the one way they are written: what decodes may also be several padded texts one after another.
pub(crate) fn base64(text: &str) -> Option<Vec<u8>> {
    BASE64.decode(text.as_bytes()).ok().filter(|bytes| BASE64.encode(bytes) == text)
}
