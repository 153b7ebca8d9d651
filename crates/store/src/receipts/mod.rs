//! Receipts: what the vault signs about a deletion, after it happened (docs/receipts.md; layouts: docs/formats.md, section 13).
//!
//! A receipt of an erasure is made from what the erasing commit itself left: the entry in the sweep queue, which stands in pages that open under the
//! new root alone, and the ledger's record of that root. So there is none without the destruction. And an entry does not leave
//! the queue before its receipt is durable, so that no destruction stays without one.

mod book;
mod document;
pub(crate) mod fuzz;
mod issue;
mod log;
mod medium;
mod offline;
mod record;
#[cfg(test)]
mod tests;
mod vault;
#[cfg(test)]
mod vectors;
mod verify;

use std::path::Path;
use std::sync::Mutex;

use data_encoding::HEXLOWER;
use oubliette_crypto::sign::receipt_key;
use oubliette_crypto::{Handle, SigningSeed, labels};
use oubliette_keyring::Keyring;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use self::book::Book;
use self::document::Issuer;
use self::log::{LogState, WITNESSED};
use self::medium::Medium;
use crate::VaultError;
use crate::locks::lock;
use crate::translog::{Checkpoint, ConsistencyProof, InclusionProof, KeyKind, LogError, Note, VerifierKey};

pub use document::{
    Finality, Keys, LogEntry, Receipt, Request, Sanitization, Subject as ReceiptSubject, means,
};
pub use issue::{LogStatus, Witnessed};
pub use offline::{
    LedgerReport, ReceiptLine, contains, list_receipts, prove_consistency, prove_inclusion, public_key,
    read_checkpoint, read_receipt, verify_ledger,
};
pub use verify::{CheckedReceipt, verify_receipt};

/// The file of the public key.
const PUBLIC: &str = "receipts.pub";

/// The log's name, and that of the key, for a vault's id in hexadecimal: random, nothing personal.
fn origin(vault: &str) -> String {
    format!("oubliette/{vault}")
}

/// A receipt's name: random for whoever does not know the job.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ReceiptId(pub(crate) [u8; 16]);

impl ReceiptId {
    /// The one receipt of a job and a state.
    pub(crate) fn of(job: &[u8; 16], state: ReceiptState) -> Self {
        let hash =
            Sha256::new().chain_update(labels::RECEIPT_ID).chain_update(job).chain_update([state.byte()]);
        Self(hash.finalize().first_chunk().copied().unwrap_or_default())
    }

    /// Reads 32 hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        HEXLOWER.decode(text.as_bytes()).ok()?.try_into().ok().map(Self)
    }
}

impl std::fmt::Display for ReceiptId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// How far a deletion has come. Never conflated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReceiptState {
    /// The intent is durable; reads and writes are refused. The keys still exist.
    Blocked,
    /// The keys are gone from every current store.
    Erased,
    /// And nothing is left that could bring them back.
    Final,
}

impl ReceiptState {
    const fn byte(self) -> u8 {
        match self {
            Self::Blocked => 1,
            Self::Erased => 2,
            Self::Final => 3,
        }
    }

    const ALL: [Self; 3] = [Self::Blocked, Self::Erased, Self::Final];

    fn of_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.byte() == byte)
    }

    /// As it stands in answers.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Blocked => "blocked",
            Self::Erased => "erased",
            Self::Final => "final",
        }
    }
}

/// What a deletion left to say: of a person who is blocked, or from the sweep queue once the keys are gone. No name in it.
#[derive(Clone)]
pub(crate) struct ErasedFacts {
    pub(crate) handle: Handle,
    pub(crate) job: [u8; 16],
    pub(crate) binding: [u8; 32],
    /// Seconds since 1970, like the other times.
    pub(crate) requested: i64,
    pub(crate) blocked: i64,
    pub(crate) erased: i64,
    /// First root generation that cannot open the person.
    pub(crate) generation_after: u64,
    pub(crate) leases: u32,
    pub(crate) reason: String,
    /// Asked by an operator with the vault in hand, or carried out by one before it was due.
    pub(crate) by_operator: bool,
    /// Two people had the cooling-off period shortened.
    pub(crate) no_cooling_off: bool,
    /// Two people overrode legal holds: of one that is erased, one that stood; of one that is blocked, whatever stands.
    pub(crate) override_holds: bool,
    /// What restricted the person was damaged: holds and an earlier request are unknown.
    pub(crate) damaged: bool,
}

/// A vault's receipts and its log.
pub(crate) struct Receipts {
    key: SigningSeed,
    verifier: VerifierKey,
    issuer: Issuer,
    witnesses: Vec<VerifierKey>,
    medium: Medium,
    state: Mutex<State>,
}

struct State {
    book: Book,
    log: LogState,
    /// The newest checkpoint that a witness signed, or one of this key that the log does not contain.
    seen: Option<(Checkpoint, Note)>,
    /// That `seen` is of another history than this log, which stays so: what is appended to one never leads to the other.
    contradicted: Option<LogError>,
    notes: Vec<String>,
}

impl Receipts {
    /// Opens what lies in a folder; without one all ends with the process.
    pub(crate) fn open(
        dir: Option<&Path>,
        keyring: &Keyring,
        region: Option<&str>,
        mirrors: Option<u32>,
        witnesses: &[String],
    ) -> Result<Self, VaultError> {
        let medium = match dir {
            Some(dir) => {
                std::fs::create_dir_all(dir).map_err(VaultError::io("making the folder", dir))?;
                Medium::folder(dir)?
            }
            None => Medium::memory(),
        };
        let vault = keyring.vault_id();
        let key = receipt_key(&keyring.anchor_key()?);
        let verifier = VerifierKey::new(&origin(&vault.to_string()), KeyKind::Note, key.public())?;
        let witnesses = witnesses.iter().map(|text| witness(text)).collect::<Result<Vec<_>, _>>()?;
        let book = Book::open(&medium, true)?;
        let (mut log, anew) = LogState::open(&medium, &key, &verifier)?;
        let mut notes: Vec<String> = book.notes.iter().cloned().chain(anew).collect();
        notes.extend(publish(&medium, &verifier)?);
        let seen = match medium.small(WITNESSED)? {
            Some(bytes) => match seen(&bytes, &verifier) {
                Ok(seen) => Some(seen),
                Err(error) => {
                    notes.push(format!("ledger/{WITNESSED} is not what a witness signed: {error}"));
                    None
                }
            },
            None => None,
        };
        let mut contradicted = None;
        if let Some((said, _)) = &seen {
            // A log that was made anew, or that a crash cut off, is not one that went back.
            let records = keyring.root_records(log.generation)?;
            if !records.is_empty() {
                log.advance(&records, &|_| false, &key, verifier.name())?;
                log.store(&medium)?;
            }
            // Damage of the ledger proves nothing here, and is told as what it is.
            contradicted = log.contradicts(said, &keyring.root_records(0)?).unwrap_or_default();
        }
        let cells = u32::try_from(keyring.cells().len()).unwrap_or(u32::MAX);
        let issuer = Issuer { vault, region: region.map(str::to_owned), cells, mirrors };
        let state = Mutex::new(State { book, log, seen, contradicted, notes });
        Ok(Self { key, verifier, issuer, witnesses, medium, state })
    }

    /// A receipt, as the signed note it is.
    pub(crate) fn get(&self, id: &ReceiptId) -> Result<Option<String>, VaultError> {
        let record = lock(&self.state).book.get(&self.medium, id)?;
        Ok(record.map(|record| record.note))
    }

    /// Which deletion somebody went by, as long as their receipt is there and whole.
    pub(crate) fn job_of(&self, handle: &Handle) -> Option<[u8; 16]> {
        let newest = lock(&self.state).book.of_handle(&self.medium, handle).ok()?;
        newest.map(|newest| newest.head.job)
    }

    /// The `erased` receipt of somebody, by their random name.
    pub(crate) fn of_erased(&self, handle: &Handle) -> Result<Option<String>, VaultError> {
        let state = lock(&self.state);
        let Some(newest) = state.book.of_handle(&self.medium, handle)? else { return Ok(None) };
        let record = state.book.get(&self.medium, &ReceiptId::of(&newest.head.job, ReceiptState::Erased))?;
        Ok(record.map(|record| record.note))
    }

    /// The receipts that a deletion has so far.
    pub(crate) fn of_job(&self, job: &[u8; 16]) -> Vec<(ReceiptState, ReceiptId)> {
        let state = lock(&self.state);
        let all = ReceiptState::ALL.map(|which| (which, ReceiptId::of(job, which)));
        all.into_iter().filter(|(_, id)| state.book.has(id)).collect()
    }

    /// The same by the erased person's random name, once nothing else knows the job.
    pub(crate) fn of_handle(&self, handle: &Handle) -> Result<Vec<(ReceiptState, ReceiptId)>, VaultError> {
        let newest = lock(&self.state).book.of_handle(&self.medium, handle)?;
        Ok(newest.map_or(Vec::new(), |newest| self.of_job(&newest.head.job)))
    }

    /// The newest checkpoint, with what witnesses added.
    pub(crate) fn checkpoint(&self, keyring: &Keyring) -> Result<Note, VaultError> {
        let mut state = lock(&self.state);
        self.follow(&mut state, keyring)?;
        Ok(state.log.checkpoint.clone())
    }

    /// That a receipt's deletion stands in the log: as a witness saw it, if one did, else as it is now.
    pub(crate) fn inclusion(
        &self,
        keyring: &Keyring,
        id: &ReceiptId,
    ) -> Result<Option<InclusionProof>, VaultError> {
        let mut state = lock(&self.state);
        self.follow(&mut state, keyring)?;
        let Some(record) = state.book.get(&self.medium, id)? else { return Ok(None) };
        let seen =
            state.seen.as_ref().filter(|(_, note)| self.witnesses.iter().any(|key| note.verify(key).is_ok()));
        state.log.inclusion(&keyring.root_records(0)?, record.head.generation, seen)
    }

    /// That the log of now contains what it was at a size.
    pub(crate) fn consistency(
        &self,
        keyring: &Keyring,
        old: u64,
    ) -> Result<Option<ConsistencyProof>, VaultError> {
        let mut state = lock(&self.state);
        self.follow(&mut state, keyring)?;
        state.log.consistency(&keyring.root_records(0)?, old)
    }

    /// The log follows the ledger.
    fn follow(&self, state: &mut State, keyring: &Keyring) -> Result<(), VaultError> {
        let records = keyring.root_records(state.log.generation)?;
        if !records.is_empty() {
            let mut log = state.log.clone();
            log.advance(&records, &|_| false, &self.key, self.verifier.name())?;
            log.store(&self.medium)?;
            state.log = log;
        }
        Ok(())
    }

    /// Takes a checkpoint of this log back that a witness signed.
    pub(crate) fn take_cosigned(&self, keyring: &Keyring, text: &str) -> Result<(), VaultError> {
        let note = Note::parse(text)?;
        let said = Checkpoint::open(&note, &self.verifier)?;
        let mut state = lock(&self.state);
        self.follow(&mut state, keyring)?;
        if let Some(error) = state.log.contradicts(&said, &keyring.root_records(0)?)? {
            // Signed by this very vault, which knows nothing of it: it is an older copy of itself, or went on as one.
            self.keep_seen(&mut state, said, note)?;
            state.contradicted = Some(error.clone());
            return Err(error.into());
        }
        let mut signed = self.witnesses.iter().filter(|key| note.verify(key).is_ok());
        if signed.next().is_none() {
            let name = self.witnesses.first().map_or("(none is configured)", VerifierKey::name).to_owned();
            return Err(LogError::Unsigned { name }.into());
        }
        if state.log.checkpoint.text() == note.text() {
            let mut log = state.log.clone();
            log.checkpoint.merge(&note);
            log.store(&self.medium)?;
            state.log = log;
        }
        // What tells of another history is not given up for a newer one of this.
        let older = state.seen.as_ref().is_none_or(|(before, _)| before.size <= said.size);
        if older && state.contradicted.is_none() {
            self.keep_seen(&mut state, said, note)?;
        }
        Ok(())
    }

    fn keep_seen(&self, state: &mut State, said: Checkpoint, mut note: Note) -> Result<(), VaultError> {
        if let Some((_, before)) = &state.seen {
            note.merge(before);
        }
        self.medium.put_small(WITNESSED, note.to_string().as_bytes())?;
        state.seen = Some((said, note));
        Ok(())
    }
}

fn witness(text: &str) -> Result<VerifierKey, VaultError> {
    let key = VerifierKey::parse(text).ok().filter(|key| key.kind() == KeyKind::Cosignature);
    key.ok_or_else(|| {
        VaultError::invalid(
            "log.witnesses",
            "must be the public key of a witness, as `witness keygen` prints it",
        )
    })
}

fn seen(bytes: &[u8], verifier: &VerifierKey) -> Result<(Checkpoint, Note), LogError> {
    let text = std::str::from_utf8(bytes).map_err(|_| LogError::Malformed("a signed note"))?;
    let note = Note::parse(text)?;
    Ok((Checkpoint::open(&note, verifier)?, note))
}

/// Writes the public key where everybody finds it; says so if another one stood there.
fn publish(medium: &Medium, verifier: &VerifierKey) -> Result<Option<String>, VaultError> {
    let line = format!("{verifier}\n").into_bytes();
    match medium.small(PUBLIC)? {
        Some(found) if found == line => Ok(None),
        found => {
            medium.put_small(PUBLIC, &line)?;
            Ok(found
                .map(|_| format!("ledger/{PUBLIC} held another key than this vault's and was written anew")))
        }
    }
}
