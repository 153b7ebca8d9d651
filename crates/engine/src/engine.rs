//! The row engine's contract.

use crate::EngineError;

/// Most operations in one batch. sled held up under power cuts only to this size (docs/sled.md).
pub const MAX_BATCH_OPS: usize = 256;
/// Most bytes in one row's value.
pub const MAX_ROW: usize = 4096;

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// What must be true when a batch is applied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Precondition {
    /// No row under this key.
    Absent(Vec<u8>),
    /// A row under this key.
    Present(Vec<u8>),
    /// A row under this key with exactly these bytes.
    Equals(Vec<u8>, Vec<u8>),
}

/// Writes that happen together or not at all. A later operation on the same key wins.
#[derive(Debug, Clone, Default)]
pub struct Batch {
    /// Checked in order against the state that this batch would change.
    pub preconditions: Vec<Precondition>,
    /// `None` deletes.
    pub ops: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl Batch {
    /// An empty batch.
    pub fn new() -> Self {
        Self::default()
    }
    /// Adds or replaces a row.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> &mut Self {
        self.ops.push((key.into(), Some(value.into())));
        self
    }
    /// Removes a row; removing an absent one is no error.
    pub fn delete(&mut self, key: impl Into<Vec<u8>>) -> &mut Self {
        self.ops.push((key.into(), None));
        self
    }
    /// Adds a condition.
    pub fn require(&mut self, precondition: Precondition) -> &mut Self {
        self.preconditions.push(precondition);
        self
    }
}

/// How much an engine holds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Rows, the engine's own bookkeeping left out.
    pub rows: u64,
    /// Bytes of keys and values of those rows.
    pub live_bytes: u64,
    /// Bytes the engine occupies on disk (0 for memory).
    pub disk_bytes: u64,
}

/// What `verify` found.
#[derive(Debug, Clone, Default)]
pub struct VerifyReport {
    /// Rows read.
    pub rows: u64,
    /// One line per fault, by position; never content.
    pub faults: Vec<String>,
}

/// An ordered map of small rows with atomic, durable batches.
///
/// Contract, checked by the conformance suite for every implementation:
/// * `commit` returns `Ok` only when the batch would survive a power cut, and readers on any thread see it then.
///   Concurrent commits are grouped; each batch is atomic and judged by its own preconditions, and one batch's failed
///   precondition does not touch the others.
/// * After an I/O error, a failed sync or a panic inside the engine every call answers [`EngineError::Poisoned`].
///   A sync is never tried again.
/// * Keys are 1 to 64 bytes, values at most [`MAX_ROW`], at most [`MAX_BATCH_OPS`] operations a batch; more is `TooLarge`.
/// * Values are opaque; nothing is ever logged.
pub trait Engine: Send + Sync {
    /// The value under `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError>;
    /// At most `limit` rows with `from <= key < to`, ascending, or descending from the top if `reverse`.
    fn range(&self, from: &[u8], to: &[u8], limit: usize, reverse: bool) -> Result<Vec<Row>, EngineError>;
    /// Applies a batch durably.
    fn commit(&self, batch: Batch) -> Result<(), EngineError>;
    /// Reads every row and checks it against what the engine keeps about itself (anchor, digests).
    fn verify(&self) -> Result<VerifyReport, EngineError>;
    /// Gives the room of dead rows back to the disk, while rows are read and written. `watch` is told rows copied and rows in all, and ends it by
    /// answering `false`. Answers whether it was done; an engine that needs no such thing never does. A failure leaves everything as it was.
    fn compact_live(&self, watch: &mut dyn FnMut(u64, u64) -> bool) -> Result<bool, EngineError> {
        let _nothing_to_do = watch;
        Ok(false)
    }
    /// How much is stored.
    fn sizes(&self) -> Result<Sizes, EngineError>;
    /// Marks a clean stop and releases files. Idempotent; later calls answer `Poisoned`.
    fn close(&self) -> Result<(), EngineError>;
}
