//! The anchor's state and its two short encodings: the slot, and the row in the engine (docs/formats.md, section 7).

use oubliette_crypto::AnchorKey;
use oubliette_crypto::kdf::{AnchorForm, open_anchor, seal_anchor};

use super::crypto_failed;
use super::digest::{Digest, PREFIXES};
use crate::EngineError;

/// Bytes of a slot in the anchor file.
pub(super) const SLOT: usize = 4096;
const MAGIC: &[u8; 8] = b"OUBANCH2";
const SLOT_HEADER: usize = 24;
/// Salt, 64 digests, rows, bytes, chain, tag.
const SLOT_SEALED: usize = 32 + PREFIXES * 32 + 16 + 16 + 16;
const ROW_VERSION: u8 = 2;
const ROW_HEADER: usize = 9;

/// The tag of a commit's record, by which the next one names it.
pub(crate) type Chain = [u8; 16];

/// What the rows must be after a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct AnchorState {
    /// Number of the last commit; 0 before the first.
    pub(crate) commit: u64,
    pub(crate) digests: Box<[Digest; PREFIXES]>,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
    /// Of the last commit's record.
    pub(crate) chain: Chain,
}

impl AnchorState {
    /// Of an engine without rows.
    pub(crate) fn empty() -> Self {
        Self {
            commit: 0,
            digests: Box::new([Digest::default(); PREFIXES]),
            rows: 0,
            bytes: 0,
            chain: [0; 16],
        }
    }

    pub(crate) fn digest(&self, prefix: u8) -> Digest {
        self.digests.get(usize::from(prefix)).copied().unwrap_or_default()
    }

    pub(crate) fn digest_mut(&mut self, prefix: u8) -> Option<&mut Digest> {
        self.digests.get_mut(usize::from(prefix))
    }
}

/// A slot's 4,096 bytes.
pub(super) fn encode_slot(key: &AnchorKey, state: &AnchorState, clean: bool) -> Result<Vec<u8>, EngineError> {
    let mut slot = Vec::with_capacity(SLOT);
    slot.extend_from_slice(MAGIC);
    slot.extend_from_slice(&state.commit.to_be_bytes());
    slot.push(u8::from(clean));
    slot.resize(SLOT_HEADER, 0);
    let mut body = Vec::with_capacity(SLOT_SEALED);
    state.digests.iter().for_each(|digest| body.extend_from_slice(&digest.0));
    body.extend_from_slice(&state.rows.to_be_bytes());
    body.extend_from_slice(&state.bytes.to_be_bytes());
    body.extend_from_slice(&state.chain);
    let sealed = seal_anchor(key, AnchorForm::Slot, &slot, &body).map_err(crypto_failed)?;
    slot.extend_from_slice(&sealed);
    slot.resize(SLOT, 0);
    Ok(slot)
}

/// A slot's state and whether it stands for a clean stop; `None` for anything that does not authenticate.
pub(super) fn decode_slot(key: &AnchorKey, slot: &[u8]) -> Option<(AnchorState, bool)> {
    let (header, rest) = slot.split_at_checked(SLOT_HEADER)?;
    let (sealed, padding) = rest.split_at_checked(SLOT_SEALED)?;
    let mut fields = Reader(header);
    let magic = fields.take::<8>()?;
    let commit = u64::from_be_bytes(fields.take()?);
    let [clean] = fields.take()?;
    if magic != *MAGIC || clean > 1 || fields.0.iter().chain(padding).any(|byte| *byte != 0) {
        return None;
    }
    let body = open_anchor(key, AnchorForm::Slot, header, sealed).ok()?;
    let mut body = Reader(&body);
    let mut state = AnchorState { commit, ..AnchorState::empty() };
    for digest in state.digests.iter_mut() {
        digest.0 = body.take()?;
    }
    state.rows = u64::from_be_bytes(body.take()?);
    state.bytes = u64::from_be_bytes(body.take()?);
    state.chain = body.take()?;
    Some((state, clean == 1))
}

/// The value of the row that says which commit the engine is at.
pub(crate) fn encode_row(key: &AnchorKey, commit: u64) -> Result<Vec<u8>, EngineError> {
    let mut row = vec![ROW_VERSION];
    row.extend_from_slice(&commit.to_be_bytes());
    let sealed = seal_anchor(key, AnchorForm::Row, &row, &[]).map_err(crypto_failed)?;
    row.extend_from_slice(&sealed);
    Ok(row)
}

/// The commit that such a row names; `None` for anything that does not authenticate.
pub(crate) fn decode_row(key: &AnchorKey, row: &[u8]) -> Option<u64> {
    let (header, sealed) = row.split_at_checked(ROW_HEADER)?;
    let mut fields = Reader(header);
    let [version] = fields.take()?;
    let commit = u64::from_be_bytes(fields.take()?);
    let body = open_anchor(key, AnchorForm::Row, header, sealed).ok()?;
    (version == ROW_VERSION && body.is_empty()).then_some(commit)
}

/// Takes fields off the front; `None` where they end too soon.
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (taken, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*taken)
    }

    pub(super) fn bytes(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> AnchorState {
        let mut state = AnchorState { commit: 7, rows: 3, bytes: 99, chain: [4; 16], ..AnchorState::empty() };
        state.digest_mut(5).unwrap().0 = [9; 32];
        state.digest_mut(63).unwrap().0 = [8; 32];
        state
    }

    #[test]
    fn slots_and_rows_come_back_and_every_changed_byte_is_noticed() {
        let key = AnchorKey::generate().unwrap();
        let slot = encode_slot(&key, &state(), true).unwrap();
        assert_eq!(slot.len(), SLOT);
        assert_eq!(decode_slot(&key, &slot), Some((state(), true)));
        for at in 0..slot.len() {
            let mut bad = slot.clone();
            bad[at] ^= 0x10;
            assert_eq!(decode_slot(&key, &bad), None, "byte {at}");
        }
        let row = encode_row(&key, 7).unwrap();
        assert_eq!(decode_row(&key, &row), Some(7));
        for at in 0..row.len() {
            let mut bad = row.clone();
            bad[at] ^= 0x10;
            assert!(decode_row(&key, &bad).is_none(), "byte {at}");
        }
        for length in 0..row.len() {
            assert!(decode_row(&key, &row[..length]).is_none());
            assert!(decode_slot(&key, &slot[..length]).is_none());
        }
        assert!(decode_slot(&AnchorKey::generate().unwrap(), &slot).is_none());
    }
}
