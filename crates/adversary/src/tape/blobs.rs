//! Blobs on the tape.

use std::sync::Arc;

use oubliette_engine::{BlobRef, BlobWriter, Blobs, EngineError};

use super::{Tape, Tear, off};

/// A blob store whose blobs are written down, also those that were never finished.
pub struct TapeBlobs {
    inner: Arc<dyn Blobs>,
    tape: Arc<Tape>,
}

impl TapeBlobs {
    /// Records what goes into `inner`.
    pub fn new(inner: Arc<dyn Blobs>, tape: Arc<Tape>) -> Self {
        Self { inner, tape }
    }
}

impl Blobs for TapeBlobs {
    fn create(&self, expected: Option<u64>) -> Result<Box<dyn BlobWriter>, EngineError> {
        let inner = Some(self.inner.create(expected)?);
        Ok(Box::new(Writer { inner, tape: Arc::clone(&self.tape), bytes: Vec::new() }))
    }

    fn read_at(&self, blob: &BlobRef, offset: u64, buf: &mut [u8]) -> Result<(), EngineError> {
        self.inner.read_at(blob, offset, buf)
    }

    fn len(&self, blob: &BlobRef) -> Result<u64, EngineError> {
        self.inner.len(blob)
    }

    fn delete(&self, blob: &BlobRef) -> Result<(), EngineError> {
        let torn = |tear: Tear| drop(tear.takes(0).then(|| self.inner.delete(blob)));
        self.tape.call(|| self.inner.delete(blob), torn, off)
    }

    fn disk_bytes(&self) -> Result<u64, EngineError> {
        self.inner.disk_bytes()
    }

    fn close(&self) -> Result<(), EngineError> {
        self.inner.close()
    }
}

struct Writer {
    inner: Option<Box<dyn BlobWriter>>,
    tape: Arc<Tape>,
    bytes: Vec<u8>,
}

impl Writer {
    fn inner(&mut self) -> Result<&mut Box<dyn BlobWriter>, EngineError> {
        self.inner
            .as_mut()
            .ok_or_else(|| EngineError::Poisoned { reason: "the blob was finished".to_owned() })
    }
}

impl BlobWriter for Writer {
    fn reserve(&mut self, bytes: u64) -> Result<bool, EngineError> {
        self.inner()?.reserve(bytes)
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        self.bytes.extend_from_slice(bytes);
        let tape = self.tape.clone();
        let inner = std::cell::RefCell::new(self.inner()?);
        let torn = |tear: Tear| {
            let part = bytes.get(..tear.choose(bytes.len())).unwrap_or_default();
            drop(inner.borrow_mut().write(part));
        };
        tape.call(|| inner.borrow_mut().write(bytes), torn, off)
    }

    fn reference(&self) -> BlobRef {
        self.inner.as_ref().map(|inner| inner.reference()).unwrap_or_default()
    }

    fn finish(mut self: Box<Self>) -> Result<BlobRef, EngineError> {
        let draft = self.reference();
        let inner = self.inner.take();
        // Torn: whether the blob is whole does not matter, since nobody learns its name.
        let finished = self.tape.call(|| inner.map(BlobWriter::finish).ok_or_else(off)?, |_| (), off);
        match finished {
            Ok(reference) => {
                self.tape.blob(reference.0.clone(), std::mem::take(&mut self.bytes));
                Ok(reference)
            }
            Err(failed) => {
                self.tape.blob(draft.0, std::mem::take(&mut self.bytes));
                Err(failed)
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        if !self.bytes.is_empty() {
            self.tape.blob(self.reference().0, std::mem::take(&mut self.bytes));
        }
    }
}
