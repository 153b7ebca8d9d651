//! The file of receipts: an index of it in memory, its torn end, its damage.

use std::collections::{BTreeMap, HashMap};

use oubliette_crypto::Handle;

use super::medium::{Medium, RECEIPTS};
use super::record::{CHECK, HEAD, Head, Record};
use super::{ReceiptId, ReceiptState};
use crate::VaultError;
use crate::translog::MAX_NOTE;

/// Most receipts in one write. What a crash tears is within the last write.
pub(super) const GROUP: usize = 256;
const SECTOR: u64 = 512;

/// An erased person whose `final` receipt is yet to come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Pending {
    pub(super) handle: Handle,
    pub(super) erased: ReceiptId,
    pub(super) generation: u64,
}

/// The index. Some hundred bytes for each receipt.
#[derive(Default)]
pub(super) struct Book {
    /// Where the next record goes.
    end: u64,
    places: HashMap<ReceiptId, u64>,
    /// The newest receipt of each person.
    newest: HashMap<Handle, u64>,
    /// By job.
    pending: BTreeMap<[u8; 16], Pending>,
    /// Why nothing can be added any more.
    failed: Option<String>,
    /// What is damaged.
    pub(super) faults: Vec<String>,
    /// What opening took off.
    pub(super) notes: Vec<String>,
}

/// What stands between two places of the file.
enum Piece {
    Record(Head),
    Gap,
}

impl Book {
    /// Reads the heads of all records. With `mend` a torn end is taken off; without, the file is left as it is.
    pub(super) fn open(medium: &Medium, mend: bool) -> Result<Self, VaultError> {
        let length = medium.length()?;
        let mut pieces = pieces(medium, length)?;
        let mut book = Self { end: length, ..Self::default() };
        let last = pieces.len().saturating_sub(GROUP);
        let mut torn = None;
        for (at, to, piece) in pieces.get(last..).unwrap_or_default() {
            let whole = match piece {
                Piece::Record(_) => Record::decode(&medium.read(*at, span(*at, *to))?).is_some(),
                Piece::Gap => false,
            };
            if !whole && is_torn(medium, *at, *to, length)? {
                torn = Some(*at);
                break;
            }
        }
        if let Some(torn) = torn {
            pieces.retain(|(at, _, _)| *at < torn);
            book.end = torn;
            book.notes
                .push(format!("{} bytes of a cut-off write were taken off ledger/{RECEIPTS}", length - torn));
            if mend {
                medium.cut(torn)?;
            }
        }
        for (at, to, piece) in pieces {
            match piece {
                Piece::Record(head) => book.note(at, &head),
                Piece::Gap => book.faults.push(format!(
                    "bytes {at} to {to} of ledger/{RECEIPTS} are damaged: a receipt is lost; put the file back from its copy"
                )),
            }
        }
        Ok(book)
    }

    fn note(&mut self, at: u64, head: &Head) {
        self.places.insert(head.id, at);
        // Nobody's name: of people whose state was lost in every copy.
        if head.handle != Handle([0; 16]) {
            self.newest.insert(head.handle, at);
        }
        match head.state {
            ReceiptState::Blocked => {}
            ReceiptState::Erased => {
                let pending = Pending { handle: head.handle, erased: head.id, generation: head.generation };
                self.pending.insert(head.job, pending);
            }
            ReceiptState::Final => drop(self.pending.remove(&head.job)),
        }
    }

    /// Adds records durably: all of them, or after a crash the first few.
    pub(super) fn append(&mut self, medium: &Medium, records: &[Record]) -> Result<(), VaultError> {
        for group in records.chunks(GROUP) {
            let mut bytes = Vec::new();
            let mut heads = Vec::new();
            for record in group {
                let encoded = record.encode().ok_or_else(|| VaultError::Other {
                    detail: "a receipt is longer than any should be; report this".to_owned(),
                })?;
                let at = self.end + bytes.len() as u64;
                heads.push((at, record.head.clone()));
                bytes.extend_from_slice(&encoded);
            }
            // A sync that failed is never tried again: what the system calls written then may be nowhere.
            if let Some(reason) = &self.failed {
                return Err(VaultError::Poisoned { reason: reason.clone() });
            }
            medium.append(self.end, &bytes).inspect_err(|error| {
                self.failed = (!matches!(error, VaultError::DiskFull)).then(|| error.to_string());
            })?;
            self.end += bytes.len() as u64;
            heads.iter().for_each(|(at, head)| self.note(*at, head));
        }
        Ok(())
    }

    pub(super) fn has(&self, id: &ReceiptId) -> bool {
        self.places.contains_key(id)
    }

    pub(super) fn len(&self) -> u64 {
        self.places.len() as u64
    }

    /// Erased people without a `final` receipt.
    pub(super) fn pending(&self) -> Vec<Pending> {
        self.pending.values().copied().collect()
    }

    pub(super) fn get(&self, medium: &Medium, id: &ReceiptId) -> Result<Option<Record>, VaultError> {
        self.places.get(id).map(|at| read(medium, *at)).transpose()
    }

    /// The newest receipt of somebody who was erased, by their random name.
    pub(super) fn of_handle(&self, medium: &Medium, handle: &Handle) -> Result<Option<Record>, VaultError> {
        self.newest.get(handle).map(|at| read(medium, *at)).transpose()
    }

    /// Every record from the beginning, whole or not. What is no record at all is named in `faults`, a torn end in `notes`.
    pub(super) fn each(
        &self,
        medium: &Medium,
        visit: &mut dyn FnMut(u64, Option<Record>) -> Result<(), VaultError>,
    ) -> Result<(), VaultError> {
        let records =
            pieces(medium, self.end)?.into_iter().filter(|(_, _, piece)| matches!(piece, Piece::Record(_)));
        for (at, to, _) in records {
            visit(at, Record::decode(&medium.read(at, span(at, to))?))?;
        }
        Ok(())
    }
}

fn span(from: u64, to: u64) -> usize {
    usize::try_from(to - from).unwrap_or(0)
}

fn read(medium: &Medium, at: u64) -> Result<Record, VaultError> {
    let damaged = || VaultError::Corrupt { what: format!("the receipt at byte {at} of ledger/{RECEIPTS}") };
    let head = Head::decode(&medium.read(at, HEAD)?).ok_or_else(damaged)?;
    Record::decode(&medium.read(at, span(0, head.record_length()))?).ok_or_else(damaged)
}

/// Walks from head to head; where there is none, to the next one.
fn pieces(medium: &Medium, length: u64) -> Result<Vec<(u64, u64, Piece)>, VaultError> {
    let (mut found, mut at) = (Vec::new(), 0);
    while at < length {
        let head = Head::decode(&medium.read(at, HEAD)?);
        match head.filter(|head| at + head.record_length() <= length) {
            Some(head) => {
                let to = at + head.record_length();
                found.push((at, to, Piece::Record(head)));
                at = to;
            }
            None => {
                let to = next_head(medium, at + 1, length)?;
                found.push((at, to, Piece::Gap));
                at = to;
            }
        }
    }
    Ok(found)
}

fn next_head(medium: &Medium, from: u64, length: u64) -> Result<u64, VaultError> {
    let step = MAX_NOTE + HEAD + CHECK;
    let mut at = from;
    while at < length {
        let bytes = medium.read(at, step + HEAD)?;
        let found = bytes.windows(HEAD).position(|window| Head::decode(window).is_some());
        if let Some(offset) = found {
            return Ok(at + offset as u64);
        }
        at += step as u64;
    }
    Ok(length)
}

/// Whether a crash may have left this: the file ends within it, or a sector of it was never written. Receipts hold no such zeros.
fn is_torn(medium: &Medium, from: u64, to: u64, length: u64) -> Result<bool, VaultError> {
    let head = Head::decode(&medium.read(from, HEAD)?);
    if to == length && head.is_none_or(|head| from + head.record_length() > length) {
        let whole = medium.read(from, span(from, to))?;
        // A head that was damaged in an otherwise whole record is damage: its check at the end is there, and is not zeros.
        return Ok(whole.len() < HEAD + CHECK || ends_early(&whole) || has_zero_sector(&whole, from));
    }
    Ok(has_zero_sector(&medium.read(from, span(from, to))?, from))
}

/// A signed note ends in a line feed, followed by the record's check.
fn ends_early(record: &[u8]) -> bool {
    record.iter().rev().nth(CHECK) != Some(&b'\n')
}

fn has_zero_sector(bytes: &[u8], from: u64) -> bool {
    let skip = usize::try_from(from.next_multiple_of(SECTOR) - from).unwrap_or(0);
    let whole = bytes.get(skip..).unwrap_or_default();
    whole.chunks(SECTOR as usize).any(|sector| sector.len() > CHECK && sector.iter().all(|byte| *byte == 0))
}
