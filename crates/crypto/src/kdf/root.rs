//! From the cells' shares to the root page and the root pointer (docs/formats.md, section 5).

use crate::{CellShare, CryptoError, PageKey, RootKey, VaultId, labels};

use super::{derive, hmac, verify_hmac};
use crate::secret::PointerKey;
use crate::stack::wiped_shallow;

/// `M` from the shares of all cells, in the order of their index: erasing any one of them erases `M`.
pub fn derive_root_key(shares: &[&CellShare], vault: &VaultId) -> Result<RootKey, CryptoError> {
    let number = u8::try_from(shares.len()).ok().filter(|n| *n > 0).ok_or(CryptoError::OutOfRange {
        what: "number of root cell shares",
        got: shares.len() as u64,
        allowed: "1 to 255",
    })?;
    let ikm: Vec<&[u8]> = shares.iter().map(|share| share.expose().as_slice()).collect();
    Ok(derive(&ikm, vault.as_bytes(), &[labels::ROOT_SECRET, &[number]]))
}

/// The key of one root page. The salt is fresh for every commit: `M` outlives insertions and must never seal twice under
/// the same key.
pub fn derive_root_page_key(root: &RootKey, salt: &[u8; 32], generation: u64) -> PageKey {
    derive(&[root.expose()], salt, &[labels::ROOT_PAGE, &generation.to_be_bytes()])
}

/// Vouches for a root pointer: only who holds `M` can make one.
pub fn root_pointer_mac(root: &RootKey, pointer: &[u8]) -> [u8; 32] {
    let mut mac = [0; 32];
    wiped_shallow(|| hmac(pointer_key(root).expose(), &[pointer], &mut mac));
    mac
}

/// True if `mac` is the pointer's under this `M`. Constant time.
pub fn verify_root_pointer(root: &RootKey, pointer: &[u8], mac: &[u8; 32]) -> bool {
    wiped_shallow(|| verify_hmac(pointer_key(root).expose(), &[pointer], mac))
}

fn pointer_key(root: &RootKey) -> PointerKey {
    derive(&[root.expose()], &[], &[labels::ROOT_POINTER])
}
