//! The escrow blob: one root, sealed under a key of its own, and that key's shares, each sealed to one holder.

use oubliette_crypto::escrow::{
    ENC_LEN, ESCROWED_ROOT, EscrowPublicKey, EscrowedRoot, MAX_SHARES, SEALED_SHARE, SealedShare, Share,
    ShareContext, combine, open_escrowed_root, open_share, seal_escrowed_root, seal_share, split,
};
use oubliette_crypto::{CryptoError, EscrowKey, EscrowSeed, RootKey, VaultId};
use sha2::{Digest, Sha256};

use crate::cell::RootPointer;
use crate::codec::{Malformed, Reader};
use crate::error::KeyringError;

const MAGIC: &[u8; 4] = b"OESC";
const VERSION: u8 = 1;
/// X-Wing, HKDF-SHA256, AES-256-GCM.
const SUITE: [u8; 6] = [0x64, 0x7a, 0, 1, 0, 2];

/// To whom a root is sealed.
#[derive(Debug, Clone)]
pub struct EscrowTo {
    /// The window that the keys are of.
    pub window: u32,
    /// How many holders are needed to open it.
    pub threshold: u8,
    /// Public keys, one a holder.
    pub holders: Vec<EscrowPublicKey>,
}

/// What anybody can read of a blob.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EscrowHead {
    /// The vault.
    pub vault: VaultId,
    /// The root's generation.
    pub generation: u64,
    /// The root's epoch.
    pub epoch: u64,
    /// The window whose keys open it.
    pub window: u32,
    /// When it was sealed, in seconds since the Unix epoch.
    pub made: i64,
    /// How many shares are needed.
    pub threshold: u8,
    /// The names of the holders' keys, in the order of their shares, which count from 1.
    pub keys: Vec<[u8; 16]>,
}

/// A root in escrow.
#[derive(Clone, PartialEq, Eq)]
pub struct EscrowBlob {
    /// In clear.
    pub head: EscrowHead,
    root: [u8; ESCROWED_ROOT],
    shares: Vec<SealedShare>,
}

impl EscrowBlob {
    /// Seals the root that `pointer` is under. The key in between is drawn here and wiped here.
    pub(crate) fn seal(
        to: &EscrowTo,
        root: &RootKey,
        pointer: &RootPointer,
        made: i64,
    ) -> Result<Self, KeyringError> {
        let shares = u8::try_from(to.holders.len()).ok().filter(|n| (1..=MAX_SHARES).contains(n));
        let shares = shares.ok_or(KeyringError::TooLarge {
            what: "the number of escrow holders",
            got: to.holders.len(),
            allowed: MAX_SHARES.into(),
        })?;
        let head = EscrowHead {
            vault: pointer.vault,
            generation: pointer.generation,
            epoch: pointer.epoch,
            window: to.window,
            made,
            threshold: to.threshold,
            keys: to.holders.iter().map(EscrowPublicKey::id).collect(),
        };
        let once = EscrowKey::generate()?;
        let sealed = seal_escrowed_root(&once, &head.encode(), root, &pointer.encode())?;
        let parts = split(&once, to.threshold, shares)?;
        let parts = parts.iter().zip(&to.holders);
        let shares =
            parts.map(|(share, holder)| seal_share(holder, &head.context(share.number), &share.value));
        let shares = shares.collect::<Result<_, CryptoError>>()?;
        Ok(Self { head, root: sealed, shares })
    }

    /// The stored form.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = self.head.encode();
        bytes.extend(self.root);
        for share in &self.shares {
            bytes.extend(share.enc.as_slice());
            bytes.extend(share.ciphertext);
        }
        let check = Sha256::digest(&bytes);
        bytes.extend(check.iter().take(16));
        bytes
    }

    /// Reads a stored blob; `None` if it is none, or damaged.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        Self::read(bytes).ok()
    }

    fn read(bytes: &[u8]) -> Result<Self, Malformed> {
        let (checked, check) = bytes.split_last_chunk::<16>().ok_or(Malformed)?;
        if Sha256::digest(checked).get(..16).ok_or(Malformed)? != check {
            return Err(Malformed);
        }
        let mut fields = Reader::new(checked);
        let head = EscrowHead::read(&mut fields)?;
        let root = fields.array::<ESCROWED_ROOT>()?;
        let mut shares = Vec::with_capacity(head.keys.len());
        for _ in &head.keys {
            let enc = Box::new(fields.array::<ENC_LEN>()?);
            shares.push(SealedShare { enc, ciphertext: fields.array::<SEALED_SHARE>()? });
        }
        fields.end()?;
        Ok(Self { head, root, shares })
    }

    /// A holder's share, opened with their key of the window.
    ///
    /// # Errors
    /// [`CryptoError::Unopenable`] if none of the shares is sealed to this key, or it was changed.
    pub fn open_share(&self, key: &EscrowSeed) -> Result<Share, CryptoError> {
        let id = key.public().id();
        let mut shares = (1..=MAX_SHARES).zip(self.head.keys.iter().zip(&self.shares));
        let found = shares.find(|(_, (name, _))| **name == id);
        let (number, (_, share)) = found.ok_or(CryptoError::Unopenable)?;
        open_share(key, &self.head.context(number), share)
    }

    /// The root, by as many shares as are needed.
    ///
    /// # Errors
    /// [`CryptoError::OutOfRange`] for too few shares; [`CryptoError::Unopenable`] if they are not of this blob.
    pub fn open(&self, shares: &[Share]) -> Result<EscrowedRoot, CryptoError> {
        if shares.len() < usize::from(self.head.threshold) {
            return Err(CryptoError::OutOfRange {
                what: "number of escrow shares",
                got: shares.len() as u64,
                allowed: "at least as many as the escrow's threshold",
            });
        }
        open_escrowed_root(&combine(shares)?, &self.head.encode(), &self.root)
    }
}

impl EscrowHead {
    fn context(&self, number: u8) -> ShareContext<'_> {
        ShareContext {
            vault: &self.vault,
            generation: self.generation,
            window: self.window,
            threshold: self.threshold,
            shares: u8::try_from(self.keys.len()).unwrap_or(MAX_SHARES),
            number,
        }
    }

    /// The stored form, to which root and shares are bound.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = [
            MAGIC.as_slice(),
            &[VERSION],
            &SUITE,
            self.vault.as_bytes(),
            &self.generation.to_be_bytes(),
            &self.epoch.to_be_bytes(),
            &self.window.to_be_bytes(),
            &self.made.to_be_bytes(),
            &[self.threshold, u8::try_from(self.keys.len()).unwrap_or(MAX_SHARES)],
        ]
        .concat();
        self.keys.iter().for_each(|key| bytes.extend(key));
        bytes
    }

    fn read(fields: &mut Reader<'_>) -> Result<Self, Malformed> {
        if fields.array()? != *MAGIC || fields.u8()? != VERSION || fields.array()? != SUITE {
            return Err(Malformed);
        }
        let mut head = Self {
            vault: VaultId(fields.array()?),
            generation: fields.u64()?,
            epoch: fields.u64()?,
            window: fields.u32()?,
            made: fields.i64()?,
            threshold: fields.u8()?,
            keys: Vec::new(),
        };
        let shares = fields.u8()?;
        if head.threshold == 0 || head.threshold > shares {
            return Err(Malformed);
        }
        for _ in 0..shares {
            head.keys.push(fields.array()?);
        }
        Ok(head)
    }
}
