//! Keys, one type per role, so that one cannot stand where another belongs.
//!
//! The bytes live in memory that is locked and, where the kernel can, out of everybody else's reach (`oubliette-locked`); a move
//! copies the address, not the key. They are filled in place and wiped on drop. No type here can be cloned, compared or serialised,
//! and `Debug` prints the name only.
//!
#![doc = include_str!("../../../docs/key-hierarchy.md")]

use std::fmt;

use oubliette_locked::Locked;
use zeroize::ZeroizeOnDrop;

use crate::CryptoError;

macro_rules! secret {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        pub struct $name(Locked<32>);

        impl $name {
            /// 32 fresh bytes from the operating system.
            pub fn generate() -> Result<Self, CryptoError> {
                let mut key = Self(Locked::zeroed());
                fill_random(key.0.expose_mut())?;
                Ok(key)
            }
            /// Copies a key of exactly 32 bytes. Wiping `bytes` stays the caller's duty.
            pub fn from_slice(bytes: &[u8]) -> Result<Self, CryptoError> {
                if bytes.len() != 32 {
                    return Err(CryptoError::Length { what: stringify!($name), got: bytes.len(), expected: 32 });
                }
                Ok(Self::fill(|key| key.copy_from_slice(bytes)))
            }
            /// The key itself.
            pub fn expose(&self) -> &[u8; 32] {
                self.0.expose()
            }
        }

        impl Secret for $name {
            fn fill(write: impl FnOnce(&mut [u8; 32])) -> Self {
                let mut key = Self(Locked::zeroed());
                write(key.0.expose_mut());
                key
            }
        }

        // `Locked` wipes what it drops.
        impl ZeroizeOnDrop for $name {}

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($name), "(..)"))
            }
        }
    };
}

secret!(
    /// The root secret `M`. Stands only in the root cell; replaced by every commit that deletes.
    RootKey
);
secret!(
    /// What one root cell holds: `M` is derived from the shares of all cells.
    CellShare
);
secret!(
    /// Opens one page as it was written once. Seals one message, ever.
    PageKey
);
secret!(
    /// `K_tag`: turns user ids and handles into positions in the key tree.
    TagKey
);
secret!(
    /// `K_anchor`: seals the anchor and keys the row digests.
    AnchorKey
);
secret!(
    /// Keys the digest of a row; derived from [`AnchorKey`].
    AnchorDigestKey
);
secret!(
    /// Keys the MACs of backups; derived from [`AnchorKey`]. Opens nothing.
    BackupKey
);
secret!(
    /// Keys the MAC over a root pointer; derived from [`RootKey`].
    PointerKey
);
secret!(
    /// A node of a person's tree, and with it everything below that node.
    TreeSeed
);
secret!(
    /// The key of one leaf. Seals one value, ever.
    ObjectKey
);
secret!(
    /// The private half of a recipient's key pair, to which secrets are released. Stands with the recipient, never in the vault.
    ReleaseKey
);
secret!(
    /// What the ephemeral key pair of one sealed answer is derived from.
    ReleaseSeed
);
secret!(
    /// The private half of an Ed25519 key: a vault's, derived from [`AnchorKey`], or that of a witness, which stands with the witness.
    SigningSeed
);
secret!(
    /// Seals one escrowed root, once; then only its shares are left, each sealed to a holder.
    EscrowKey
);
secret!(
    /// A share of an [`EscrowKey`], or a coefficient from which shares are made.
    EscrowShare
);
secret!(
    /// The private half of a holder's key pair for one window. Stands with the holder, never in the vault; destroyed when its window ends.
    EscrowSeed
);
secret!(
    /// Half of what one encapsulation to a holder is made from.
    EncapsulationSeed
);
secret!(
    /// Signs a holder's cards and statements. Stands with the holder, never in the vault.
    HolderKey
);

impl CellShare {
    /// The share that a cell keeps as `masked`; it stands in clear only where it will live.
    pub fn unmask(masked: &[u8; 32], mask: &[u8; 32]) -> Self {
        Self::fill(|share| {
            for ((to, masked), mask) in share.iter_mut().zip(masked).zip(mask) {
                *to = masked ^ mask;
            }
        })
    }
}

/// Lets derivations write a key where it will live.
pub(crate) trait Secret: Sized {
    /// A key whose 32 bytes `write` fills in place.
    fn fill(write: impl FnOnce(&mut [u8; 32])) -> Self;
}

/// Fills `out` from the operating system; never from a generator in user space, which a cloned machine would repeat.
pub(crate) fn fill_random(out: &mut [u8]) -> Result<(), CryptoError> {
    getrandom::fill(out).map_err(CryptoError::Random)
}

#[cfg(test)]
mod tests {
    use super::*;

    macro_rules! check_secrets {
        ($($name:ident)*) => {$(
            let key = $name::from_slice(&[0xa7; 32]).unwrap();
            assert_eq!(key.expose(), &[0xa7; 32]);
            for printed in [format!("{key:?}"), format!("{key:#?}"), format!("{:?}", Some(&key))] {
                assert!(printed.contains(concat!(stringify!($name), "(..)")), "{printed}");
                assert!(!printed.contains("167") && !printed.to_lowercase().contains("a7"), "{printed}");
            }
            for length in [0, 31, 33] {
                let error = $name::from_slice(&vec![0xa7; length]).unwrap_err();
                assert!(matches!(error, CryptoError::Length { expected: 32, got, .. } if got == length));
                assert!(!format!("{error:?} {error}").contains("167"));
            }
            assert_ne!($name::generate().unwrap().expose(), $name::generate().unwrap().expose());
        )*};
    }

    #[test]
    fn every_secret_hides_its_bytes_and_takes_exactly_32() {
        check_secrets!(RootKey CellShare PageKey TagKey AnchorKey AnchorDigestKey BackupKey PointerKey TreeSeed ObjectKey ReleaseKey ReleaseSeed SigningSeed EscrowKey EscrowShare EscrowSeed EncapsulationSeed HolderKey);
    }
}
