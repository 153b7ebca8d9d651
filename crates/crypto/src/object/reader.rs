//! Opening single chunks of an object, in any order.

use subtle::ConstantTimeEq;

use super::schedule::{self, ChunkKeys};
use super::{HEADER_LEN, SALT_LEN};
use crate::{CryptoError, ObjectContext, ObjectKey};

/// Opens chunks of one object in any order. Holds derived keys, wiped on drop.
///
/// A chunk is authentic at its number and as the last one or not. The *length* of an object is authentic only once its
/// last chunk was opened as the last, or where it stands in a sealed place, as the head of a large value does. Who learned the
/// length from storage alone opens chunk [`last_chunk`](super::last_chunk) before trusting it.
pub struct Reader {
    keys: ChunkKeys,
}

impl Reader {
    /// Derives the keys and checks the commitment, in constant time and before anything is decrypted.
    ///
    /// # Errors
    /// [`CryptoError::Unopenable`] if this header was not made with this key for this context.
    pub fn new(
        key: &ObjectKey,
        context: &ObjectContext,
        header: &[u8; HEADER_LEN],
    ) -> Result<Self, CryptoError> {
        Self::with_context(key.expose(), &context.encode(), header)
    }

    /// With a context of any length, as the format allows and its public vectors have.
    pub(super) fn with_context(
        key: &[u8; 32],
        context: &[u8],
        header: &[u8; HEADER_LEN],
    ) -> Result<Self, CryptoError> {
        let (salt, stored) = header.split_first_chunk::<SALT_LEN>().ok_or(CryptoError::Unopenable)?;
        let (keys, commitment) = schedule::derive(key, salt, context);
        if bool::from(commitment.ct_eq(stored)) { Ok(Self { keys }) } else { Err(CryptoError::Unopenable) }
    }

    /// Verifies chunk `index`, given with its tag, and appends its plaintext to `out`. On an error `out` is as before.
    ///
    /// `last`: the object must end with this chunk. Give `out` the room first: a `Vec` that grows leaves its old bytes
    /// behind in memory, unwiped.
    ///
    /// # Errors
    /// [`CryptoError::Unopenable`] if these bytes are not that chunk of this object.
    pub fn open_chunk(
        &self,
        index: u64,
        last: bool,
        sealed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CryptoError> {
        self.keys.open(index, last, sealed, out)
    }
}
