//! Bringing the file in step with the key plane.
//!
//! A deletion writes its record after the cells have turned and before it is acknowledged, and no other commit begins before
//! that. So only the newest record can be torn or missing after a crash, and the key plane can always write it again: the vault
//! page holds the last deletion, the cell's share slots the pointer that it ended in.
//!
//! | found | it is | done |
//! |---|---|---|
//! | the newest record, nothing behind it | in step | nothing |
//! | the newest record, bytes behind it | no record: nobody was told of a later deletion | taken off, said |
//! | not the newest; its place is empty, or holds a part of it and zeros | a crash before or within the write | written, not said |
//! | not the newest; its place holds anything else | damage | written anew, said |
//! | fewer places than there were deletions | records cut off, or an older copy put back | the newest is appended; the loss is said at every opening |
//! | the newest generation with another content | a ledger of another history | said at every opening |

use super::file::FileLedger;
use super::{LedgerError, RootRecord, Settled};

pub(super) fn settle(
    ledger: &FileLedger,
    deletions: u64,
    newest: &RootRecord,
) -> Result<Settled, LedgerError> {
    let mut settled = Settled::default();
    let mut tail = ledger.tail();
    if tail.readable > 0 && tail.last >= newest.generation_after {
        let found = ledger.record(tail.readable - 1)?;
        let same = RootRecord { cell_class: found.cell_class, ..newest.clone() };
        if found.generation_after == newest.generation_after && found != same {
            settled.lost.push(format!(
                "the ledger's record of generation {} is of another history of this vault: the ledger, or cell and key pages, were put back from a copy; put back those that belong together",
                newest.generation_after
            ));
        }
        let readable = tail.readable;
        if ledger.length()? > readable * RootRecord::LEN as u64 {
            ledger.cut(&mut tail, readable)?;
            settled
                .mended
                .push("the ledger had bytes behind its last record, which were taken off".to_owned());
        }
    } else {
        // Places between the last record and this one hold damaged ones, which `verify` names.
        let place = match deletions.checked_sub(1) {
            Some(place) if (tail.readable..=tail.places).contains(&place) => place,
            _ => tail.places,
        };
        let torn = is_part(&ledger.bytes(place)?, newest);
        let behind = ledger.length()? > (place + 1) * RootRecord::LEN as u64;
        ledger.put_last(&mut tail, place, newest)?;
        if torn && !behind {
            tracing::info!(generation = newest.generation_after, "the ledger's newest record was completed");
        } else {
            settled.mended.push(format!(
                "the ledger's newest record (generation {}) was damaged and was written anew from the key pages",
                newest.generation_after
            ));
        }
    }
    let missing = deletions.saturating_sub(tail.places);
    if missing > 0 {
        settled.lost.push(format!(
            "the ledger lacks {missing} of {deletions} records: it was cut short, or an older copy was put back; restore the ledger from its newest copy"
        ));
    }
    Ok(settled)
}

/// What a write of the record that was cut off can have left: its own bytes and zeros.
fn is_part(bytes: &[u8; RootRecord::LEN], record: &RootRecord) -> bool {
    bytes.iter().zip(record.encode()).all(|(found, whole)| *found == 0 || *found == whole)
}
