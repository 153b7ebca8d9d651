//! Objects: every stored value, sealed in the C2SP chunked-encryption format with AES-256-GCM (Cobblestone-256,
//! <https://c2sp.org/chunked-encryption>).
//!
//! ```text
//! salt:24 ‖ commitment:32 ‖ chunk 0 ‖ chunk 1 ‖ … ‖ last chunk      chunk = ciphertext ‖ tag:16
//! ```
//! Each chunk holds 16 KiB but the last, which is strictly shorter and may be empty: that alone marks the end. The
//! commitment binds salt, object key and [`ObjectContext`](crate::ObjectContext), and is checked before anything is decrypted.
//!
//! | need | use |
//! |---|---|
//! | a value that is in memory anyway | [`seal_small`], [`open_small`] |
//! | a stream | [`Sealer`], [`Opener`] |
//! | a range | [`Reader`] with [`chunk_at`] and [`chunk_range`] |
//! | lengths | [`sealed_len`], [`plain_len`] |
//!
//! Lengths are not hidden here: see [`Padding`](crate::Padding).

mod chunk;
mod cutter;
mod lengths;
mod opener;
mod reader;
mod schedule;
mod sealer;
mod small;

pub use lengths::{
    MAX_CHUNKS, MAX_PLAIN_LEN, SEALED_CHUNK_LEN, chunk_at, chunk_range, last_chunk, plain_len, sealed_len,
};
pub use opener::Opener;
pub use reader::Reader;
pub use sealer::Sealer;
pub use small::{open_small, seal_small};

/// Bytes of plaintext in every chunk but the last.
pub const CHUNK_LEN: usize = 16 * 1024;
/// Bytes before the first chunk: salt and commitment.
pub const HEADER_LEN: usize = SALT_LEN + COMMITMENT_LEN;
/// Bytes of the salt, which an object starts with.
pub const SALT_LEN: usize = 24;
/// Bytes a chunk grows by.
pub const TAG_LEN: usize = 16;
const COMMITMENT_LEN: usize = 32;

/// Fresh random bytes of each object.
pub type Salt = [u8; SALT_LEN];

#[cfg(test)]
mod frozen_vectors;
#[cfg(test)]
mod public_vectors;
#[cfg(test)]
mod tests;
