//! AES-256-GCM (NIST SP 800-38D) with the nonce zero. That is sound only because each key here seals one message, ever:
//! keys come fresh from the system or from a fresh salt.

use aes_gcm::aead::{AeadInOut, KeyInit};
use aes_gcm::{Aes256Gcm, Nonce};

use crate::stack::wiped;
use crate::{CryptoError, PageKey};

/// Encrypts `text` in place and answers its tag.
pub(crate) fn seal_in_place(once: &PageKey, aad: &[u8], text: &mut [u8]) -> Result<[u8; 16], CryptoError> {
    // Fails only for lengths that no record of ours reaches (64 GiB).
    wiped(|| {
        let cipher = Aes256Gcm::new(once.expose().into());
        let tag = cipher.encrypt_inout_detached(&Nonce::default(), aad, text.into());
        Ok(tag.map_err(|_| CryptoError::Unopenable)?.into())
    })
}

/// Decrypts `text` in place once the tag vouches for it; otherwise leaves it as it was.
pub(crate) fn open_in_place(
    key: &PageKey,
    aad: &[u8],
    text: &mut [u8],
    tag: &[u8; 16],
) -> Result<(), CryptoError> {
    wiped(|| {
        let cipher = Aes256Gcm::new(key.expose().into());
        let opened = cipher.decrypt_inout_detached(&Nonce::default(), aad, text.into(), tag.into());
        opened.map_err(|_| CryptoError::Unopenable)
    })
}
