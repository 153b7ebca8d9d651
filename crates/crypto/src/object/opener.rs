//! Opening a stream.

use super::cutter::Cutter;
use super::lengths::SEALED_CHUNK_LEN;
use super::{HEADER_LEN, Reader};
use crate::{CryptoError, ObjectContext, ObjectKey};

/// Opens one object from its first byte to its last. No byte leaves before its chunk is verified, but only
/// [`Opener::finish`] says that the object ended where it was sealed to end: until then the plaintext may be a beginning.
pub struct Opener {
    reader: Reader,
    chunks: Cutter<SEALED_CHUNK_LEN>,
}

impl Opener {
    /// Derives the keys and checks the commitment, in constant time and before anything is decrypted.
    ///
    /// # Errors
    /// [`CryptoError::Unopenable`] if this header was not made with this key for this context.
    pub fn new(
        key: &ObjectKey,
        context: &ObjectContext,
        header: &[u8; HEADER_LEN],
    ) -> Result<Self, CryptoError> {
        Ok(Self::over(Reader::new(key, context, header)?))
    }

    pub(super) fn over(reader: Reader) -> Self {
        Self { reader, chunks: Cutter::new() }
    }

    /// Takes more of what follows the header and appends the plaintext of the chunks that it completes to `out`.
    /// Give `out` the room first: a `Vec` that grows leaves its old bytes behind in memory, unwiped.
    ///
    /// # Errors
    /// [`CryptoError::Unopenable`] at the first chunk that does not verify, and at every call after it.
    pub fn update(&mut self, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), CryptoError> {
        self.chunks.feed(sealed, |index, chunk| self.reader.open_chunk(index, false, chunk, out))
    }

    /// Verifies that the object ends here and appends the plaintext of its last chunk to `out`.
    ///
    /// # Errors
    /// [`CryptoError::Unopenable`] if the object was truncated, if anything follows its end, or if `update` failed before.
    pub fn finish(self, out: &mut Vec<u8>) -> Result<(), CryptoError> {
        let (index, rest) = self.chunks.rest();
        self.reader.open_chunk(index, true, rest, out)
    }
}
