//! One record of `ledger/receipts` (docs/formats.md, section 13).

use oubliette_crypto::Handle;
use sha2::{Digest, Sha256};

use super::{ReceiptId, ReceiptState};
use crate::translog::MAX_NOTE;

const MAGIC: &[u8; 4] = b"OUBR";
const VERSION: u8 = 1;
/// Bytes before the note.
pub(super) const HEAD: usize = 72;
/// Bytes after it.
pub(super) const CHECK: usize = 16;

/// What stands before a receipt, for the vault alone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Head {
    pub(super) state: ReceiptState,
    pub(super) length: u32,
    /// The erased person's random name: how a fence finds the receipt.
    pub(super) handle: Handle,
    pub(super) id: ReceiptId,
    pub(super) job: [u8; 16],
    /// First root generation that cannot open the person; 0 while there is none.
    pub(super) generation: u64,
}

impl Head {
    /// Bytes of the whole record.
    pub(super) fn record_length(&self) -> u64 {
        (HEAD + CHECK) as u64 + u64::from(self.length)
    }

    fn encode(&self) -> Vec<u8> {
        let fields = [
            MAGIC.as_slice(),
            &[VERSION, self.state.byte(), 0, 0],
            &self.length.to_be_bytes(),
            self.handle.as_bytes(),
            &self.id.0,
            &self.job,
            &self.generation.to_be_bytes(),
        ]
        .concat();
        let check = Sha256::digest(&fields);
        [fields.as_slice(), check.get(..4).unwrap_or_default()].concat()
    }

    /// Reads the head that stands at the beginning of some bytes.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let mut take = |n: usize| {
            let (taken, left) = rest.split_at_checked(n)?;
            rest = left;
            Some(taken)
        };
        if take(4)? != MAGIC {
            return None;
        }
        let [VERSION, state, 0, 0] = take(4)? else { return None };
        let state = ReceiptState::of_byte(*state)?;
        let head = Self {
            state,
            length: u32::from_be_bytes(take(4)?.try_into().ok()?),
            handle: Handle(take(16)?.try_into().ok()?),
            id: ReceiptId(take(16)?.try_into().ok()?),
            job: take(16)?.try_into().ok()?,
            generation: u64::from_be_bytes(take(8)?.try_into().ok()?),
        };
        let whole = bytes.get(..HEAD)?;
        (head.length as usize <= MAX_NOTE && whole == head.encode()).then_some(head)
    }
}

/// A whole record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Record {
    pub(super) head: Head,
    /// The receipt, a signed note.
    pub(super) note: String,
}

impl Record {
    /// The stored form; `None` for a note that is too long.
    pub(super) fn encode(&self) -> Option<Vec<u8>> {
        let length = u32::try_from(self.note.len()).ok().filter(|length| *length as usize <= MAX_NOTE)?;
        let head = Head { length, ..self.head.clone() };
        let mut bytes = [head.encode().as_slice(), self.note.as_bytes()].concat();
        bytes.extend_from_slice(&check(&bytes));
        Some(bytes)
    }

    /// Reads the stored form of one record.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let head = Head::decode(bytes)?;
        let (fields, found) = bytes.split_last_chunk::<CHECK>()?;
        let note = fields.get(HEAD..).filter(|note| note.len() == head.length as usize)?;
        if check(fields) != *found {
            return None;
        }
        Some(Self { head, note: std::str::from_utf8(note).ok()?.to_owned() })
    }
}

fn check(bytes: &[u8]) -> [u8; CHECK] {
    Sha256::digest(bytes).first_chunk().copied().unwrap_or_default()
}
