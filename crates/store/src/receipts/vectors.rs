//! Known answers: `vectors/receipts.json`, made by `vectors/receipts.py`, which shares no code with this crate.
//! After a change of the formats: `python3 crates/store/vectors/receipts.py > crates/store/vectors/receipts.json`.

use std::io::ErrorKind;
use std::process::Command;

use data_encoding::HEXLOWER;
use oubliette_crypto::{AnchorKey, JobId, ReceiptSalt, VaultId, receipt_binding};
use oubliette_keyring::RootRecord;
use serde_json::Value;

use super::document::Issuer;
use super::log::LogState;
use super::record::{Head, Record};
use super::*;
use crate::translog::{Frontier, WitnessKey, leaf_hash};

const JSON: &str = include_str!("../../vectors/receipts.json");

fn text(value: &Value) -> &str {
    value.as_str().unwrap()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    HEXLOWER.decode(text(value).as_bytes()).unwrap().try_into().unwrap()
}

#[test]
fn the_script_makes_these_vectors_byte_for_byte() {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/vectors/receipts.py");
    match Command::new("python3").arg(script).output() {
        Ok(run) => {
            assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
            assert!(
                run.stdout == JSON.as_bytes(),
                "vectors/receipts.json is not what vectors/receipts.py makes"
            );
        }
        Err(error) if error.kind() == ErrorKind::NotFound => println!("no python3 here: not compared"),
        Err(error) => panic!("{error}"),
    }
}

#[test]
fn receipt_log_proofs_and_cosignature_are_the_frozen_ones() {
    let v: Value = serde_json::from_str(JSON).unwrap();
    let key = receipt_key(&AnchorKey::from_slice(&bytes::<32>(&v["anchor"])).unwrap());
    let name = origin(&VaultId(bytes(&v["vault"])).to_string());
    let verifier = VerifierKey::new(&name, KeyKind::Note, key.public()).unwrap();
    assert_eq!(verifier.to_string(), text(&v["key"]));
    let (job, salt) = (bytes(&v["job"]), ReceiptSalt::new(bytes(&v["salt"])));
    let binding = receipt_binding(&salt, text(&v["user"]).as_bytes(), &JobId(job));
    assert_eq!(binding, bytes::<32>(&v["binding"]));

    let roots = v["roots"].as_array().unwrap().iter();
    let roots: Vec<RootRecord> = roots.map(|root| RootRecord::parse(&bytes::<128>(root)).unwrap()).collect();
    let mut edge = Frontier::default();
    roots.iter().for_each(|root| edge.push(leaf_hash(&root.encode())));
    let newest = Checkpoint { origin: name.clone(), size: 5, root: edge.root() }.sign(&key).unwrap();
    let state = LogState { generation: 42, edge, checkpoint: newest.clone() };
    assert_eq!(state.encode(), text(&v["state"]));
    assert_eq!(LogState::decode(text(&v["state"])).unwrap(), state);
    assert_eq!(state.inclusion(&roots, 12, None).unwrap().unwrap().to_string(), text(&v["inclusion"]));
    assert_eq!(state.consistency(&roots, 3).unwrap().unwrap().to_string(), text(&v["consistency"]));

    let witness = WitnessKey::parse(text(&v["witness_private"])).unwrap();
    assert_eq!(*witness.private(), text(&v["witness_private"]));
    assert_eq!(witness.verifier().unwrap().to_string(), text(&v["witness_key"]));
    let mut cosigned = newest;
    let seed = SigningSeed::from_slice(&bytes::<32>(&v["witness"])).unwrap();
    cosigned.cosign("witness.example/1", &seed, 1_700_000_100).unwrap();
    assert_eq!(cosigned.to_string(), text(&v["cosigned"]));

    let facts = ErasedFacts {
        handle: Handle(bytes(&v["handle"])),
        job,
        binding,
        requested: 1_700_000_000,
        blocked: 1_700_000_001,
        erased: 1_700_000_003,
        generation_after: 32,
        leases: 7,
        reason: "account_closed".to_owned(),
        by_operator: true,
        no_cooling_off: false,
        override_holds: false,
        damaged: false,
    };
    let issuer = Issuer {
        vault: VaultId(bytes(&v["vault"])),
        region: Some("eu".to_owned()),
        cells: 1,
        mirrors: Some(2),
    };
    let mut empty = LogState::decode(&{
        let edge = Frontier::default();
        let checkpoint = Checkpoint { origin: name.clone(), size: 0, root: edge.root() }.sign(&key).unwrap();
        LogState { generation: 0, edge, checkpoint }.encode()
    })
    .unwrap();
    let proofs = empty.advance(&roots, &|generation| generation == 32, &key, &name).unwrap();
    let receipt = Receipt::erased(&issuer, &facts, &roots[3], &proofs[0].1, 1_700_000_100_500_000);
    let note = Note::sign(receipt.text().unwrap(), &name, &key).unwrap().to_string();
    assert_eq!(note, text(&v["receipt"]));
    let state = ReceiptState::Erased;
    let length = u32::try_from(note.len()).unwrap();
    let head =
        Head { state, length, handle: facts.handle, id: ReceiptId::of(&job, state), job, generation: 32 };
    let stored = Record { head, note }.encode().unwrap();
    assert_eq!(HEXLOWER.encode(&stored), text(&v["stored"]));
    let person = Some((text(&v["user"]), &salt));
    assert!(verify_receipt(text(&v["receipt"]), &verifier, None, &[], person).unwrap().about);
}
