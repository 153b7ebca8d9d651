//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, reason = "a broken promise is told by a panic")]

use oubliette_crypto::{Handle, SigningSeed};

use super::book::Book;
use super::document::{Issuer, Receipt};
use super::log::LogState;
use super::medium::Medium;
use super::record::{Head, Record};
use super::{ErasedFacts, ReceiptId, ReceiptState};
use crate::translog::{Frontier, Note};

/// Input: the file of receipts, and the same as one record.
pub(crate) fn file(input: &[u8]) {
    if let Some(record) = Record::decode(input) {
        assert_eq!(record.encode().unwrap(), input);
    }
    let medium = Medium::memory();
    medium.append(0, input).unwrap();
    let book = Book::open(&medium, true).unwrap();
    let mut records = 0;
    book.each(&medium, &mut |_, record| {
        records += 1;
        drop(record);
        Ok(())
    })
    .unwrap();
    assert!(book.len() <= records);
    // What is taken off is no receipt that was found.
    assert_eq!(Book::open(&medium, true).unwrap().len(), book.len());
}

/// Input: the text of a receipt.
pub(crate) fn receipt(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(receipt) = Receipt::parse(text) {
        assert_eq!(receipt.text().unwrap(), text);
        let _ = receipt.evidence();
    }
}

/// Input: the log's state.
pub(crate) fn state(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Some(state) = LogState::decode(text) {
        assert_eq!(Frontier::new(state.edge.size(), state.edge.peaks().to_vec()).unwrap(), state.edge);
        assert!(state.checkpoint.text().contains('\n'));
    }
}

fn facts() -> ErasedFacts {
    ErasedFacts {
        handle: Handle([1; 16]),
        job: [2; 16],
        binding: [3; 32],
        requested: 1_700_000_000,
        blocked: 1_700_000_001,
        erased: 1_700_000_002,
        generation_after: 9,
        leases: 1,
        reason: "account_closed".to_owned(),
        by_operator: true,
        no_cooling_off: false,
        override_holds: false,
        damaged: false,
    }
}

fn blocked() -> Receipt {
    let issuer = Issuer {
        vault: oubliette_crypto::VaultId([4; 16]),
        region: Some("eu".to_owned()),
        cells: 1,
        mirrors: Some(2),
    };
    Receipt::blocked(&issuer, &facts(), 1_700_000_003_000_000)
}

pub(crate) fn receipt_seeds() -> Vec<Vec<u8>> {
    vec![blocked().text().unwrap().into_bytes(), b"oubliette.receipt/v1\n{}\n".to_vec()]
}

pub(crate) fn file_seeds() -> Vec<Vec<u8>> {
    let record = |text: &str, state| {
        let key = SigningSeed::from_slice(&[5; 32]).unwrap();
        let note = Note::sign(text.to_owned(), "oubliette/04", &key).unwrap().to_string();
        let head = Head {
            state,
            length: u32::try_from(note.len()).unwrap(),
            handle: Handle([1; 16]),
            id: ReceiptId::of(&[2; 16], state),
            job: [2; 16],
            generation: 9,
        };
        Record { head, note }.encode().unwrap()
    };
    let one = record("oubliette.receipt/v1\n{}\n", ReceiptState::Blocked);
    let two = record("another\n", ReceiptState::Erased);
    let cut = two.get(..100).unwrap().to_vec();
    vec![
        one.clone(),
        [one.as_slice(), &two].concat(),
        [one.as_slice(), &cut].concat(),
        [&[7; 20], one.as_slice()].concat(),
    ]
}

pub(crate) fn state_seeds() -> Vec<Vec<u8>> {
    let key = SigningSeed::from_slice(&[5; 32]).unwrap();
    let of = |leaves: u8| {
        let mut edge = Frontier::default();
        (0..leaves).for_each(|n| edge.push([n; 32]));
        let checkpoint = crate::translog::Checkpoint {
            origin: "oubliette/04".to_owned(),
            size: edge.size(),
            root: edge.root(),
        };
        let state =
            LogState { generation: u64::from(leaves) * 3, edge, checkpoint: checkpoint.sign(&key).unwrap() };
        state.encode().into_bytes()
    };
    vec![of(0), of(1), of(7)]
}
