//! Conditions of HTTP's kind on a slot's newest version.

use super::SaveInfo;
use crate::VaultError;

/// What must be true of a slot for a write to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// `If-None-Match: *`: the slot holds no version.
    Absent,
    /// `If-Match: "<version>"` or `"<version>-<tag>"`: this version is the newest.
    Version(u64, Option<String>),
}

impl Condition {
    pub(super) fn holds(&self, newest: Option<&SaveInfo>) -> bool {
        match (self, newest) {
            (Self::None, _) | (Self::Absent, None) => true,
            (Self::Absent, Some(_)) | (Self::Version(..), None) => false,
            (Self::Version(version, tag), Some(newest)) => {
                *version == newest.version && tag.as_ref().is_none_or(|tag| *tag == newest.tag)
            }
        }
    }

    /// # Errors
    /// [`VaultError::VersionConflict`] with the facts of the newest version.
    pub(super) fn judge(&self, newest: Option<SaveInfo>) -> Result<(), VaultError> {
        if self.holds(newest.as_ref()) {
            return Ok(());
        }
        Err(VaultError::VersionConflict { current: newest.map(Box::new) })
    }
}
