//! Creating, finding and changing people.

use oubliette_crypto::{Handle, Path};

use super::{Keyring, count, cut_record};
use crate::core::Found;
use crate::error::KeyringError;
use crate::person::{RestrictionChange, Subject};
use crate::records::{CutRecord, Fence};
use crate::user::UserId;
use crate::writer::{Op, Outcome};

impl Keyring {
    /// Creates a person; `(subject, false)` if they exist. Where a fence stands only with `reopen`, else `Erased`.
    pub fn create_subject(&self, user: &UserId, reopen: bool) -> Result<(Subject, bool), KeyringError> {
        let tag = self.core.person_tag(user);
        match self.core.usable(tag) {
            Err(KeyringError::Unknown) => {}
            Err(KeyringError::Erased { .. }) if reopen => {}
            found => return found.map(|subject| (subject, false)),
        }
        let reply = self.call(Op::Create { user: user.clone(), reopen })?;
        Ok((self.core.subject(tag)?, count(&reply) > 0))
    }

    /// The person of this name: `Unknown`, `Blocked` or `Erased` if there is none to work with. Blocked is also whoever's deletion is due.
    pub fn subject(&self, user: &UserId) -> Result<Subject, KeyringError> {
        self.core.usable(self.core.person_tag(user))
    }

    /// The person of this handle: `Unknown` when gone, `Blocked` while they go.
    pub fn subject_by_handle(&self, handle: &Handle) -> Result<Subject, KeyringError> {
        let subject = self.core.subject_by_handle(handle)?;
        if subject.is_leaving() { Err(KeyringError::Blocked) } else { Ok(subject) }
    }

    /// The same of whoever's deletion is due but who is not blocked yet, because of a legal hold perhaps. Not for using what is theirs.
    pub fn even_leaving(&self, user: &UserId) -> Result<Subject, KeyringError> {
        self.core.subject(self.core.person_tag(user))
    }

    /// By their handle.
    pub fn even_leaving_by_handle(&self, handle: &Handle) -> Result<Subject, KeyringError> {
        self.core.subject_by_handle(handle)
    }

    /// Waits until no key is in use any more that was forgotten at or below `base`: for whoever asks again for a deletion that ended in
    /// `LeasesHeld`, and has no path of it any more.
    pub fn drain_forgotten(&self, subject: &Subject, base: &Path) -> Result<(), KeyringError> {
        subject.person.gate.drain_cancelled(self.core.options.lease_wait, |path| base.is_prefix_of(path))
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
        // Also of what had waited: whoever promised that cut may have given up waiting for them.
        let Outcome::Cut { waits, ripened } = reply.outcome else { return Ok(cut_record(&reply.facts)) };
        let under = |path: &Path| paths.iter().chain(&ripened).any(|base| base.is_prefix_of(path));
        subject.person.gate.drain_leases(self.core.options.lease_wait, under)?;
        Ok(CutRecord { waits, ..cut_record(&reply.facts) })
    }
}
