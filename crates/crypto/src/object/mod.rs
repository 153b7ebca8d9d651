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
//! ```
//! use oubliette_crypto::object::{Reader, chunk_at, chunk_range, last_chunk, open_small, seal_small};
//! use oubliette_crypto::{Branch, Class, Handle, Kind, ObjectContext, ObjectKey, Policy, VaultId};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let key = ObjectKey::generate()?; // in a vault: the leaf of this very place
//! let context = ObjectContext {
//!     kind: Kind::Small,
//!     vault: VaultId::random()?,
//!     handle: Handle::random()?,
//!     class: Class::Saves,
//!     branch: Branch::Items,
//!     compartment: 1,
//!     seq: 7,
//!     policy: Policy::None,
//! };
//! let save = vec![42; 100_000];
//! let sealed = seal_small(&key, &context, &save)?;
//! assert_eq!(*open_small(&key, &context, &sealed)?, save);
//! assert!(open_small(&key, &ObjectContext { seq: 8, ..context }, &sealed).is_err());
//!
//! // one byte from the middle: the header and one chunk are all that is read
//! let reader = Reader::new(&key, &context, sealed.first_chunk().ok_or("too short")?)?;
//! let (index, within) = chunk_at(70_000);
//! let place = chunk_range(index, 100_000).ok_or("past the end")?;
//! let mut plain = Vec::with_capacity(16 * 1024);
//! let last = index == last_chunk(100_000);
//! reader.open_chunk(index, last, &sealed[place.start as usize..place.end as usize], &mut plain)?;
//! assert_eq!(plain[within], 42);
//! # Ok(())
//! # }
//! ```
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
