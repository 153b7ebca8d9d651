//! One group of batches, from preconditions to acknowledgement.

use std::collections::{BTreeMap, BTreeSet};

use super::group::Outcomes;
use super::*;
use crate::anchor::{digest, encode_row};
use crate::contract::{counts, judge, key_of};

/// A key that the group writes: what stands under it before and after.
struct Change {
    old: Option<Vec<u8>>,
    new: Option<Vec<u8>>,
}

impl Rows {
    /// Applies the batches whose preconditions hold, in order, as one durable commit. If that fails all of them fail: the
    /// first learns why, the others that the engine is poisoned.
    pub(super) fn apply(&self, batches: &[Batch]) -> Outcomes {
        match self.folder.poison().run(|| self.try_apply(batches)) {
            Ok(outcomes) => outcomes,
            Err(error) => {
                let refused = || self.folder.poison().check();
                std::iter::once(Err(error))
                    .chain(std::iter::repeat_with(refused))
                    .take(batches.len())
                    .collect()
            }
        }
    }

    fn try_apply(&self, batches: &[Batch]) -> Result<Outcomes, EngineError> {
        let mut state = self.state();
        let mut changes = BTreeMap::new();
        let mut outcomes = Vec::with_capacity(batches.len());
        for batch in batches {
            self.vet_batch(&state, batch)?;
            match judge(batch, |key| self.current(&changes, key)) {
                Ok(()) => {
                    self.stage(&mut changes, batch)?;
                    outcomes.push(Ok(()));
                }
                Err(refused @ EngineError::PreconditionFailed { .. }) => outcomes.push(Err(refused)),
                Err(failure) => return Err(failure),
            }
        }
        if !changes.is_empty() {
            *state = self.write(&state, &changes)?;
            self.publish_sizes(&state);
        }
        Ok(outcomes)
    }

    /// Row and anchor are sealed beforehand, so that between sync and acknowledgement there is one write.
    fn write(
        &self,
        state: &AnchorState,
        changes: &BTreeMap<&[u8], Change>,
    ) -> Result<AnchorState, EngineError> {
        let (next, prefixes) = self.advance(state, changes)?;
        let row = encode_row(&self.key, &next, &prefixes)?;
        let slot = Slot::seal(&self.key, &next, false)?;
        // "A" first: if a crash parts a lone change from it, the next open sees that from the digest of its prefix.
        let anchor_row = std::iter::once((ANCHOR_ROW, Some(row.as_slice())));
        let rows = changes.iter().map(|(key, change)| (*key, change.new.as_deref()));
        let ops: Vec<_> = anchor_row.chain(rows).collect();
        let then = || self.anchor.write(&slot);
        if changes.len() == 1 {
            self.folder.commit_in_order_then(&ops, then)?;
        } else {
            self.folder.commit_then(&ops, then)?;
        }
        Ok(next)
    }

    /// The state after the changes, and the prefixes whose digests they touch.
    fn advance(
        &self,
        state: &AnchorState,
        changes: &BTreeMap<&[u8], Change>,
    ) -> Result<(AnchorState, Vec<u8>), EngineError> {
        let mut next = state.clone();
        next.commit += 1;
        let mut prefixes = BTreeSet::new();
        for (key, change) in changes.iter().filter(|(key, _)| counts(key)) {
            let prefix = prefix_of(key);
            prefixes.insert(prefix);
            let Some(sum) = next.digest_mut(prefix) else { continue };
            let (mut rows, mut bytes) = (0_i64, 0_i64);
            if let Some(old) = &change.old {
                sum.subtract(&digest(&self.digest_key, (key, old))?);
                rows -= 1;
                bytes -= (key.len() + old.len()) as i64;
            }
            if let Some(new) = &change.new {
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
    fn stage<'a>(
        &self,
        changes: &mut BTreeMap<&'a [u8], Change>,
        batch: &'a Batch,
    ) -> Result<(), EngineError> {
        for (key, value) in &batch.ops {
            if let Some(change) = changes.get_mut(key.as_slice()) {
                change.new = value.clone();
                continue;
            }
            // Only what is digested needs its old value.
            let old = if counts(key) { self.folder.get(key)? } else { None };
            changes.insert(key, Change { old, new: value.clone() });
        }
        Ok(())
    }

    /// What a batch of this group finds under a key.
    fn current(&self, changes: &BTreeMap<&[u8], Change>, key: &[u8]) -> Result<Option<Vec<u8>>, EngineError> {
        match changes.get(key) {
            Some(change) => Ok(change.new.clone()),
            None => self.folder.get(key),
        }
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
