//! What the files share: times as people read them, and content that is written a piece at a time.

use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use zeroize::Zeroizing;

use super::archive::Archive;
use crate::VaultError;
use crate::person::Person;
use crate::rows::Place;

/// Microseconds since 1970 as RFC 3339; the number itself where there is no such date.
pub(super) fn time(micros: u64) -> String {
    let time = OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1000).ok();
    time.and_then(|time| time.format(&Rfc3339).ok()).unwrap_or_else(|| micros.to_string())
}

type Piece = Zeroizing<Vec<u8>>;

/// A file of so many bytes, each piece asked for by where it begins. False if there was nothing of it any more; if it is forgotten in the middle, the file
/// ends there, and the manifest says so.
pub(super) fn stream(
    archive: &mut Archive<'_>,
    file: &str,
    size: u64,
    piece: &mut dyn FnMut(u64) -> Result<Piece, VaultError>,
) -> Result<bool, VaultError> {
    let (mut at, mut begun, mut whole) = (0, false, true);
    while at < size || !begun {
        let piece = match piece(at) {
            Ok(piece) => piece,
            Err(VaultError::NotFound { .. } | VaultError::Forgotten) if !begun => return Ok(false),
            Err(VaultError::NotFound { .. } | VaultError::Forgotten) => {
                whole = false;
                break;
            }
            Err(other) => return Err(other),
        };
        if piece.is_empty() && size > 0 {
            return Err(VaultError::Other { detail: "content ended before its end; run fsck".into() });
        }
        if !begun {
            archive.begin(file.to_owned())?;
            begun = true;
        }
        archive.write(&piece)?;
        at += piece.len() as u64;
    }
    archive.end(whole);
    Ok(true)
}

impl Person {
    /// The piece of a stored value that begins there. Its key is gone again when this returns.
    pub(super) fn piece(&self, place: Place, row: &[u8], at: u64) -> Result<Piece, VaultError> {
        let opened = self.open(place, row)?;
        let size = opened.content_len;
        let mut content = opened.into_content()?;
        if size > 0 {
            content.range(at, size)?;
        }
        Ok(content.next_chunk()?.unwrap_or_default())
    }
}
