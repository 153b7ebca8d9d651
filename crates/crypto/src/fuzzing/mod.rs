//! What the fuzz targets call (`fuzz/`), and what their corpora begin with. Not part of the crate's interface.
//!
//! Each function takes any bytes and panics if a promise of a decoder is broken: it must not panic by itself, and where a
//! format has one encoding, what was read is written back byte for byte.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::panic,
    missing_docs,
    reason = "a broken promise is told by a panic; run by tests and fuzzers alone"
)]

mod cover;
mod object;
mod page;

/// A target: its name, what it does with an input, and inputs made from true encodings.
pub type Target = (&'static str, fn(&[u8]), fn() -> Vec<Vec<u8>>);

/// All of this crate.
pub const TARGETS: [Target; 3] = [
    ("object_open", object::run, object::seeds),
    ("cover_decode", cover::run, cover::seeds),
    ("page_open", page::run, page::seeds),
];
