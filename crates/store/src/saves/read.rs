//! Reading a version.

use zeroize::Zeroizing;

use super::follow::Permit;
use super::{SaveInfo, Saves, forgotten_is_absent, slot_name};
use crate::VaultError;
use crate::objects::Content;

/// Reads verified plaintext; holds the key's lease, so it ends with an error when the save or the person is forgotten meanwhile, and a
/// deletion waits for its drop.
pub struct SaveReader {
    pub(super) info: SaveInfo,
    pub(super) content: Content,
    /// A follower's.
    pub(super) permit: Option<Permit>,
}

impl Saves {
    /// The newest version, or the one asked for.
    ///
    /// # Errors
    /// [`VaultError::NotFound`], [`VaultError::Corrupt`].
    pub fn get(&self, game: &str, slot: &str, version: Option<u64>) -> Result<SaveReader, VaultError> {
        let name = slot_name(game, slot)?;
        forgotten_is_absent((|| {
            let (place, row) = self.find(&name, version)?;
            let (info, opened) = self.open(&name, place, &row)?;
            Ok(SaveReader { info, content: opened.into_content()?, permit: None })
        })())
    }

    /// What is known of a version, without its content.
    ///
    /// # Errors
    /// As [`Saves::get`].
    pub fn info(&self, game: &str, slot: &str, version: Option<u64>) -> Result<SaveInfo, VaultError> {
        let name = slot_name(game, slot)?;
        forgotten_is_absent((|| {
            let (place, row) = self.find(&name, version)?;
            Ok(self.open(&name, place, &row)?.0)
        })())
    }
}

impl SaveReader {
    /// What is known of this version.
    pub fn info(&self) -> &SaveInfo {
        &self.info
    }

    /// Restricts to bytes `from..to`, before reading.
    ///
    /// # Errors
    /// [`VaultError::RangeUnsatisfiable`] unless `from < to <= size` (both 0 for an empty save).
    pub fn range(&mut self, from: u64, to: u64) -> Result<(), VaultError> {
        self.content.range(from, to)
    }

    /// The next verified bytes, at most 128 KiB; `None` at the end.
    ///
    /// # Errors
    /// [`VaultError::Forgotten`], [`VaultError::Corrupt`].
    pub fn next_chunk(&mut self) -> Result<Option<Vec<u8>>, VaultError> {
        let piece = self.content.next_chunk()?;
        // After it was read: nothing is handed to a follower that was read before their permission ended.
        if self.permit.as_ref().is_some_and(|permit| !permit.stands()) {
            return Err(VaultError::Forgotten);
        }
        Ok(piece.map(|mut piece: Zeroizing<Vec<u8>>| std::mem::take(&mut *piece)))
    }

    /// True once the content was forgotten, or may not be followed any more: drop the reader promptly.
    pub fn cancelled(&self) -> bool {
        self.content.cancelled() || self.permit.as_ref().is_some_and(|permit| !permit.stands())
    }
}
