//! Everything the vault holds of one person, as a ZIP: the person's access and portability (docs/export.md says what is in it and what is not, and why).
//!
//! [`Subject::export`] judges whether it may be made, [`Export::write`] writes it, front to back without seeking, so that memory stays small however much
//! there is. What is forgotten while it is on its way does not leave any more: a save or record is read under its key's lease, which is given back once its
//! bytes were handed over, and all that is written, is written inside an operation of the person, which an erasure waits for. A page of messages
//! and the small lists (accounts, consents, requests) are read whole before: of them, what is deleted in that moment may still leave. An
//! export that breaks off has no central directory and no manifest: nobody takes it for a whole one.

mod archive;
mod chats;
mod profile;
mod readme;
mod records;
mod saves;
mod times;
mod verify;
mod watch;

use std::io::Write;

use oubliette_crypto::Class;

use crate::person::Person;
use crate::{Subject, VaultError, check};
use archive::Archive;

pub use readme::Language;
pub use verify::{BadExport, verify_export};
pub use watch::ExportWatch;

/// Of everything in an export that has a shape.
const FORMAT: u32 = 1;
const MAX_REGION: usize = 64;

/// How an export is made.
#[derive(Debug, Clone, Default)]
pub struct ExportOptions {
    /// In which language it is explained.
    pub language: Language,
    /// Where it is taken to; the vault's own region if not said.
    pub region: Option<String>,
}

/// An export that may be made.
pub struct Export {
    subject: Subject,
    options: ExportOptions,
    watch: ExportWatch,
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExportReport {
    /// Files in the archive, the manifest included.
    pub files: u64,
    /// Bytes in them, before compression.
    pub bytes: u64,
}

impl Subject {
    /// Begins an export of everything that is held of this person. Nothing is read yet.
    ///
    /// # Errors
    /// [`VaultError::RegionMismatch`] for another region than the vault's without the person's consent `cross_border`; [`VaultError::Invalid`];
    /// [`VaultError::SubjectErased`] and its like.
    pub fn export(&self, options: &ExportOptions) -> Result<Export, VaultError> {
        if let Some(region) = &options.region {
            check::length("region", region, 1, MAX_REGION)?;
        }
        self.person.keys.check()?;
        self.may_leave_to(options.region.as_deref())?;
        let watch = ExportWatch::over(&self.person);
        Ok(Export { subject: self.clone(), options: options.clone(), watch })
    }
}

impl Export {
    /// Tells from another thread whether the export is to end: for writers that may wait long.
    pub fn watch(&self) -> ExportWatch {
        self.watch.clone()
    }

    /// Writes the whole ZIP. Files that are read later than others may be newer; what is forgotten before its turn is left out.
    ///
    /// A deletion of what is being written waits for the write under way, and the export then ends: a writer that may wait for somebody asks
    /// [`ExportWatch::cancelled`] meanwhile and fails when it says so.
    ///
    /// # Errors
    /// [`VaultError::Output`] if the writer fails; [`VaultError::Forgotten`] or [`VaultError::SubjectErased`] if what was being written is forgotten;
    /// [`VaultError::Corrupt`], which a restored row mends; [`VaultError::RegionMismatch`] once a consent that it needs is withdrawn. What
    /// was written by then is no whole ZIP.
    pub fn write(&self, out: &mut dyn Write) -> Result<ExportReport, VaultError> {
        let now = self.person().vault.now();
        let mut archive = Archive::new(out, self.watch.clone(), now);
        for (name, text) in self.options.language.texts() {
            archive.file(name, text.as_bytes())?;
        }
        for class in Class::ALL {
            self.may_go_on()?;
            // A class that is new is exported, or this does not compile.
            match class {
                Class::Saves => saves::write(self, &mut archive)?,
                Class::Chat => chats::write(self, &mut archive)?,
                Class::Credentials => profile::credentials(self, &mut archive)?,
                Class::Records => records::write(self, &mut archive)?,
                Class::Profile => profile::write(self, &mut archive)?,
            }
        }
        archive.finish()
    }

    fn person(&self) -> &Person {
        &self.subject.person
    }

    /// Asked at each file that may be large: a consent may have been withdrawn.
    fn may_go_on(&self) -> Result<(), VaultError> {
        self.subject.may_leave_to(self.options.region.as_deref())
    }
}
