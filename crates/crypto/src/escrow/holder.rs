//! How a holder signs: Ed25519 (RFC 8032). The signing key lives as long as the holder takes part; the keys of windows come and go.

use std::fmt;

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use crate::secret::HolderKey;
use crate::{CryptoError, wiped};

/// Bytes of a signature.
pub const HOLDER_SIGNATURE: usize = 64;

/// The public half of a holder's signing key.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct HolderPublicKey([u8; 32]);

impl HolderPublicKey {
    /// The key in these bytes.
    ///
    /// # Errors
    /// [`CryptoError::Length`]; [`CryptoError::PublicKey`] for bytes that are no key, or a weak one.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, CryptoError> {
        let bytes = <[u8; 32]>::try_from(bytes).map_err(|_| CryptoError::Length {
            what: "holder's public key",
            got: bytes.len(),
            expected: 32,
        })?;
        let key = VerifyingKey::from_bytes(&bytes).map_err(|_| CryptoError::PublicKey)?;
        if key.is_weak() { Err(CryptoError::PublicKey) } else { Ok(Self(bytes)) }
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// True if the holder signed exactly this.
    pub fn verifies(&self, message: &[u8], signature: &[u8; HOLDER_SIGNATURE]) -> bool {
        VerifyingKey::from_bytes(&self.0)
            .is_ok_and(|key| key.verify_strict(message, &Signature::from_bytes(signature)).is_ok())
    }
}

impl fmt::Debug for HolderPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HolderPublicKey(")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

impl HolderKey {
    /// The half that stands in the vault's set-up.
    pub fn public(&self) -> HolderPublicKey {
        wiped(|| HolderPublicKey(SigningKey::from_bytes(self.expose()).verifying_key().to_bytes()))
    }

    /// Signs.
    pub fn sign(&self, message: &[u8]) -> [u8; HOLDER_SIGNATURE] {
        wiped(|| SigningKey::from_bytes(self.expose()).sign(message).to_bytes())
    }
}
