//! One person's rows: the few verbs that every class of content is built from.

use std::ops::RangeInclusive;
use std::sync::Arc;

use oubliette_crypto::{Handle, Kind, Leaf, ObjectContext, Path, Policy, items_through};
use oubliette_engine::{Batch, EngineError, Row};
use oubliette_keyring::{KeyLease, KeyringError, OperationGuard, Restrictions, Subject as Keys};

use crate::VaultError;
use crate::objects::{Draft, forget_blobs};
use crate::rows::{Bounds, Place, Run, Value};
use crate::usage::Room;
use crate::vault::Inner;

/// Rows read in one call of the engine.
pub(crate) const BATCH_ROWS: usize = 128;

/// A person's content: keys from the keyring, rows from the engine.
#[derive(Clone)]
pub(crate) struct Person {
    pub(crate) vault: Arc<Inner>,
    pub(crate) keys: Keys,
}

/// A row of a person.
pub(crate) type Found = (Place, Vec<u8>);

impl Person {
    pub(crate) fn handle(&self) -> Handle {
        self.keys.handle()
    }

    /// An operation in flight: an erasure waits for its end, and none begins after it.
    pub(crate) fn enter(&self) -> Result<OperationGuard, VaultError> {
        Ok(self.keys.enter()?)
    }

    /// The key of one value; `Forgotten` once it was cut.
    pub(crate) fn key(&self, place: Place) -> Result<KeyLease, VaultError> {
        Ok(self.keys.key(&leaf(place))?)
    }

    pub(crate) fn context(&self, place: Place, policy: Policy, kind: Kind) -> ObjectContext {
        let Place { class, branch, compartment, seq } = place;
        let (vault, handle) = (self.vault.id, self.handle());
        ObjectContext { kind, vault, handle, class, branch, compartment, seq, policy }
    }

    /// One row.
    pub(crate) fn row(&self, place: Place) -> Result<Option<Vec<u8>>, VaultError> {
        self.keys.check()?;
        Ok(self.vault.engine.get(&place.key(&self.handle()))?)
    }

    /// At most `limit` rows of a run, ascending or from the top.
    pub(crate) fn rows(
        &self,
        run: Run,
        seqs: RangeInclusive<u64>,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Found>, VaultError> {
        self.rows_in(&Bounds::seqs(&self.handle(), run, seqs), limit, reverse)
    }

    pub(crate) fn rows_in(
        &self,
        bounds: &Bounds,
        limit: usize,
        reverse: bool,
    ) -> Result<Vec<Found>, VaultError> {
        self.keys.check()?;
        let rows = self.vault.engine.range(&bounds.from, &bounds.to, limit, reverse)?;
        Ok(rows.into_iter().filter_map(|(key, value)| Some((Place::parse(&key)?.1, value))).collect())
    }

    /// Every row within the bounds, ascending, in bounded reads. A visitor that answers false ends it.
    pub(crate) fn each_row(
        &self,
        mut bounds: Bounds,
        visit: &mut dyn FnMut(Place, Vec<u8>) -> Result<bool, VaultError>,
    ) -> Result<(), VaultError> {
        loop {
            self.keys.check()?;
            let rows = self.vault.engine.range(&bounds.from, &bounds.to, BATCH_ROWS, false)?;
            let full = rows.len() == BATCH_ROWS;
            for (key, row) in rows {
                let place = Place::parse(&key);
                bounds.from = key;
                match place {
                    Some((_, place)) if !visit(place, row)? => return Ok(()),
                    _ => {}
                }
            }
            if !full {
                return Ok(());
            }
            bounds.from.push(0);
        }
    }

    /// The newest row of a run that was not cut. What a restored backup brings back of cut rows is passed over.
    pub(crate) fn newest(&self, run: Run) -> Result<Option<Found>, VaultError> {
        let mut upto = u64::MAX;
        loop {
            let Some((place, row)) = self.rows(run, 0..=upto, 1, true)?.pop() else { return Ok(None) };
            if !self.is_cut(place)? {
                return Ok(Some((place, row)));
            }
            upto = place.seq.saturating_sub(1);
        }
    }

    pub(crate) fn is_cut(&self, place: Place) -> Result<bool, VaultError> {
        Ok(self.keys.is_cut(&Path::leaf(&leaf(place))?)?)
    }

    /// # Errors
    /// [`VaultError::Forgotten`] if any of these is cut.
    pub(crate) fn all_stand(&self, paths: &[Path]) -> Result<(), VaultError> {
        for path in paths {
            if self.keys.is_cut(path)? {
                return Err(VaultError::Forgotten);
            }
        }
        Ok(())
    }

    /// Whether a row must stay although nobody reads it: its cut waits.
    pub(crate) fn is_kept(&self, place: Place) -> Result<bool, VaultError> {
        let restrictions = self.keys.restrictions();
        Ok(!restrictions.waiting.is_empty() && restrictions.waiting.covers(&Path::leaf(&leaf(place))?))
    }

    /// Removes every row within the bounds, with its blob. For what was cut before; rows whose cut waits stay.
    pub(crate) fn remove_rows(&self, bounds: &Bounds) -> Result<(), VaultError> {
        let mut from = bounds.from.clone();
        loop {
            let rows = self.vault.engine.range(&from, &bounds.to, BATCH_ROWS, false)?;
            let Some((last, _)) = rows.last() else { return Ok(()) };
            from.clone_from(last);
            from.push(0);
            self.vault.forget_rows(rows)?;
        }
    }

    /// Replaces the value of a run that holds one: the new row is durable before the old ones are cut and removed, so a
    /// crash between leaves two rows, of which the newest counts and the older go with the next replacement or sweep.
    pub(crate) fn replace(&self, draft: Draft, also: Batch) -> Result<(), VaultError> {
        let place = draft.place;
        self.commit(draft, also)?;
        self.cut_older(place)
    }

    /// Commits one value and what goes with it.
    pub(crate) fn commit(&self, draft: Draft, also: Batch) -> Result<(), VaultError> {
        self.commit_within(&Room::without_end(draft.place.class), draft, also)
    }

    /// The same, refused if it would exceed what the person may store.
    pub(crate) fn commit_within(
        &self,
        room: &Room<'_>,
        draft: Draft,
        mut also: Batch,
    ) -> Result<(), VaultError> {
        let _operation = self.enter()?;
        draft.add_to(&mut also)?;
        self.vault.commit_within(self, room, also)?;
        draft.committed();
        Ok(())
    }

    /// Cuts all items of a run below this one, those included whose rows are not here (lost, or taken away to outlive the cut), and
    /// removes the rows that are.
    pub(crate) fn cut_older(&self, newest: Place) -> Result<(), VaultError> {
        let (run, last) = (newest.run(), newest.seq.saturating_sub(1));
        if last == 0 {
            return Ok(());
        }
        let paths = self.uncut_through(run, last)?;
        if !paths.is_empty() {
            self.supersede(paths)?;
        }
        self.remove_rows(&Bounds::seqs(&self.handle(), run, 0..=last))
    }

    /// What is not cut of the items from the first to this one, which is at least 1.
    pub(crate) fn uncut_through(&self, run: Run, last: u64) -> Result<Vec<Path>, VaultError> {
        let mut paths = Vec::new();
        for path in items_through(run.class, run.compartment, last)? {
            if !self.keys.is_cut(&path)? {
                paths.push(path);
            }
        }
        Ok(paths)
    }
}

/// A place in the tree.
pub(crate) fn leaf(place: Place) -> Leaf {
    let Place { class, branch, compartment, seq } = place;
    Leaf { class, compartment, branch, seq }
}

/// Our preconditions say that a place is free. They fail only if another writer took it past our locks.
pub(crate) fn conflict(error: EngineError) -> VaultError {
    match error {
        EngineError::PreconditionFailed { .. } => {
            VaultError::Other { detail: "another writer was first; try again".into() }
        }
        other => other.into(),
    }
}

impl Inner {
    /// Removes rows whose keys are gone, and their blobs. Rows whose cut waits stay, whoever asks.
    pub(crate) fn forget_rows(&self, rows: Vec<Row>) -> Result<u64, VaultError> {
        let rows = self.without_kept(rows)?;
        self.tally.count(&rows);
        let removal = self.removing(&rows);
        let rows = rows.into_iter().map(|(key, row)| {
            let blob = Value::parse(&row).and_then(|value| value.blob);
            (key, blob)
        });
        let gone = forget_blobs(&*self.engine, &*self.blobs, rows.collect())?;
        removal.done();
        Ok(gone)
    }

    fn without_kept(&self, mut rows: Vec<Row>) -> Result<Vec<Row>, VaultError> {
        let mut last: Option<(Handle, Option<Arc<Restrictions>>)> = None;
        let mut failed = None;
        rows.retain(|(key, _)| {
            let Some((handle, place)) = Place::parse(key) else { return true };
            if last.as_ref().is_none_or(|(known, _)| *known != handle) {
                // Of the erased, and of those whose erasure has begun, nothing is kept. Where somebody's state cannot be read, anything may be.
                let found = match self.keyring.even_leaving_by_handle(&handle) {
                    Ok(keys) => Some(keys.restrictions()),
                    Err(KeyringError::Unknown | KeyringError::Erased { .. } | KeyringError::Blocked) => {
                        Some(Arc::default())
                    }
                    Err(_) => None,
                };
                last = Some((handle, found));
            }
            let Some((_, Some(restrictions))) = &last else { return false };
            if restrictions.waiting.is_empty() {
                return true;
            }
            match Path::leaf(&leaf(place)).map(|path| restrictions.waiting.covers(&path)) {
                Ok(false) => true,
                Ok(true) => false,
                Err(error) => {
                    failed = Some(error);
                    false
                }
            }
        });
        failed.map_or(Ok(rows), |error| Err(error.into()))
    }

    /// Rows whose keys are gone are noise; what could not be removed at once, the sweeper finds.
    pub(crate) fn leave_to_sweeper<T>(&self, removed: Result<T, VaultError>) {
        if let Err(error) = removed {
            self.tidied.begin_again();
            tracing::warn!(%error, "forgotten rows were left for the sweeper");
        }
    }
}
