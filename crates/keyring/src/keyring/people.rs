//! Creating, finding, changing and erasing people.

use std::collections::HashMap;

use oubliette_crypto::{Handle, Path, Tag};

use super::{Keyring, count, cut_record};
use crate::core::Found;
use crate::error::KeyringError;
use crate::person::{RestrictionChange, Subject};
use crate::records::{CutRecord, ErasureOutcome, Fence};
use crate::user::UserId;
use crate::writer::{Blocking, Op, Outcome, erasure_record};

impl Keyring {
    /// Creates a person; `(subject, false)` if they exist. Where a fence stands only with `reopen`, else `Erased`.
    pub fn create_subject(&self, user: &UserId, reopen: bool) -> Result<(Subject, bool), KeyringError> {
        let tag = self.core.person_tag(user);
        match self.core.subject(tag) {
            Err(KeyringError::Unknown) => {}
            Err(KeyringError::Erased { .. }) if reopen => {}
            found => return found.map(|subject| (subject, false)),
        }
        let reply = self.call(Op::Create { user: user.clone(), reopen })?;
        Ok((self.core.subject(tag)?, count(&reply) > 0))
    }

    /// The person of this name: `Unknown`, `Blocked` or `Erased` if there is none to work with.
    pub fn subject(&self, user: &UserId) -> Result<Subject, KeyringError> {
        self.core.subject(self.core.person_tag(user))
    }

    /// The person of this handle: `Unknown` when gone, `Blocked` while they go.
    pub fn subject_by_handle(&self, handle: &Handle) -> Result<Subject, KeyringError> {
        self.core.subject_by_handle(handle)
    }

    /// The fence that stands in a person's place, if one does.
    pub fn fence(&self, user: &UserId) -> Result<Option<Fence>, KeyringError> {
        self.core.healthy()?;
        let root = self.core.root();
        match self.core.find(&root, self.core.person_tag(user))? {
            Found::Fence(fence) => Ok(Some(fence)),
            Found::Person { .. } | Found::Nobody => Ok(None),
        }
    }

    /// Makes the intent to erase durable: from now on the person's reads and writes are refused. Returns when the keys and operations
    /// in use were given back; `LeasesHeld` leaves the person blocked.
    pub fn block(&self, user: &UserId) -> Result<(), KeyringError> {
        let tag = self.core.person_tag(user);
        match self.block_all(vec![tag])?.first() {
            Some(Blocking::Blocked) => self.drain(tag).map(|_| ()),
            Some(Blocking::Held) => Err(KeyringError::Held),
            Some(Blocking::Fenced(fence)) => Err(self.core.erased(fence)?),
            Some(Blocking::Nobody) | None => Err(KeyringError::Unknown),
        }
    }

    /// Erases people: the intent is made durable, their keys and operations are waited for, then one new root forgets them all. Who is under a
    /// legal hold is left alone.
    /// The outcomes come in the order of `users`. `LeasesHeld` leaves everybody blocked and nobody erased: call again.
    pub fn erase(&self, users: &[UserId]) -> Result<Vec<ErasureOutcome>, KeyringError> {
        let tags: Vec<Tag> = users.iter().map(|user| self.core.person_tag(user)).collect();
        let mut distinct = tags.clone();
        distinct.sort_unstable();
        distinct.dedup();
        let blocked = self.block_all(distinct.clone())?;
        let mut outcomes: HashMap<Tag, ErasureOutcome> = HashMap::new();
        let mut people = Vec::new();
        for (tag, blocking) in distinct.into_iter().zip(blocked) {
            match blocking {
                Blocking::Blocked => people.push((tag, self.drain(tag)?)),
                Blocking::Held => drop(outcomes.insert(tag, ErasureOutcome::Held)),
                Blocking::Fenced(fence) => {
                    outcomes.insert(tag, self.already(&fence)?);
                }
                Blocking::Nobody => {}
            }
        }
        if !people.is_empty() {
            outcomes.extend(self.erase_blocked(people)?);
        }
        Ok(tags.iter().map(|tag| outcomes.get(tag).cloned().unwrap_or(ErasureOutcome::Unknown)).collect())
    }

    /// Forgets everything at and below `paths` and waits until no key of it is in use. What was forgotten before is no error; if
    /// all of it was, both generations of the record are the current one. While a legal hold stands it waits: nobody reads it any more,
    /// and the cut follows the end of the last hold.
    pub fn cut(&self, subject: &Subject, paths: Vec<Path>) -> Result<CutRecord, KeyringError> {
        self.restrict_and_cut(subject, Vec::new(), paths, 0)
    }

    /// Changes what restricts a person.
    pub fn restrict(&self, subject: &Subject, change: RestrictionChange) -> Result<CutRecord, KeyringError> {
        self.restrict_and_cut(subject, vec![change], Vec::new(), 0)
    }

    /// Both in one commit, as a withdrawn consent needs. No cut is made before `not_before`, in seconds since the Unix epoch; until then nobody
    /// reads what is to be cut.
    pub fn restrict_and_cut(
        &self,
        subject: &Subject,
        changes: Vec<RestrictionChange>,
        paths: Vec<Path>,
        not_before: i64,
    ) -> Result<CutRecord, KeyringError> {
        subject.check()?;
        let (tag, handle) = (subject.person.tag, subject.handle());
        let reply = self.call(Op::Change { tag, handle, paths: paths.clone(), not_before, changes })?;
        let under = |path: &Path| paths.iter().any(|base| base.is_prefix_of(path));
        subject.person.gate.drain_leases(self.core.options.lease_wait, under)?;
        Ok(CutRecord { waits: matches!(reply.outcome, Outcome::Waits(true)), ..cut_record(&reply.facts) })
    }

    fn block_all(&self, tags: Vec<Tag>) -> Result<Vec<Blocking>, KeyringError> {
        match self.call(Op::Block { tags })?.outcome {
            Outcome::Blocked(found) => Ok(found),
            _ => Ok(Vec::new()),
        }
    }

    fn erase_blocked(&self, people: Vec<(Tag, u32)>) -> Result<Vec<(Tag, ErasureOutcome)>, KeyringError> {
        let tags: Vec<Tag> = people.iter().map(|(tag, _)| *tag).collect();
        let reply = self.call(Op::Erase { people })?;
        let Outcome::Erased(fences) = reply.outcome else { return Ok(Vec::new()) };
        let mut outcomes: Vec<_> = fences
            .iter()
            .map(|placed| (placed.tag, ErasureOutcome::Erased(erasure_record(&placed.fence, &reply.facts))))
            .collect();
        // Somebody else finished these between our two commits.
        for tag in tags.into_iter().filter(|tag| fences.iter().all(|placed| placed.tag != *tag)) {
            let found = self.core.find(&self.core.root(), tag)?;
            if let Found::Fence(fence) = found {
                outcomes.push((tag, self.already(&fence)?));
            }
        }
        Ok(outcomes)
    }

    fn already(&self, fence: &Fence) -> Result<ErasureOutcome, KeyringError> {
        match self.core.erasure_record(fence)? {
            Some(record) => Ok(ErasureOutcome::AlreadyErased(record)),
            None => Err(KeyringError::RecordLost { generation: fence.generation_after }),
        }
    }

    /// Waits until nobody uses a stopped person's keys; answers how many did.
    fn drain(&self, tag: Tag) -> Result<u32, KeyringError> {
        let person = self.core.people().get(&tag);
        person.map_or(Ok(0), |person| person.gate.drain_all(self.core.options.lease_wait))
    }
}
