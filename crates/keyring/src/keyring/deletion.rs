//! Deletions as they are asked for, taken back, and found when they are due.

use std::collections::BTreeMap;

use oubliette_crypto::{Handle, JobId, PageBody, PageKind, PageRef, Pseudonym};

use super::Keyring;
use crate::core::{Core, Found};
use crate::error::KeyringError;
use crate::person::{DeletionRequest, Hold, Overriding, RestrictionChange, Restrictions, State, Subject};
use crate::records::Fence;
use crate::sweep_entry::SweepEntry;
use crate::tree::{Entry, Walker};
use crate::user::UserId;
use crate::writer::Op;

/// How far somebody's deletion has come.
#[derive(Debug, Clone)]
pub enum Deletion {
    /// Nobody asked for one.
    None,
    /// Asked for. The person lives.
    Requested(Requested),
    /// Reads and writes are refused; the keys are still there.
    Blocked(Intent),
    /// The keys are gone.
    Erased {
        /// What stands in the person's place.
        fence: Fence,
        /// While rows may lie about.
        entry: Option<SweepEntry>,
    },
}

/// A living person whose deletion was asked for.
#[derive(Debug, Clone)]
pub struct Requested {
    /// The platform's name for the person.
    pub user: UserId,
    /// Their random name.
    pub handle: Handle,
    /// Their random name in the audit trail.
    pub pseudonym: Pseudonym,
    /// What was asked for.
    pub request: DeletionRequest,
    /// A legal hold stands.
    pub held: bool,
    /// When the last hold ends by itself, in seconds since the Unix epoch; `None`: never, or none stands.
    pub released: Option<i64>,
}

/// A person who is blocked and whose erasure was not finished.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Intent {
    /// The platform's name for the person.
    pub user: UserId,
    /// Their random name.
    pub handle: Handle,
    /// Their random name in the audit trail.
    pub pseudonym: Pseudonym,
    /// What was asked for; `None` where damage hides it.
    pub request: Option<DeletionRequest>,
    /// Legal holds; those that are over may still be among them.
    pub holds: BTreeMap<String, Hold>,
    /// One of them stands in the way.
    pub held: bool,
}

impl Keyring {
    /// Asks for a person's deletion; answers the request that stands, which is an earlier one if there is any.
    pub fn request_deletion(
        &self,
        subject: &Subject,
        request: DeletionRequest,
    ) -> Result<DeletionRequest, KeyringError> {
        self.restrict(subject, RestrictionChange::RequestDeletion(Box::new(request)))?;
        // Taken back by somebody else in this moment.
        subject.restrictions().deletion.clone().ok_or(KeyringError::Unknown)
    }

    /// Takes a deletion back, by a deletion: that the person wanted to leave is forgotten. False if no such one stands.
    ///
    /// # Errors
    /// `DeletionDue` once its cooling-off period is over; `Blocked`.
    pub fn cancel_deletion(&self, subject: &Subject, job: JobId) -> Result<bool, KeyringError> {
        let stood = subject.restrictions().deletion.as_ref().is_some_and(|deletion| deletion.job == job);
        self.restrict(subject, RestrictionChange::CancelDeletion(job))?;
        Ok(stood)
    }

    /// Has a deletion override something, once a second person approves. True if that stands now.
    pub fn override_deletion(
        &self,
        subject: &Subject,
        job: JobId,
        overriding: Overriding,
    ) -> Result<bool, KeyringError> {
        self.restrict(subject, RestrictionChange::Override(job, overriding.clone()))?;
        let restrictions = subject.restrictions();
        let stands = restrictions.deletion.as_ref().filter(|deletion| deletion.job == job);
        Ok(stands.and_then(|deletion| deletion.overriding.as_ref()) == Some(&overriding))
    }

    /// The second person says yes to exactly this. False if it does not stand so, has expired, or was asked for by the same person.
    pub fn approve_deletion(
        &self,
        subject: &Subject,
        job: JobId,
        overriding: &Overriding,
        by: [u8; 16],
    ) -> Result<bool, KeyringError> {
        self.restrict(subject, RestrictionChange::Approve(job, overriding.clone(), by))?;
        let approved = Overriding { approved: Some(by), ..overriding.clone() };
        let restrictions = subject.restrictions();
        let stands = restrictions.deletion.as_ref().filter(|deletion| deletion.job == job);
        Ok(stands.and_then(|deletion| deletion.overriding.as_ref()) == Some(&approved))
    }

    /// Places or lifts a hold on somebody who is blocked while the law has their content kept. A hold is lifted by a deletion.
    ///
    /// # Errors
    /// `Blocked` for any other change; `Unknown` or `Erased` if they are gone meanwhile.
    pub fn hold_blocked(&self, of: &Intent, change: RestrictionChange) -> Result<(), KeyringError> {
        let tag = self.core.person_tag(&of.user);
        let (paths, changes) = (Vec::new(), vec![change]);
        self.call(Op::Change { tag, handle: of.handle, paths, not_before: 0, changes }).map(drop)
    }

    /// How far a person's deletion has come, also of somebody who is blocked or erased.
    ///
    /// # Errors
    /// `Unknown`; `Corrupt` if their state is lost.
    pub fn deletion(&self, user: &UserId) -> Result<Deletion, KeyringError> {
        self.core.healthy()?;
        let root = self.core.root();
        match self.core.find(&root, self.core.person_tag(user))? {
            Found::Nobody => Err(KeyringError::Unknown),
            Found::Fence(fence) => {
                let entry = root.vault.queues.sweep.iter().find(|entry| entry.handle == fence.handle);
                Ok(Deletion::Erased { fence, entry: entry.copied() })
            }
            Found::Person { state, blocked: true, .. } => Ok(Deletion::Blocked(intent(&self.core, &state)?)),
            Found::Person { waits: false, .. } => Ok(Deletion::None),
            Found::Person { state, .. } => {
                Ok(requested(&self.core, &state)?.map_or(Deletion::None, Deletion::Requested))
            }
        }
    }

    /// Everybody whose deletion was asked for and who is not blocked, in no order. Walks the whole tree.
    pub fn deletions(&self) -> Result<Vec<Requested>, KeyringError> {
        let mut leaving = Leaving { core: &self.core, found: Vec::new() };
        self.core.walk_in_parts(&mut leaving)?;
        Ok(leaving.found)
    }

    /// People who are blocked and whose erasure was not finished: whoever opens the vault goes on with them. Somebody whose state
    /// page is lost has no name here; `erase` by their user id still works.
    pub fn intents(&self) -> Result<Vec<Intent>, KeyringError> {
        self.core.healthy()?;
        let root = self.core.root();
        let mut waiting = Vec::new();
        for tag in &root.vault.queues.intents {
            let Found::Person { state, blocked: true, .. } = self.core.find(&root, *tag)? else { continue };
            match intent(&self.core, &state) {
                Ok(intent) => waiting.push(intent),
                Err(KeyringError::Corrupt { role }) => {
                    tracing::warn!(role, "an erasure waits for a lost person")
                }
                Err(error) => return Err(error),
            }
        }
        Ok(waiting)
    }
}

fn intent(core: &Core, page: &PageRef) -> Result<Intent, KeyringError> {
    let open = &mut |kind, page: &PageRef| core.pages.read_stored(kind, page);
    let (identity, restrictions) = match State::read_by(open, page) {
        Ok(state) => (state.identity, state.restrictions),
        Err(KeyringError::Corrupt { .. }) => (State::read_identity(open, page)?, Restrictions::default()),
        Err(error) => return Err(error),
    };
    let held = restrictions.is_held(core.due_time())
        && !restrictions.deletion.as_ref().is_some_and(DeletionRequest::overrides_holds);
    Ok(Intent {
        user: identity.user,
        handle: identity.handle,
        pseudonym: identity.pseudonym,
        request: restrictions.deletion,
        holds: restrictions.holds,
        held,
    })
}

fn requested(core: &Core, page: &PageRef) -> Result<Option<Requested>, KeyringError> {
    let State { identity, restrictions, .. } = State::read(&core.pages, page)?;
    let now = core.due_time();
    let Some(request) = restrictions.deletion.clone() else { return Ok(None) };
    let holds = || restrictions.holds.values().filter(|hold| hold.stands(now)).map(|hold| hold.expires);
    let for_ever = holds().any(|expires| expires.is_none());
    Ok(Some(Requested {
        user: identity.user,
        handle: identity.handle,
        pseudonym: identity.pseudonym,
        held: restrictions.is_held(now) && !request.overrides_holds(),
        released: holds().flatten().max().filter(|_| !for_ever),
        request,
    }))
}

/// Collects the people whose deletion was asked for.
struct Leaving<'a> {
    core: &'a Core,
    found: Vec<Requested>,
}

impl Walker for Leaving<'_> {
    fn open(&mut self, kind: PageKind, page: &PageRef) -> Result<PageBody, KeyringError> {
        self.core.pages.read_stored(kind, page)
    }
    fn entry(&mut self, entry: Entry) -> Result<(), KeyringError> {
        let Entry::Person { state, waits: true, blocked: false, .. } = entry else { return Ok(()) };
        match requested(self.core, &state) {
            Ok(requested) => self.found.extend(requested),
            // One damaged state must not hold up the others.
            Err(KeyringError::Corrupt { role }) => self.lost(role),
            Err(error) => return Err(error),
        }
        Ok(())
    }
    fn lost(&mut self, role: &'static str) {
        tracing::warn!(role, "a damaged page may hide a deletion that was asked for; run fsck");
    }
}
