//! Escrow of the key plane: a root sealed to holders within the writer, the pages that it opens walked into an archive, and the way back
//! (docs/escrow.md; layout: docs/formats.md, section 15).

mod archive;
mod blob;
pub(crate) mod fuzz;
mod recover;
mod tail;

pub use blob::{EscrowBlob, EscrowHead, EscrowTo};
pub use recover::Recovered;
pub(crate) use tail::Tail;

/// What [`Keyring::escrow`](crate::Keyring::escrow) answers.
pub struct SealedRoot {
    /// To be kept, once this is answered: the archive has its pages.
    pub blob: EscrowBlob,
    /// Pages that no copy has whole, and that the archive therefore lacks.
    pub lost: u64,
}
