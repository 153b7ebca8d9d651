//! Bytes of the cell's header and share slots.
//!
//! A share never stands in its slot in clear: it is masked by a hash of 16 KiB of randomness, so that one unreadable sector
//! of the old slot is enough to lose it (all-or-nothing). Whoever overwrites a slot wins by hitting any part of it.

use oubliette_crypto::{CellShare, VaultId, labels};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{CellError, CellSlot, RootPointer};
use crate::codec::{Malformed, Reader};

pub(super) const BLOCK: usize = 4096;
pub(super) const CELL_SIZE: usize = 57_344;
pub(super) const POINTERS: [usize; 2] = [4096, 8192];
/// Rewritten with random bytes to see where they go; never read for what it holds.
pub(super) const PROBE: usize = 12_288;
pub(super) const SLOTS: [usize; 2] = [16_384, 36_864];
pub(super) const SLOT_SIZE: usize = 20_480;

const HEADER_MAGIC: &[u8; 8] = b"OUBCELL1";
const SLOT_MAGIC: &[u8; 8] = b"OUBSHARE";
const VERSION: u8 = 1;
const CHECKED: usize = 4064;
const FIELDS: usize = 8 + 16 + 8 + 32 + RootPointer::LEN;

/// What the header says; it is written once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Header {
    pub(super) vault: VaultId,
    pub(super) index: u8,
    pub(super) shares: u8,
}

impl Header {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = [
            HEADER_MAGIC.as_slice(),
            &[VERSION, self.index, self.shares, 0, 0, 0, 0, 0],
            self.vault.as_bytes(),
        ]
        .concat();
        let hash = Sha256::digest(&bytes);
        bytes.extend_from_slice(&hash);
        bytes.resize(BLOCK, 0);
        bytes
    }

    pub(super) fn decode(bytes: &[u8]) -> Result<Self, Malformed> {
        let mut fields = Reader::new(bytes);
        let mut head = Reader::new(fields.take(32)?);
        let hash: [u8; 32] = fields.array()?;
        fields.rest_is_zero()?;
        let expected = Sha256::digest(bytes.get(..32).ok_or(Malformed)?);
        if head.array()? != *HEADER_MAGIC || expected.as_slice() != hash.as_slice() || head.u8()? != VERSION {
            return Err(Malformed);
        }
        let (index, shares) = (head.u8()?, head.u8()?);
        head.zeros(5)?;
        if index >= shares {
            return Err(Malformed);
        }
        Ok(Self { vault: VaultId(head.array()?), index, shares })
    }
}

/// A whole slot around `share`, with randomness of its own.
pub(super) fn encode_slot(
    vault: &VaultId,
    epoch: u64,
    share: &CellShare,
    pointer: &RootPointer,
) -> Result<Zeroizing<Vec<u8>>, CellError> {
    let mut slot = Zeroizing::new(vec![0; SLOT_SIZE]);
    let (record, randomness) = slot.split_at_mut(BLOCK);
    getrandom::fill(randomness).map_err(oubliette_crypto::CryptoError::Random)?;
    let mut mask = hash(&[labels::CELL_MASK, randomness]);
    mask.iter_mut().zip(share.expose()).for_each(|(mask, byte)| *mask ^= byte);
    let pointer = pointer.encode();
    let fields = [SLOT_MAGIC.as_slice(), vault.as_bytes(), &epoch.to_be_bytes(), mask.as_slice(), &pointer];
    let (checked, check) = record.split_at_mut(CHECKED);
    checked.iter_mut().zip(fields.into_iter().flatten()).for_each(|(to, from)| *to = *from);
    check.copy_from_slice(hash(&[labels::CELL_CHECK, checked, randomness]).as_slice());
    Ok(slot)
}

/// Makes a slot's check right again.
pub(super) fn reseal(slot: &mut [u8]) {
    let Some((record, randomness)) = slot.split_at_mut_checked(BLOCK) else { return };
    if let Some((checked, check)) = record.split_at_mut_checked(CHECKED) {
        check.copy_from_slice(hash(&[labels::CELL_CHECK, checked, randomness]).as_slice());
    }
}

/// The slot, if every byte of it is as written.
pub(super) fn decode_slot(vault: &VaultId, bytes: &[u8]) -> Result<CellSlot, Malformed> {
    let (record, randomness) = bytes.split_at_checked(BLOCK).ok_or(Malformed)?;
    let (checked, check) = record.split_at_checked(CHECKED).ok_or(Malformed)?;
    if bytes.len() != SLOT_SIZE || hash(&[labels::CELL_CHECK, checked, randomness]).as_slice() != check {
        return Err(Malformed);
    }
    let mut fields = Reader::new(checked);
    if fields.array()? != *SLOT_MAGIC || fields.array()? != *vault.as_bytes() {
        return Err(Malformed);
    }
    let epoch = fields.u64()?;
    let masked = fields.take(32)?;
    let pointer = RootPointer::decode(fields.take(RootPointer::LEN)?)?;
    fields.zeros(CHECKED - FIELDS)?;
    let mask = hash(&[labels::CELL_MASK, randomness]);
    let masked = masked.first_chunk().ok_or(Malformed)?;
    Ok(CellSlot { epoch, share: CellShare::unmask(masked, &mask), pointer })
}

fn hash(parts: &[&[u8]]) -> Zeroizing<[u8; 32]> {
    let mut hasher = Sha256::new();
    parts.iter().for_each(|part| hasher.update(part));
    let mut digest = hasher.finalize();
    let mut out = Zeroizing::new([0; 32]);
    out.copy_from_slice(&digest);
    digest.zeroize();
    out
}
