//! The parts of the [`crate::Engine`] contract that every implementation shares: limits, preconditions, reserved rows.

use crate::{Batch, EngineError, MAX_BATCH_OPS, MAX_ROW, Precondition};

/// Longest key in bytes.
pub(crate) const MAX_KEY: usize = 64;
/// First bytes of the keys of the vault's own rows, which no digest and no size counts (docs/formats.md, section 6).
const VAULT_HANDLE: [u8; 16] = [0; 16];
/// The anchor row's key; nobody but an engine may read or write it.
pub(crate) const ANCHOR_ROW: &[u8] = b"\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0A";

/// Whether a row belongs to the vault's content, as opposed to its bookkeeping.
pub(crate) fn counts(key: &[u8]) -> bool {
    !key.starts_with(&VAULT_HANDLE)
}

/// Refuses what is larger than the contract allows or touches a reserved row.
pub(crate) fn check_batch(batch: &Batch) -> Result<(), EngineError> {
    within("number of operations in a batch", batch.ops.len(), MAX_BATCH_OPS)?;
    for (key, value) in &batch.ops {
        check_key(key)?;
        within("row length", value.as_ref().map_or(0, Vec::len), MAX_ROW)?;
    }
    batch.preconditions.iter().try_for_each(|precondition| check_key(key_of(precondition)))
}

fn check_key(key: &[u8]) -> Result<(), EngineError> {
    if key == ANCHOR_ROW {
        return Err(EngineError::ReservedKey);
    }
    if key.is_empty() {
        return Err(EngineError::TooLarge { what: "key length", got: 0, allowed: MAX_KEY });
    }
    within("key length", key.len(), MAX_KEY)
}

/// Judges a batch's preconditions in order against what `get` answers.
pub(crate) fn judge(
    batch: &Batch,
    mut get: impl FnMut(&[u8]) -> Result<Option<Vec<u8>>, EngineError>,
) -> Result<(), EngineError> {
    for (index, precondition) in batch.preconditions.iter().enumerate() {
        let found = get(key_of(precondition))?;
        let holds = match precondition {
            Precondition::Absent(_) => found.is_none(),
            Precondition::Present(_) => found.is_some(),
            Precondition::Equals(_, expected) => found.as_ref() == Some(expected),
        };
        if !holds {
            return Err(EngineError::PreconditionFailed { index });
        }
    }
    Ok(())
}

/// The key a precondition looks at.
pub(crate) fn key_of(precondition: &Precondition) -> &[u8] {
    match precondition {
        Precondition::Absent(key) | Precondition::Present(key) | Precondition::Equals(key, _) => key,
    }
}

/// A size against its limit.
pub(crate) fn within(what: &'static str, got: usize, allowed: usize) -> Result<(), EngineError> {
    if got > allowed { Err(EngineError::TooLarge { what, got, allowed }) } else { Ok(()) }
}
