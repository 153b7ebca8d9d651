use serde_json::Value;

use super::*;
use crate::VaultId;
use crate::vectors::{array, hex, list, text};

fn bytes(text: &str) -> Vec<u8> {
    data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap()
}

/// Of the published test vectors of RFC 9180 (its appendix A shows a part of them): mode_base, DHKEM(X25519, HKDF-SHA256),
/// HKDF-SHA256, AES-256-GCM. First message.
#[test]
fn the_suite_is_that_of_rfc_9180() {
    let seed = bytes("2cd7c601cefb3d42a62b04b7a9041494c06c7843818e0ce28a8f704ae7ab20f9");
    let private = bytes("497b4502664cfea5d5af0b39934dac72242a74f8480451e1aee7d6a53320333d");
    let public = bytes("430f4b9859665145a6b1ba274024487bd66f03a2dd577d7753c68d7d7d00c00c");
    let enc = bytes("6c93e09869df3402d7bf231bf540fadd35cd56be14f97178f0954db94b7fc256");
    let ciphertext =
        bytes("e5d84cd531cfb583096e7cfa9641bd3079cf3a91cda813c52deb5f512be9931980a41de125a925cdad859d5b7a");
    let (info, aad, plain) = (b"Ode on a Grecian Urn", b"Count-0", b"Beauty is truth, truth beauty");

    let key = ReleaseKey::from_slice(&private).unwrap();
    assert_eq!(key.public().as_bytes().as_slice(), public);
    let to = ReleasePublicKey::from_slice(&public).unwrap();
    let sealed = seal_with(ReleaseSeed::from_slice(&seed).unwrap(), &to, info, aad, plain).unwrap();
    assert_eq!(sealed.enc.as_slice(), enc);
    assert_eq!(sealed.ciphertext, ciphertext);
    assert_eq!(open_with(&key, info, aad, &sealed).unwrap().as_slice(), plain);
}

/// Frozen answers, made by `vectors/release.py` from the written format alone.
#[test]
fn frozen_answers_seal_to_the_same_bytes_and_open() {
    let file: Value = serde_json::from_str(include_str!("../../vectors/release.json")).unwrap();
    assert_eq!(list(&file).len(), 3);
    for vector in list(&file) {
        let (vault, release) = (VaultId(array(&vector["vault"])), array(&vector["release"]));
        let (request, purpose) = (text(&vector["request"]), text(&vector["purpose"]));
        let context = ReleaseContext { vault: &vault, release: &release, request, purpose };
        let key = ReleaseKey::from_slice(&hex(&vector["private"])).unwrap();
        let public = key.public();
        assert_eq!(public.as_bytes().as_slice(), hex(&vector["public"]));
        assert_eq!(public.id().to_string(), text(&vector["key_id"]));

        let (seed, plain) = (ReleaseSeed::from_slice(&hex(&vector["seed"])).unwrap(), hex(&vector["plain"]));
        let sealed =
            seal_with(seed, &public, &context.info(&public), &context.aad().unwrap(), &plain).unwrap();
        assert_eq!(sealed.enc.as_slice(), hex(&vector["enc"]));
        assert_eq!(sealed.ciphertext, hex(&vector["ciphertext"]));
        assert_eq!(sealed.ciphertext.len(), plain.len() + RELEASE_TAG_LEN);
        assert_eq!(*open_release(&key, &context, &sealed).unwrap(), plain);
    }
}

/// Every component of the context, the key, and every byte of the answer.
#[test]
fn an_answer_opens_only_as_it_was_sealed() {
    let key = ReleaseKey::generate().unwrap();
    let (vault, release) = (VaultId([1; 16]), [2; 16]);
    let context = ReleaseContext { vault: &vault, release: &release, request: "r1", purpose: "play" };
    let sealed = seal_release(&key.public(), &context, b"secret").unwrap();
    assert_eq!(open_release(&key, &context, &sealed).unwrap().as_slice(), b"secret");

    let (vault, release) = (VaultId([3; 16]), [4; 16]);
    let others = [
        ReleaseContext { vault: &vault, ..context },
        ReleaseContext { release: &release, ..context },
        ReleaseContext { request: "r2", ..context },
        ReleaseContext { purpose: "plaz", ..context },
        // The border between the two texts is bound, too.
        ReleaseContext { request: "r1p", purpose: "lay", ..context },
    ];
    for other in others {
        assert!(matches!(open_release(&key, &other, &sealed), Err(CryptoError::Unopenable)), "{other:?}");
    }
    let stranger = ReleaseKey::generate().unwrap();
    assert!(open_release(&stranger, &context, &sealed).is_err());
    for at in 0..32 + sealed.ciphertext.len() {
        let mut flipped = SealedRelease { enc: sealed.enc, ciphertext: sealed.ciphertext.clone() };
        // Bit 255 of a public key is not part of it, but the encapsulated key is bound as it was sent.
        let byte = flipped.enc.iter_mut().chain(&mut flipped.ciphertext).nth(at).unwrap();
        *byte ^= 0x80;
        assert!(open_release(&key, &context, &flipped).is_err(), "byte {at}");
    }
    for length in 0..sealed.ciphertext.len() {
        let cut = SealedRelease { enc: sealed.enc, ciphertext: sealed.ciphertext[..length].to_vec() };
        assert!(open_release(&key, &context, &cut).is_err(), "{length} bytes");
    }
}

#[test]
fn each_answer_has_an_encapsulation_of_its_own() {
    let key = ReleaseKey::generate().unwrap();
    let (vault, release) = (VaultId([1; 16]), [2; 16]);
    let context = ReleaseContext { vault: &vault, release: &release, request: "r", purpose: "p" };
    let [one, two] = [(); 2].map(|()| seal_release(&key.public(), &context, b"secret").unwrap());
    assert!(one.enc != two.enc && one.ciphertext != two.ciphertext);
}

/// To a key of low order everybody could open. The points of order 1, 2, 4 and 8 (RFC 7748, section 6.1, and their other spellings).
#[test]
fn keys_of_low_order_and_texts_too_long_are_refused() {
    let low = [
        "0000000000000000000000000000000000000000000000000000000000000000",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ];
    for key in low {
        assert!(matches!(ReleasePublicKey::from_slice(&bytes(key)), Err(CryptoError::PublicKey)), "{key}");
    }
    for length in [0, 31, 33] {
        let refused = ReleasePublicKey::from_slice(&vec![9; length]);
        assert!(matches!(refused, Err(CryptoError::Length { got, .. }) if got == length));
    }
    let key = ReleaseKey::generate().unwrap();
    let (vault, release, long) = (VaultId([1; 16]), [2; 16], "x".repeat(65));
    for (request, purpose) in [(long.as_str(), "p"), ("r", long.as_str())] {
        let context = ReleaseContext { vault: &vault, release: &release, request, purpose };
        assert!(matches!(seal_release(&key.public(), &context, b""), Err(CryptoError::OutOfRange { .. })));
    }
}
