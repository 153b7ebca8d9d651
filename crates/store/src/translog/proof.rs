//! Proofs as text: that an entry stands in a log (C2SP tlog-proof), and that a log only grew (the request of C2SP tlog-witness).

use std::fmt;

use data_encoding::BASE64;

use super::checkpoint::{hash, number};
use super::merkle::{self, Hash, MAX_PROOF};
use super::{Checkpoint, LogError, Note, VerifierKey};

const FIRST: &str = "c2sp.org/tlog-proof@v1";

/// That an entry stands at a place of a log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InclusionProof {
    /// The entry's place, from 0.
    pub index: u64,
    /// From the leaf's sibling to the root's child.
    pub hashes: Vec<Hash>,
    /// The checkpoint of the log, signed.
    pub checkpoint: Note,
}

impl InclusionProof {
    /// Reads the text.
    ///
    /// # Errors
    /// [`LogError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let bad = || LogError::Malformed("a proof that an entry stands in a log");
        let lines =
            text.strip_prefix(FIRST).and_then(|rest| rest.strip_prefix("\nindex ")).ok_or_else(bad)?;
        let (head, note) = lines.split_once("\n\n").ok_or_else(bad)?;
        let (index, hashes) = head.split_once('\n').map_or((head, None), |(index, rest)| (index, Some(rest)));
        let index = number(index).ok_or_else(bad)?;
        let hashes = hash_lines(hashes).ok_or_else(bad)?;
        Ok(Self { index, hashes, checkpoint: Note::parse(note)? })
    }

    /// The checkpoint, if this log signed it and the entry stands in it.
    ///
    /// # Errors
    /// Those of [`Checkpoint::open`]; [`LogError::NotIncluded`].
    pub fn verify(&self, entry: &[u8], log: &VerifierKey) -> Result<Checkpoint, LogError> {
        let checkpoint = Checkpoint::open(&self.checkpoint, log)?;
        let leaf = merkle::leaf_hash(entry);
        if merkle::verify_inclusion(&leaf, self.index, checkpoint.size, &self.hashes, &checkpoint.root) {
            Ok(checkpoint)
        } else {
            Err(LogError::NotIncluded)
        }
    }
}

impl fmt::Display for InclusionProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FIRST}\nindex {}\n", self.index)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", BASE64.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

/// That a log of one size is the beginning of a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The size it had.
    pub old: u64,
    /// The proof, as in RFC 6962, section 2.1.2.
    pub hashes: Vec<Hash>,
    /// The checkpoint of now, signed.
    pub checkpoint: Note,
}

impl ConsistencyProof {
    /// Reads the text.
    ///
    /// # Errors
    /// [`LogError::Malformed`].
    pub fn parse(text: &str) -> Result<Self, LogError> {
        let bad = || LogError::Malformed("a proof that a log only grew");
        let (head, note) =
            text.strip_prefix("old ").and_then(|rest| rest.split_once("\n\n")).ok_or_else(bad)?;
        let (old, hashes) = head.split_once('\n').map_or((head, None), |(old, rest)| (old, Some(rest)));
        let old = number(old).ok_or_else(bad)?;
        let hashes = hash_lines(hashes).ok_or_else(bad)?;
        Ok(Self { old, hashes, checkpoint: Note::parse(note)? })
    }

    /// The checkpoint of now, if this log signed it and it contains the one that was seen before.
    ///
    /// # Errors
    /// Those of [`Checkpoint::open`]; [`LogError::RolledBack`], [`LogError::OtherStart`], [`LogError::Forked`].
    pub fn verify(&self, seen: &Checkpoint, log: &VerifierKey) -> Result<Checkpoint, LogError> {
        let now = Checkpoint::open(&self.checkpoint, log)?;
        if seen.origin != now.origin {
            return Err(LogError::OtherLog { expected: seen.origin.clone(), got: now.origin });
        }
        let (seen_size, got) = (seen.size, now.size);
        if got < seen_size {
            return Err(LogError::RolledBack { seen: seen_size, got });
        }
        if self.old != seen_size {
            return Err(LogError::OtherStart { seen: seen_size, old: self.old });
        }
        if !merkle::verify_consistency((seen_size, &seen.root), (got, &now.root), &self.hashes) {
            return Err(LogError::Forked { seen: seen_size, got });
        }
        Ok(now)
    }
}

impl fmt::Display for ConsistencyProof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "old {}", self.old)?;
        self.hashes.iter().try_for_each(|hash| writeln!(f, "{}", BASE64.encode(hash)))?;
        write!(f, "\n{}", self.checkpoint)
    }
}

fn hash_lines(lines: Option<&str>) -> Option<Vec<Hash>> {
    let hashes: Vec<Hash> = lines.map_or(Some(Vec::new()), |lines| lines.split('\n').map(hash).collect())?;
    (hashes.len() <= MAX_PROOF).then_some(hashes)
}
