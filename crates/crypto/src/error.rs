//! What can go wrong in this crate.

/// Errors of keys, pages, paths and covers. None carries a secret, content or a user id.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CryptoError {
    /// The system's random number generator failed. Nothing may be written without it.
    #[error("the system gave no randomness ({0}); nothing was written")]
    Random(getrandom::Error),
    /// A wrong key, a wrong place or changed bytes; which of them is deliberately not said.
    #[error("sealed bytes do not open: wrong key, wrong place or damaged")]
    Unopenable,
    /// A public key of low order: whatever is sealed to it everybody could open. A fault of whoever registered it.
    #[error("this X25519 public key cannot be sealed to; generate a key pair anew")]
    PublicKey,
    /// Bytes of a fixed-width value have another length. A fault of the caller or of the stored record.
    #[error("{what} is {got} bytes long, expected {expected}")]
    Length {
        /// Which value.
        what: &'static str,
        /// Its length in bytes.
        got: usize,
        /// The length required.
        expected: usize,
    },
    /// A number lies outside of what the formats allow. A fault of the caller.
    #[error("{what} is out of range: {got}; {allowed}")]
    OutOfRange {
        /// Which number.
        what: &'static str,
        /// Its value.
        got: u64,
        /// What is allowed, in words.
        allowed: &'static str,
    },
    /// A fragment of a cover was opened but makes no sense.
    #[error("a cover cannot be read: {0}")]
    Fragment(#[from] crate::FragmentError),
}
