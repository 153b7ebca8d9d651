//! The body of a large value: frames, table, facts and padding through one sealer into one blob.

use std::num::NonZeroU64;

use oubliette_crypto::object::{Sealer, sealed_len};
use oubliette_crypto::{Codec, Kind, ObjectKey, Padding, Policy};
use oubliette_engine::BlobRef;
use zeroize::Zeroizing;

use super::frames::{FRAME_LEN, FramePacker, table_len};
use super::head::BodyMark;
use super::upload::Upload;
use crate::VaultError;
use crate::person::Person;
use crate::rows::Place;

/// Ciphertext is handed on in pieces of about this size.
const PIECE: usize = 256 * 1024;

/// Writes one body from content that arrives in pieces. Memory: two frames and a piece.
pub(super) struct BodyWriter {
    sealer: Sealer,
    sealed: Vec<u8>,
    upload: Upload,
    packing: Option<Packing>,
    padding: Padding,
    content_len: u64,
    body_len: u64,
}

struct Packing {
    packer: FramePacker,
    frame: Zeroizing<Vec<u8>>,
}

/// What the head must say about a body.
pub(super) struct Written {
    pub(super) blob: BlobRef,
    pub(super) upload: Upload,
    pub(super) content_len: u64,
    pub(super) mark: BodyMark,
}

impl BodyWriter {
    /// `expected`: bytes of content if known; `extra`: bytes of facts that will follow.
    pub(super) fn begin(
        person: &Person,
        (place, policy): (Place, Policy),
        key: &ObjectKey,
        codec: Codec,
        expected: Option<u64>,
        extra: u64,
    ) -> Result<Self, VaultError> {
        let padding = super::padding(place.class);
        let expected = expected.and_then(|content| {
            let table = if codec == Codec::Zstd { table_len(content) } else { 0 };
            sealed_len(padding.padded_len(content.checked_add(table)?.checked_add(extra)?)?)
        });
        let vault = &person.vault;
        let upload = Upload::begin(vault.engine.clone(), vault.blobs.clone(), expected)?;
        let mut sealed = Vec::with_capacity(PIECE + FRAME_LEN);
        let sealer = Sealer::new(key, &person.context(place, policy, Kind::Body(codec)), &mut sealed)?;
        let packing = match codec {
            Codec::Plain => None,
            Codec::Zstd => Some(Packing {
                packer: FramePacker::new().ok_or_else(no_compressor)?,
                frame: Zeroizing::new(Vec::with_capacity(FRAME_LEN)),
            }),
        };
        Ok(Self { sealer, sealed, upload, packing, padding, content_len: 0, body_len: 0 })
    }

    pub(super) fn push(&mut self, mut content: &[u8]) -> Result<(), VaultError> {
        self.content_len += content.len() as u64;
        let Some(mut packing) = self.packing.take() else { return self.seal(content) };
        while !content.is_empty() {
            let take = content.len().min(FRAME_LEN - packing.frame.len());
            let (now, later) = content.split_at_checked(take).unwrap_or((content, &[]));
            packing.frame.extend_from_slice(now);
            content = later;
            if packing.frame.len() == FRAME_LEN {
                self.seal(packing.packer.pack(&packing.frame))?;
                packing.frame.clear();
            }
        }
        self.packing = Some(packing);
        Ok(())
    }

    /// Ends the body and makes the blob durable.
    pub(super) fn finish(mut self, facts: &[u8]) -> Result<Written, VaultError> {
        if let Some(mut packing) = self.packing.take() {
            if !packing.frame.is_empty() {
                self.seal(packing.packer.pack(&packing.frame))?;
            }
            self.seal(packing.packer.table())?;
        }
        self.seal(facts)?;
        let body_len = self.body_len;
        let padded = self.padding.padded_len(body_len).ok_or_else(too_long)?;
        let zeros = [0; 4096];
        while self.body_len < padded {
            let rest = usize::try_from(padded - self.body_len).unwrap_or(zeros.len());
            self.seal(zeros.get(..rest).unwrap_or(&zeros))?;
        }
        let len = NonZeroU64::new(body_len).ok_or_else(empty)?;
        let Self { sealer, mut sealed, mut upload, content_len, .. } = self;
        let mark = BodyMark { len, salt: *sealer.salt() };
        sealer.finish(&mut sealed)?;
        upload.write(&sealed)?;
        let blob = upload.finish()?;
        Ok(Written { blob, upload, content_len, mark })
    }

    fn seal(&mut self, plain: &[u8]) -> Result<(), VaultError> {
        self.body_len += plain.len() as u64;
        for piece in plain.chunks(PIECE) {
            self.sealer.update(piece, &mut self.sealed)?;
            if self.sealed.len() >= PIECE {
                self.upload.write(&self.sealed)?;
                self.sealed.clear();
            }
        }
        Ok(())
    }
}

fn too_long() -> VaultError {
    VaultError::TooLarge { what: "the content", limit: oubliette_crypto::object::MAX_PLAIN_LEN }
}

fn empty() -> VaultError {
    VaultError::Other { detail: "a body was begun for no content; this is a fault of the program".into() }
}

fn no_compressor() -> VaultError {
    VaultError::Other { detail: "no compressor could be made; free memory and try again".into() }
}
