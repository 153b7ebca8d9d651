//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use oubliette_crypto::{EscrowSeed, HolderKey};

use super::holder::{OpenedShare, parse_key};
use super::{HolderCard, HolderStatement, Setup};

/// Input: any of the JSON files of an escrow, or a key file without its randomness.
pub(crate) fn run(input: &[u8]) {
    let _no_key_of_this_length = parse_key(input);
    let Ok(text) = std::str::from_utf8(input) else { return };
    if let Ok(card) = HolderCard::parse(text) {
        assert_eq!(HolderCard::parse(&card.to_json()).unwrap(), card);
    }
    if let Ok(statement) = HolderStatement::parse(text) {
        assert_eq!(HolderStatement::parse(&statement.to_json()).unwrap(), statement);
    }
    if let Ok(setup) = Setup::parse(text) {
        assert_eq!(Setup::parse(&setup.to_json()).unwrap(), setup);
        let window = setup.window_at(i64::MAX);
        let _ = (setup.end_of(window), setup.recipients(window), setup.final_after(u64::MAX, i64::MAX));
    }
    if let Ok(share) = OpenedShare::parse(text) {
        assert_eq!(*OpenedShare::parse(&share.to_json()).unwrap().to_json(), *share.to_json());
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let key = HolderKey::from_slice(&[1; 32]).unwrap();
    let id = EscrowSeed::from_slice(&[2; 32]).unwrap().public().id();
    // Without keys of windows: one is longer than a corpus may have.
    let card = HolderCard::sign("ann", &key, Vec::new()).unwrap().to_json();
    let statement = HolderStatement::sign("ann", &key, 3, &id, 1_800_000_000).unwrap().to_json();
    let setup = r#"{"format":1,"vault":"01010101010101010101010101010101","store":"/e","threshold":2,"days":7,"started":1800000000,
        "holders":[{"name":"ann","sign":"AA","keys":{"1":"AA"}}],
        "sealed":[{"window":1,"first_generation":3,"ends":1800604800,"threshold":2,"to":{"ann":"00"}}],"statements":[]}"#;
    let share = format!(
        r#"{{"vault":"00","generation":1,"window":2,"number":3,"value":"{}"}}"#,
        data_encoding::BASE64URL_NOPAD.encode(&[5; 32])
    );
    [card, statement, setup.to_owned(), share].map(String::into_bytes).to_vec()
}
