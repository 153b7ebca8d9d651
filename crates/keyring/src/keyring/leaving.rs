//! Blocking and erasing people.

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use oubliette_crypto::{CryptoError, JobId, Tag};

use super::Keyring;
use crate::core::Found;
use crate::error::KeyringError;
use crate::person::{DeletionRequest, Reason, State};
use crate::records::{ErasureOutcome, Fence};
use crate::user::UserId;
use crate::writer::{Blocking, Leaving, Op, Outcome, erasure_record};

/// Somebody who is to be erased.
#[derive(Debug, Clone)]
pub struct Erasure {
    /// Who.
    pub user: UserId,
    /// The deletion that is due; or, with `at_once`, the one that is made for whoever has none.
    pub request: DeletionRequest,
    /// Until when the law wants the content kept: blocked now, erased then. In seconds since the Unix epoch.
    pub kept_until: i64,
    /// Whether or not one was asked for or is due, and whatever the law wants: whoever has the vault in hand answers for it.
    pub at_once: bool,
}

impl Keyring {
    /// Says whether a cell that this vault left still waits to be wiped. While one does, people are blocked and nobody is erased: with the pages of
    /// its time it opens whoever lived then, so no new root here would take their keys out of the world.
    pub fn old_cell_waits(&self, waits: bool) {
        self.old_cell.store(waits, Ordering::SeqCst);
    }

    /// Makes the intent to erase durable: from now on the person's reads and writes are refused. Returns when the keys and operations
    /// in use were given back; `LeasesHeld` leaves the person blocked.
    pub fn block(&self, user: &UserId) -> Result<(), KeyringError> {
        let leaving = self.leaving(&self.unasked(user)?);
        let tag = leaving.tag;
        match self.block_all(vec![leaving])?.first() {
            Some(Blocking::Blocked) => self.drain(tag, self.core.options.lease_wait).map(drop),
            Some(Blocking::Held) => Err(KeyringError::Held),
            Some(Blocking::Fenced(fence)) => Err(self.core.erased(&self.core.root(), fence)?),
            Some(Blocking::NotDue | Blocking::Nobody) | None => Err(KeyringError::Unknown),
        }
    }

    /// Erases people at once, whether or not they asked for it. Outcomes as of [`Keyring::erase_all`]; `LeasesHeld` if anybody's keys are still in
    /// use: they are blocked, everybody else is erased; call again.
    pub fn erase(&self, users: &[UserId]) -> Result<Vec<ErasureOutcome>, KeyringError> {
        let people = users.iter().map(|user| self.unasked(user)).collect::<Result<Vec<_>, _>>()?;
        let outcomes = self.erase_all(&people)?;
        let held = outcomes.iter().find_map(|outcome| match outcome {
            ErasureOutcome::InUse(held) => Some(*held),
            _ => None,
        });
        held.map_or(Ok(outcomes), |held| Err(KeyringError::LeasesHeld { held }))
    }

    /// Erases people: the intent is made durable in one commit, their keys and operations are waited for, then one new root forgets them all.
    /// Who is under a legal hold is left alone, unless two people overrode it; whose content the law wants kept is blocked. The outcomes come in the order of `people`.
    pub fn erase_all(&self, people: &[Erasure]) -> Result<Vec<ErasureOutcome>, KeyringError> {
        let leaving: Vec<Leaving> = people.iter().map(|person| self.leaving(person)).collect();
        let tags: Vec<Tag> = leaving.iter().map(|leaving| leaving.tag).collect();
        let distinct: BTreeMap<Tag, Leaving> =
            leaving.into_iter().map(|leaving| (leaving.tag, leaving)).collect();
        let distinct: Vec<Leaving> = distinct.into_values().collect();
        let blocked = self.block_all(distinct.clone())?;
        let old_cell = self.old_cell.load(Ordering::SeqCst);
        let deadline = Instant::now() + self.core.options.lease_wait;
        let mut outcomes: HashMap<Tag, ErasureOutcome> = HashMap::new();
        let mut drained = Vec::new();
        for (leaving, blocking) in distinct.into_iter().zip(blocked) {
            let tag = leaving.tag;
            let outcome = match blocking {
                Blocking::Blocked if old_cell => ErasureOutcome::OldCell,
                Blocking::Blocked => {
                    match self.drain(tag, deadline.saturating_duration_since(Instant::now())) {
                        Ok(leases) => {
                            drained.push((leaving, leases));
                            continue;
                        }
                        Err(KeyringError::LeasesHeld { held }) => ErasureOutcome::InUse(held),
                        Err(error) => return Err(error),
                    }
                }
                Blocking::Held => ErasureOutcome::Held,
                Blocking::NotDue => ErasureOutcome::NotDue,
                Blocking::Fenced(fence) => self.already(&fence)?,
                Blocking::Nobody => ErasureOutcome::Unknown,
            };
            outcomes.insert(tag, outcome);
        }
        if !drained.is_empty() {
            outcomes.extend(self.erase_blocked(drained)?);
        }
        Ok(tags.iter().map(|tag| outcomes.get(tag).cloned().unwrap_or(ErasureOutcome::Unknown)).collect())
    }

    /// For an erasure that nobody asked for by name: its receipt is about nobody.
    pub(super) fn unasked(&self, user: &UserId) -> Result<Erasure, KeyringError> {
        let mut binding = [0; 32];
        getrandom::fill(&mut binding).map_err(CryptoError::Random)?;
        let now = self.due_time();
        let request = DeletionRequest {
            job: JobId::random()?,
            binding,
            requested: now,
            due: now,
            reason: Reason::UNASKED,
            by_operator: true,
            shortened: false,
            blocked: None,
            kept_until: 0,
            overriding: None,
        };
        Ok(Erasure { user: user.clone(), request, kept_until: 0, at_once: true })
    }

    pub(super) fn leaving(&self, person: &Erasure) -> Leaving {
        let Erasure { user, request, kept_until, at_once } = person;
        let tag = self.core.person_tag(user);
        Leaving { tag, request: request.clone(), kept_until: *kept_until, at_once: *at_once }
    }

    fn block_all(&self, people: Vec<Leaving>) -> Result<Vec<Blocking>, KeyringError> {
        match self.call(Op::Block { people })?.outcome {
            Outcome::Blocked(found) => Ok(found),
            _ => Ok(Vec::new()),
        }
    }

    fn erase_blocked(&self, people: Vec<(Leaving, u32)>) -> Result<Vec<(Tag, ErasureOutcome)>, KeyringError> {
        let tags: Vec<Tag> = people.iter().map(|(leaving, _)| leaving.tag).collect();
        let reply = self.call(Op::Erase { people })?;
        let Outcome::Erased(erased) = reply.outcome else { return Ok(Vec::new()) };
        let mut outcomes: HashMap<Tag, ErasureOutcome> = HashMap::new();
        for one in &erased {
            let job = one.entry.map(|entry| entry.job);
            let record = erasure_record(&one.placed.fence, job, &reply.facts);
            outcomes.insert(one.placed.tag, ErasureOutcome::Erased(record));
        }
        for tag in tags {
            if outcomes.contains_key(&tag) {
                continue;
            }
            // Kept, or finished by somebody else between our two commits.
            let found = self.core.find(&self.core.root(), tag)?;
            match found {
                Found::Fence(fence) => drop(outcomes.insert(tag, self.already(&fence)?)),
                Found::Person { state, blocked: true, .. } => {
                    let restrictions = State::read(&self.core.pages, &state)?.restrictions;
                    let kept = restrictions.deletion.as_ref().map_or(0, |request| request.kept_until);
                    let held = restrictions.is_held(self.due_time());
                    outcomes
                        .insert(tag, if held { ErasureOutcome::Held } else { ErasureOutcome::Kept(kept) });
                }
                Found::Person { .. } | Found::Nobody => {}
            }
        }
        Ok(outcomes.into_iter().collect())
    }

    fn already(&self, fence: &Fence) -> Result<ErasureOutcome, KeyringError> {
        match self.core.erasure_record(&self.core.root(), fence)? {
            Some(record) => Ok(ErasureOutcome::AlreadyErased(record)),
            None => Err(KeyringError::RecordLost { generation: fence.generation_after }),
        }
    }

    /// Waits until nobody uses a stopped person's keys; answers how many did.
    fn drain(&self, tag: Tag, longest: Duration) -> Result<u32, KeyringError> {
        let person = self.core.people().get(&tag);
        person.map_or(Ok(0), |person| person.gate.drain_all(longest))
    }
}
