//! The deletion job as an operator sees it.

use oubliette_store::{DeletionStep, Vault, VaultError};
use serde::{Deserialize, Serialize};

use crate::times;

/// A deletion that is not carried out yet.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Leaving {
    /// Whose.
    pub user: String,
    /// Which, hex.
    pub job: Option<String>,
    /// How far.
    pub state: String,
    /// The word that was given for it.
    pub reason: Option<String>,
    /// RFC 3339, UTC.
    pub due: Option<String>,
    /// Until then.
    pub seconds_left: u64,
    /// When the last legal hold ends by itself, or the time is over that the law wants it kept.
    pub waits_until: Option<String>,
    /// What a second person is asked to approve, if anything.
    pub approval: Option<String>,
}

/// What a run did.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub struct Run {
    /// People erased.
    pub erased: u64,
    /// Due, and kept by a legal hold.
    pub held: u64,
    /// Blocked, and kept because the law wants it.
    pub kept: u64,
    /// Blocked and still in use, or damaged: run again.
    pub left: u64,
    /// One for each.
    pub steps: Vec<Step>,
}

/// What it did about one person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Which deletion, hex.
    pub job: String,
    /// Where it is now.
    pub state: String,
    /// Each store that was tried.
    pub stores: Vec<Store>,
    /// Why it is not further, where it is not.
    pub waits: Option<String>,
}

/// What was removed from one store.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Store {
    /// Which.
    pub store: String,
    /// How many.
    pub removed: u64,
    /// Why not all of it.
    pub failed: Option<String>,
}

pub(super) fn list(vault: &Vault) -> Result<Vec<Leaving>, VaultError> {
    let one = |(user, info): (String, oubliette_store::DeletionInfo)| Leaving {
        user,
        job: info.job,
        state: info.state.as_str().to_owned(),
        reason: info.reason,
        due: info.due.map(times::text),
        seconds_left: info.seconds_left,
        waits_until: info.held_until.or(info.kept_until).map(times::text),
        approval: info.overriding.filter(|what| !what.approved).map(|what| what.digest),
    };
    Ok(vault.deletions()?.into_iter().map(one).collect())
}

/// Until nothing is due.
pub(super) fn run(vault: &Vault, progress: &mut dyn FnMut(&str, u64)) -> Result<Run, VaultError> {
    let mut steps = Vec::new();
    let done = vault.run_deletions(&mut |step| {
        steps.push(step.into());
        progress("deletions", steps.len() as u64);
    })?;
    Ok(Run { erased: done.erased, held: done.held, kept: done.kept, left: done.left, steps })
}

impl From<&DeletionStep> for Step {
    fn from(step: &DeletionStep) -> Self {
        let stores = step.stores.iter().map(|store| Store {
            store: store.store.to_owned(),
            removed: store.removed,
            failed: store.failed.clone(),
        });
        Self {
            job: step.job.clone(),
            state: step.state.as_str().to_owned(),
            stores: stores.collect(),
            waits: step.waits.clone(),
        }
    }
}
