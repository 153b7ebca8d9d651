//! Blobs in memory: the oracle of the blob tests, and the store of tests that need no disk.
//!
//! A reference is `number:8 ‖ length:8`; while a blob is being written its length is 0.

use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::{BlobRef, BlobWriter, Blobs, EngineError};

/// A [`Blobs`] that forgets everything with the process. `close` keeps the blobs, so that a test can open a vault over it
/// again.
#[derive(Default)]
pub struct MemoryBlobs {
    held: Arc<Mutex<Held>>,
}

#[derive(Default)]
struct Held {
    last: u64,
    blobs: HashMap<u64, Vec<u8>>,
}

impl MemoryBlobs {
    /// An empty store.
    pub fn new() -> Self {
        Self::default()
    }
}

impl Blobs for MemoryBlobs {
    fn create(&self, _expected: Option<u64>) -> Result<Box<dyn BlobWriter>, EngineError> {
        let mut held = lock(&self.held);
        held.last += 1;
        let number = held.last;
        Ok(Box::new(Writer {
            held: Arc::clone(&self.held),
            number,
            bytes: Vec::new(),
            room: 0,
            registered: false,
        }))
    }

    fn read_at(&self, blob: &BlobRef, offset: u64, buf: &mut [u8]) -> Result<(), EngineError> {
        let (number, length) = parse(blob)?;
        let held = lock(&self.held);
        let bytes = held.blobs.get(&number).filter(|bytes| bytes.len() as u64 == length);
        let bytes = bytes.ok_or_else(|| corrupt("no such blob"))?;
        let found = usize::try_from(offset)
            .ok()
            .and_then(|start| bytes.get(start..start.checked_add(buf.len())?))
            .ok_or_else(|| corrupt("read past the end"))?;
        buf.copy_from_slice(found);
        Ok(())
    }

    fn len(&self, blob: &BlobRef) -> Result<u64, EngineError> {
        parse(blob).map(|(_, length)| length)
    }

    fn delete(&self, blob: &BlobRef) -> Result<(), EngineError> {
        let (number, _) = parse(blob)?;
        lock(&self.held).blobs.remove(&number);
        Ok(())
    }

    fn disk_bytes(&self) -> Result<u64, EngineError> {
        Ok(lock(&self.held).blobs.values().map(|bytes| bytes.len() as u64).sum())
    }

    fn close(&self) -> Result<(), EngineError> {
        Ok(())
    }
}

struct Writer {
    held: Arc<Mutex<Held>>,
    number: u64,
    bytes: Vec<u8>,
    room: u64,
    registered: bool,
}

impl BlobWriter for Writer {
    fn reserve(&mut self, bytes: u64) -> Result<bool, EngineError> {
        self.room = self.room.max(self.bytes.len() as u64 + bytes);
        Ok(!std::mem::replace(&mut self.registered, true))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), EngineError> {
        let left = usize::try_from(self.room - self.bytes.len() as u64).unwrap_or(usize::MAX);
        if bytes.len() > left {
            return Err(EngineError::TooLarge {
                what: "a write into a blob's reserved room",
                got: bytes.len(),
                allowed: left,
            });
        }
        self.bytes.extend_from_slice(bytes);
        Ok(())
    }

    fn reference(&self) -> BlobRef {
        encode(self.number, 0)
    }

    fn finish(self: Box<Self>) -> Result<BlobRef, EngineError> {
        let length = self.bytes.len() as u64;
        lock(&self.held).blobs.insert(self.number, self.bytes);
        Ok(encode(self.number, length))
    }
}

fn lock(held: &Mutex<Held>) -> MutexGuard<'_, Held> {
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

fn encode(number: u64, length: u64) -> BlobRef {
    BlobRef([number.to_be_bytes(), length.to_be_bytes()].concat())
}

fn parse(blob: &BlobRef) -> Result<(u64, u64), EngineError> {
    let both: [u8; 16] = blob.0.as_slice().try_into().map_err(|_| corrupt("reference is not 16 bytes"))?;
    let both = u128::from_be_bytes(both);
    Ok(((both >> 64) as u64, both as u64))
}

fn corrupt(detail: &str) -> EngineError {
    EngineError::Corrupt { what: "a blob", path: PathBuf::from("(memory)"), detail: detail.to_owned() }
}
