//! What the row plane remembers about itself outside the engine: the commits that the engine does not hold durably yet, and what
//! makes a loss in silence a named error.
//!
//! Layouts and the rule at open: docs/formats.md, section 7; cases of a crash: docs/sled.md, "Anchor".

mod area;
mod digest;
mod file;
pub(crate) mod fuzz;
mod record;
mod redo;

use std::path::PathBuf;

use oubliette_crypto::CryptoError;

pub(crate) use area::Area;
pub(crate) use digest::{PREFIXES, Tally, digest, prefix_of, prefix_range};
pub(crate) use file::{AnchorFile, Anchored};
pub(crate) use record::{AnchorState, decode_row, encode_row};
pub(crate) use redo::{Redo, Sealed, blocks_for};

use crate::EngineError;

/// Sealing fails only where randomness does; opening is answered by whoever knows what was opened.
fn crypto_failed(error: CryptoError) -> EngineError {
    EngineError::Io {
        op: "drawing randomness",
        path: PathBuf::from("the system's generator"),
        source: std::io::Error::other(error.to_string()),
    }
}

#[cfg(test)]
mod tests;
