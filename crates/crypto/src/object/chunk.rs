//! One chunk: AES-256-GCM (NIST SP 800-38D) under the object's own key, its nonce made from its number, no AAD.

use aes_gcm::aead::{AeadInOut, inout::InOutBuf};

use super::lengths::{MAX_CHUNKS, SEALED_CHUNK_LEN};
use super::schedule::ChunkKeys;
use super::{CHUNK_LEN, TAG_LEN};
use crate::CryptoError;
use crate::stack::wiped_shallow;

impl ChunkKeys {
    /// Appends chunk `index` to `out`, which never holds plaintext. Shorter than a whole chunk, it is the last one.
    pub(super) fn seal(&self, index: u64, plain: &[u8], out: &mut Vec<u8>) -> Result<(), CryptoError> {
        if index >= MAX_CHUNKS || plain.len() > CHUNK_LEN {
            return Err(too_long(index));
        }
        let start = out.len();
        out.reserve(plain.len() + TAG_LEN);
        out.resize(start + plain.len(), 0);
        let (_, room) = out.split_at_mut(start);
        let buffer = InOutBuf::new(plain, room).map_err(|_| too_long(index))?;
        let nonce = self.nonce(index);
        let sealed = wiped_shallow(|| self.aead.encrypt_inout_detached((&nonce).into(), &[], buffer));
        out.extend_from_slice(&sealed.map_err(|_| too_long(index))?);
        Ok(())
    }

    /// Appends the plaintext of chunk `index` to `out` once its tag is verified; on an error `out` is as before.
    /// `last` decides which lengths are right: the last chunk is shorter than a whole one, every other is whole.
    pub(super) fn open(
        &self,
        index: u64,
        last: bool,
        sealed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), CryptoError> {
        let length_is_right =
            if last { sealed.len() < SEALED_CHUNK_LEN } else { sealed.len() == SEALED_CHUNK_LEN };
        if index >= MAX_CHUNKS || !length_is_right {
            return Err(CryptoError::Unopenable);
        }
        let (body, tag) = sealed.split_last_chunk::<TAG_LEN>().ok_or(CryptoError::Unopenable)?;
        let start = out.len();
        out.resize(start + body.len(), 0);
        let (_, room) = out.split_at_mut(start);
        let opened = InOutBuf::new(body, room).ok().and_then(|buffer| {
            let nonce = self.nonce(index);
            wiped_shallow(|| self.aead.decrypt_inout_detached((&nonce).into(), &[], buffer, tag.into())).ok()
        });
        opened.ok_or_else(|| {
            out.truncate(start);
            CryptoError::Unopenable
        })
    }
}

fn too_long(index: u64) -> CryptoError {
    CryptoError::OutOfRange {
        what: "number of a chunk",
        got: index,
        allowed: "an object holds less than 2^52 bytes; store it in parts",
    }
}
