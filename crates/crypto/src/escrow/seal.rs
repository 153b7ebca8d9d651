//! A share sealed to one holder for one window.

use std::fmt;

use ::hpke::aead::AesGcm256;
use ::hpke::kdf::HkdfSha256;
use ::hpke::kem::{Kem, XWing};
use ::hpke::{Deserializable, OpModeR, OpModeS, Serializable, single_shot_open, single_shot_seal_with_rng};
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::Share;
use crate::once::Once;
use crate::secret::{EncapsulationSeed, EscrowSeed, EscrowShare};
use crate::stack::wiped_deep;
use crate::{CryptoError, VaultId, labels};

/// Bytes of X-Wing's encapsulated key.
pub const ENC_LEN: usize = 1120;
/// Bytes of a sealed share behind its encapsulated key: value and tag.
pub const SEALED_SHARE: usize = 32 + 16;
/// Bytes of an X-Wing public key.
const PUBLIC: usize = 1216;

/// A holder's X-Wing public key of one window.
#[derive(Clone, PartialEq, Eq)]
pub struct EscrowPublicKey(Box<[u8]>);

impl EscrowPublicKey {
    /// The key in these bytes.
    ///
    /// # Errors
    /// [`CryptoError::Length`]; [`CryptoError::PublicKey`] for bytes that are no public key.
    pub fn from_slice(bytes: &[u8]) -> Result<Self, CryptoError> {
        if bytes.len() != PUBLIC {
            return Err(CryptoError::Length {
                what: "escrow public key",
                got: bytes.len(),
                expected: PUBLIC,
            });
        }
        <XWing as Kem>::PublicKey::from_bytes(bytes).map_err(|_| CryptoError::PublicKey)?;
        Ok(Self(bytes.into()))
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Its name: the first half of a SHA-256 of it.
    pub fn id(&self) -> [u8; 16] {
        let hash = Sha256::new().chain_update(labels::ESCROW_KEY).chain_update(&self.0).finalize();
        let mut id = [0; 16];
        id.iter_mut().zip(hash).for_each(|(to, from)| *to = from);
        id
    }
}

/// By its name.
impl fmt::Debug for EscrowPublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("EscrowPublicKey(")?;
        self.id().iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        f.write_str(")")
    }
}

impl EscrowSeed {
    /// The half that goes into the vault's set-up.
    pub fn public(&self) -> EscrowPublicKey {
        wiped_deep(|| {
            let bytes = <XWing as Kem>::PrivateKey::from_bytes(self.expose())
                .map(|key| XWing::sk_to_pk(&key).to_bytes().to_vec());
            // 32 bytes are always a private key.
            EscrowPublicKey(bytes.unwrap_or_default().into())
        })
    }
}

/// What a sealed share is bound to.
#[derive(Debug, Clone, Copy)]
pub struct ShareContext<'a> {
    /// The vault whose root it is.
    pub vault: &'a VaultId,
    /// The root's generation.
    pub generation: u64,
    /// The window whose key opens it.
    pub window: u32,
    /// How many shares are needed, and how many there are.
    pub threshold: u8,
    /// See `threshold`.
    pub shares: u8,
    /// The share's number.
    pub number: u8,
}

impl ShareContext<'_> {
    /// Fixed width behind the label.
    fn info(&self, to: &EscrowPublicKey) -> Vec<u8> {
        [labels::ESCROW_SHARE, self.vault.as_bytes(), &to.id()].concat()
    }

    fn aad(&self) -> Vec<u8> {
        [
            self.generation.to_be_bytes().as_slice(),
            &self.window.to_be_bytes(),
            &[self.threshold, self.shares, self.number],
        ]
        .concat()
    }
}

/// A sealed share as it is stored.
#[derive(Clone, PartialEq, Eq)]
pub struct SealedShare {
    /// The encapsulated key.
    pub enc: Box<[u8; ENC_LEN]>,
    /// The value and its tag.
    pub ciphertext: [u8; SEALED_SHARE],
}

/// Seals a share to a holder.
///
/// # Errors
/// [`CryptoError::Random`]; [`CryptoError::PublicKey`].
pub fn seal_share(
    to: &EscrowPublicKey,
    context: &ShareContext<'_>,
    share: &EscrowShare,
) -> Result<SealedShare, CryptoError> {
    seal_with([EncapsulationSeed::generate()?, EncapsulationSeed::generate()?], to, context, share)
}

/// The same with the randomness of the encapsulation given.
pub(super) fn seal_with(
    seed: [EncapsulationSeed; 2],
    to: &EscrowPublicKey,
    context: &ShareContext<'_>,
    share: &EscrowShare,
) -> Result<SealedShare, CryptoError> {
    let (info, aad) = (context.info(to), context.aad());
    wiped_deep(|| {
        let to = <XWing as Kem>::PublicKey::from_bytes(to.as_bytes()).map_err(|_| CryptoError::PublicKey)?;
        let (enc, ciphertext) = single_shot_seal_with_rng::<AesGcm256, HkdfSha256, XWing>(
            &OpModeS::Base,
            &to,
            &info,
            share.expose(),
            &aad,
            &mut Once::new(seed.each_ref().map(EncapsulationSeed::expose)),
        )
        .map_err(|_| CryptoError::PublicKey)?;
        let enc = Box::<[u8; ENC_LEN]>::try_from(enc.to_bytes().to_vec().into_boxed_slice());
        let ciphertext = <[u8; SEALED_SHARE]>::try_from(ciphertext.as_slice());
        Ok(SealedShare {
            enc: enc.map_err(|_| CryptoError::Unopenable)?,
            ciphertext: ciphertext.map_err(|_| CryptoError::Unopenable)?,
        })
    })
}

/// Opens a share with the key of its window.
///
/// # Errors
/// [`CryptoError::Unopenable`] if anything differs.
pub fn open_share(
    key: &EscrowSeed,
    context: &ShareContext<'_>,
    sealed: &SealedShare,
) -> Result<Share, CryptoError> {
    let (info, aad) = (context.info(&key.public()), context.aad());
    let value = wiped_deep(|| {
        let unopenable = |_| CryptoError::Unopenable;
        let key = <XWing as Kem>::PrivateKey::from_bytes(key.expose()).map_err(unopenable)?;
        let enc = <XWing as Kem>::EncappedKey::from_bytes(sealed.enc.as_slice()).map_err(unopenable)?;
        let opened = single_shot_open::<AesGcm256, HkdfSha256, XWing>(
            &OpModeR::Base,
            &key,
            &enc,
            &info,
            &sealed.ciphertext,
            &aad,
        );
        let opened = Zeroizing::new(opened.map_err(unopenable)?);
        EscrowShare::from_slice(&opened)
    })?;
    Ok(Share { number: context.number, value })
}
