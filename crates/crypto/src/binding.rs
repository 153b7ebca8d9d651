//! What ties a receipt to the person it is about, for whoever was told the salt and for nobody else.

use sha2::{Digest, Sha256};
use zeroize::ZeroizeOnDrop;

use crate::CryptoError;
use crate::ids::JobId;
use crate::labels::RECEIPT_BINDING;
use crate::secret::fill_random;

/// Told once, to whoever asked for a deletion, and kept nowhere: without it no guess of a user id is confirmed by a receipt.
#[derive(Clone, ZeroizeOnDrop)]
pub struct ReceiptSalt([u8; 32]);

impl ReceiptSalt {
    /// 32 fresh random bytes.
    pub fn generate() -> Result<Self, CryptoError> {
        let mut salt = Self([0; 32]);
        fill_random(&mut salt.0)?;
        Ok(salt)
    }
    /// A salt that was told before.
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
    /// The bytes, to be told.
    pub const fn expose(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Not the bytes.
impl std::fmt::Debug for ReceiptSalt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ReceiptSalt(..)")
    }
}

/// What stands in a receipt instead of the user id (docs/formats.md, section 4).
pub fn receipt_binding(salt: &ReceiptSalt, user: &[u8], job: &JobId) -> [u8; 32] {
    let mut hash = Sha256::new_with_prefix(RECEIPT_BINDING);
    hash.update(salt.expose());
    hash.update((user.len() as u64).to_be_bytes());
    hash.update(user);
    hash.update(job.as_bytes());
    hash.finalize().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From an independent computation: Python's hashlib over the bytes as docs/formats.md lists them.
    #[test]
    fn the_binding_is_the_one_of_the_formats() {
        let binding = receipt_binding(&ReceiptSalt::new([7; 32]), b"ann", &JobId([9; 16]));
        let hex: String = binding.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(hex, "7be1582a74b01047358db01c6728a37c825be931b27ad769f75cb7d07d002329");
    }

    #[test]
    fn each_part_counts_and_none_runs_into_the_next() {
        let salt = ReceiptSalt::generate().unwrap();
        let job = JobId([9; 16]);
        let binding = receipt_binding(&salt, b"ann", &job);
        assert_ne!(binding, receipt_binding(&ReceiptSalt::generate().unwrap(), b"ann", &job));
        assert_ne!(binding, receipt_binding(&salt, b"anna", &job));
        assert_ne!(binding, receipt_binding(&salt, b"ann", &JobId([8; 16])));
        let longer = [b"ann".as_slice(), &[9]].concat();
        assert_ne!(binding, receipt_binding(&salt, &longer, &job));
        assert_eq!(format!("{salt:?}"), "ReceiptSalt(..)");
    }
}
