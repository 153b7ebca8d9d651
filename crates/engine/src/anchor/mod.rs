//! What the row plane remembers about itself outside the engine, so that loss in silence becomes a named error.
//!
//! Every batch carries a row with the commit's number and the new digests of what it changed; one of two slots in a file of
//! its own follows before the acknowledgement. Layouts and the rule at open: docs/formats.md, section 7; cases of a crash:
//! docs/sled.md, "Anchor".

mod digest;
mod file;
mod record;

use std::path::PathBuf;

use oubliette_crypto::CryptoError;

pub(crate) use digest::{PREFIXES, Tally, digest, prefix_of, prefix_range};
pub(crate) use file::{AnchorFile, Slot};
pub(crate) use record::{AnchorRow, AnchorState, decode_row, encode_row};

use crate::EngineError;

/// Sealing fails only where randomness does; opening is answered by whoever knows what was opened.
fn crypto_failed(error: CryptoError) -> EngineError {
    EngineError::Io {
        op: "drawing randomness",
        path: PathBuf::from("the system's generator"),
        source: std::io::Error::other(error.to_string()),
    }
}
