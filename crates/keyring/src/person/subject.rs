//! What the store works with.

use std::sync::Arc;

use oubliette_crypto::cover::HighestCut;
use oubliette_crypto::{Handle, Leaf, Path, Pseudonym};

use super::{KeyLease, OperationGuard, Person, Restrictions, load_cover};
use crate::core::Core;
use crate::error::KeyringError;
use crate::user::UserId;

/// A living person; cheap to clone, and it holds no key by itself. Every call answers `Blocked` or `Erased` from the moment on
/// that the person is.
#[derive(Clone)]
pub struct Subject {
    pub(crate) person: Arc<Person>,
    pub(crate) core: Arc<Core>,
}

impl Subject {
    /// The person's random name in row keys and in other people's trees.
    pub fn handle(&self) -> Handle {
        self.person.identity.handle
    }
    /// The platform's name for the person.
    pub fn user_id(&self) -> &UserId {
        &self.person.identity.user
    }
    /// The person's random name in the audit trail.
    pub fn pseudonym(&self) -> Pseudonym {
        self.person.identity.pseudonym
    }
    /// When the person was created, in seconds since the Unix epoch.
    pub fn created(&self) -> i64 {
        self.person.identity.created
    }
    /// Whether the person may still be worked with.
    pub fn check(&self) -> Result<(), KeyringError> {
        self.core.healthy()?;
        self.person.gate.check()
    }
    /// Begins an operation that erasure must wait for (a commit of rows).
    pub fn enter(&self) -> Result<OperationGuard, KeyringError> {
        self.core.healthy()?;
        OperationGuard::begin(&self.person)
    }
    /// The key of a leaf; `Forgotten` if it was cut.
    pub fn key(&self, leaf: &Leaf) -> Result<KeyLease, KeyringError> {
        self.core.healthy()?;
        let pages = &self.core.pages;
        self.person.lease(Path::leaf(leaf)?, |cover| {
            cover.derive::<KeyringError>(leaf, &mut |page| load_cover(pages, page))
        })
    }
    /// True if everything at and below `path` was forgotten.
    pub fn is_cut(&self, path: &Path) -> Result<bool, KeyringError> {
        self.check()?;
        let view = self.person.view();
        let Some(cover) = &view.cover else { return Ok(true) };
        cover.is_cut::<KeyringError>(path, &mut |page| load_cover(&self.core.pages, page))
    }
    /// The highest number below `base` (a class or a branch) that was wholly forgotten.
    pub fn highest_cut(&self, base: &Path) -> Result<HighestCut, KeyringError> {
        self.check()?;
        let view = self.person.view();
        let Some(cover) = &view.cover else { return Ok(HighestCut::All) };
        cover.highest_cut::<KeyringError>(base, &mut |page| load_cover(&self.core.pages, page))
    }
    /// Whether their deletion is due: nothing of theirs is to be used any more, though a hold may keep it.
    pub fn is_leaving(&self) -> bool {
        let restrictions = self.restrictions();
        restrictions.deletion.is_some() && restrictions.is_leaving(self.core.due_time())
    }
    /// What restricts the person now.
    pub fn restrictions(&self) -> Arc<Restrictions> {
        Arc::clone(&self.person.view().restrictions)
    }
}

/// The random name alone.
impl std::fmt::Debug for Subject {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Subject({})", self.person.identity.handle)
    }
}
