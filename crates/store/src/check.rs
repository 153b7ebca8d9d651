//! What a caller may pass: names, texts, limits.

use crate::VaultError;

/// Most bytes in a name: game, slot, account, peer.
pub(crate) const MAX_NAME: usize = 256;

/// 1 to 256 bytes.
pub(crate) fn name(field: &'static str, name: &str) -> Result<(), VaultError> {
    length(field, name, 1, MAX_NAME)
}

pub(crate) fn length(field: &'static str, text: &str, least: usize, most: usize) -> Result<(), VaultError> {
    if (least..=most).contains(&text.len()) {
        return Ok(());
    }
    Err(VaultError::invalid(field, format!("must have {least} to {most} bytes of UTF-8, has {}", text.len())))
}

/// An optional text of at most so many bytes.
pub(crate) fn short(field: &'static str, text: Option<&str>, most: usize) -> Result<(), VaultError> {
    text.map_or(Ok(()), |text| length(field, text, 0, most))
}
