//! Everything the vault holds of one person, for this person: a ZIP that is written while it is read, so that its size costs no memory.
//!
//! No key is held while something is written: a receiver who stalls is in nobody's way. What is forgotten meanwhile is left out from there on, and
//! the manifest says so; an erasure ends the export. Secrets of credentials are not in it, on purpose: an export is made to be
//! passed on. Neither are legal holds: whoever ordered them decides who hears of them.

mod archive;
mod chats;
mod content;
mod facts;
mod readme;
mod records;
mod saves;

use std::io::Write;

use archive::Archive;
pub use readme::Language;

use crate::{Subject, VaultError};

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportReport {
    /// Files in the archive, the manifest included.
    pub files: u64,
    /// Bytes in them.
    pub bytes: u64,
}

impl Subject {
    /// Writes the export. It begins with a README in the languages asked for and ends with `manifest.json`: path, length and SHA-256 of every file
    /// before it. An archive that broke off has neither manifest nor directory, and no program takes it for whole.
    ///
    /// # Errors
    /// [`VaultError::Output`] if `to` takes no more; [`VaultError::SubjectErased`]; [`VaultError::Corrupt`].
    pub fn export(&self, to: &mut dyn Write, language: Language) -> Result<ExportReport, VaultError> {
        self.check()?;
        let mut archive = Archive::new(to);
        for (path, text) in language.texts() {
            archive.whole(path.to_owned(), text.as_bytes())?;
        }
        facts::write(self, &mut archive)?;
        saves::write(self, &mut archive)?;
        chats::write(self, &mut archive)?;
        records::write(self, &mut archive)?;
        self.check()?;
        archive.finish()
    }

    /// Whether the person is still there.
    ///
    /// # Errors
    /// [`VaultError::SubjectErased`], [`VaultError::SubjectBlocked`].
    pub fn check(&self) -> Result<(), VaultError> {
        Ok(self.person.keys.check()?)
    }
}
