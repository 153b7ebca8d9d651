//! Rows in a redo record of the anchor (docs/formats.md, section 7): sealed under a key of the vault's, which the present secrets give.

use oubliette_crypto::AnchorKey;
use oubliette_crypto::kdf::{AnchorForm, open_anchor};

use crate::Key;
use crate::fields::Fields;

pub(super) const MAGIC: &[u8] = b"OUBREDO1";
const HEADER: usize = 40;
/// No record is longer: its area is not.
pub(super) const LONGEST: usize = 3 << 20;

/// Bytes of the record that begins at the front.
pub(super) fn length(bytes: &[u8]) -> Option<usize> {
    let mut fields = Fields(bytes);
    fields.take(16)?;
    Some(HEADER + usize::try_from(fields.u32()?).ok()?).filter(|length| *length <= LONGEST)
}

/// The rows that it changed, without those that it deleted: key, value.
pub(super) fn rows(record: &[u8], anchor: &Key) -> Option<Vec<(Vec<u8>, Vec<u8>)>> {
    let (header, sealed) = record.split_at_checked(HEADER)?;
    let plain = open_anchor(&AnchorKey::from_slice(anchor).ok()?, AnchorForm::Redo, header, sealed).ok()?;
    let mut fields = Fields(&plain);
    let digests = usize::from(fields.u8()?);
    fields.take(digests * 33 + 16)?;
    let mut rows = Vec::new();
    for _ in 0..fields.u16()? {
        let length = usize::from(fields.u8()?);
        let key = fields.take(length)?.to_vec();
        if fields.u8()? == 1 {
            let length = usize::from(fields.u16()?);
            rows.push((key, fields.take(length)?.to_vec()));
        }
    }
    Some(rows)
}
