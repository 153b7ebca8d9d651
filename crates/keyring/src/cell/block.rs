//! The cell's logic over any medium of fixed size that is overwritten in place.

use oubliette_crypto::{CellShare, VaultId};
use zeroize::Zeroizing;

use super::format::{BLOCK, CELL_SIZE, Header, POINTERS, PROBE, SLOT_SIZE, SLOTS, decode_slot, encode_slot};
use super::{CellError, CellSlot, CellState, RootPointer};

/// Where a cell's bytes lie.
pub(super) trait Medium: Send + Sync {
    /// Fills `out` from what the medium itself holds, past any cache where that is possible.
    fn read_at(&self, offset: usize, out: &mut [u8]) -> Result<(), CellError>;
    /// Overwrites in place; durable when it returns.
    fn write_at(&self, offset: usize, bytes: &[u8]) -> Result<(), CellError>;
    /// Error for bytes that were not kept.
    fn not_kept(&self, what: &'static str) -> CellError;
    /// Error for bytes of another format.
    fn foreign(&self, detail: &'static str) -> CellError;
}

/// A cell on a medium. Callers serialise the writing calls (the keyring has one writer).
pub(super) struct BlockCell<M> {
    pub(super) medium: M,
    pub(super) header: Header,
}

impl<M: Medium> BlockCell<M> {
    /// Lays out an empty cell.
    pub(super) fn create(medium: M, header: Header) -> Result<Self, CellError> {
        if header.index >= header.shares {
            return Err(CellError::Misuse { detail: "a share's index must be below the number of shares" });
        }
        let mut image = header.encode();
        image.resize(CELL_SIZE, 0);
        let cell = Self { medium, header };
        cell.write(0, &image, "an empty cell")?;
        Ok(cell)
    }

    pub(super) fn open(medium: M) -> Result<Self, CellError> {
        let mut bytes = vec![0; BLOCK];
        medium.read_at(0, &mut bytes)?;
        if bytes.iter().all(|byte| *byte == 0) {
            return Err(medium.foreign("it is empty: it was wiped, or never was a cell"));
        }
        let header = Header::decode(&bytes)
            .map_err(|_| medium.foreign("its header is damaged or of another version"))?;
        Ok(Self { medium, header })
    }

    pub(super) fn read(&self) -> Result<CellState, CellError> {
        let mut pointers = Vec::new();
        for offset in POINTERS {
            let mut block = vec![0; BLOCK];
            self.medium.read_at(offset, &mut block)?;
            pointers.extend(block.get(..RootPointer::LEN).and_then(|bytes| RootPointer::decode(bytes).ok()));
        }
        let slots = self.slots()?.into_iter().flatten().collect();
        Ok(CellState { slots, pointers })
    }

    pub(super) fn point(&self, pointer: &RootPointer) -> Result<(), CellError> {
        let mut block = pointer.encode().to_vec();
        block.resize(BLOCK, 0);
        for offset in POINTERS {
            self.write(offset, &block, "a root pointer")?;
        }
        Ok(())
    }

    pub(super) fn stage(
        &self,
        epoch: u64,
        share: &CellShare,
        pointer: &RootPointer,
    ) -> Result<(), CellError> {
        let free = match self.slots()? {
            [None, None] if epoch == 1 => 0,
            [None, None] => return Err(CellError::Misuse { detail: "the cell is empty" }),
            [Some(slot), None] if slot.epoch.checked_add(1) == Some(epoch) => 1,
            [None, Some(slot)] if slot.epoch.checked_add(1) == Some(epoch) => 0,
            [Some(a), Some(b)] if a.epoch == b.epoch && a.epoch.checked_add(1) == Some(epoch) => 1,
            _ => {
                return Err(CellError::Misuse {
                    detail: "another epoch is staged or the epoch does not follow",
                });
            }
        };
        self.overwrite(free, epoch, share, pointer)
    }

    pub(super) fn confirm(&self) -> Result<(), CellError> {
        self.settle(|a, b| a > b)
    }

    pub(super) fn withdraw(&self) -> Result<(), CellError> {
        self.settle(|a, b| a < b)
    }

    /// Overwrites one slot with the other, so that both hold the epoch that `wins`. A slot that is not whole always loses.
    fn settle(&self, wins: impl Fn(u64, u64) -> bool) -> Result<(), CellError> {
        let (loser, winner) = match self.slots()? {
            [None, None] => return Err(CellError::Misuse { detail: "the cell holds no share" }),
            [Some(a), None] => (1, a),
            [None, Some(b)] => (0, b),
            [Some(a), Some(b)] if a.epoch == b.epoch => return Ok(()),
            [Some(a), Some(b)] if wins(a.epoch, b.epoch) => (1, a),
            [Some(_), Some(b)] => (0, b),
        };
        self.overwrite(loser, winner.epoch, &winner.share, &winner.pointer)
    }

    /// Makes an empty cell hold what another one holds. The share comes last: a cell in which one is whole has all the rest, too.
    pub(super) fn adopt(&self, from: &CellState) -> Result<(), CellError> {
        let [a, b] = from.slots.as_slice() else {
            return Err(CellError::Misuse { detail: "only a cell with two whole slots is copied" });
        };
        let [pointer, same] = from.pointers.as_slice() else {
            return Err(CellError::Misuse { detail: "only a cell with two whole pointers is copied" });
        };
        if a.epoch != b.epoch || pointer != same || !self.read()?.slots.is_empty() {
            return Err(CellError::Misuse {
                detail: "only a settled cell is copied, and only into an empty one",
            });
        }
        self.point(pointer)?;
        (0..SLOTS.len()).try_for_each(|slot| self.overwrite(slot, a.epoch, &a.share, &a.pointer))
    }

    /// Both slots and both pointers.
    pub(super) fn fill(&self, epoch: u64, share: &CellShare, pointer: &RootPointer) -> Result<(), CellError> {
        (0..SLOTS.len()).try_for_each(|slot| self.overwrite(slot, epoch, share, pointer))?;
        self.point(pointer)
    }

    /// Overwrites all that the cell holds, what makes it a cell last.
    pub(super) fn wipe(&self) -> Result<(), CellError> {
        let mut noise = vec![0; CELL_SIZE - BLOCK];
        getrandom::fill(&mut noise).map_err(oubliette_crypto::CryptoError::Random)?;
        self.write(BLOCK, &noise, "noise")?;
        self.write(0, &[0; BLOCK], "an empty header")
    }

    /// Overwrites the block that holds nothing, to see where the bytes go.
    pub(super) fn probe(&self) -> Result<(), CellError> {
        let mut block = vec![0; BLOCK];
        getrandom::fill(&mut block).map_err(oubliette_crypto::CryptoError::Random)?;
        self.write(PROBE, &block, "a probe")
    }

    fn overwrite(
        &self,
        slot: usize,
        epoch: u64,
        share: &CellShare,
        pointer: &RootPointer,
    ) -> Result<(), CellError> {
        let offset = SLOTS.get(slot).copied().ok_or(CellError::Misuse { detail: "there are two slots" })?;
        let bytes = encode_slot(&self.header.vault, epoch, share, pointer)?;
        self.write(offset, &bytes, "a share slot")
    }

    fn write(&self, offset: usize, bytes: &[u8], what: &'static str) -> Result<(), CellError> {
        self.medium.write_at(offset, bytes)?;
        let mut back = Zeroizing::new(vec![0; bytes.len()]);
        self.medium.read_at(offset, &mut back)?;
        if back.as_slice() == bytes { Ok(()) } else { Err(self.medium.not_kept(what)) }
    }

    fn slots(&self) -> Result<[Option<CellSlot>; 2], CellError> {
        let mut whole = [None, None];
        for (slot, offset) in whole.iter_mut().zip(SLOTS) {
            let mut bytes = Zeroizing::new(vec![0; SLOT_SIZE]);
            self.medium.read_at(offset, &mut bytes)?;
            *slot = decode_slot(&self.header.vault, &bytes).ok();
        }
        Ok(whole)
    }

    pub(super) fn vault(&self) -> VaultId {
        self.header.vault
    }
}
