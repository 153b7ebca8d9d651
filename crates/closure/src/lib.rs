//! All that follows from evidence: raw bytes on one side, secrets on the other, and whatever opens.
//!
//! Written from `docs/formats.md` alone. Of the vault's code only the primitives are used (HKDF, HMAC, AES-GCM, opening a page or a chunk): whoever
//! checks a vault by the vault's own look-ups finds what those find. It reads, and writes nothing.
//!
//! | need | use |
//! |---|---|
//! | take one stored form apart | [`cell`], [`escrow`], [`page`], [`fragment`], [`path`], [`value`], [`text`] |
//! | find them in files of any kind | [`Findings`] |
//! | try a vault's present secrets on old copies | [`prove`], which answers a [`Proof`] (docs/prove.md) |
//!
//! The tape adversary of the tests (`crates/adversary`) is built on the first line, `oubliette prove` on the last.

mod carve;
pub mod cell;
pub mod escrow;
pub mod fields;
pub mod fragment;
#[doc(hidden)]
pub mod fuzzing;
pub mod page;
pub mod path;
mod proof;
mod prove;
pub mod text;
pub mod value;

pub use carve::{Findings, Sources};
pub use proof::{Copied, Erased, Leak, Proof, Verdict};
pub use prove::{Question, prove};

/// Any secret's bytes.
pub type Key = [u8; 32];
/// A page's name and key.
pub type PageRef = ([u8; 12], Key);

/// Why nothing could be tried.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// A file could not be read.
    #[error("{op} failed on {}: {source}", path.display())]
    Io {
        /// What was being done.
        op: &'static str,
        /// The file.
        path: std::path::PathBuf,
        /// The system's own error.
        source: std::io::Error,
    },
    /// The vault's own secrets could not be had.
    #[error("{detail}")]
    Secrets {
        /// What is missing, and what to do.
        detail: String,
    },
}
