//! A person in memory: one shared object per person however many hold it, so that a cut or an erasure reaches every holder.

mod deletion;
pub(crate) mod fuzz;
mod gate;
mod holds;
mod registry;
mod restrictions;
mod state;
mod subject;

use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use oubliette_crypto::cover::Cover;
use oubliette_crypto::{ObjectKey, Path, Tag};

pub use deletion::{DeletionRequest, MAX_DELETION_REASON, Overriding, Reason};
pub(crate) use gate::{Gate, Standing};
pub use gate::{KeyLease, OperationGuard};
pub use holds::{Hold, MAX_HOLD_ID, MAX_HOLD_REASON, MAX_HOLDS, MAX_WAITING, Waiting};
pub(crate) use registry::People;
pub use restrictions::{RestrictionChange, Restrictions};
pub(crate) use state::{Identity, State, load_cover};
pub use subject::Subject;

use crate::error::KeyringError;

/// The one object of a living person.
///
/// Lock order: the root's lock, then `view`, then the gate's. A key is derived and its lease entered while `view` is held for
/// reading; a cut swaps the cover while it is held for writing. So no lease under a cut path begins after the swap.
pub(crate) struct Person {
    pub(crate) tag: Tag,
    pub(crate) identity: Identity,
    view: RwLock<View>,
    pub(crate) gate: Gate,
}

/// What may change about a person.
pub(crate) struct View {
    /// `None` once the person was erased or given up: the seeds are wiped, and nothing is restricted any more.
    pub(crate) cover: Option<Cover>,
    pub(crate) restrictions: Arc<Restrictions>,
}

impl Person {
    pub(crate) fn new(tag: Tag, state: State) -> Self {
        let view = View { cover: Some(state.cover), restrictions: Arc::new(state.restrictions) };
        Self { tag, identity: state.identity, view: RwLock::new(view), gate: Gate::default() }
    }

    pub(crate) fn view(&self) -> RwLockReadGuard<'_, View> {
        self.view.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over a committed state and cancels the leases under what was cut.
    pub(crate) fn renew(&self, state: State, cut: &[Path]) {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        *view = View { cover: Some(state.cover), restrictions: Arc::new(state.restrictions) };
        self.gate.cancel(|path| cut.iter().any(|base| base.is_prefix_of(path)));
    }

    /// Refuses new keys and operations and cancels every lease.
    pub(crate) fn stop(&self, standing: Standing) {
        let mut view = self.view.write().unwrap_or_else(PoisonError::into_inner);
        if matches!(standing, Standing::Erased(_) | Standing::Lost) {
            *view = View { cover: None, restrictions: Arc::default() };
        }
        self.gate.stop(standing);
    }

    /// A lease on a key that `derive` takes from the current cover.
    pub(crate) fn lease(
        self: &Arc<Self>,
        path: Path,
        derive: impl FnOnce(&Cover) -> Result<Option<ObjectKey>, KeyringError>,
    ) -> Result<KeyLease, KeyringError> {
        let view = self.view();
        self.gate.check()?;
        let key = view.cover.as_ref().map(derive).transpose()?.flatten().ok_or(KeyringError::Forgotten)?;
        KeyLease::begin(self, path, key)
    }
}
