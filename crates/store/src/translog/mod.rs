//! The public log of deletions: a Merkle tree with one leaf for each record of `ledger/roots`, checkpoints of it as signed notes, proofs, and
//! the countersignatures of witnesses (docs/receipts.md; layouts: docs/formats.md, section 13).
//!
//! Everything here is verified with public keys alone, without a vault.

mod checkpoint;
pub(crate) mod fuzz;
mod merkle;
mod note;
mod proof;
mod witness;

pub use checkpoint::Checkpoint;
pub(crate) use checkpoint::base64;
pub use merkle::{
    Frontier, Hash, MAX_PROOF, consistency_proof, inclusion_proof, leaf_hash, root, verify_consistency,
    verify_inclusion,
};
pub use note::{KeyKind, MAX_NOTE, Note, NoteSignature, VerifierKey};
pub use proof::{ConsistencyProof, InclusionProof};
pub use witness::{Seen, Witness, WitnessKey};

/// Why a note, a checkpoint or a proof does not convince.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LogError {
    /// Not what it should be by its form.
    #[error("this is not {0}: it was changed, cut off, or is of another version")]
    Malformed(&'static str),
    /// Nobody signed who is trusted here.
    #[error("it carries no signature of the key `{name}`; check that the public key is the right one")]
    Unsigned {
        /// The key.
        name: String,
    },
    /// A signature that does not verify.
    #[error("the signature of `{name}` does not verify: the text was changed, or somebody else wrote it")]
    Forged {
        /// The key.
        name: String,
    },
    /// Of another log.
    #[error("it speaks of the log `{got}`, not of `{expected}`")]
    OtherLog {
        /// The log that was expected.
        expected: String,
        /// The one it names.
        got: String,
    },
    /// A proof of inclusion that proves nothing.
    #[error(
        "the proof does not lead from the entry to the checkpoint's root: the entry does not stand in that log"
    )]
    NotIncluded,
    /// Shorter than it was.
    #[error(
        "the log went back: it had {seen} entries and now shows {got}; the vault was rolled back, or another copy of it answers"
    )]
    RolledBack {
        /// Entries seen before.
        seen: u64,
        /// Entries now.
        got: u64,
    },
    /// A proof that begins elsewhere: it says nothing, good or bad.
    #[error(
        "the proof leads from {old} entries, and {seen} were seen; ask for the one from {seen} (`log consistency --from {seen}`)"
    )]
    OtherStart {
        /// Entries seen before.
        seen: u64,
        /// Entries from which it leads.
        old: u64,
    },
    /// Another history.
    #[error("the log was forked: what it shows at {got} entries does not contain what it showed at {seen}")]
    Forked {
        /// Entries seen before.
        seen: u64,
        /// Entries now.
        got: u64,
    },
}
