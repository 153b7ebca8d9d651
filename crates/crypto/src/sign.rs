//! Ed25519 (RFC 8032): what the vault says to those who have its public key alone (docs/formats.md, section 13).

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::kdf::derive;
use crate::stack::wiped;
use crate::{AnchorKey, SigningSeed, labels};

/// The key that signs a vault's receipts and checkpoints. It hangs below a key that lives as long as the vault, so no erasure touches it.
pub fn receipt_key(anchor: &AnchorKey) -> SigningSeed {
    derive(&[anchor.expose()], &[], &[labels::RECEIPT_SIGN])
}

impl SigningSeed {
    /// The public key, RFC 8032, section 5.1.5.
    pub fn public(&self) -> [u8; 32] {
        wiped(|| SigningKey::from_bytes(self.expose()).verifying_key().to_bytes())
    }

    /// Signs, RFC 8032, section 5.1.6.
    pub fn sign(&self, message: &[u8]) -> [u8; 64] {
        wiped(|| SigningKey::from_bytes(self.expose()).sign(message).to_bytes())
    }
}

/// Whether the holder of the key signed this: RFC 8032, section 5.1.7, without the keys and points of small order that let a signature be
/// read in two ways.
pub fn verify_signature(public: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> bool {
    let key = VerifyingKey::from_bytes(public);
    key.is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes<const N: usize>(hex: &str) -> [u8; N] {
        data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap().try_into().unwrap()
    }

    /// RFC 8032, section 7.1, tests 2 and 3.
    #[test]
    fn the_published_examples() {
        for (seed, public, message, signature) in [
            (
                "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
                "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
                vec![0x72],
                "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
            ),
            (
                "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
                "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
                vec![0xaf, 0x82],
                "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
            ),
        ] {
            let seed = SigningSeed::from_slice(&bytes::<32>(seed)).unwrap();
            assert_eq!(seed.public(), bytes::<32>(public));
            assert_eq!(seed.sign(&message), bytes::<64>(signature));
            assert!(verify_signature(&seed.public(), &message, &bytes(signature)));
        }
    }

    #[test]
    fn nothing_else_verifies() {
        let (ours, other) = (SigningSeed::generate().unwrap(), SigningSeed::generate().unwrap());
        let signature = ours.sign(b"said");
        assert!(verify_signature(&ours.public(), b"said", &signature));
        assert!(!verify_signature(&ours.public(), b"sad", &signature));
        assert!(!verify_signature(&other.public(), b"said", &signature));
        for bit in 0..64 * 8 {
            let mut bent = signature;
            bent[bit / 8] ^= 1 << (bit % 8);
            assert!(!verify_signature(&ours.public(), b"said", &bent), "bit {bit}");
        }
        // The neutral element as key and half of the signature: it would verify anything.
        let mut neutral = [0; 32];
        neutral[0] = 1;
        let mut forged = [0; 64];
        forged[0] = 1;
        assert!(!verify_signature(&neutral, b"said", &forged));
    }

    #[test]
    fn the_key_is_of_this_vault_alone() {
        let anchor = |byte| AnchorKey::from_slice(&[byte; 32]).unwrap();
        assert_eq!(receipt_key(&anchor(1)).public(), receipt_key(&anchor(1)).public());
        assert_ne!(receipt_key(&anchor(1)).public(), receipt_key(&anchor(2)).public());
    }
}
