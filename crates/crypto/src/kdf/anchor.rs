//! The anchor's keys, digests and sealing (docs/formats.md, section 7).

use crate::aead::{open_in_place, seal_in_place};
use crate::secret::fill_random;
use crate::stack::wiped_shallow;
use crate::{AnchorDigestKey, AnchorKey, CryptoError, PageKey, labels};

use super::{derive, hmac};

const SALT: usize = 32;
const TAG: usize = 16;

/// Which of the anchor's records is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AnchorForm {
    /// A slot of the anchor file.
    Slot,
    /// The row in the engine that says which commit it is at.
    Row,
    /// A commit in the anchor file's redo area.
    Redo,
}

/// Keys the digests of rows.
pub fn anchor_digest_key(key: &AnchorKey) -> AnchorDigestKey {
    derive(&[key.expose()], &[], &[labels::ANCHOR_DIGEST])
}

/// Digest of one row; keys are at most 64 bytes long, so that two bytes hold their length.
pub fn row_digest(key: &AnchorDigestKey, row_key: &[u8], value: &[u8]) -> Result<[u8; 32], CryptoError> {
    let length = u16::try_from(row_key.len()).map_err(|_| CryptoError::OutOfRange {
        what: "length of a row key",
        got: row_key.len() as u64,
        allowed: "at most 65535",
    })?;
    let mut digest = [0; 32];
    wiped_shallow(|| hmac(key.expose(), &[&length.to_be_bytes(), row_key, value], &mut digest));
    Ok(digest)
}

/// Seals an anchor record under a key of its own: `salt ‖ ciphertext ‖ tag`. `header` is what stands in clear before it;
/// it is authenticated and goes into the key.
pub fn seal_anchor(
    key: &AnchorKey,
    form: AnchorForm,
    header: &[u8],
    body: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let mut sealed = vec![0; SALT];
    fill_random(&mut sealed)?;
    let once = record_key(key, form, header, &sealed);
    sealed.extend_from_slice(body);
    let (_, text) = sealed.split_at_mut(SALT);
    let tag = seal_in_place(&once, header, text)?;
    sealed.extend_from_slice(&tag);
    Ok(sealed)
}

/// Opens what [`seal_anchor`] made with the same form and header.
pub fn open_anchor(
    key: &AnchorKey,
    form: AnchorForm,
    header: &[u8],
    sealed: &[u8],
) -> Result<Vec<u8>, CryptoError> {
    let (salt, rest) = sealed.split_at_checked(SALT).ok_or(CryptoError::Unopenable)?;
    let (text, tag) = rest.split_last_chunk::<TAG>().ok_or(CryptoError::Unopenable)?;
    let mut body = text.to_vec();
    open_in_place(&record_key(key, form, header, salt), header, &mut body, tag)?;
    Ok(body)
}

fn record_key(key: &AnchorKey, form: AnchorForm, header: &[u8], salt: &[u8]) -> PageKey {
    let label = match form {
        AnchorForm::Slot => labels::ANCHOR_SLOT,
        AnchorForm::Row => labels::ANCHOR_ROW,
        AnchorForm::Redo => labels::ANCHOR_REDO,
    };
    derive(&[key.expose()], salt, &[label, header])
}
