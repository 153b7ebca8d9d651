//! When receipts are issued: after the commit, before the answer.

use std::collections::HashSet;

use oubliette_crypto::Handle;
use oubliette_keyring::Keyring;

use super::document::Receipt;
use super::log::LogState;
use super::record::{Head, Record};
use super::{ErasedFacts, ReceiptId, ReceiptState, Receipts, State};
use crate::VaultError;
use crate::locks::lock;
use crate::times::micros;
use crate::translog::{LogError, Note};

/// Most `final` receipts in one step; the rest follows with the next.
const MOST: usize = 1000;

/// How the log is.
#[derive(Debug, Clone)]
pub struct LogStatus {
    /// The public key of receipts and log.
    pub public_key: String,
    /// Entries: deletions so far.
    pub entries: u64,
    /// Receipts issued.
    pub receipts: u64,
    /// Erased people whose `final` receipt is yet to come.
    pub not_final: u64,
    /// The newest checkpoint that a witness signed.
    pub witnessed: Option<Witnessed>,
}

/// What a witness saw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witnessed {
    /// Entries of the log then.
    pub entries: u64,
    /// When, in seconds since 1970.
    pub time: u64,
    /// Who.
    pub by: String,
}

impl Receipts {
    /// Issues the `erased` receipt of each of these deletions that has none. Each must stand in the ledger: what it does not know did not happen, or is
    /// not durable.
    pub(super) fn issue_erased(
        &self,
        keyring: &Keyring,
        facts: &[ErasedFacts],
        now: u64,
    ) -> Result<(), VaultError> {
        let mut state = lock(&self.state);
        let missing: Vec<&ErasedFacts> = facts
            .iter()
            .filter(|facts| !state.book.has(&ReceiptId::of(&facts.job, ReceiptState::Erased)))
            .collect();
        if missing.is_empty() {
            return Ok(());
        }
        let generations: HashSet<u64> = missing.iter().map(|facts| facts.generation_after).collect();
        let records = keyring.root_records(state.log.generation)?;
        let mut log: LogState = state.log.clone();
        let wanted = |generation| generations.contains(&generation);
        let mut proofs = log.advance(&records, &wanted, &self.key, self.verifier.name())?;
        let mut all = records;
        // Deletions that the log has already: their proofs need all of it.
        if generations.iter().any(|generation| proofs.iter().all(|(of, _)| of != generation)) {
            all = keyring.root_records(0)?;
            for generation in &generations {
                if proofs.iter().all(|(of, _)| of != generation)
                    && let Some(proof) = log.inclusion(&all, *generation, None)?
                {
                    proofs.push((*generation, proof));
                }
            }
        }
        let mut issued = Vec::new();
        for facts in missing {
            let generation = facts.generation_after;
            let record = all.iter().find(|record| record.generation_after == generation);
            let proof = proofs.iter().find(|(of, _)| *of == generation);
            let (Some(record), Some((_, proof))) = (record, proof) else {
                return Err(VaultError::Corrupt {
                    what: format!(
                        "the record of the deletion of generation {generation} in ledger/roots, which receipts need,"
                    ),
                });
            };
            let receipt = Receipt::erased(&self.issuer, facts, record, proof, now);
            issued.push(self.sign(&receipt, facts.handle, facts.job, generation)?);
        }
        // Receipts first: what they quote can be made again from the ledger, what the log has can no longer be proved so cheaply.
        state.book.append(&self.medium, &issued)?;
        log.store(&self.medium)?;
        state.log = log;
        Ok(())
    }

    /// Issues the `blocked` receipt of each of these people that has none.
    pub(super) fn issue_blocked(&self, facts: &[ErasedFacts], now: u64) -> Result<(), VaultError> {
        let mut state = lock(&self.state);
        let mut issued = Vec::new();
        for facts in facts {
            if !state.book.has(&ReceiptId::of(&facts.job, ReceiptState::Blocked)) {
                let receipt = Receipt::blocked(&self.issuer, facts, now);
                issued.push(self.sign(&receipt, facts.handle, facts.job, 0)?);
            }
        }
        state.book.append(&self.medium, &issued)
    }

    /// Issues the `final` receipt of everybody whose rows are gone and whom no escrow opens any more. `after` says of a generation until when one
    /// could have, if there was one.
    pub(super) fn issue_final(
        &self,
        waiting: &HashSet<Handle>,
        after: &dyn Fn(u64) -> Result<Option<i64>, VaultError>,
        now: u64,
    ) -> Result<u64, VaultError> {
        let mut state = lock(&self.state);
        let mut issued = Vec::new();
        for pending in state.book.pending() {
            if issued.len() == MOST {
                break;
            }
            if waiting.contains(&pending.handle) {
                continue;
            }
            let until = after(pending.generation)?.map(micros);
            if until.is_some_and(|until| now < until) {
                continue;
            }
            let erased = match state.book.get(&self.medium, &pending.erased) {
                Ok(Some(record)) => record,
                Ok(None) => continue,
                Err(VaultError::Corrupt { what }) => {
                    tracing::warn!(what, "a damaged receipt has no final one");
                    continue;
                }
                Err(other) => return Err(other),
            };
            let note = Note::parse(&erased.note)?;
            let escrow = match until {
                None => "none: no escrow held a root that could open the person".to_owned(),
                Some(until) => format!(
                    "every window that held a root able to open the person ended by {}",
                    crate::rfc3339(until)
                ),
            };
            let since = until.unwrap_or(now).min(now);
            let receipt =
                Receipt::parse(note.text())?.finished(note.text(), &erased.head.job, since, &escrow, now);
            issued.push(self.sign(&receipt, pending.handle, erased.head.job, pending.generation)?);
        }
        state.book.append(&self.medium, &issued)?;
        Ok(issued.len() as u64)
    }

    fn sign(
        &self,
        receipt: &Receipt,
        handle: Handle,
        job: [u8; 16],
        generation: u64,
    ) -> Result<Record, VaultError> {
        let note = Note::sign(receipt.text()?, self.verifier.name(), &self.key)?.to_string();
        let id = ReceiptId::of(&job, receipt.state);
        let length = u32::try_from(note.len()).unwrap_or(u32::MAX);
        Ok(Record { head: Head { state: receipt.state, length, handle, id, job, generation }, note })
    }

    /// How log and receipts are.
    pub(crate) fn status(&self) -> LogStatus {
        let state = lock(&self.state);
        LogStatus {
            public_key: self.verifier.to_string(),
            entries: state.log.edge.size(),
            receipts: state.book.len(),
            not_final: state.book.pending().len() as u64,
            witnessed: self.witnessed(&state),
        }
    }

    fn witnessed(&self, state: &State) -> Option<Witnessed> {
        let (checkpoint, note) = state.seen.as_ref()?;
        let signed = self.witnesses.iter().filter_map(|key| Some((key.name(), note.verify(key).ok()?)));
        let (by, time) = signed.max_by_key(|(_, time)| *time)?;
        Some(Witnessed { entries: checkpoint.size, time, by: by.to_owned() })
    }

    /// What is wrong with receipts and log, for the operator.
    pub(crate) fn ill(&self) -> Vec<String> {
        let state = lock(&self.state);
        let mut ill: Vec<String> = state.book.faults.clone();
        ill.extend(state.notes.iter().cloned());
        ill
    }

    /// That this vault is not the one that it was, where it can know: in words for everybody, and for the operator.
    pub(crate) fn contradicted(&self) -> Option<(&'static str, String)> {
        match lock(&self.state).contradicted.as_ref()? {
            LogError::RolledBack { seen, got } => Some((
                "this vault is an older copy of itself",
                format!(
                    "this vault is older than what it signed before: its log had {seen} entries and has {got}. It was rolled back as a whole, or is a copy of the true one: stop it, and put back the newest"
                ),
            )),
            error => Some((
                "the log of deletions contradicts what this vault signed",
                format!(
                    "this vault signed something else than its log of deletions says ({error}). It was rolled back and went on from there, or is a copy beside the true one: stop it, and put back the newest"
                ),
            )),
        }
    }
}
