//! What an answer is bound to (docs/formats.md, "Released answers").

use super::ReleasePublicKey;
use crate::{CryptoError, VaultId, labels};

/// Most bytes in a request's name, and in a purpose.
pub const MAX_RELEASE_TEXT: usize = 64;

/// The facts that both ends must agree on, or the answer does not open. Of the person nothing is among them: who it is about stands
/// inside.
#[derive(Debug, Clone, Copy)]
pub struct ReleaseContext<'a> {
    /// The vault that answers.
    pub vault: &'a VaultId,
    /// The answer's own random name.
    pub release: &'a [u8; 16],
    /// The request's name, at most 64 bytes.
    pub request: &'a str,
    /// What for, at most 64 bytes.
    pub purpose: &'a str,
}

impl ReleaseContext<'_> {
    /// Fixed width behind the label: vault and recipient.
    pub(super) fn info(&self, to: &ReleasePublicKey) -> Vec<u8> {
        [labels::RELEASE, self.vault.as_bytes(), &to.id().0].concat()
    }

    /// The answer, then the request and the purpose, each after its length.
    pub(super) fn aad(&self) -> Result<Vec<u8>, CryptoError> {
        let mut aad = self.release.to_vec();
        for text in [self.request, self.purpose] {
            let length =
                u8::try_from(text.len()).ok().filter(|length| usize::from(*length) <= MAX_RELEASE_TEXT);
            aad.push(length.ok_or(CryptoError::OutOfRange {
                what: "length of a request's name or purpose",
                got: text.len() as u64,
                allowed: "at most 64 bytes",
            })?);
            aad.extend_from_slice(text.as_bytes());
        }
        Ok(aad)
    }
}
