//! Escrow: the root secret under a fresh key, that key in shares, and each share sealed to one holder's key of one window
//! (docs/formats.md, section 15; docs/escrow.md says who holds what, and when it dies).
//!
//! | step | function |
//! |---|---|
//! | seal a root secret and its pointer under a fresh [`crate::EscrowKey`] | [`seal_escrowed_root`] |
//! | take that key apart, so that any `t` of `n` make it again | [`split`], [`combine`] |
//! | seal a share to a holder's public key of one window | [`seal_share`] |
//!
//! HPKE (RFC 9180) in base mode with X-Wing (X25519 and ML-KEM-768, KEM 0x647a), HKDF-SHA256 and AES-256-GCM: what is stored for years
//! must not fall to whoever can break X25519 one day. Base mode says nothing about who sealed; that a root is the vault's is seen from the
//! pages and rows that it opens.

mod holder;
mod root;
mod seal;
mod shamir;
#[cfg(test)]
mod tests;

pub use holder::{HOLDER_SIGNATURE, HolderPublicKey};
pub use root::{ESCROWED_ROOT, EscrowedRoot, open_escrowed_root, seal_escrowed_root};
pub use seal::{ENC_LEN, EscrowPublicKey, SEALED_SHARE, SealedShare, ShareContext, open_share, seal_share};
pub use shamir::{MAX_SHARES, Share, combine, split};
