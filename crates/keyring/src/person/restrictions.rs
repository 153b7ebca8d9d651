//! What restricts a person stands in their state, which no backup of rows can roll back.

mod stored;

use std::collections::{BTreeMap, BTreeSet};

use oubliette_crypto::{Handle, JobId, Path};

use super::deletion::{DeletionRequest, Overriding};
use super::holds::{Hold, MAX_HOLD_ID, MAX_HOLD_REASON, MAX_HOLDS, MAX_WAITING, Waiting};
use crate::error::KeyringError;

/// Most bytes in the name of a consent purpose.
const MAX_PURPOSE: usize = 255;
/// Most withdrawn purposes.
const MAX_WITHDRAWN: usize = 4096;
/// Most blocked peers.
const MAX_BLOCKED: usize = 100_000;

/// A person's restrictions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restrictions {
    /// The person switched follow play off.
    pub follow_play_off: bool,
    /// The person belongs to another region than the vault.
    pub foreign: bool,
    /// The year of their birth, if it was told.
    pub birth_year: Option<u16>,
    /// Purposes whose consent was withdrawn.
    pub withdrawn: BTreeSet<String>,
    /// Handles of blocked peers.
    pub blocked_peers: BTreeSet<Handle>,
    /// Legal holds by name; those that are over may still be among them.
    pub holds: BTreeMap<String, Hold>,
    /// Deletions that wait.
    pub waiting: Waiting,
    /// The deletion of the person that was asked for.
    pub deletion: Option<DeletionRequest>,
}

/// One change of a person's restrictions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RestrictionChange {
    /// Follow play on (`true`) or off.
    FollowPlay(bool),
    /// Belongs to another region than the vault, or not.
    Foreign(bool),
    /// The year of birth.
    BirthYear(u16),
    /// Refuse this peer.
    BlockPeer(Handle),
    /// Accept this peer again.
    UnblockPeer(Handle),
    /// Consent for this purpose was withdrawn.
    WithdrawConsent(String),
    /// Consent for this purpose was given (again).
    GiveConsent(String),
    /// Place a hold, or change the one of this name.
    PlaceHold(String, Hold),
    /// Lift a hold.
    LiftHold(String),
    /// The person is to be deleted. Nothing if that was asked for before.
    RequestDeletion(Box<DeletionRequest>),
    /// They are not, unless the deletion is due already.
    CancelDeletion(JobId),
    /// The deletion is to override something, once a second person says yes.
    Override(JobId, Overriding),
    /// The second person says yes to just this.
    Approve(JobId, Overriding, [u8; 16]),
}

impl Restrictions {
    /// Whether a hold stands at this moment, in seconds since the Unix epoch.
    pub fn is_held(&self, now: i64) -> bool {
        self.holds.values().any(|hold| hold.stands(now))
    }

    /// Whether a deletion was asked for whose cooling-off period is over.
    pub fn is_leaving(&self, now: i64) -> bool {
        self.deletion.as_ref().is_some_and(|deletion| deletion.due <= now)
    }

    /// Applies a change at a moment, in seconds since the Unix epoch; false if nothing changed.
    pub(crate) fn apply(&mut self, change: RestrictionChange, now: i64) -> Result<bool, KeyringError> {
        let changed = match change {
            RestrictionChange::FollowPlay(on) => std::mem::replace(&mut self.follow_play_off, !on) == on,
            RestrictionChange::Foreign(foreign) => std::mem::replace(&mut self.foreign, foreign) != foreign,
            RestrictionChange::BirthYear(year) => {
                // No year is 0, which stands for none.
                let year = Some(year.max(1));
                std::mem::replace(&mut self.birth_year, year) != year
            }
            RestrictionChange::BlockPeer(peer) => self.blocked_peers.insert(peer),
            RestrictionChange::UnblockPeer(peer) => self.blocked_peers.remove(&peer),
            RestrictionChange::WithdrawConsent(purpose) => {
                limit("a purpose in bytes", purpose.len(), MAX_PURPOSE)?;
                self.withdrawn.insert(purpose)
            }
            RestrictionChange::GiveConsent(purpose) => self.withdrawn.remove(&purpose),
            RestrictionChange::PlaceHold(id, hold) => {
                limit("a hold's name in bytes", id.len(), MAX_HOLD_ID)?;
                limit("a hold's reason in bytes", hold.reason.len(), MAX_HOLD_REASON)?;
                let changed = self.holds.get(&id) != Some(&hold);
                self.holds.insert(id, hold);
                // What two people approved was to delete over the holds of then, not over this one.
                let overriding = self.deletion.as_mut().and_then(|deletion| deletion.overriding.as_mut());
                if let Some(overriding) = overriding.filter(|overriding| changed && overriding.holds) {
                    overriding.approved = None;
                }
                changed
            }
            RestrictionChange::LiftHold(id) => self.holds.remove(&id).is_some(),
            RestrictionChange::RequestDeletion(request) => {
                let new = self.deletion.is_none();
                self.deletion.get_or_insert(*request);
                new
            }
            RestrictionChange::CancelDeletion(job) => {
                if self.deletion_of(job).is_some_and(|deletion| deletion.due <= now) {
                    return Err(KeyringError::DeletionDue);
                }
                self.deletion.take_if(|deletion| deletion.job == job).is_some()
            }
            RestrictionChange::Override(job, overriding) => match self.deletion_of(job) {
                // What was approved stands, unless more is asked for.
                Some(deletion)
                    if deletion.approved().is_none_or(|stands| overriding.holds && !stands.holds) =>
                {
                    deletion.overriding = Some(Overriding { approved: None, ..overriding });
                    true
                }
                _ => false,
            },
            RestrictionChange::Approve(job, overriding, by) => match self.deletion_of(job) {
                Some(deletion)
                    if deletion.overriding.as_ref() == Some(&overriding)
                        && overriding.approved.is_none()
                        && overriding.by != by
                        && now < overriding.expires =>
                {
                    deletion.due = deletion.due.min(overriding.due);
                    deletion.shortened |= overriding.cooling_off;
                    deletion.overriding = Some(Overriding { approved: Some(by), ..overriding });
                    true
                }
                _ => false,
            },
        };
        limit("the number of withdrawn purposes", self.withdrawn.len(), MAX_WITHDRAWN)?;
        limit("the number of blocked peers", self.blocked_peers.len(), MAX_BLOCKED)?;
        limit("the number of holds", self.holds.len(), MAX_HOLDS)?;
        Ok(changed)
    }

    fn deletion_of(&mut self, job: JobId) -> Option<&mut DeletionRequest> {
        self.deletion.as_mut().filter(|deletion| deletion.job == job)
    }

    /// Promises a cut, not to happen before `due`; false if it was promised already.
    pub(crate) fn promise(&mut self, path: Path, due: i64) -> Result<bool, KeyringError> {
        let new = self.waiting.add(path, due);
        limit("the number of deletions that wait", self.waiting.len(), MAX_WAITING)?;
        Ok(new)
    }

    /// Takes out what is over: holds that have expired, and, if none stands, the cuts whose moment has come, which are answered. True if there was any.
    pub(crate) fn ripen(&mut self, now: i64) -> (bool, Vec<Path>) {
        let before = self.holds.len();
        self.holds.retain(|_, hold| hold.stands(now));
        let due = if self.holds.is_empty() { self.waiting.take_due(now) } else { Vec::new() };
        (self.holds.len() != before || !due.is_empty(), due)
    }

    /// Whether [`Restrictions::ripen`] would do anything.
    pub(crate) fn is_ripe(&self, now: i64) -> bool {
        self.holds.values().any(|hold| !hold.stands(now))
            || (self.holds.is_empty() && self.waiting.is_due(now))
    }

    /// Whether time will change something here, or a hold stands in the way of an erasure.
    pub(crate) fn waits(&self) -> bool {
        !self.holds.is_empty() || !self.waiting.is_empty() || self.deletion.is_some()
    }
}

fn limit(what: &'static str, got: usize, allowed: usize) -> Result<(), KeyringError> {
    if got > allowed { Err(KeyringError::TooLarge { what, got, allowed }) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
