//! The root secret and its pointer, sealed under a key that is then shared out and forgotten.

use zeroize::Zeroizing;

use crate::aead::{open_in_place, seal_in_place};
use crate::kdf::derive;
use crate::secret::{EscrowKey, RootKey};
use crate::{CryptoError, PageKey, labels};

/// Bytes of a root pointer.
const POINTER: usize = 152;
/// Bytes of a sealed root.
pub const ESCROWED_ROOT: usize = 32 + POINTER + 16;

/// What an escrowed root opens to.
pub struct EscrowedRoot {
    /// `M`.
    pub root: RootKey,
    /// The pointer to its newest root page.
    pub pointer: [u8; POINTER],
}

/// Seals a root, bound to the header it is stored behind. `key` seals this one message, ever.
///
/// # Errors
/// Those of the cipher, which such short messages do not meet.
pub fn seal_escrowed_root(
    key: &EscrowKey,
    header: &[u8],
    root: &RootKey,
    pointer: &[u8; POINTER],
) -> Result<[u8; ESCROWED_ROOT], CryptoError> {
    let mut text = Zeroizing::new([root.expose().as_slice(), pointer].concat());
    let tag = seal_in_place(&once(key), header, &mut text)?;
    let mut sealed = [0; ESCROWED_ROOT];
    sealed.iter_mut().zip(text.iter().chain(&tag)).for_each(|(to, from)| *to = *from);
    Ok(sealed)
}

/// Opens a root again.
///
/// # Errors
/// [`CryptoError::Unopenable`] for another key or header, and for changed bytes.
pub fn open_escrowed_root(
    key: &EscrowKey,
    header: &[u8],
    sealed: &[u8; ESCROWED_ROOT],
) -> Result<EscrowedRoot, CryptoError> {
    let (text, tag) = sealed.split_last_chunk::<16>().ok_or(CryptoError::Unopenable)?;
    let mut text = Zeroizing::new(text.to_vec());
    open_in_place(&once(key), header, &mut text, tag)?;
    let (root, pointer) = text.split_at_checked(32).ok_or(CryptoError::Unopenable)?;
    Ok(EscrowedRoot {
        root: RootKey::from_slice(root)?,
        pointer: pointer.try_into().map_err(|_| CryptoError::Unopenable)?,
    })
}

fn once(key: &EscrowKey) -> PageKey {
    derive(&[key.expose()], &[], &[labels::ESCROW_ROOT])
}
