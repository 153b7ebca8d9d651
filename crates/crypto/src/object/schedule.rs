//! From key, salt and context to the keys of one object: the key schedule of C2SP chunked-encryption.
//!
//! ```text
//! key:32 ‖ base nonce:12 ‖ commitment:32 = HKDF-Expand-SHA512(prk = object key, L = 76,
//!     info = "c2sp.org/chunked-encryption@v1+" ‖ "AEAD_AES_256_GCM" ‖ 0x00 ‖ salt:24 ‖ context)
//! ```
//! HKDF-Expand (RFC 5869, section 2.3) is written out, because the `hkdf` crate demands a pseudorandom key of its hash's
//! length (64 bytes) where the format has one of 32.

use aes_gcm::{Aes256Gcm, KeyInit};
use hmac::{Hmac, Mac};
use sha2::Sha512;
use zeroize::{Zeroize, Zeroizing};

use super::{COMMITMENT_LEN, Salt};
use crate::stack::wiped;

const INFO: &[u8] = b"c2sp.org/chunked-encryption@v1+AEAD_AES_256_GCM\0";
const NONCE_LEN: usize = 12;

/// What encrypts the chunks of one object. Wiped on drop, the cipher by its own crate (feature `zeroize`); that is boxed, so
/// that a move copies no key.
pub(super) struct ChunkKeys {
    pub(super) aead: Box<Aes256Gcm>,
    base_nonce: Zeroizing<[u8; NONCE_LEN]>,
}

impl ChunkKeys {
    /// The base nonce XOR the chunk's number, big-endian at its end.
    pub(super) fn nonce(&self, index: u64) -> [u8; NONCE_LEN] {
        let mut nonce = *self.base_nonce;
        for (byte, count) in nonce[4..].iter_mut().zip(index.to_be_bytes()) {
            *byte ^= count;
        }
        nonce
    }
}

/// The keys of one object, and its commitment, which is public.
pub(super) fn derive(key: &[u8; 32], salt: &Salt, context: &[u8]) -> (ChunkKeys, [u8; COMMITMENT_LEN]) {
    wiped(|| derived(key, salt, context))
}

fn derived(key: &[u8; 32], salt: &Salt, context: &[u8]) -> (ChunkKeys, [u8; COMMITMENT_LEN]) {
    let okm = expand(key, salt, context);
    let okm: &[u8; 128] = &okm;
    let mut aead_key = Zeroizing::new([0; 32]);
    let mut base_nonce = Zeroizing::new([0; NONCE_LEN]);
    let mut commitment = [0; COMMITMENT_LEN];
    aead_key.copy_from_slice(&okm[..32]);
    base_nonce.copy_from_slice(&okm[32..44]);
    commitment.copy_from_slice(&okm[44..76]);
    (ChunkKeys { aead: Box::new(Aes256Gcm::new((&*aead_key).into())), base_nonce }, commitment)
}

/// Two blocks: T(1) = HMAC(prk, info ‖ 1), T(2) = HMAC(prk, T(1) ‖ info ‖ 2).
fn expand(prk: &[u8; 32], salt: &Salt, context: &[u8]) -> Zeroizing<[u8; 128]> {
    // HMAC pads a key with zeros to its hash's block; padded here, its length is right by type.
    let mut padded = Zeroizing::new([0; 128]);
    padded.split_at_mut(32).0.copy_from_slice(prk);
    let keyed = Hmac::<Sha512>::new((&*padded).into());
    let block = |mac: Hmac<Sha512>, number: u8, out: &mut [u8]| {
        let mac = mac.chain_update(INFO).chain_update(salt).chain_update(context).chain_update([number]);
        let mut digest = mac.finalize().into_bytes();
        out.copy_from_slice(&digest);
        digest.zeroize();
    };

    let mut okm = Zeroizing::new([0; 128]);
    let (first, second) = okm.split_at_mut(64);
    block(keyed.clone(), 1, first);
    block(keyed.chain_update(&*first), 2, second);
    okm
}
