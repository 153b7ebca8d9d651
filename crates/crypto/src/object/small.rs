//! Sealing and opening values that are whole in memory.

use zeroize::Zeroizing;

use super::lengths::{self, SEALED_CHUNK_LEN};
use super::sealer::fresh_salt;
use super::{CHUNK_LEN, HEADER_LEN, Reader, Salt, schedule};
use crate::{CryptoError, ObjectContext, ObjectKey};

/// One object that holds `plain`, under a fresh salt.
///
/// # Errors
/// [`CryptoError::Random`].
pub fn seal_small(key: &ObjectKey, context: &ObjectContext, plain: &[u8]) -> Result<Vec<u8>, CryptoError> {
    seal_with_salt(key.expose(), &context.encode(), fresh_salt()?, plain)
}

/// The plaintext of one whole object. (Dropped, it is wiped byte by byte, which takes as long as half the decryption;
/// `clear` it first and its memory is wiped in one stroke.)
///
/// # Errors
/// [`CryptoError::Unopenable`] if these are not exactly the bytes that were sealed with this key for this context.
pub fn open_small(
    key: &ObjectKey,
    context: &ObjectContext,
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    open_with_context(key.expose(), &context.encode(), sealed)
}

pub(super) fn seal_with_salt(
    key: &[u8; 32],
    context: &[u8],
    salt: Salt,
    plain: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let (whole, last) = plain.as_chunks::<CHUNK_LEN>();
    let mut out =
        Vec::with_capacity(HEADER_LEN + whole.len() * SEALED_CHUNK_LEN + last.len() + super::TAG_LEN);
    let (keys, commitment) = schedule::derive(key, &salt, context);
    out.extend_from_slice(&salt);
    out.extend_from_slice(&commitment);
    for (index, chunk) in (0..).zip(whole) {
        keys.seal(index, chunk, &mut out)?;
    }
    keys.seal(whole.len() as u64, last, &mut out)?;
    Ok(out)
}

pub(super) fn open_with_context(
    key: &[u8; 32],
    context: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, CryptoError> {
    let (header, body) = sealed.split_first_chunk::<HEADER_LEN>().ok_or(CryptoError::Unopenable)?;
    let length = lengths::plain_len(sealed.len() as u64).ok_or(CryptoError::Unopenable)?;
    let reader = Reader::with_context(key, context, header)?;
    let mut plain = Zeroizing::new(Vec::with_capacity(length as usize));
    let (whole, last) = body.as_chunks::<SEALED_CHUNK_LEN>();
    for (index, chunk) in (0..).zip(whole) {
        reader.open_chunk(index, false, chunk, &mut plain)?;
    }
    reader.open_chunk(whole.len() as u64, true, last, &mut plain)?;
    Ok(plain)
}
