//! Receipts and log from the files alone: without a vault, without keys, beside a running service.

use std::collections::{HashMap, HashSet};
use std::path::Path;

use data_encoding::HEXLOWER;
use oubliette_keyring::{FileLedger, Keyring, LedgerError, RootRecord};
use sha2::{Digest, Sha256};

use super::book::Book;
use super::log::{LogState, STATE, WITNESSED};
use super::medium::Medium;
use super::record::Record;
use super::verify::verify_receipt;
use super::{PUBLIC, Receipt, ReceiptId, ReceiptState, Receipts, seen};
use crate::VaultError;
use crate::translog::{
    Checkpoint, ConsistencyProof, InclusionProof, LogError, Note, VerifierKey, leaf_hash, root,
};

/// What the check of a ledger found.
#[derive(Debug, Clone, Default)]
pub struct LedgerReport {
    /// Entries of the log that were checked.
    pub entries: u64,
    /// Whole receipts.
    pub receipts: u64,
    /// The newest checkpoint, as a signed note.
    pub checkpoint: Option<String>,
    /// What is no fault, such as an end that a crash cut off.
    pub notes: Vec<String>,
    /// One line for each thing that is damaged, missing or false.
    pub faults: Vec<String>,
}

/// One receipt in a list.
#[derive(Debug, Clone)]
pub struct ReceiptLine {
    /// Its name.
    pub id: String,
    /// What it says.
    pub receipt: Receipt,
}

/// The public key in a ledger's folder. Whoever distrusts the folder has it from elsewhere.
///
/// # Errors
/// [`VaultError::NotFound`]; [`VaultError::Log`] for a file that is no key.
pub fn public_key(ledger: &Path) -> Result<VerifierKey, VaultError> {
    let path = ledger.join(PUBLIC);
    match std::fs::read_to_string(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err(VaultError::NotFound { what: "public key of receipts (ledger/receipts.pub)" })
        }
        read => Ok(VerifierKey::parse(read.map_err(VaultError::io("reading", &path))?.trim_end())?),
    }
}

/// The newest checkpoint in a ledger's folder, as a signed note.
///
/// # Errors
/// [`VaultError::NotFound`], [`VaultError::Corrupt`].
pub fn read_checkpoint(ledger: &Path) -> Result<Note, VaultError> {
    Ok(whole_state(ledger)?.checkpoint)
}

/// A receipt in a ledger's folder, as the signed note it is.
///
/// # Errors
/// [`VaultError::Corrupt`] if it is damaged.
pub fn read_receipt(ledger: &Path, id: &ReceiptId) -> Result<Option<String>, VaultError> {
    let Some(medium) = Medium::peek(ledger)? else { return Ok(None) };
    let record = Book::open(&medium, false)?.get(&medium, id)?;
    Ok(record.map(|record| record.note))
}

/// Every whole receipt in a ledger's folder, oldest first. Their signatures are not checked.
///
/// # Errors
/// Those of reading.
pub fn list_receipts(ledger: &Path, visit: &mut dyn FnMut(ReceiptLine)) -> Result<(), VaultError> {
    let Some(medium) = Medium::peek(ledger)? else { return Ok(()) };
    Book::open(&medium, false)?.each(&medium, &mut |_, record| {
        let parsed = record.and_then(|record| {
            let note = Note::parse(&record.note).ok()?;
            Some(ReceiptLine { id: record.head.id.to_string(), receipt: Receipt::parse(note.text()).ok()? })
        });
        parsed.into_iter().for_each(&mut *visit);
        Ok(())
    })
}

/// Checks log and receipts in a ledger's folder with a public key; without one given, with that of the folder.
///
/// # Errors
/// Those of reading; what is wrong stands in the report.
pub fn verify_ledger(ledger: &Path, key: Option<&VerifierKey>) -> Result<LedgerReport, VaultError> {
    let mut report = LedgerReport::default();
    let own = match key {
        Some(_) => None,
        None => match public_key(ledger) {
            Ok(key) => Some(key),
            Err(VaultError::NotFound { what }) => {
                report.faults.push(format!("there is no {what}"));
                return Ok(report);
            }
            Err(VaultError::Log(error)) => {
                report.faults.push(format!("ledger/{PUBLIC}: {error}"));
                return Ok(report);
            }
            Err(other) => return Err(other),
        },
    };
    let Some(key) = key.or(own.as_ref()) else { return Ok(report) };
    // Everything else before the roots, which only grow: a service may be at work.
    let (state, seen) = (stored_state(ledger)?, witnessed(ledger, key)?);
    let medium = Medium::peek(ledger)?;
    let book = medium.as_ref().map(|medium| Book::open(medium, false)).transpose()?;
    let roots = roots(ledger)?;
    match state {
        Some(Some(state)) => check_log(&state, &roots, key, &mut report),
        Some(None) => report.faults.push(format!("ledger/{STATE} is damaged")),
        None => {}
    }
    let contradicts = seen.and_then(|seen| seen.and_then(|seen| contained(&roots, &seen)).err());
    report.faults.extend(contradicts.map(|error| format!("ledger/{WITNESSED}: {error}")));
    if let (Some(medium), Some(book)) = (&medium, &book) {
        report
            .notes
            .extend(book.notes.iter().map(|note| note.replace("were taken off", "are left at the end of")));
        report.faults.extend(book.faults.iter().cloned());
        check_receipts(book, medium, &roots, key, &mut report)?;
    }
    Ok(report)
}

impl Receipts {
    /// The same for an open vault.
    pub(crate) fn verify(&self, keyring: &Keyring) -> Result<LedgerReport, VaultError> {
        let mut report = LedgerReport::default();
        let state = crate::locks::lock(&self.state);
        let roots = keyring.root_records(0)?;
        check_log(&state.log, &roots, &self.verifier, &mut report);
        let contradicted = state.contradicted.as_ref();
        report.faults.extend(contradicted.map(|error| format!("ledger/{WITNESSED}: {error}")));
        report.faults.extend(state.book.faults.iter().cloned());
        check_receipts(&state.book, &self.medium, &roots, &self.verifier, &mut report)?;
        Ok(report)
    }
}

fn stored_state(ledger: &Path) -> Result<Option<Option<LogState>>, VaultError> {
    let path = ledger.join(STATE);
    match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => {
            let bytes = read.map_err(VaultError::io("reading", &path))?;
            Ok(Some(std::str::from_utf8(&bytes).ok().and_then(LogState::decode)))
        }
    }
}

fn check_log(state: &LogState, roots: &[RootRecord], key: &VerifierKey, report: &mut LedgerReport) {
    report.entries = state.edge.size();
    report.checkpoint = Some(state.checkpoint.to_string());
    if let Err(error) = Checkpoint::open(&state.checkpoint, key) {
        report.faults.push(format!("the log's newest checkpoint: {error}"));
    }
    if let Err(VaultError::Corrupt { what }) = state.leaves(roots) {
        report.faults.push(format!(
            "{what} is damaged: proofs of older entries cannot be made until it is put back from its copy"
        ));
    }
}

/// What a witness gave back, if one did.
fn witnessed(ledger: &Path, key: &VerifierKey) -> Result<Option<Result<Checkpoint, LogError>>, VaultError> {
    let path = ledger.join(WITNESSED);
    match std::fs::read(&path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        read => {
            let bytes = read.map_err(VaultError::io("reading", &path))?;
            Ok(Some(seen(&bytes, key).map(|(said, _)| said)))
        }
    }
}

fn check_receipts(
    book: &Book,
    medium: &Medium,
    roots: &[RootRecord],
    key: &VerifierKey,
    report: &mut LedgerReport,
) -> Result<(), VaultError> {
    let by_generation: HashMap<u64, &RootRecord> =
        roots.iter().map(|record| (record.generation_after, record)).collect();
    let (mut seen, mut erased) = (HashSet::new(), HashMap::new());
    book.each(medium, &mut |at, record| {
        let Some(record) = record else {
            report.faults.push(format!(
                "the receipt at byte {at} of ledger/receipts is damaged; put the file back from its copy"
            ));
            return Ok(());
        };
        let id = record.head.id;
        let faults = match verify_receipt(&record.note, key, None, &[], None) {
            Ok(checked) => agrees(&record, &checked.receipt, &by_generation, &mut erased),
            Err(faults) => faults,
        };
        report.receipts += 1;
        report.faults.extend(faults.into_iter().map(|fault| format!("receipt {id}: {fault}")));
        if !seen.insert(id) {
            report.faults.push(format!("receipt {id} is there twice"));
        }
        Ok(())
    })
}

/// Whether what stands around a receipt, and the ledger, say the same.
fn agrees(
    record: &Record,
    receipt: &Receipt,
    roots: &HashMap<u64, &RootRecord>,
    erased: &mut HashMap<String, String>,
) -> Vec<String> {
    let mut faults = Vec::new();
    let head = &record.head;
    if head.id.to_string() != receipt.receipt || head.state != receipt.state {
        faults.push("it stands under another number or state than its own".to_owned());
    }
    let generation = receipt.keys.as_ref().map_or(0, |keys| keys.generation_after);
    if head.generation != generation {
        faults.push("it stands under another generation than its own".to_owned());
    }
    if let Some((_, entry, _, _)) = receipt.evidence() {
        match roots.get(&generation) {
            Some(root) if **root == entry => {}
            Some(_) => faults.push(format!("ledger/roots says something else of generation {generation}")),
            None => faults.push(format!("ledger/roots has no deletion of generation {generation}")),
        }
    }
    let text = || {
        Note::parse(&record.note).map_or(String::new(), |note| HEXLOWER.encode(&Sha256::digest(note.text())))
    };
    match receipt.state {
        ReceiptState::Erased => drop(erased.insert(receipt.receipt.clone(), text())),
        ReceiptState::Final => {
            let said = receipt.finality.as_ref();
            if said.is_none_or(|said| erased.get(&said.erased_receipt) != Some(&said.erased_receipt_sha256)) {
                faults
                    .push("the `erased` receipt that it follows is not there, or is another one".to_owned());
            }
        }
        ReceiptState::Blocked => {}
    }
    faults
}

/// That a receipt's deletion stands in the newest checkpoint of a ledger's folder.
///
/// # Errors
/// [`VaultError::NotFound`]; [`VaultError::Corrupt`] if the ledger lost entries.
pub fn prove_inclusion(ledger: &Path, id: &ReceiptId) -> Result<InclusionProof, VaultError> {
    let none = || VaultError::NotFound { what: "receipt of a deletion in this ledger's log" };
    let medium = Medium::peek(ledger)?.ok_or_else(none)?;
    let record = Book::open(&medium, false)?.get(&medium, id)?.ok_or_else(none)?;
    whole_state(ledger)?.inclusion(&roots(ledger)?, record.head.generation, None)?.ok_or_else(none)
}

/// That the newest checkpoint of a ledger's folder begins with what the log was at a size.
///
/// # Errors
/// [`VaultError::Invalid`] for a size that it never had; [`VaultError::Corrupt`] if the ledger lost entries.
pub fn prove_consistency(ledger: &Path, from: u64) -> Result<ConsistencyProof, VaultError> {
    let proof = whole_state(ledger)?.consistency(&roots(ledger)?, from)?;
    proof.ok_or_else(|| VaultError::invalid("from", "the log never had so many entries"))
}

/// Whether the log of a ledger's folder contains what a checkpoint says, which was kept elsewhere and whose signature was checked.
///
/// # Errors
/// [`VaultError::Log`] if it does not: the ledger was rolled back, or another history was put in its place.
pub fn contains(ledger: &Path, seen: &Checkpoint) -> Result<(), VaultError> {
    Ok(contained(&roots(ledger)?, seen)?)
}

fn contained(roots: &[RootRecord], seen: &Checkpoint) -> Result<(), LogError> {
    let (size, got) = (seen.size, roots.len() as u64);
    let leaves: Vec<_> = roots.iter().map(|record| leaf_hash(&record.encode())).collect();
    match usize::try_from(size).ok().and_then(|size| leaves.get(..size)) {
        None => Err(LogError::RolledBack { seen: size, got }),
        Some(then) if root(then) != seen.root => Err(LogError::Forked { seen: size, got }),
        Some(_) => Ok(()),
    }
}

fn whole_state(ledger: &Path) -> Result<LogState, VaultError> {
    match stored_state(ledger)? {
        Some(Some(state)) => Ok(state),
        Some(None) => Err(VaultError::Corrupt { what: "ledger/log".to_owned() }),
        None => Err(VaultError::NotFound { what: "log (ledger/log): nothing was erased yet" }),
    }
}

fn roots(ledger: &Path) -> Result<Vec<RootRecord>, VaultError> {
    let read = FileLedger::read(&ledger.join("roots"));
    read.map_err(|error: LedgerError| oubliette_keyring::KeyringError::from(error).into())
}
