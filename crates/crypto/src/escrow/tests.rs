use proptest::prelude::*;
use serde_json::Value;

use super::seal::seal_with;
use super::shamir::{invert, multiply};
use super::*;
use crate::secret::EncapsulationSeed;
use crate::vectors::{array, hex, list, number};
use crate::{CryptoError, EscrowKey, EscrowSeed, EscrowShare, HolderKey, RootKey, VaultId};

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../vectors/escrow.json")).unwrap()
}

fn small<T: TryFrom<u64>>(value: &Value) -> T {
    T::try_from(number(value)).ok().unwrap()
}

/// X-Wing by its draft's own vectors (key pair and encapsulation), HPKE's key schedule behind it by `vectors/escrow.py`, which takes the
/// draft's shared secrets and the written format alone.
#[test]
fn frozen_shares_seal_to_the_same_bytes_and_open() {
    let vectors = vectors();
    assert_eq!(list(&vectors["shares"]).len(), 3);
    for vector in list(&vectors["shares"]) {
        let key = EscrowSeed::from_slice(&hex(&vector["seed"])).unwrap();
        let public = key.public();
        assert_eq!(public.as_bytes(), hex(&vector["public"]));
        assert_eq!(public, EscrowPublicKey::from_slice(&hex(&vector["public"])).unwrap());
        assert_eq!(public.id().as_slice(), hex(&vector["key_id"]));
        let vault = VaultId(array(&vector["vault"]));
        let context = ShareContext {
            vault: &vault,
            generation: number(&vector["generation"]),
            window: small(&vector["window"]),
            threshold: small(&vector["threshold"]),
            shares: small(&vector["shares"]),
            number: small(&vector["number"]),
        };
        let seeds = hex(&vector["eseed"]);
        let seeds = [&seeds[..32], &seeds[32..]].map(|half| EncapsulationSeed::from_slice(half).unwrap());
        let share = EscrowShare::from_slice(&hex(&vector["share"])).unwrap();
        let sealed = seal_with(seeds, &public, &context, &share).unwrap();
        assert_eq!(sealed.enc.as_slice(), hex(&vector["enc"]));
        assert_eq!(sealed.ciphertext.as_slice(), hex(&vector["ciphertext"]));
        let opened = open_share(&key, &context, &sealed).unwrap();
        assert_eq!((opened.number, opened.value.expose()), (context.number, share.expose()));
    }
}

#[test]
fn frozen_roots_and_sharings() {
    let vectors = vectors();
    let root = &vectors["root"];
    let key = EscrowKey::from_slice(&hex(&root["key"])).unwrap();
    let secret = RootKey::from_slice(&hex(&root["root"])).unwrap();
    let sealed = seal_escrowed_root(&key, &hex(&root["header"]), &secret, &array(&root["pointer"])).unwrap();
    assert_eq!(sealed.as_slice(), hex(&root["sealed"]));
    for sharing in list(&vectors["sharings"]) {
        let threshold: usize = small(&sharing["threshold"]);
        let shares: Vec<Share> = (1u8..=255)
            .zip(list(&sharing["shares"]))
            .map(|(number, value)| Share { number, value: EscrowShare::from_slice(&hex(value)).unwrap() })
            .collect();
        // The first, the last, and all of them.
        for part in [&shares[..threshold], &shares[shares.len() - threshold..], &shares[..]] {
            assert_eq!(combine(part).unwrap().expose().as_slice(), hex(&sharing["key"]));
        }
        if threshold > 1 {
            assert_ne!(combine(&shares[1..threshold]).unwrap().expose().as_slice(), hex(&sharing["key"]));
        }
    }
}

/// The field against its definition: every product by long multiplication of polynomials, every inverse.
#[test]
fn the_field_is_that_of_aes() {
    let by_definition = |a: u8, b: u8| {
        let mut product =
            (0..8).filter(|bit| b >> bit & 1 == 1).fold(0u32, |sum, bit| sum ^ u32::from(a) << bit);
        for bit in (8..15).rev() {
            if product >> bit & 1 == 1 {
                product ^= 0x11b << (bit - 8);
            }
        }
        product as u8
    };
    for a in 0..=255 {
        for b in 0..=255 {
            assert_eq!(multiply(a, b), by_definition(a, b), "{a} {b}");
        }
        assert_eq!(multiply(a, invert(a)), u8::from(a != 0), "{a}");
    }
}

proptest! {
    /// Any `threshold` of them, in any order, and more; one less gives something else.
    #[test]
    fn any_so_many_shares_give_the_key(count in 1u8..=12, threshold in 1u8..=12, order in any::<u64>()) {
        prop_assume!(threshold <= count);
        let key = EscrowKey::generate().unwrap();
        let mut shares = split(&key, threshold, count).unwrap();
        for at in (1..shares.len()).rev() {
            shares.swap(at, (order >> at) as usize % (at + 1));
        }
        for taken in usize::from(threshold)..=shares.len() {
            let combined = combine(&shares[..taken]).unwrap();
            prop_assert_eq!(combined.expose(), key.expose());
        }
        if threshold > 1 {
            let few = combine(&shares[..usize::from(threshold) - 1]).unwrap();
            prop_assert_ne!(few.expose(), key.expose());
        }
    }
}

/// RUSTSEC-2024-0398 of another crate: coefficients that are never zero say something about the secret. With two of two, a share's byte equals the
/// secret's where the coefficient is zero: once in 256.
#[test]
fn coefficients_may_be_zero() {
    let key = EscrowKey::generate().unwrap();
    let equal = |_| {
        let shares = split(&key, 2, 2).unwrap();
        shares[0].value.expose().iter().zip(key.expose()).filter(|(share, secret)| share == secret).count()
    };
    // 32,000 bytes: 125 expected, and fewer than 40 or more than 250 less than once in 10^20 runs.
    let equal: usize = (0..1000).map(equal).sum();
    assert!((40..250).contains(&equal), "{equal}");
}

#[test]
fn sharings_that_cannot_be_are_refused() {
    let key = EscrowKey::generate().unwrap();
    for (threshold, count) in [(0, 3), (4, 3), (1, 0), (0, 0)] {
        assert!(matches!(split(&key, threshold, count), Err(CryptoError::OutOfRange { .. })));
    }
    let mut shares = split(&key, 2, 3).unwrap();
    assert!(combine(&[]).is_err());
    shares[1].number = 1;
    assert!(combine(&shares[..2]).is_err(), "twice the same");
    shares[1].number = 0;
    assert!(combine(&shares[..2]).is_err(), "the place of the secret itself");
}

/// Every component of the context, the key, and every byte of share and root.
#[test]
fn shares_and_roots_open_only_as_they_were_sealed() {
    let key = EscrowSeed::generate().unwrap();
    let share = EscrowShare::generate().unwrap();
    let (vault, other) = (VaultId([1; 16]), VaultId([2; 16]));
    let context =
        ShareContext { vault: &vault, generation: 5, window: 6, threshold: 2, shares: 3, number: 1 };
    let sealed = seal_share(&key.public(), &context, &share).unwrap();
    assert_eq!(open_share(&key, &context, &sealed).unwrap().value.expose(), share.expose());
    for changed in [
        ShareContext { vault: &other, ..context },
        ShareContext { generation: 6, ..context },
        ShareContext { window: 7, ..context },
        ShareContext { threshold: 1, ..context },
        ShareContext { shares: 4, ..context },
        ShareContext { number: 2, ..context },
    ] {
        assert!(matches!(open_share(&key, &changed, &sealed), Err(CryptoError::Unopenable)), "{changed:?}");
    }
    assert!(open_share(&EscrowSeed::generate().unwrap(), &context, &sealed).is_err());
    for at in (0..ENC_LEN).step_by(37).chain([ENC_LEN - 1]) {
        let mut flipped = sealed.clone();
        flipped.enc[at] ^= 0x80;
        assert!(open_share(&key, &context, &flipped).is_err(), "byte {at} of enc");
    }
    for at in 0..SEALED_SHARE {
        let mut flipped = sealed.clone();
        flipped.ciphertext[at] ^= 1;
        assert!(open_share(&key, &context, &flipped).is_err(), "byte {at}");
    }

    let (once, root) = (EscrowKey::generate().unwrap(), RootKey::generate().unwrap());
    let sealed = seal_escrowed_root(&once, b"header", &root, &[7; 152]).unwrap();
    let opened = open_escrowed_root(&once, b"header", &sealed).unwrap();
    assert_eq!((opened.root.expose(), opened.pointer), (root.expose(), [7; 152]));
    assert!(open_escrowed_root(&once, b"headen", &sealed).is_err());
    assert!(open_escrowed_root(&EscrowKey::generate().unwrap(), b"header", &sealed).is_err());
    for at in 0..ESCROWED_ROOT {
        let mut flipped = sealed;
        flipped[at] ^= 1;
        assert!(open_escrowed_root(&once, b"header", &flipped).is_err(), "byte {at}");
    }
}

/// RFC 8032, 7.1, test 2; and what must not verify.
#[test]
fn holders_sign_by_rfc_8032() {
    let bytes = |text: &str| data_encoding::HEXLOWER.decode(text.as_bytes()).unwrap();
    let key =
        HolderKey::from_slice(&bytes("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
            .unwrap();
    let public = bytes("3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c");
    let signature = bytes(
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    );
    assert_eq!(key.public().as_bytes().as_slice(), public);
    let signed = key.sign(&[0x72]);
    assert_eq!(signed.as_slice(), signature);
    let public = HolderPublicKey::from_slice(&public).unwrap();
    assert!(public.verifies(&[0x72], &signed));
    assert!(!public.verifies(&[0x73], &signed));
    for at in 0..HOLDER_SIGNATURE {
        let mut flipped = signed;
        flipped[at] ^= 1;
        assert!(!public.verifies(&[0x72], &flipped), "byte {at}");
    }
    let weak = [[0; 32], {
        let mut one = [0; 32];
        one[0] = 1;
        one
    }];
    assert!(weak.iter().all(|weak| HolderPublicKey::from_slice(weak).is_err()));
    assert!(matches!(HolderPublicKey::from_slice(&[1; 31]), Err(CryptoError::Length { got: 31, .. })));
    assert!(matches!(EscrowPublicKey::from_slice(&[1; 32]), Err(CryptoError::Length { got: 32, .. })));
}
