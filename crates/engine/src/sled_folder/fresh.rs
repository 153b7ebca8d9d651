//! A data folder that is to take the current one's place, filled while that one is in use (docs/sled.md, "Compaction").

use super::layout::{Marker, Stage};
use super::live::Live;
use super::start::open_data;
use super::{SledFolder, catching, open};
use crate::durable::{remove_folder, sync_tree};
use crate::{EngineError, Row};

/// Until the marker names it, nothing depends on it: a crash or a failure leaves a folder that the next open removes.
pub(crate) struct Fresh(Live);

impl SledFolder {
    /// Makes an empty data folder beside the current one.
    pub(crate) fn begin_fresh(&self) -> Result<Fresh, EngineError> {
        let number = open(&self.reading())?.number.wrapping_add(1);
        let data = self.layout.data(number);
        remove_folder(&data)?;
        catching(&data, || open_data(&data, number, self.options.cache_bytes)).map(Fresh)
    }

    /// Moves over to a folder that has all rows, durably. Answers the old one, to be removed when nobody waits. Readers and writers wait for the
    /// marker alone.
    pub(crate) fn move_to(&self, fresh: Fresh) -> Result<Fresh, EngineError> {
        self.poison().run(|| {
            let _writer = self.writer();
            let mut slot = self.writing();
            self.layout.write_marker(Marker { stage: Stage::Ready, data: fresh.0.number })?;
            let closed = || EngineError::Poisoned { reason: "closed".into() };
            slot.replace(fresh.0).map(Fresh).ok_or_else(closed)
        })
    }
}

impl Fresh {
    /// Puts rows in, and takes out those without a value. Durable after [`Fresh::settle`].
    pub(crate) fn write<'a>(
        &self,
        rows: impl Iterator<Item = (&'a [u8], Option<&'a [u8]>)>,
    ) -> Result<(), EngineError> {
        catching(&self.0.data, || self.0.apply_in_order(rows))
    }

    /// Makes all of it durable.
    pub(crate) fn settle(&self) -> Result<(), EngineError> {
        catching(&self.0.data, || {
            self.0.flush()?;
            self.0.sync()?;
            sync_tree(&self.0.data)
        })
    }

    /// Visits the rows from `from` up to `to`, or to the end.
    pub(crate) fn each(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        visit: &mut dyn FnMut(Row) -> Result<(), EngineError>,
    ) -> Result<(), EngineError> {
        use std::ops::Bound;
        let bounds = (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded));
        catching(&self.0.data, || {
            self.0.db.range::<&[u8], _>(bounds).try_for_each(|row| {
                let (key, value) = row.map_err(self.0.failed())?;
                visit((key.to_vec(), value.to_vec()))
            })
        })
    }

    /// Lets go of it and removes it.
    pub(crate) fn discard(self) -> Result<(), EngineError> {
        let data = self.0.data.clone();
        catching(&data, || {
            drop(self);
            Ok(())
        })?;
        remove_folder(&data)
    }
}
