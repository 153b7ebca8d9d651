//! Checking a receipt with the public key alone.

use data_encoding::HEXLOWER;
use oubliette_crypto::{JobId, ReceiptSalt, receipt_binding};

use super::document::Receipt;
use super::{ReceiptId, ReceiptState};
use crate::translog::{Checkpoint, InclusionProof, Note, VerifierKey};

/// A receipt that convinces.
#[derive(Debug, Clone)]
pub struct CheckedReceipt {
    /// What it says.
    pub receipt: Receipt,
    /// The state of the log in which its deletion was shown to stand; the newest of several.
    pub checkpoint: Option<Checkpoint>,
    /// Witnesses that signed that state, and when, in seconds since 1970.
    pub witnessed: Vec<(String, u64)>,
    /// That it is about the person who was named.
    pub about: bool,
}

/// Checks a receipt: its signature, that it agrees with itself, that its deletion stands in the log. `proof` is a newer proof of the same, `witnesses` are
/// keys whose signatures count, `person` is a user id and the salt that was told at the request.
///
/// # Errors
/// One line for each thing that is false.
pub fn verify_receipt(
    text: &str,
    key: &VerifierKey,
    proof: Option<&str>,
    witnesses: &[VerifierKey],
    person: Option<(&str, &ReceiptSalt)>,
) -> Result<CheckedReceipt, Vec<String>> {
    let one = |what: String| vec![what];
    let note = Note::parse(text).map_err(|error| one(error.to_string()))?;
    note.verify(key).map_err(|error| one(error.to_string()))?;
    let receipt = Receipt::parse(note.text()).map_err(|error| one(error.to_string()))?;
    let mut faults = Vec::new();
    if super::origin(&receipt.vault) != key.name() {
        faults.push("it names another vault than the key that signed it".to_owned());
    }
    let job = HEXLOWER.decode(receipt.subject.job.as_bytes()).ok().and_then(|job| job.try_into().ok());
    if job.is_none_or(|job| ReceiptId::of(&job, receipt.state).to_string() != receipt.receipt) {
        faults.push("its number does not belong to its job and state".to_owned());
    }
    let mut checked =
        CheckedReceipt { receipt: receipt.clone(), checkpoint: None, witnessed: Vec::new(), about: false };
    if receipt.state == ReceiptState::Blocked {
        if receipt.keys.is_some() || receipt.erased.is_some() || receipt.finality.is_some() {
            faults.push("it says `blocked` and claims a destruction, which is not there yet".to_owned());
        }
    } else {
        check_destruction(&receipt, key, proof, witnesses, &mut checked, &mut faults);
    }
    if (receipt.state == ReceiptState::Final) != receipt.finality.is_some() {
        faults.push("whether it is final, and why, do not agree".to_owned());
    }
    if let (Some((user, salt)), Some(job)) = (person, job) {
        let binding = receipt_binding(salt, user.as_bytes(), &JobId(job));
        checked.about = HEXLOWER.encode(&binding) == receipt.subject.binding;
        if !checked.about {
            faults.push("it is not about this user id, or the salt is another one".to_owned());
        }
    }
    if faults.is_empty() { Ok(checked) } else { Err(faults) }
}

fn check_destruction(
    receipt: &Receipt,
    key: &VerifierKey,
    proof: Option<&str>,
    witnesses: &[VerifierKey],
    checked: &mut CheckedReceipt,
    faults: &mut Vec<String>,
) {
    let Some((keys, record, entry, embedded)) = receipt.evidence() else {
        faults.push(
            "the entry of its deletion in the log, or the proof of it, is missing or damaged".to_owned(),
        );
        return;
    };
    let hex = |hash: &[u8]| HEXLOWER.encode(hash);
    let agrees = record.generation_before == keys.generation_before
        && record.generation_after == keys.generation_after
        && hex(&record.root_before) == keys.root_before
        && hex(&record.root_after) == keys.root_after
        && record.removed == keys.entries_removed
        && record.cell_class.to_string() == keys.cell_class;
    if !agrees || record.removed == 0 || record.root_before == record.root_after {
        faults.push("what it says of the keys is not what the entry in the log says".to_owned());
    }
    if receipt.erased.is_none() || receipt.sanitization.is_none() {
        faults.push("it says nothing of when or how the keys were destroyed".to_owned());
    }
    let mut proofs = vec![Ok(embedded)];
    proofs.extend(proof.map(InclusionProof::parse));
    for proof in proofs {
        let verified = proof.and_then(|proof| Ok((proof.verify(&entry, key)?, proof)));
        match verified {
            Ok((checkpoint, proof)) => {
                let signed = witnesses.iter().map(|key| (key, proof.checkpoint.verify(key)));
                checked.witnessed =
                    signed.filter_map(|(key, time)| Some((key.name().to_owned(), time.ok()?))).collect();
                checked.checkpoint = Some(checkpoint);
            }
            Err(error) => faults.push(error.to_string()),
        }
    }
    if !witnesses.is_empty() && checked.witnessed.is_empty() {
        faults.push("none of the witnesses signed a state of the log that contains it: take a newer proof (GET /v1/log/proof/{id})".to_owned());
    }
}
