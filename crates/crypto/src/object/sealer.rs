//! Sealing a stream.

use super::cutter::Cutter;
use super::schedule::{self, ChunkKeys};
use super::{CHUNK_LEN, SALT_LEN, Salt};
use crate::secret::fill_random;
use crate::{CryptoError, ObjectContext, ObjectKey};

/// Seals one object from plaintext that arrives in pieces. Holds derived keys and less than a chunk of plaintext, both
/// wiped on drop. Without [`Sealer::finish`] what was written is a truncated object and does not open.
pub struct Sealer {
    keys: ChunkKeys,
    salt: Salt,
    chunks: Cutter<CHUNK_LEN>,
}

impl Sealer {
    /// Draws a fresh salt and appends the header to `out`.
    ///
    /// # Errors
    /// [`CryptoError::Random`].
    pub fn new(key: &ObjectKey, context: &ObjectContext, out: &mut Vec<u8>) -> Result<Self, CryptoError> {
        Ok(Self::with_salt(key.expose(), &context.encode(), fresh_salt()?, out))
    }

    /// For known answers only: a salt used twice under one key and context repeats the key stream.
    pub(super) fn with_salt(key: &[u8; 32], context: &[u8], salt: Salt, out: &mut Vec<u8>) -> Self {
        let (keys, commitment) = schedule::derive(key, &salt, context);
        out.extend_from_slice(&salt);
        out.extend_from_slice(&commitment);
        Self { keys, salt, chunks: Cutter::new() }
    }

    /// The salt of this object: public, the first bytes of the header, never the same twice.
    pub fn salt(&self) -> &Salt {
        &self.salt
    }

    /// Takes more plaintext and appends the chunks that it completes to `out`.
    ///
    /// # Errors
    /// [`CryptoError::OutOfRange`] past [`MAX_PLAIN_LEN`](super::MAX_PLAIN_LEN); this object cannot be finished then.
    pub fn update(&mut self, plain: &[u8], out: &mut Vec<u8>) -> Result<(), CryptoError> {
        self.chunks.feed(plain, |index, chunk| self.keys.seal(index, chunk, out))
    }

    /// Appends the last chunk to `out`.
    ///
    /// # Errors
    /// [`CryptoError::OutOfRange`] as for [`Sealer::update`], or if that failed before.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), CryptoError> {
        let (index, rest) = self.chunks.rest();
        self.keys.seal(index, rest, out)
    }

    #[cfg(test)]
    pub(super) fn skip_to(&mut self, index: u64) {
        self.chunks.skip_to(index);
    }
}

pub(super) fn fresh_salt() -> Result<Salt, CryptoError> {
    let mut salt = [0; SALT_LEN];
    fill_random(&mut salt)?;
    Ok(salt)
}
