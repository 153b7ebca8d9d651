//! The vault's own log: it follows `ledger/roots`, and signs what it is at each size.

use data_encoding::BASE64;
use oubliette_crypto::SigningSeed;
use oubliette_keyring::RootRecord;

use super::medium::Medium;
use crate::VaultError;
use crate::translog::{
    Checkpoint, ConsistencyProof, Frontier, Hash, InclusionProof, LogError, Note, VerifierKey,
    consistency_proof, inclusion_proof, leaf_hash, root,
};

/// The log's state: replaced whole.
pub(super) const STATE: &str = "log";
/// The newest checkpoint that a witness signed.
pub(super) const WITNESSED: &str = "witnessed";
const FIRST: &str = "oubliette.log/v1";

/// Where the log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LogState {
    /// The generation of its newest entry; 0 before the first.
    pub(super) generation: u64,
    /// The right edge of the tree.
    pub(super) edge: Frontier,
    /// The newest checkpoint, signed, with what witnesses added.
    pub(super) checkpoint: Note,
}

impl LogState {
    pub(super) fn encode(&self) -> String {
        let peaks: String =
            self.edge.peaks().iter().map(|peak| format!("{}\n", BASE64.encode(peak))).collect();
        format!("{FIRST}\ngeneration {}\n{peaks}\n{}", self.generation, self.checkpoint)
    }

    /// Reads the file, whose parts must agree; whether the note is signed is for the caller to see.
    pub(super) fn decode(text: &str) -> Option<Self> {
        let rest = text.strip_prefix(FIRST)?.strip_prefix("\ngeneration ")?;
        let (head, note) = rest.split_once("\n\n")?;
        let mut lines = head.split('\n');
        let generation: u64 = lines.next()?.parse().ok()?;
        let peak = |line: &str| BASE64.decode(line.as_bytes()).ok()?.try_into().ok();
        let peaks: Vec<Hash> = lines.map(peak).collect::<Option<_>>()?;
        let checkpoint = Note::parse(note).ok()?;
        let said = Checkpoint::parse(checkpoint.text()).ok()?;
        let edge = Frontier::new(said.size, peaks)?;
        let state = Self { generation, edge, checkpoint };
        (state.edge.root() == said.root && state.encode() == text).then_some(state)
    }

    /// The log of no entries.
    fn empty(key: &SigningSeed, name: &str) -> Result<Self, LogError> {
        let edge = Frontier::default();
        Ok(Self { generation: 0, checkpoint: sign(key, name, &edge)?, edge })
    }

    /// The log of a vault as it was left. A state that is missing or damaged is made anew from the ledger; the second half says so.
    pub(super) fn open(
        medium: &Medium,
        key: &SigningSeed,
        verifier: &VerifierKey,
    ) -> Result<(Self, Option<String>), VaultError> {
        let stored = medium.small(STATE)?;
        let missing = stored.is_none();
        let state = stored.and_then(|bytes| Self::decode(std::str::from_utf8(&bytes).ok()?));
        match state.filter(|state| Checkpoint::open(&state.checkpoint, verifier).is_ok()) {
            Some(state) => Ok((state, None)),
            None => {
                let note = (!missing).then(|| {
                    format!("ledger/{STATE} was damaged and is made anew from ledger/roots: if that lost records, too, a witness will call it a fork")
                });
                Ok((Self::empty(key, verifier.name())?, note))
            }
        }
    }

    /// Adds the entries of these records and signs the log after each that `wanted` names; answers their proofs by generation. The state is for the
    /// caller to store, once what quotes it is durable.
    pub(super) fn advance(
        &mut self,
        records: &[RootRecord],
        wanted: &dyn Fn(u64) -> bool,
        key: &SigningSeed,
        name: &str,
    ) -> Result<Vec<(u64, InclusionProof)>, LogError> {
        let mut proofs = Vec::new();
        for (n, record) in records.iter().enumerate() {
            let (index, hashes) = (self.edge.size(), self.edge.proof_of_next());
            self.edge.push(leaf_hash(&record.encode()));
            self.generation = record.generation_after;
            let last = n + 1 == records.len();
            let asked = wanted(record.generation_after);
            if last || asked {
                self.checkpoint = sign(key, name, &self.edge)?;
            }
            if asked {
                let checkpoint = self.checkpoint.clone();
                proofs.push((record.generation_after, InclusionProof { index, hashes, checkpoint }));
            }
        }
        Ok(proofs)
    }

    pub(super) fn store(&self, medium: &Medium) -> Result<(), VaultError> {
        medium.put_small(STATE, self.encode().as_bytes())
    }

    /// The leaves of all entries, from the ledger; refused if they are not those of the checkpoint any more.
    pub(super) fn leaves(&self, records: &[RootRecord]) -> Result<Vec<Hash>, VaultError> {
        let leaves: Vec<Hash> = records
            .iter()
            .filter(|record| record.generation_after <= self.generation)
            .map(|record| leaf_hash(&record.encode()))
            .collect();
        if leaves.len() as u64 == self.edge.size() && root(&leaves) == self.edge.root() {
            return Ok(leaves);
        }
        Err(VaultError::Corrupt {
            what: format!(
                "the record of deletions in ledger/roots, which has {} whole entries where the log signed {},",
                leaves.len(),
                self.edge.size()
            ),
        })
    }

    /// How this log contradicts a checkpoint that its key signed; `None` if it contains it.
    pub(super) fn contradicts(
        &self,
        said: &Checkpoint,
        records: &[RootRecord],
    ) -> Result<Option<LogError>, VaultError> {
        let (seen, got) = (said.size, self.edge.size());
        if seen > got {
            return Ok(Some(LogError::RolledBack { seen, got }));
        }
        let leaves = self.leaves(records)?;
        let then = leaves.get(..usize::try_from(seen).unwrap_or(usize::MAX)).unwrap_or_default();
        Ok((root(then) != said.root).then_some(LogError::Forked { seen, got }))
    }

    /// That the deletion of a generation stands in the log: as a witness saw it, if that covers it, else as it is now.
    pub(super) fn inclusion(
        &self,
        records: &[RootRecord],
        generation: u64,
        seen: Option<&(Checkpoint, Note)>,
    ) -> Result<Option<InclusionProof>, VaultError> {
        let leaves = self.leaves(records)?;
        let Some(index) = records.iter().position(|record| record.generation_after == generation) else {
            return Ok(None);
        };
        let witnessed = seen.and_then(|(said, note)| {
            let then = leaves.get(..usize::try_from(said.size).ok()?)?;
            (index < then.len() && root(then) == said.root).then_some((then, note))
        });
        let (leaves, checkpoint) = witnessed.unwrap_or((&leaves, &self.checkpoint));
        Ok(inclusion_proof(leaves, index).map(|hashes| InclusionProof {
            index: index as u64,
            hashes,
            checkpoint: checkpoint.clone(),
        }))
    }

    /// That the log of now contains what it was at a size; `None` if it never had that size.
    pub(super) fn consistency(
        &self,
        records: &[RootRecord],
        old: u64,
    ) -> Result<Option<ConsistencyProof>, VaultError> {
        let leaves = self.leaves(records)?;
        let proof = usize::try_from(old).ok().and_then(|old| consistency_proof(&leaves, old));
        Ok(proof.map(|hashes| ConsistencyProof { old, hashes, checkpoint: self.checkpoint.clone() }))
    }
}

fn sign(key: &SigningSeed, name: &str, edge: &Frontier) -> Result<Note, LogError> {
    Checkpoint { origin: name.to_owned(), size: edge.size(), root: edge.root() }.sign(key)
}
