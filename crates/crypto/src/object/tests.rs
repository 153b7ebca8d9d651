//! Properties of sealed objects, through every way of opening them.

use aes_gcm::aead::AeadInOut;
use proptest::prelude::*;
use zeroize::Zeroizing;

use super::small::seal_with_salt;
use super::*;
use crate::CryptoError;

const KEY: [u8; 32] = [7; 32];
const CONTEXT: &[u8] = b"a context";

fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at * 31 + at / 251) as u8).collect()
}

fn sealed(plain: &[u8]) -> Vec<u8> {
    seal_with_salt(&KEY, CONTEXT, [9; SALT_LEN], plain).unwrap()
}

/// Lengths around the ends of the first three chunks, and any others.
fn length() -> impl Strategy<Value = usize> {
    prop_oneof![
        3 => (0..3usize, -20..=20isize).prop_map(|(chunk, off)| (chunk * CHUNK_LEN).saturating_add_signed(off)),
        1 => 0..3 * CHUNK_LEN,
    ]
}

/// `whole` cut at the given places, in order.
fn pieces<'a>(whole: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(whole.len() + 1)).collect();
    at.extend([0, whole.len()]);
    at.sort_unstable();
    at.windows(2).map(|pair| &whole[pair[0]..pair[1]]).collect()
}

fn stream_seal(pieces: &[&[u8]]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut sealer = Sealer::with_salt(&KEY, CONTEXT, [9; SALT_LEN], &mut out);
    for piece in pieces {
        sealer.update(piece, &mut out).unwrap();
    }
    sealer.finish(&mut out).unwrap();
    out
}

/// What the streaming opener released, and whether it got to the end.
pub(super) fn stream_open(
    key: &[u8; 32],
    context: &[u8],
    sealed: &[u8],
    piece: usize,
) -> (Vec<u8>, Result<(), CryptoError>) {
    let mut out = Vec::new();
    let outcome = (|| {
        let (header, body) = sealed.split_first_chunk().ok_or(CryptoError::Unopenable)?;
        let mut opener = Opener::over(Reader::with_context(key, context, header)?);
        for piece in body.chunks(piece) {
            opener.update(piece, &mut out)?;
        }
        opener.finish(&mut out)
    })();
    (out, outcome)
}

/// Opens the last chunk first and the others from the back, each at the offset that the length gives.
pub(super) fn random_open(key: &[u8; 32], context: &[u8], sealed: &[u8]) -> Result<Vec<u8>, CryptoError> {
    let header = sealed.first_chunk().ok_or(CryptoError::Unopenable)?;
    let reader = Reader::with_context(key, context, header)?;
    let length = plain_len(sealed.len() as u64).ok_or(CryptoError::Unopenable)?;
    let mut plain = vec![0; length as usize];
    for index in (0..=last_chunk(length)).rev() {
        let range = chunk_range(index, length).unwrap();
        let mut chunk = Vec::new();
        let last = index == last_chunk(length);
        reader.open_chunk(index, last, &sealed[range.start as usize..range.end as usize], &mut chunk)?;
        let at = index as usize * CHUNK_LEN;
        plain[at..at + chunk.len()].copy_from_slice(&chunk);
    }
    Ok(plain)
}

pub(super) fn whole_open(
    key: &[u8; 32],
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    small::open_with_context(key, context, sealed)
}

/// Every way of opening refuses with the one opaque error; a stream may have released only a true beginning of `plain`.
fn refused_everywhere(damaged: &[u8], plain: &[u8]) {
    for piece in [1 << 20, 5000] {
        let (released, outcome) = stream_open(&KEY, CONTEXT, damaged, piece);
        assert!(matches!(outcome, Err(CryptoError::Unopenable)));
        assert!(plain.starts_with(&released));
    }
    assert!(matches!(whole_open(&KEY, CONTEXT, damaged), Err(CryptoError::Unopenable)));
    assert!(matches!(random_open(&KEY, CONTEXT, damaged), Err(CryptoError::Unopenable)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn however_it_is_cut_the_object_is_the_same(
        length in length(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        piece in 1usize..40_000,
    ) {
        let plain = bytes(length);
        let object = sealed(&plain);
        prop_assert_eq!(object.len() as u64, sealed_len(length as u64).unwrap());
        prop_assert_eq!(&stream_seal(&pieces(&plain, &cuts)), &object);

        let (released, outcome) = stream_open(&KEY, CONTEXT, &object, piece);
        prop_assert!(outcome.is_ok());
        prop_assert_eq!(&released, &plain);
        prop_assert_eq!(&random_open(&KEY, CONTEXT, &object).unwrap(), &plain);
        prop_assert_eq!(&*whole_open(&KEY, CONTEXT, &object).unwrap(), &plain);
    }

    #[test]
    fn no_flipped_bit_opens(length in length(), at: prop::sample::Index, bit in 0u32..8) {
        let plain = bytes(length);
        let mut object = sealed(&plain);
        let at = at.index(object.len());
        object[at] ^= 1u8 << bit;
        refused_everywhere(&object, &plain);
    }

    #[test]
    fn no_beginning_opens(length in length(), keep: prop::sample::Index) {
        let plain = bytes(length);
        let mut object = sealed(&plain);
        object.truncate(keep.index(object.len()));
        refused_everywhere(&object, &plain);
    }

    #[test]
    fn nothing_may_follow(length in length(), more in prop::collection::vec(any::<u8>(), 1..17_000)) {
        let plain = bytes(length);
        let mut object = sealed(&plain);
        object.extend(more);
        refused_everywhere(&object, &plain);
    }

    #[test]
    fn noise_is_refused_and_never_panics(noise in prop::collection::vec(any::<u8>(), 0..40_000), piece in 1usize..40_000) {
        let (released, outcome) = stream_open(&KEY, CONTEXT, &noise, piece);
        prop_assert!(released.is_empty() && outcome.is_err());
        prop_assert!(whole_open(&KEY, CONTEXT, &noise).is_err());
        prop_assert!(random_open(&KEY, CONTEXT, &noise).is_err());
    }

    /// Past a good header too, where the chunks are reached.
    #[test]
    fn noise_for_chunks_is_refused(
        noise in prop::collection::vec(any::<u8>(), 0..40_000),
        piece in 1usize..40_000,
        index: u64,
        last: bool,
    ) {
        let mut object = sealed(b"");
        object.truncate(HEADER_LEN);
        let mut out = b"before".to_vec();
        let reader = Reader::with_context(&KEY, CONTEXT, object.first_chunk().unwrap()).unwrap();
        prop_assert!(reader.open_chunk(index, last, &noise, &mut out).is_err());
        prop_assert_eq!(out, b"before");
        object.extend(noise);
        let (released, outcome) = stream_open(&KEY, CONTEXT, &object, piece);
        prop_assert!(released.is_empty() && outcome.is_err());
    }
}

/// The two properties above at every place of a small object, not at samples.
#[test]
fn every_byte_and_every_length_of_a_small_object_count() {
    let plain = b"every byte";
    let object = sealed(plain);
    for at in 0..object.len() {
        let mut flipped = object.clone();
        flipped[at] ^= 0x80;
        refused_everywhere(&flipped, plain);
        refused_everywhere(&object[..at], plain);
    }
}

#[test]
fn chunks_stay_at_their_number_and_in_their_object() {
    let plain = bytes(3 * CHUNK_LEN + 5);
    let object = sealed(&plain);
    let other = seal_with_salt(&KEY, CONTEXT, [10; SALT_LEN], &plain).unwrap();
    let (header, body) = object.split_at(HEADER_LEN);
    let chunks: Vec<&[u8]> = body.chunks(SEALED_CHUNK_LEN).collect();
    let foreign: Vec<&[u8]> = other[HEADER_LEN..].chunks(SEALED_CHUNK_LEN).collect();
    let [a, b, c, last] = chunks[..] else { panic!("four chunks") };
    for order in [
        vec![b, a, c, last],
        vec![a, c, b, last],
        vec![a, a, c, last],
        vec![a, b, b, last],
        vec![a, b, last],
        vec![a, b, c, c, last],
        vec![a, b, c],
        vec![last],
        vec![a, b, c, last, last],
        vec![a, foreign[1], c, last],
        vec![a, b, c, foreign[3]],
    ] {
        refused_everywhere(&[&[header], &order[..]].concat().concat(), &plain);
    }
    refused_everywhere(&[&other[..HEADER_LEN], body].concat(), b"");
}

/// The length of a chunk says whether it is the last; the caller's word must agree.
#[test]
fn a_chunk_is_the_last_or_it_is_not() {
    let plain = bytes(CHUNK_LEN + 1);
    let object = sealed(&plain);
    let reader = Reader::with_context(&KEY, CONTEXT, object.first_chunk().unwrap()).unwrap();
    let (whole, last) = object[HEADER_LEN..].split_at(SEALED_CHUNK_LEN);
    let mut out = Vec::new();
    assert!(reader.open_chunk(0, true, whole, &mut out).is_err());
    assert!(reader.open_chunk(1, false, last, &mut out).is_err());
    assert!(reader.open_chunk(0, true, last, &mut out).is_err());
    assert!(out.is_empty());
    reader.open_chunk(1, true, last, &mut out).unwrap();
    reader.open_chunk(0, false, whole, &mut out).unwrap();
    assert_eq!(out, [&plain[CHUNK_LEN..], &plain[..CHUNK_LEN]].concat());
}

/// After a bad chunk the good ones that follow, at whatever number, are not released either.
#[test]
fn an_opener_that_failed_stays_shut() {
    let plain = bytes(2 * CHUNK_LEN + 5);
    let object = sealed(&plain);
    let (header, body) = object.split_first_chunk().unwrap();
    let chunks: Vec<&[u8]> = body.chunks(SEALED_CHUNK_LEN).collect();
    let mut opener = Opener::over(Reader::with_context(&KEY, CONTEXT, header).unwrap());
    let mut out = Vec::new();
    assert!(opener.update(chunks[1], &mut out).is_err());
    assert!(opener.update(chunks[0], &mut out).is_err());
    assert!(opener.update(chunks[1], &mut out).is_err());
    assert!(opener.update(chunks[2], &mut out).is_ok(), "less than a chunk waits");
    assert!(opener.finish(&mut out).is_err());
    assert!(out.is_empty());
}

#[test]
fn the_counter_stops_at_its_limit() {
    let mut out = Vec::new();
    let mut sealer = Sealer::with_salt(&KEY, CONTEXT, [9; SALT_LEN], &mut out);
    sealer.skip_to(MAX_CHUNKS - 1);
    sealer.update(&bytes(CHUNK_LEN - 1), &mut out).unwrap();
    sealer.finish(&mut out).unwrap();
    let last = out.split_off(HEADER_LEN);
    let reader = Reader::with_context(&KEY, CONTEXT, out.first_chunk().unwrap()).unwrap();
    let mut plain = Vec::new();
    reader.open_chunk(MAX_CHUNKS - 1, true, &last, &mut plain).unwrap();
    assert_eq!(plain, bytes(CHUNK_LEN - 1));
    for index in [MAX_CHUNKS, u64::MAX] {
        assert!(reader.open_chunk(index, true, &last, &mut plain).is_err());
    }

    let mut sealer = Sealer::with_salt(&KEY, CONTEXT, [9; SALT_LEN], &mut out);
    sealer.skip_to(MAX_CHUNKS - 1);
    let refused = sealer.update(&bytes(2 * CHUNK_LEN), &mut out);
    assert!(matches!(refused, Err(CryptoError::OutOfRange { got: MAX_CHUNKS, .. })));
    assert!(sealer.finish(&mut out).is_err(), "a full object cannot be finished");
}

/// A chunk past the limit is refused even where its tag is right, as a sealer without the limit would make it.
#[test]
fn a_chunk_past_the_limit_does_not_open() {
    let (keys, _) = schedule::derive(&KEY, &[9; SALT_LEN], CONTEXT);
    for (index, opens) in [(MAX_CHUNKS - 1, true), (MAX_CHUNKS, false)] {
        let mut chunk = b"text".to_vec();
        let nonce = keys.nonce(index);
        let tag =
            keys.aead.encrypt_inout_detached((&nonce).into(), &[], chunk.as_mut_slice().into()).unwrap();
        chunk.extend_from_slice(&tag);
        assert_eq!(keys.open(index, true, &chunk, &mut Vec::new()).is_ok(), opens);
    }
}

#[test]
fn salts_are_fresh_and_first() {
    let key = crate::ObjectKey::from_slice(&KEY).unwrap();
    let context = crate::context::tests::context();
    let (mut a, mut b) = (Vec::new(), Vec::new());
    let first = Sealer::new(&key, &context, &mut a).unwrap();
    let second = Sealer::new(&key, &context, &mut b).unwrap();
    assert_eq!(a.len(), HEADER_LEN);
    assert!(a.starts_with(first.salt()));
    assert_ne!(first.salt(), second.salt());
    assert_ne!(seal_small(&key, &context, b"x").unwrap(), seal_small(&key, &context, b"x").unwrap());
}

#[test]
fn the_public_ways_agree() {
    let key = crate::ObjectKey::generate().unwrap();
    let context = crate::context::tests::context();
    let plain = bytes(CHUNK_LEN + 100);
    let mut streamed = Vec::new();
    let mut sealer = Sealer::new(&key, &context, &mut streamed).unwrap();
    sealer.update(&plain, &mut streamed).unwrap();
    sealer.finish(&mut streamed).unwrap();
    assert_eq!(*open_small(&key, &context, &streamed).unwrap(), plain);

    let small = seal_small(&key, &context, &plain).unwrap();
    let (header, body) = small.split_first_chunk().unwrap();
    let mut opener = Opener::new(&key, &context, header).unwrap();
    let mut out = Vec::new();
    opener.update(body, &mut out).unwrap();
    opener.finish(&mut out).unwrap();
    assert_eq!(out, plain);

    let stranger = crate::ObjectKey::generate().unwrap();
    assert!(matches!(open_small(&stranger, &context, &small), Err(CryptoError::Unopenable)));
}

/// Fails to compile when a dependency is built without its wiping feature.
#[test]
fn derived_keys_are_wiped_and_cross_threads() {
    fn wiped<T: zeroize::ZeroizeOnDrop>() {}
    fn shared<T: Send + Sync>() {}
    wiped::<aes_gcm::Aes256Gcm>();
    wiped::<sha2::Sha512>();
    shared::<(Sealer, Opener, Reader)>();
}
