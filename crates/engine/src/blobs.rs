//! The blob store's contract.

use crate::EngineError;

/// Where a blob lies; opaque above this crate. Encoded form: docs/formats.md, section 9. At most 2,048 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BlobRef(pub Vec<u8>);

/// Large immutable ciphertext beside the rows.
///
/// Contract: a blob's bytes are durable when [`BlobWriter::finish`] returns and are never changed afterwards; memory per
/// open blob is bounded whatever its length; what `delete` frees is given back to the file system; bytes are ciphertext.
/// Which blobs are alive is the caller's knowledge (its rows); this store keeps no index.
/// A full disk fails the one writer that meets it and nobody else; a failed read harms nobody; any other I/O error poisons.
pub trait Blobs: Send + Sync {
    /// Starts a blob. `expected` is the length in bytes if known; it may turn out shorter or longer.
    fn create(&self, expected: Option<u64>) -> Result<Box<dyn BlobWriter>, EngineError>;
    /// Fills `buf` from `offset`. Reading past the end is `Corrupt`.
    fn read_at(&self, blob: &BlobRef, offset: u64, buf: &mut [u8]) -> Result<(), EngineError>;
    /// Length in bytes, as the reference says.
    fn len(&self, blob: &BlobRef) -> Result<u64, EngineError>;
    /// Gives the space back, durably. Deleting what is already deleted is no error.
    fn delete(&self, blob: &BlobRef) -> Result<(), EngineError>;
    /// Bytes occupied on disk.
    fn disk_bytes(&self) -> Result<u64, EngineError>;
    /// Marks a clean stop. Idempotent.
    fn close(&self) -> Result<(), EngineError>;
}

/// One blob being written. Dropped without `finish`, its space is given back.
pub trait BlobWriter: Send {
    /// Makes room for `bytes` more. Answers true when [`BlobWriter::reference`] changed: the caller then registers the new
    /// reference durably *before* it writes, so that a crash leaks nothing.
    fn reserve(&mut self, bytes: u64) -> Result<bool, EngineError>;
    /// Appends; the room must have been reserved.
    fn write(&mut self, bytes: &[u8]) -> Result<(), EngineError>;
    /// Covers everything reserved so far; good for `delete`, not for reading before `finish`.
    fn reference(&self) -> BlobRef;
    /// Makes the bytes durable and answers the final reference (exact length, unused room given back).
    fn finish(self: Box<Self>) -> Result<BlobRef, EngineError>;
}
