//! Answers sealed to one recipient: HPKE (RFC 9180), base mode, DHKEM(X25519, HKDF-SHA256), HKDF-SHA256, AES-256-GCM.
//!
//! A secret leaves the vault only so: to a public key that the operator registered with the caller's token, one fresh encapsulation
//! for each answer, which seals one message and is gone. The answer is bound to the vault, to the recipient's key, to the request
//! that it answers and to the purpose that was named ([`ReleaseContext`]).
//!
//! Base mode says nothing about who sealed: whoever knows the public key can make such an answer. That it comes from the vault is
//! known from the connection and from the request's name, which only the two ends know.

mod context;
mod keys;
#[cfg(test)]
mod tests;

pub use context::{MAX_RELEASE_TEXT, ReleaseContext};
pub use keys::{ReleaseKeyId, ReleasePublicKey};

use ::hpke::aead::AesGcm256;
use ::hpke::kdf::HkdfSha256;
use ::hpke::kem::{Kem, X25519HkdfSha256};
use ::hpke::{Deserializable, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal_with_rng};
use zeroize::Zeroizing;

use crate::once::Once;
use crate::secret::{ReleaseKey, ReleaseSeed};
use crate::{CryptoError, wiped};

/// Bytes that sealing adds to a message.
pub const RELEASE_TAG_LEN: usize = 16;

/// A sealed answer as it travels (docs/formats.md, "Released answers"). Nothing in it is secret.
pub struct SealedRelease {
    /// The encapsulated key.
    pub enc: [u8; 32],
    /// Ciphertext and tag.
    pub ciphertext: Vec<u8>,
}

/// Seals a message to a recipient.
///
/// # Errors
/// [`CryptoError::PublicKey`] for a key of low order; [`CryptoError::Random`]; [`CryptoError::OutOfRange`] for a context that is too
/// long.
pub fn seal_release(
    to: &ReleasePublicKey,
    context: &ReleaseContext<'_>,
    message: &[u8],
) -> Result<SealedRelease, CryptoError> {
    let aad = context.aad()?;
    seal_with(ReleaseSeed::generate()?, to, &context.info(to), &aad, message)
}

/// Opens what was sealed to this key under the same context.
///
/// # Errors
/// [`CryptoError::Unopenable`] if anything differs; [`CryptoError::OutOfRange`] for a context that is too long.
pub fn open_release(
    key: &ReleaseKey,
    context: &ReleaseContext<'_>,
    sealed: &SealedRelease,
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let aad = context.aad()?;
    open_with(key, &context.info(&key.public()), &aad, sealed)
}

/// The sender's side with the randomness given: the ephemeral key pair is derived from `seed`.
fn seal_with(
    seed: ReleaseSeed,
    to: &ReleasePublicKey,
    info: &[u8],
    aad: &[u8],
    message: &[u8],
) -> Result<SealedRelease, CryptoError> {
    wiped(|| {
        let to = <X25519HkdfSha256 as Kem>::PublicKey::from_bytes(to.as_bytes())
            .map_err(|_| CryptoError::PublicKey)?;
        let (enc, ciphertext) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &to,
            info,
            message,
            aad,
            &mut Once::new([seed.expose()]),
        )
        // The exchange fails for a key of low order; the cipher only for lengths that no answer reaches.
        .map_err(|_| CryptoError::PublicKey)?;
        Ok(SealedRelease { enc: enc.to_bytes().into(), ciphertext })
    })
}

fn open_with(
    key: &ReleaseKey,
    info: &[u8],
    aad: &[u8],
    sealed: &SealedRelease,
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    wiped(|| {
        let unopenable = |_| CryptoError::Unopenable;
        let key = keys::private(key).map_err(unopenable)?;
        let enc = <X25519HkdfSha256 as Kem>::EncappedKey::from_bytes(&sealed.enc).map_err(unopenable)?;
        let opened = single_shot_open::<AesGcm256, HkdfSha256, X25519HkdfSha256>(
            &OpModeR::Base,
            &key,
            &enc,
            info,
            &sealed.ciphertext,
            aad,
        );
        opened.map(Zeroizing::new).map_err(unopenable)
    })
}
