//! The archive: one file after the other, each hashed as it goes by, none compressed and none held.

use std::cell::Cell;
use std::fmt::Write as _;
use std::io::{self, Write};
use std::rc::Rc;

use serde::Serialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::ExportReport;
use crate::VaultError;

pub(super) struct Archive<'a> {
    // Dropped before the writer, which would otherwise end what broke off with a directory, as if it were whole.
    end: End,
    zip: ZipWriter<StreamWriter<Door<'a>>>,
    files: Vec<File>,
    open: Option<Open>,
}

/// Lets nothing out any more once the archive has ended, however it did.
struct Door<'a> {
    to: &'a mut dyn Write,
    ended: Rc<Cell<bool>>,
}

struct End(Rc<Cell<bool>>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.set(true);
    }
}

impl Write for Door<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.ended.get() { Ok(bytes.len()) } else { self.to.write(bytes) }
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.ended.get() { Ok(()) } else { self.to.flush() }
    }
}

/// A line of the manifest.
#[derive(Serialize)]
struct File {
    path: String,
    size: u64,
    sha256: String,
    /// The content was forgotten while it was written; what is here is its beginning.
    #[serde(skip_serializing_if = "Option::is_none")]
    forgotten_meanwhile: Option<bool>,
}

struct Open {
    path: String,
    size: u64,
    hash: Sha256,
}

impl<'a> Archive<'a> {
    pub(super) fn new(to: &'a mut dyn Write) -> Self {
        let end = End(Rc::default());
        let door = Door { to, ended: Rc::clone(&end.0) };
        Self { end, zip: ZipWriter::new_stream(door), files: Vec::new(), open: None }
    }

    pub(super) fn begin(&mut self, path: String) -> Result<(), VaultError> {
        // Lengths are not known before: every file may be a large one.
        let options =
            SimpleFileOptions::default().compression_method(CompressionMethod::Stored).large_file(true);
        self.zip.start_file(path.as_str(), options).map_err(failed)?;
        self.open = Some(Open { path, size: 0, hash: Sha256::new() });
        Ok(())
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        if let Some(open) = &mut self.open {
            open.size += bytes.len() as u64;
            open.hash.update(bytes);
        }
        self.zip.write_all(bytes).map_err(VaultError::Output)
    }

    /// Ends the file that was begun.
    pub(super) fn end(&mut self, whole: bool) {
        let Some(Open { path, size, hash }) = self.open.take() else { return };
        let forgotten_meanwhile = if whole { None } else { Some(true) };
        self.files.push(File { path, size, sha256: hex(&hash.finalize()), forgotten_meanwhile });
    }

    pub(super) fn whole(&mut self, path: String, bytes: &[u8]) -> Result<(), VaultError> {
        self.begin(path)?;
        self.write(bytes)?;
        self.end(true);
        Ok(())
    }

    pub(super) fn json(&mut self, path: String, value: &impl Serialize) -> Result<(), VaultError> {
        let text = serde_json::to_vec_pretty(value).map_err(|_| VaultError::Other {
            detail: "a part of the export could not be written as JSON".into(),
        })?;
        self.whole(path, &Zeroizing::new(text))
    }

    pub(super) fn finish(mut self) -> Result<ExportReport, VaultError> {
        #[derive(Serialize)]
        struct Manifest<'m> {
            files: &'m [File],
        }
        let files = std::mem::take(&mut self.files);
        self.json("manifest.json".to_owned(), &Manifest { files: &files })?;
        let manifest = self.files.first().map_or(0, |manifest| manifest.size);
        let bytes = files.iter().map(|file| file.size).sum::<u64>() + manifest;
        let Self { end, zip, .. } = self;
        zip.finish().map_err(failed)?;
        drop(end);
        Ok(ExportReport { files: files.len() as u64 + 1, bytes })
    }
}

fn failed(error: zip::result::ZipError) -> VaultError {
    VaultError::Output(error.into())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "{byte:02x}");
        out
    })
}
