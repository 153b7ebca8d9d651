//! All that the adversary holds when they begin to think.

/// What was ever written, and what was seized.
#[derive(Clone, Default)]
pub struct Evidence {
    /// Every row ever written: key and value.
    pub rows: Vec<(Vec<u8>, Vec<u8>)>,
    /// Every blob ever written, by its reference; those that broke off under the last reference they had.
    pub blobs: Vec<(Vec<u8>, Vec<u8>)>,
    /// Every page ever written.
    pub pages: Vec<Vec<u8>>,
    /// Any other bytes: ledger, root pointers, keys that were deleted or asked for, whole files.
    pub other: Vec<Vec<u8>>,
    /// Everything that was logged.
    pub logs: Vec<u8>,
    /// The root cells' bytes at the seizure.
    pub cells: Vec<Vec<u8>>,
    /// Files of escrow holders at the seizure.
    pub holders: Vec<Vec<u8>>,
    /// Secrets in memory at the seizure.
    pub memory: Vec<Held>,
}

/// A secret in memory.
#[derive(Clone, PartialEq, Eq)]
pub enum Held {
    /// A key or seed of whatever use.
    Key([u8; 32]),
    /// A page's plaintext.
    Page {
        /// The page's name.
        id: [u8; 12],
        /// Its 976 bytes.
        body: Vec<u8>,
    },
    /// Plaintext that is kept for speed.
    Text(String),
}
