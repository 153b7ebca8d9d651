//! One record of the ledger, 128 bytes.

use sha2::{Digest, Sha256};

use crate::cell::ErasureClass;
use crate::codec::{Malformed, Reader};

const MAGIC: &[u8; 8] = b"OUBROOT1";

/// A root change that made something unreadable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RootRecord {
    /// The last generation of the old root.
    pub generation_before: u64,
    /// The first generation of the new root.
    pub generation_after: u64,
    /// SHA-256 of the root page before.
    pub root_before: [u8; 32],
    /// SHA-256 of the root page after.
    pub root_after: [u8; 32],
    /// Seconds since the Unix epoch.
    pub time: i64,
    /// Entries of the key tree that were removed or replaced by a fence.
    pub removed: u32,
    /// How well the root's cells forget.
    pub cell_class: ErasureClass,
}

impl RootRecord {
    /// Bytes of the stored form.
    pub const LEN: usize = 128;

    /// The stored form.
    pub fn encode(&self) -> [u8; Self::LEN] {
        let mut bytes = [
            MAGIC.as_slice(),
            &self.generation_before.to_be_bytes(),
            &self.generation_after.to_be_bytes(),
            &self.root_before,
            &self.root_after,
            &self.time.to_be_bytes(),
            &self.removed.to_be_bytes(),
            &[self.cell_class as u8],
            &[0; 11],
        ]
        .concat();
        let check = Sha256::digest(&bytes);
        bytes.extend_from_slice(&check);
        let mut record = [0; Self::LEN];
        record.iter_mut().zip(bytes).for_each(|(to, from)| *to = from);
        record
    }

    /// Reads the stored form; `None` if it is none.
    pub fn parse(bytes: &[u8]) -> Option<Self> {
        Self::decode(bytes).ok()
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Reader::new(bytes);
        let mut record = Reader::new(fields.take(112)?);
        let check = Sha256::digest(bytes.get(..112).ok_or(Malformed)?);
        if record.array()? != *MAGIC || check.get(..16).ok_or(Malformed)? != fields.take(16)? {
            return Err(Malformed);
        }
        fields.end()?;
        let decoded = Self {
            generation_before: record.u64()?,
            generation_after: record.u64()?,
            root_before: record.array()?,
            root_after: record.array()?,
            time: record.i64()?,
            removed: record.u32()?,
            cell_class: ErasureClass::try_from(record.u8()?).map_err(|_| Malformed)?,
        };
        record.rest_is_zero()?;
        Ok(decoded)
    }
}
