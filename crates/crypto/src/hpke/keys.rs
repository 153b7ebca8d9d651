//! The recipient's key pair and the name of its public half.

use std::fmt;

use ::hpke::kem::{Kem, X25519HkdfSha256};
use ::hpke::{Deserializable, HpkeError, Serializable};
use sha2::{Digest, Sha256};

use super::{ReleaseContext, seal_release};
use crate::secret::ReleaseKey;
use crate::{CryptoError, VaultId, labels, wiped};

/// An X25519 public key that answers can be sealed to. Of low order it never is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct ReleasePublicKey([u8; 32]);

impl ReleasePublicKey {
    /// The key in these bytes.
    ///
    /// # Errors
    /// [`CryptoError::Length`]; [`CryptoError::PublicKey`] for one of the few keys of low order, to which everybody could open.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, CryptoError> {
        let key = <[u8; 32]>::try_from(bytes).map_err(|_| CryptoError::Length {
            what: "release key",
            got: bytes.len(),
            expected: 32,
        })?;
        let key = Self(key);
        // The exchange itself says whether the key is of low order.
        let trial = ReleaseContext { vault: &VaultId([0; 16]), release: &[0; 16], request: "", purpose: "" };
        seal_release(&key, &trial, b"").map(|_| key)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Its name: the same wherever the key is registered.
    pub fn id(&self) -> ReleaseKeyId {
        let hash = Sha256::new().chain_update(labels::RELEASE_KEY).chain_update(self.0).finalize();
        let mut id = [0; 16];
        id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        ReleaseKeyId(id)
    }
}

/// By its name.
impl fmt::Debug for ReleasePublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ReleasePublicKey({})", self.id())
    }
}

/// The name of a public key: the first half of a SHA-256 of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReleaseKeyId(pub [u8; 16]);

/// Lower-case hexadecimal.
impl fmt::Display for ReleaseKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl ReleaseKey {
    /// The half that is registered with a token.
    pub fn public(&self) -> ReleasePublicKey {
        wiped(|| {
            let public = private(self).map(|key| X25519HkdfSha256::sk_to_pk(&key).to_bytes().into());
            // 32 bytes are always a private key.
            ReleasePublicKey(public.unwrap_or_default())
        })
    }
}

pub(super) fn private(key: &ReleaseKey) -> Result<<X25519HkdfSha256 as Kem>::PrivateKey, HpkeError> {
    <X25519HkdfSha256 as Kem>::PrivateKey::from_bytes(key.expose())
}
