//! Any bytes into every way of opening an object: none panics, and all agree.
//!
//! Input: `flags:1 ‖ piece:2 ‖ bytes`. With bit 0 of the flags the bytes follow the true header of a frozen object, so that
//! they reach the chunks; with bit 1 they are XORed onto that whole object, so that the empty input opens.

use crate::object::{HEADER_LEN, Opener, Reader, chunk_range, last_chunk, open_small, plain_len, seal_small};
use crate::{Branch, Class, CryptoError, Handle, Kind, ObjectContext, ObjectKey, Policy, VaultId};

/// The empty plaintext sealed under the key and context below, salt 04…; made by `crates/crypto/vectors/object.py`'s `seal`.
#[rustfmt::skip]
const OBJECT: [u8; 72] = [
    0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x04,
    0x04, 0x04, 0x04, 0x04, 0x04, 0x04, 0x67, 0xab, 0x77, 0x56, 0x52, 0x5f, 0xd9, 0x0b, 0xc0, 0xf7, 0x30, 0xb9,
    0xd1, 0xb6, 0x38, 0x5c, 0x45, 0x1d, 0xdb, 0x60, 0x3e, 0xaf, 0x5a, 0x4c, 0x8a, 0x74, 0x55, 0x9e, 0x16, 0xfc,
    0xef, 0x4f, 0xfb, 0xd7, 0x98, 0x7d, 0x14, 0x1b, 0xb5, 0x16, 0xb7, 0x37, 0x0d, 0xd2, 0xb8, 0x4c, 0x9a, 0x7b,
];

pub(super) fn run(input: &[u8]) {
    let Some(([flags, piece @ ..], bytes)) = input.split_first_chunk::<3>() else { return };
    let mut sealed = bytes.to_vec();
    if flags & 1 != 0 {
        sealed.splice(..0, OBJECT[..HEADER_LEN].iter().copied());
    } else if flags & 2 != 0 {
        sealed = OBJECT.to_vec();
        sealed.iter_mut().zip(bytes).for_each(|(byte, change)| *byte ^= change);
    }
    let piece = usize::from(u16::from_be_bytes(*piece)).max(1);
    let whole = open_small(&key(), &context(), &sealed).map(|plain| plain.to_vec()).ok();
    assert_eq!(whole, stream(&sealed, piece).ok());
    assert_eq!(whole, random(&sealed).ok());
    if flags & 3 == 2 {
        assert_eq!(whole.is_some(), sealed == OBJECT);
    }
}

fn stream(sealed: &[u8], piece: usize) -> Result<Vec<u8>, CryptoError> {
    let (header, body) = sealed.split_first_chunk().ok_or(CryptoError::Unopenable)?;
    let mut opener = Opener::new(&key(), &context(), header)?;
    let mut plain = Vec::new();
    for piece in body.chunks(piece) {
        opener.update(piece, &mut plain)?;
    }
    opener.finish(&mut plain)?;
    Ok(plain)
}

fn random(sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let header = sealed.first_chunk().ok_or(CryptoError::Unopenable)?;
    let reader = Reader::new(&key(), &context(), header)?;
    let length = plain_len(sealed.len() as u64).ok_or(CryptoError::Unopenable)?;
    let mut plain = Vec::new();
    for index in 0..=last_chunk(length) {
        let place = chunk_range(index, length).unwrap();
        let chunk = &sealed[place.start as usize..place.end as usize];
        reader.open_chunk(index, index == last_chunk(length), chunk, &mut plain)?;
    }
    Ok(plain)
}

fn key() -> ObjectKey {
    ObjectKey::from_slice(&[1; 32]).unwrap()
}

fn context() -> ObjectContext {
    ObjectContext {
        kind: Kind::Small,
        vault: VaultId([2; 16]),
        handle: Handle([3; 16]),
        class: Class::Saves,
        branch: Branch::Items,
        compartment: 1,
        seq: 1,
        policy: Policy::None,
    }
}

pub(super) fn seeds() -> Vec<Vec<u8>> {
    let sealed = |length: usize| seal_small(&key(), &context(), &vec![b'x'; length]).unwrap();
    let whole = |length| [&[0, 0, 7], sealed(length).as_slice()].concat();
    vec![
        vec![2, 0, 1],
        vec![2, 0, 1, 0, 0, 0, 1],
        [&[1, 0, 9], &OBJECT[HEADER_LEN..]].concat(),
        whole(0),
        whole(1),
        whole(300),
    ]
}
