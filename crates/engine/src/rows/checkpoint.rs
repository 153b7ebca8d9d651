//! Bringing committed rows into sled and letting go of their records (docs/sled.md, "Checkpoint").

use super::overlay::Layer;
use super::*;
use crate::anchor::encode_row;

impl Rows {
    /// Brings all that is committed into sled, and makes the slots say so. Commits and readers go on meanwhile.
    pub(super) fn checkpoint(&self) -> Result<(), EngineError> {
        self.folder.poison().run(|| {
            let _one = self.checkpointing();
            let (state, layer) = self.set_aside(&self.log());
            self.bring(&state, &layer, false)
        })
    }

    /// The same if a half of the redo area waits for it and nobody is at it. The caller's own commit is durable already, so a
    /// failure is told by the poison alone.
    pub(super) fn checkpoint_if_due(&self) {
        if !self.due.load(Ordering::Relaxed) {
            return;
        }
        let done = self.folder.poison().run(|| {
            let Ok(_one) = self.checkpointing.try_lock() else { return Ok(()) };
            let (state, layer) = {
                let log = self.log();
                // A commit beside the last checkpoint may have said so before that one was over.
                if !log.area.waits(self.covered()) {
                    self.due.store(false, Ordering::Relaxed);
                    return Ok(());
                }
                self.set_aside(&log)
            };
            self.bring(&state, &layer, false)
        });
        if let Err(error) = done {
            tracing::error!(%error, "the rows could not be brought into sled");
        }
    }

    /// The same with everybody else kept out until `then` has run, for what needs sled to have all rows.
    pub(super) fn checkpoint_and<T>(
        &self,
        clean: bool,
        then: impl FnOnce(&AnchorState) -> Result<T, EngineError>,
    ) -> Result<T, EngineError> {
        let _one = self.checkpointing();
        let log = self.log();
        let (state, layer) = self.set_aside(&log);
        self.bring(&state, &layer, clean)?;
        then(&state)
    }

    /// What stands in the overlay, and the state it leads to.
    pub(super) fn set_aside(&self, log: &Log) -> (AnchorState, Arc<Layer>) {
        (log.state.clone(), self.overlay_mut().set_aside())
    }

    /// Row "A" goes last and the slots after all are durable in sled: only then may the records be overwritten.
    pub(super) fn bring(&self, state: &AnchorState, layer: &Layer, clean: bool) -> Result<(), EngineError> {
        let row = encode_row(&self.key, state.commit)?;
        let rows = layer.iter().map(|(key, value)| (key.as_slice(), value.as_deref()));
        self.folder.write(rows.chain([(ANCHOR_ROW, Some(row.as_slice()))]))?;
        self.folder.sync()?;
        self.bring_into_copy(layer, &row);
        self.anchor.write_slots(&self.key, state, clean)?;
        self.covered.store(state.commit, Ordering::Release);
        self.overlay_mut().drop_aside();
        Ok(())
    }

    pub(super) fn checkpointing(&self) -> MutexGuard<'_, ()> {
        self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
