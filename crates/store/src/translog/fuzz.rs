//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, reason = "a broken promise is told by a panic")]

use oubliette_crypto::SigningSeed;

use super::{Checkpoint, ConsistencyProof, InclusionProof, KeyKind, Note, VerifierKey, WitnessKey};

/// Input: a note, a checkpoint, a proof or a key; each has one spelling.
pub(crate) fn run(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(note) = Note::parse(text) {
        assert_eq!(note.to_string(), text);
        let _ = (Checkpoint::parse(note.text()), note.cosigners());
    }
    if let Ok(checkpoint) = Checkpoint::parse(text) {
        assert_eq!(checkpoint.text(), text);
    }
    if let Ok(proof) = InclusionProof::parse(text) {
        assert_eq!(proof.to_string(), text);
    }
    if let Ok(proof) = ConsistencyProof::parse(text) {
        assert_eq!(proof.to_string(), text);
    }
    if let Ok(key) = VerifierKey::parse(text) {
        assert_eq!(key.to_string(), text);
    }
    let _ = WitnessKey::parse(text);
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let key = SigningSeed::from_slice(&[6; 32]).unwrap();
    let checkpoint = Checkpoint { origin: "oubliette/06".to_owned(), size: 3, root: [8; 32] };
    let mut note = checkpoint.sign(&key).unwrap();
    note.cosign("witness", &key, 1_700_000_000).unwrap();
    let inclusion = InclusionProof { index: 2, hashes: vec![[1; 32], [2; 32]], checkpoint: note.clone() };
    let consistency = ConsistencyProof { old: 1, hashes: vec![[3; 32]], checkpoint: note.clone() };
    let verifier = VerifierKey::new("witness", KeyKind::Cosignature, key.public()).unwrap();
    [
        checkpoint.text(),
        note.to_string(),
        inclusion.to_string(),
        consistency.to_string(),
        verifier.to_string(),
    ]
    .map(String::into_bytes)
    .to_vec()
}
