//! See [`crate::fuzzing`].
#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a broken promise is told by a panic")]

use oubliette_crypto::{CellShare, RootKey, VaultId};

use super::RootPointer;
use super::format::{BLOCK, Header, SLOT_SIZE, decode_slot, encode_slot, reseal};

const VAULT: VaultId = VaultId([2; 16]);

/// Input: `what:1 ‖ bytes`, of a header, a pointer, or the record of a share slot, whose randomness is fixed and whose check is made right,
/// so that the fields are reached.
pub(crate) fn run(input: &[u8]) {
    let Some((what, bytes)) = input.split_first() else { return };
    match what % 3 {
        0 => header(bytes),
        1 => pointer(bytes),
        _ => slot(bytes),
    }
}

fn header(bytes: &[u8]) {
    let mut block = bytes.to_vec();
    block.resize(BLOCK, 0);
    if let Ok(header) = Header::decode(&block) {
        assert_eq!(header.encode(), block);
    }
}

fn pointer(bytes: &[u8]) {
    if let Ok(pointer) = RootPointer::decode(bytes) {
        assert_eq!(pointer.encode(), bytes);
        assert!(
            !pointer.verifies(&RootKey::from_slice(&[3; 32]).unwrap(), &VAULT)
                || bytes == seed_pointer().encode()
        );
    }
}

fn slot(bytes: &[u8]) {
    let mut slot = vec![7; SLOT_SIZE];
    slot[..BLOCK].fill(0);
    slot.iter_mut().zip(bytes.iter().take(BLOCK - 32)).for_each(|(to, from)| *to = *from);
    assert!(decode_slot(&VAULT, &slot).is_err(), "no check is a hash of anything");
    reseal(&mut slot);
    let Ok(found) = decode_slot(&VAULT, &slot) else { return };
    assert_eq!(&slot[24..32], found.epoch.to_be_bytes());
    assert_eq!(&slot[64..64 + RootPointer::LEN], found.pointer.encode());
    assert!(decode_slot(&VaultId([8; 16]), &slot).is_err());
}

fn seed_pointer() -> RootPointer {
    RootPointer {
        vault: VAULT,
        generation: 5,
        epoch: 2,
        root_page: [4; 12],
        salt: [5; 32],
        root_hash: [6; 32],
        mac: [0; 32],
    }
    .signed(&RootKey::from_slice(&[3; 32]).unwrap())
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let header = Header { vault: VAULT, index: 0, shares: 1 }.encode();
    let slot = encode_slot(&VAULT, 2, &CellShare::from_slice(&[9; 32]).unwrap(), &seed_pointer()).unwrap();
    vec![
        [&[0], &header[..64]].concat(),
        [&[1], seed_pointer().encode().as_slice()].concat(),
        [&[2], &slot[..64 + RootPointer::LEN]].concat(),
    ]
}
