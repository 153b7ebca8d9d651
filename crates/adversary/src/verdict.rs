//! What a report means for a vault of which it is known what is alive.

use std::collections::BTreeSet;

use crate::canary::Canary;
use crate::closure::Report;

/// Why a vault, or the search itself, failed.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[non_exhaustive]
pub enum Leak {
    /// Readable without any key.
    #[error("content stands in clear: {0:?}")]
    InClear(Vec<Canary>),
    /// The claim is broken.
    #[error("erased content was reached: {0:?}")]
    Erased(Vec<Canary>),
    /// The search is blind, or the vault lost something: then nothing it did not find counts.
    #[error("live content was missed: {0:?}")]
    Missed(Vec<Canary>),
}

/// Compares what was reached with what is alive and what was forgotten.
///
/// # Errors
/// The worst [`Leak`].
pub fn judge(report: &Report, live: &BTreeSet<Canary>, gone: &BTreeSet<Canary>) -> Result<(), Leak> {
    let some = |canaries: Vec<Canary>| (!canaries.is_empty()).then_some(canaries);
    if let Some(found) = some(report.in_clear.iter().cloned().collect()) {
        return Err(Leak::InClear(found));
    }
    if let Some(found) = some(report.reached.intersection(gone).cloned().collect()) {
        return Err(Leak::Erased(found));
    }
    match some(live.difference(&report.reached).cloned().collect()) {
        Some(missed) => Err(Leak::Missed(missed)),
        None => Ok(()),
    }
}
