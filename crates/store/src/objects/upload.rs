//! A blob on its way in or out, registered by a row of its own, so that no crash leaves a blob that nobody names.

use std::sync::Arc;

use oubliette_engine::{Batch, BlobRef, BlobWriter, Blobs, Engine, MAX_BATCH_OPS};

use crate::VaultError;
use crate::rows::pending;

const FIRST_STEP: u64 = 1 << 20;
const LAST_STEP: u64 = 64 << 20;

/// A blob being written. Dropped before [`Upload::settle`] and commit, it leaves nothing behind.
pub(crate) struct Upload {
    engine: Arc<dyn Engine>,
    blobs: Arc<dyn Blobs>,
    key: Vec<u8>,
    writer: Option<Box<dyn BlobWriter>>,
    /// What there is to delete once there is no writer any more: the whole blob, or, if its end failed, all that was reserved.
    written: Option<BlobRef>,
    room: u64,
    step: u64,
    registered: bool,
}

impl Upload {
    /// Starts a blob of about `expected` bytes and registers it.
    pub(crate) fn begin(
        engine: Arc<dyn Engine>,
        blobs: Arc<dyn Blobs>,
        expected: Option<u64>,
    ) -> Result<Self, VaultError> {
        let writer = Some(blobs.create(expected)?);
        let key = pending::fresh()?;
        let mut upload =
            Self { engine, blobs, key, writer, written: None, room: 0, step: FIRST_STEP, registered: false };
        upload.make_room(expected.unwrap_or(FIRST_STEP))?;
        Ok(upload)
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), VaultError> {
        let length = bytes.len() as u64;
        if self.room < length {
            self.make_room(length.max(self.step))?;
            self.step = (self.step * 2).min(LAST_STEP);
        }
        let Some(writer) = &mut self.writer else { return Err(finished_twice()) };
        writer.write(bytes)?;
        self.room -= length;
        Ok(())
    }

    /// Makes the bytes durable.
    pub(crate) fn finish(&mut self) -> Result<BlobRef, VaultError> {
        let writer = self.writer.take().ok_or_else(finished_twice)?;
        self.written = Some(writer.reference());
        let reference = writer.finish()?;
        self.written = Some(reference.clone());
        Ok(reference)
    }

    /// Adds to the batch that names the blob what ends its registration.
    pub(crate) fn settle(&self, batch: &mut Batch) {
        batch.delete(self.key.clone());
    }

    /// The batch was committed: the blob belongs to a row now.
    pub(crate) fn settled(mut self) {
        self.registered = false;
    }

    /// The reference covers what was reserved and must be durable before a byte is written there.
    fn make_room(&mut self, bytes: u64) -> Result<(), VaultError> {
        let Some(writer) = &mut self.writer else { return Err(finished_twice()) };
        if writer.reserve(bytes)? || !self.registered {
            let mut batch = Batch::new();
            batch.put(self.key.clone(), writer.reference().0);
            self.engine.commit(batch)?;
            self.registered = true;
        }
        self.room = bytes;
        Ok(())
    }
}

fn finished_twice() -> VaultError {
    VaultError::Other { detail: "a blob was written to after its end; this is a fault of the program".into() }
}

/// Best effort: what fails here is done at the next open, by the same row.
impl Drop for Upload {
    fn drop(&mut self) {
        let unfinished = self.writer.take().map(|writer| writer.reference());
        // Without its row the blob is not ours to delete: the batch that removes the row names the blob. One that failed may be durable
        // all the same; then the engine answers nothing any more, and the next open sees which of the two it was.
        if !self.registered || !matches!(self.engine.get(&self.key), Ok(Some(_))) {
            return;
        }
        // Also after a writer that gave its room back: that was not synced, and the row must outlive it.
        let Some(reference) = unfinished.or(self.written.take()) else { return };
        if self.blobs.delete(&reference).is_ok() {
            let mut batch = Batch::new();
            batch.delete(std::mem::take(&mut self.key));
            let _ = self.engine.commit(batch);
        }
    }
}

/// Removes rows and the blobs behind them, crash-safe, in as many batches as it takes.
/// Answers how many blobs went.
pub(crate) fn forget_blobs(
    engine: &dyn Engine,
    blobs: &dyn Blobs,
    rows: Vec<(Vec<u8>, Option<BlobRef>)>,
) -> Result<u64, VaultError> {
    let mut gone = 0;
    for part in rows.chunks(MAX_BATCH_OPS / 2) {
        let mut removal = Batch::new();
        let mut registered = Vec::new();
        for (key, blob) in part {
            removal.delete(key.clone());
            if let Some(blob) = blob {
                let pending = pending::fresh()?;
                removal.put(pending.clone(), blob.0.clone());
                registered.push((pending, blob));
            }
        }
        engine.commit(removal)?;
        if registered.is_empty() {
            continue;
        }
        let mut settled = Batch::new();
        for (pending, blob) in registered {
            blobs.delete(blob)?;
            settled.delete(pending);
            gone += 1;
        }
        engine.commit(settled)?;
    }
    Ok(gone)
}

/// At open: deletes every blob that an earlier run registered and did not settle. Answers how many.
pub(crate) fn take_back_uploads(engine: &dyn Engine, blobs: &dyn Blobs) -> Result<u64, VaultError> {
    let bounds = pending::bounds();
    let mut taken = 0;
    loop {
        let rows = engine.range(&bounds.from, &bounds.to, MAX_BATCH_OPS, false)?;
        if rows.is_empty() {
            return Ok(taken);
        }
        let mut batch = Batch::new();
        for (key, reference) in rows {
            blobs.delete(&BlobRef(reference))?;
            batch.delete(key);
            taken += 1;
        }
        engine.commit(batch)?;
    }
}
