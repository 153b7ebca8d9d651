//! The ZIP itself: one file after the other, each deflated as it comes, its length and SHA-256 noted for the manifest.
//!
//! What has to be remembered until the end is the list of files: a few hundred bytes for each, whatever their length.

use std::cell::{Cell, RefCell};
use std::io::{self, Write};
use std::rc::Rc;

use data_encoding::HEXLOWER;
use oubliette_crypto::Path;
use serde::Serialize;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;
use zip::write::{SimpleFileOptions, StreamWriter};
use zip::{CompressionMethod, ZipWriter};

use super::{ExportReport, ExportWatch, FORMAT, times};
use crate::VaultError;

/// The last file, which tells of all before it.
pub(super) const MANIFEST: &str = "manifest.json";
/// Content is mostly compressed by its game already: the fastest level.
const LEVEL: i64 = 1;
/// A file that may come near 4 GiB, deflated or not, is written with 64-bit lengths.
const LARGE: u64 = 0xf000_0000;

pub(super) struct Archive<'a> {
    /// `None` once it is finished.
    zip: Option<ZipWriter<StreamWriter<Outlet<'a>>>>,
    state: Rc<State>,
    pub(super) watch: ExportWatch,
    files: Vec<Entry>,
    made: u64,
}

/// A file, as the manifest tells it.
#[derive(Serialize)]
struct Entry {
    path: String,
    size: u64,
    sha256: String,
}

/// A file that is being written.
struct Open {
    path: String,
    size: u64,
    written: u64,
    digest: Sha256,
}

#[derive(Serialize)]
struct Manifest<'a> {
    format: u32,
    made: String,
    files: &'a [Entry],
}

/// What the writer at the bottom and the archive above the ZIP tell each other.
#[derive(Default)]
struct State {
    /// Nothing goes out any more. What the ZIP writer still writes when it is dropped, a directory of what is not whole, goes nowhere.
    closed: Cell<bool>,
    cause: RefCell<Option<VaultError>>,
}

/// The way out: bytes leave inside an operation of everybody whose they are.
struct Outlet<'a> {
    out: &'a mut dyn Write,
    watch: ExportWatch,
    state: Rc<State>,
}

impl Outlet<'_> {
    fn inside(&mut self, work: impl FnOnce(&mut dyn Write) -> io::Result<usize>) -> io::Result<usize> {
        let failed = match self.watch.enter() {
            Err(error) => error,
            Ok(_guards) => match work(self.out) {
                Ok(done) => return Ok(done),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => return Err(error),
                Err(error) => VaultError::Output(error),
            },
        };
        self.state.closed.set(true);
        self.state.cause.replace(Some(failed));
        Err(io::Error::other("the export has ended"))
    }
}

impl Write for Outlet<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.state.closed.get() {
            return Ok(bytes.len());
        }
        self.inside(|out| out.write(bytes))
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.state.closed.get() {
            return Ok(());
        }
        self.inside(|out| out.flush().map(|()| 0)).map(drop)
    }
}

impl<'a> Archive<'a> {
    pub(super) fn new(out: &'a mut dyn Write, watch: ExportWatch, made: u64) -> Self {
        let state = Rc::new(State::default());
        let outlet = Outlet { out, watch: watch.clone(), state: Rc::clone(&state) };
        Self { zip: Some(ZipWriter::new_stream(outlet)), state, watch, files: Vec::new(), made }
    }

    /// A file of which all is at hand.
    pub(super) fn file(&mut self, name: &str, content: &[u8]) -> Result<(), VaultError> {
        let mut open = self.begin(name, content.len() as u64, self.made, None)?;
        self.put(&mut open, content)?;
        self.end(open)
    }

    /// A file of JSON.
    pub(super) fn json(&mut self, name: &str, value: &impl Serialize) -> Result<(), VaultError> {
        let mut json = Zeroizing::new(
            serde_json::to_vec_pretty(value)
                .map_err(|_| VaultError::invalid("export", "cannot be written"))?,
        );
        json.push(b'\n');
        self.file(name, &json)
    }

    /// A stored value, read piece by piece under the lease of its leaf. When this returns all of it was handed over, and the lease may go.
    pub(super) fn stored(
        &mut self,
        name: &str,
        (size, created): (u64, u64),
        leaf: Path,
        next: &mut dyn FnMut() -> Result<Option<Vec<u8>>, VaultError>,
    ) -> Result<(), VaultError> {
        self.watch.reading(Some(leaf));
        let mut open = self.begin(name, size, created, Some(LEVEL))?;
        while let Some(piece) = next()? {
            self.put(&mut open, &Zeroizing::new(piece))?;
        }
        self.end(open)?;
        self.watch.reading(None);
        Ok(())
    }

    fn begin(&mut self, name: &str, size: u64, time: u64, level: Option<i64>) -> Result<Open, VaultError> {
        let options = SimpleFileOptions::default()
            .compression_method(CompressionMethod::Deflated)
            .compression_level(level)
            .large_file(size >= LARGE)
            .last_modified_time(times::zip(time))
            .unix_permissions(0o600);
        let Some(zip) = self.zip.as_mut() else { return Err(self.state.cause(ended())) };
        zip.start_file(name, options).map_err(|error| self.state.cause(error.into()))?;
        Ok(Open { path: name.to_owned(), size, written: 0, digest: Sha256::new() })
    }

    fn put(&mut self, open: &mut Open, piece: &[u8]) -> Result<(), VaultError> {
        let Some(zip) = self.zip.as_mut() else { return Err(self.state.cause(ended())) };
        open.digest.update(piece);
        open.written += piece.len() as u64;
        zip.write_all(piece).map_err(|error| self.state.cause(error))
    }

    fn end(&mut self, open: Open) -> Result<(), VaultError> {
        let Some(zip) = self.zip.as_mut() else { return Err(self.state.cause(ended())) };
        // Only then is nothing of it left in the compressor.
        zip.flush().map_err(|error| self.state.cause(error))?;
        let Open { path, size, written, digest } = open;
        if written != size {
            return Err(VaultError::Other { detail: "content ended before its end; run fsck".into() });
        }
        self.files.push(Entry { path, size, sha256: HEXLOWER.encode(&digest.finalize()) });
        Ok(())
    }

    /// The manifest, then what makes the whole a ZIP.
    pub(super) fn finish(mut self) -> Result<ExportReport, VaultError> {
        let files = std::mem::take(&mut self.files);
        let manifest = Manifest { format: FORMAT, made: times::text(self.made), files: &files };
        self.json(MANIFEST, &manifest)?;
        let last = self.files.pop().map_or(0, |manifest| manifest.size);
        let zip = self.zip.take().ok_or_else(|| self.state.cause(ended()))?;
        let mut outlet = zip.finish().map_err(|error| self.state.cause(error.into()))?.into_inner();
        outlet.flush().map_err(|error| self.state.cause(error))?;
        // Where closing came between, what the ZIP writer thought it wrote went nowhere.
        if self.state.closed.get() {
            return Err(self.state.cause(ended()));
        }
        Ok(ExportReport {
            files: files.len() as u64 + 1,
            bytes: files.iter().map(|file| file.size).sum::<u64>() + last,
        })
    }
}

impl Drop for Archive<'_> {
    fn drop(&mut self) {
        // The ZIP writer goes after this, and would end an export that broke off as if it were whole.
        self.state.closed.set(true);
    }
}

impl State {
    /// Why the way out is closed, or what the ZIP writer itself has to say.
    fn cause(&self, error: io::Error) -> VaultError {
        self.cause.take().unwrap_or(VaultError::Output(error))
    }
}

fn ended() -> io::Error {
    io::Error::other("the export has ended")
}
