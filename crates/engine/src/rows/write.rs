//! One group of batches, from preconditions to the durable record.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

use super::group::Outcomes;
use super::*;
use crate::anchor::{Sealed, blocks_for, digest};
use crate::contract::{counts, judge, key_of};

/// What the group knows of a row: what stands under the key before it, and what it makes of it.
struct Touched {
    old: Option<Vec<u8>>,
    /// `None` if the row was only looked at.
    new: Option<Option<Vec<u8>>>,
}

/// By key.
type Group = BTreeMap<Vec<u8>, Touched>;

impl Rows {
    /// Applies the batches whose preconditions hold, in order, as one durable commit. If that fails all of them fail: the
    /// first learns why, the others that the engine is poisoned.
    pub(super) fn apply(&self, batches: Vec<Batch>) -> Outcomes {
        let count = batches.len();
        match self.folder.poison().run(|| self.try_apply(batches)) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                let refused = || self.folder.poison().check();
                std::iter::once(Err(error)).chain(std::iter::repeat_with(refused)).take(count).collect()
            }
        }
    }

    fn try_apply(&self, batches: Vec<Batch>) -> Result<Outcomes, EngineError> {
        let mut log = self.log_with_room(&batches)?;
        let mut group = Group::new();
        let mut outcomes = Vec::with_capacity(batches.len());
        for batch in batches {
            self.vet_batch(&log.state, &batch)?;
            match judge(&batch, |key| Ok(self.touch(&mut group, key.to_vec())?.now().cloned())) {
                Ok(()) => {
                    self.stage(&mut group, batch.ops)?;
                    outcomes.push(Ok(()));
                }
                Err(refused @ EngineError::PreconditionFailed { .. }) => outcomes.push(Err(refused)),
                Err(failure) => return Err(failure),
            }
        }
        group.retain(|_, touched| touched.new.is_some());
        if !group.is_empty() {
            self.write(&mut log, group)?;
        }
        Ok(outcomes)
    }

    /// The log, with room for the largest record that these batches can make. If there is none the rows before are brought into
    /// sled first; nobody else writes meanwhile, since the caller leads.
    fn log_with_room(&self, batches: &[Batch]) -> Result<MutexGuard<'_, Log>, EngineError> {
        let ops = batches.iter().flat_map(|batch| &batch.ops);
        let length =
            |(key, value): &(Vec<u8>, Option<Vec<u8>>)| key.len() + value.as_ref().map_or(0, Vec::len);
        let blocks = blocks_for(ops.clone().count(), ops.map(length).sum());
        let log = self.log();
        if log.area.has_room(blocks, self.covered()) {
            return Ok(log);
        }
        drop(log);
        self.checkpoint()?;
        Ok(self.log())
    }

    /// The record is durable before anybody sees a row of it, and before any of them goes into sled.
    fn write(&self, log: &mut Log, group: Group) -> Result<(), EngineError> {
        let (mut next, prefixes) = self.advance(&log.state, &group)?;
        let changes = group.iter().map(|(key, touched)| (key.as_slice(), touched.now().map(Vec::as_slice)));
        let record = Sealed::new(&self.key, &next, &prefixes, changes, log.state.chain)?;
        next.chain = record.chain;
        self.anchor.append(&mut log.area, next.commit, &record)?;
        let rows = group.into_iter().filter_map(|(key, touched)| Some((key, touched.new?)));
        self.overlay_mut().put(rows);
        self.publish_sizes(&next);
        self.due.store(log.area.waits(self.covered()), Ordering::Relaxed);
        log.state = next;
        Ok(())
    }

    /// The state after the changes (but for its chain), and the prefixes whose digests they touch.
    fn advance(&self, state: &AnchorState, group: &Group) -> Result<(AnchorState, Vec<u8>), EngineError> {
        let mut next = state.clone();
        next.commit += 1;
        let mut prefixes = BTreeSet::new();
        for (key, touched) in group.iter().filter(|(key, _)| counts(key)) {
            let prefix = prefix_of(key);
            prefixes.insert(prefix);
            let Some(sum) = next.digest_mut(prefix) else { continue };
            let (mut rows, mut bytes) = (0_i64, 0_i64);
            if let Some(old) = &touched.old {
                sum.subtract(&digest(&self.digest_key, (key, old))?);
                rows -= 1;
                bytes -= (key.len() + old.len()) as i64;
            }
            if let Some(new) = touched.now() {
                sum.add(&digest(&self.digest_key, (key, new))?);
                rows += 1;
                bytes += (key.len() + new.len()) as i64;
            }
            next.rows = next.rows.saturating_add_signed(rows);
            next.bytes = next.bytes.saturating_add_signed(bytes);
        }
        Ok((next, prefixes.into_iter().collect()))
    }

    /// Adds a batch's operations to the group's changes; a later one on the same key wins.
    fn stage(&self, group: &mut Group, ops: Vec<(Vec<u8>, Option<Vec<u8>>)>) -> Result<(), EngineError> {
        for (key, value) in ops {
            // Only what is digested needs its old value.
            if counts(&key) {
                self.touch(group, key)?.new = Some(value);
            } else {
                group.insert(key, Touched { old: None, new: Some(value) });
            }
        }
        Ok(())
    }

    /// A row as the group finds it, looked up once.
    fn touch<'g>(&self, group: &'g mut Group, key: Vec<u8>) -> Result<&'g mut Touched, EngineError> {
        Ok(match group.entry(key) {
            Entry::Occupied(touched) => touched.into_mut(),
            Entry::Vacant(place) => {
                let old = self.get(place.key())?;
                place.insert(Touched { old, new: None })
            }
        })
    }

    /// A digest may only move on from rows that were found to be those it stands for.
    fn vet_batch(&self, state: &AnchorState, batch: &Batch) -> Result<(), EngineError> {
        if self.unvetted.load(Ordering::Acquire) == 0 {
            return Ok(());
        }
        let keys = batch.ops.iter().map(|(key, _)| key.as_slice());
        let keys = keys.chain(batch.preconditions.iter().map(key_of));
        keys.map(prefix_of)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .try_for_each(|prefix| self.vet_one(state, prefix))
    }
}

impl Touched {
    /// What stands under the key after what the group did so far.
    fn now(&self) -> Option<&Vec<u8>> {
        self.new.as_ref().unwrap_or(&self.old).as_ref()
    }
}
