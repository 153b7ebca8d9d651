//! Compaction by copying into a fresh data folder (docs/sled.md, "Compaction").

use super::layout::{Marker, Stage};
use super::live::Live;
use super::start::open_data;
use super::{SledFolder, catching, open};
use crate::durable::remove_folder;
use crate::{EngineError, MAX_BATCH_OPS};

impl SledFolder {
    /// Copies every row into a fresh data folder and moves over to it. `vet` reads the copy before it counts; an error from
    /// it leaves everything as it was. Readers and writers wait.
    pub(crate) fn compact(
        &self,
        vet: impl FnOnce(&mut dyn Iterator<Item = Result<crate::Row, EngineError>>) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        self.poison().run(|| {
            let _writer = self.writer();
            let mut slot = self.writing();
            let old = open(&slot)?;
            let fresh = catching(&old.data, || self.copy(old))?;
            vet(&mut fresh.db.iter().map(|row| match row {
                Ok((key, value)) => Ok((key.to_vec(), value.to_vec())),
                Err(error) => Err(fresh.failed()(error)),
            }))?;
            self.layout.write_marker(Marker { stage: Stage::Ready, data: fresh.number })?;
            let Some(old) = slot.replace(fresh) else { return Ok(()) };
            let data = old.data.clone();
            drop(old);
            remove_folder(&data)
        })
    }

    /// Nothing depends on the copy before the marker names it, so one sync at its end is enough.
    fn copy(&self, old: &Live) -> Result<Live, EngineError> {
        let number = old.number.wrapping_add(1);
        let data = self.layout.data(number);
        remove_folder(&data)?;
        let fresh = open_data(&data, number, self.options.cache_bytes)?;
        let mut rows = old.db.iter().peekable();
        let mut copied = 0_u64;
        while rows.peek().is_some() {
            let mut batch = sled::Batch::default();
            for row in rows.by_ref().take(MAX_BATCH_OPS) {
                let (key, value) = row.map_err(old.failed())?;
                batch.insert(key, value);
                copied += 1;
            }
            fresh.db.apply_batch(batch).map_err(fresh.failed())?;
        }
        fresh.flush()?;
        fresh.sync()?;
        let found = fresh.count()?;
        if found != copied {
            return Err(EngineError::Corrupt {
                what: "the compacted copy",
                path: data,
                detail: format!("{copied} rows were copied, {found} are there"),
            });
        }
        crate::durable::sync_tree(&data)?;
        Ok(fresh)
    }
}
