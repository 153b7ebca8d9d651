//! Two copies of the key plane. Dead pages die with their keys, so this plane is mirrored and never backed up.
//!
//! A write goes to both copies at once and succeeds when at least one has it durably; the other is then *ill*. An acknowledged
//! write that a copy missed is noted in a small file beside the copies before the acknowledgement, so that a copy which is
//! well again after a restart is still known to be stale, until [`Mirror::repair`] has brought it what it lacks.
//!
//! | a copy | is written | is read | `ill` |
//! |---|---|---|---|
//! | well | yes | first | silent, or names the pages it lacked when they were looked for |
//! | stale | yes | where the other has nothing | yes |
//! | gone: it failed, or could not be opened | no | no | yes |
//!
//! The mirror holds no key: it sees pages that are missing, never pages that are damaged. The keyring authenticates, asks for
//! the other copy with `read_copy` and heals with `mend`.

pub(crate) mod fuzz;
mod note;
#[cfg(test)]
mod tests;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::{EngineError, PageId, PageStore, RawPage};

const NAMES: [&str; 2] = ["a", "b"];
/// Pages copied by one write of a repair.
const REPAIR_BATCH: usize = 256;
/// Missing pages remembered by id; more are the same news.
const MAX_LACKING: usize = 65_536;

/// A [`PageStore`] over two others; copy 0 is `a`, copy 1 is `b`.
pub struct Mirror {
    copies: [Side; 2],
    note: PathBuf,
}

struct Side {
    store: Option<Arc<dyn PageStore>>,
    state: Mutex<State>,
}

struct State {
    standing: Standing,
    /// The note says that this copy is stale.
    noted: bool,
    /// Pages that the other copy had.
    lacking: HashSet<PageId>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Well,
    Stale,
    Gone,
}

struct Standing {
    kind: Kind,
    reason: String,
}

impl Mirror {
    /// A mirror over two opened copies; one may have failed to open and is then gone. `note` is the file that remembers
    /// stale copies; it belongs on neither copy's disk.
    ///
    /// A copy that was made anew (its folder was lost) must be noted with [`Mirror::note_stale`] *before* it is created, and
    /// repaired after opening; [`crate::KeyPlane`] sees to it.
    pub fn open(
        a: Result<Arc<dyn PageStore>, EngineError>,
        b: Result<Arc<dyn PageStore>, EngineError>,
        note: &Path,
    ) -> Result<Self, EngineError> {
        let stale = note::read(note)?;
        let (a, b) = match (a, b) {
            (Err(error), Err(_)) => return Err(error),
            both => both,
        };
        let side = |opened: Result<Arc<dyn PageStore>, EngineError>, stale: bool| {
            let (store, kind, reason) = match opened {
                Ok(store) if stale => (Some(store), Kind::Stale, "it missed writes; repair it".to_owned()),
                Ok(store) => (Some(store), Kind::Well, String::new()),
                Err(error) => (None, Kind::Gone, error.to_string()),
            };
            let state = State { standing: Standing { kind, reason }, noted: stale, lacking: HashSet::new() };
            Side { store, state: Mutex::new(state) }
        };
        let [stale_a, stale_b] = stale;
        let mirror = Self { copies: [side(a, stale_a), side(b, stale_b)], note: note.to_owned() };
        mirror.note_gone()?;
        Ok(mirror)
    }

    /// Says durably that copy `n` lacks pages, before it is made anew.
    pub fn note_stale(note: &Path, n: usize) -> Result<(), EngineError> {
        let [a, b] = note::read(note)?;
        note::write(note, [a || n == 0, b || n == 1])
    }

    /// Whether copy `n` is noted as stale.
    pub fn is_noted_stale(note: &Path, n: usize) -> Result<bool, EngineError> {
        Ok(note::read(note)?.get(n).copied().unwrap_or(false))
    }

    /// The copies that did not open or failed since; what they are asked is not done.
    pub fn gone(&self) -> Vec<usize> {
        (0..).zip(&self.copies).filter(|(_, side)| side.kind() == Kind::Gone).map(|(n, _)| n).collect()
    }

    /// Repairs the copies that are stale and can be written, from the other one if that can be read.
    pub fn repair_stale(&self, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, EngineError> {
        let mut copied = 0;
        let [a, b] = &self.copies;
        for (n, side, other) in [(0, a, b), (1, b, a)] {
            if side.kind() == Kind::Stale && other.kind() != Kind::Gone {
                copied += self.repair(n, progress)?;
            }
        }
        Ok(copied)
    }

    /// Copies every page that copy `n` lacks from the other one, then counts it as well. `progress` gets pages looked at and
    /// pages in all. Writes may go on meanwhile. Answers the number of pages copied.
    pub fn repair(&self, n: usize, progress: &mut dyn FnMut(u64, u64)) -> Result<u64, EngineError> {
        let [a, b] = &self.copies;
        let (to, from) = if n == 0 { (a, b) } else { (b, a) };
        let (to_store, from_store) = (to.need()?, from.need()?);
        let mut ids = Vec::new();
        from_store.for_each_id(&mut |id| ids.push(id))?;
        let mut copied = 0;
        for (batch, part) in ids.chunks(REPAIR_BATCH).enumerate() {
            let mut pages = Vec::new();
            for id in part {
                if to_store.read(id)?.is_none() {
                    pages.extend(from_store.read(id)?.map(|page| (*id, page)));
                }
            }
            to_store.write(&pages.iter().map(|(id, page)| (*id, &**page)).collect::<Vec<_>>())?;
            copied += pages.len() as u64;
            progress((batch * REPAIR_BATCH + part.len()) as u64, ids.len() as u64);
        }
        to.become_well();
        self.write_note()?;
        Ok(copied)
    }

    /// The copies a read asks, the better one first.
    fn by_preference(&self) -> [(usize, &Side); 2] {
        let [a, b] = &self.copies;
        let (first, second) = ((0, a), (1, b));
        if a.kind() == Kind::Stale && b.kind() == Kind::Well { [second, first] } else { [first, second] }
    }

    /// What one copy answers; `None` from one that is gone, or goes with this call.
    fn try_on<T>(&self, n: usize, op: impl FnOnce(&dyn PageStore) -> Result<T, EngineError>) -> Tried<T> {
        let Some(side) = self.copies.get(n) else { return Tried::Gone };
        let Some(store) = side.usable() else { return Tried::Gone };
        match op(store) {
            Ok(value) => Tried::Done(value),
            Err(error) => {
                side.go(&error);
                Tried::Failed(error)
            }
        }
    }

    fn both_gone(&self) -> EngineError {
        EngineError::Poisoned {
            reason: format!("both copies of the key plane are ill: {}", self.ill().join("; ")),
        }
    }

    /// Succeeds if one copy did; whoever failed is noted before that is said.
    fn settle(&self, results: [Tried<()>; 2]) -> Result<(), EngineError> {
        let done = results.iter().any(|result| matches!(result, Tried::Done(())));
        if done {
            if let Err(error) = self.note_gone() {
                // Deletions must go on. The next write tries again; meanwhile `ill` says it.
                tracing::error!(%error, "an ill copy of the key plane could not be noted");
            }
            return Ok(());
        }
        let first = results.into_iter().find_map(|result| match result {
            Tried::Failed(error) => Some(error),
            _ => None,
        });
        Err(first.unwrap_or_else(|| self.both_gone()))
    }

    fn note_gone(&self) -> Result<(), EngineError> {
        let missing = |side: &Side| {
            let state = side.state();
            state.standing.kind == Kind::Gone && !state.noted
        };
        if self.copies.iter().any(missing) { self.write_note() } else { Ok(()) }
    }

    fn write_note(&self) -> Result<(), EngineError> {
        let [a, b] = &self.copies;
        let (mut a, mut b) = (a.state(), b.state());
        let stale = [a.standing.kind != Kind::Well, b.standing.kind != Kind::Well];
        note::write(&self.note, stale)?;
        [a.noted, b.noted] = stale;
        Ok(())
    }
}

enum Tried<T> {
    Done(T),
    Failed(EngineError),
    Gone,
}

impl Side {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn kind(&self) -> Kind {
        self.state().standing.kind
    }

    fn usable(&self) -> Option<&dyn PageStore> {
        self.store.as_deref().filter(|_| self.kind() != Kind::Gone)
    }

    fn need(&self) -> Result<&dyn PageStore, EngineError> {
        self.usable().ok_or_else(|| EngineError::Poisoned { reason: self.state().standing.reason.clone() })
    }

    fn go(&self, error: &EngineError) {
        let mut state = self.state();
        if state.standing.kind != Kind::Gone {
            tracing::error!(%error, "a copy of the key plane is ill");
            state.standing = Standing { kind: Kind::Gone, reason: error.to_string() };
        }
    }

    fn become_well(&self) {
        let mut state = self.state();
        if state.standing.kind != Kind::Gone {
            state.standing = Standing { kind: Kind::Well, reason: String::new() };
            state.lacking.clear();
        }
    }

    fn lacks(&self, id: &PageId) {
        let mut state = self.state();
        if state.lacking.len() < MAX_LACKING {
            state.lacking.insert(*id);
        }
    }
}

impl PageStore for Mirror {
    fn read(&self, id: &PageId) -> Result<Option<Box<RawPage>>, EngineError> {
        let mut failed = None;
        let mut lacking = None;
        let mut answered = false;
        for (n, side) in self.by_preference() {
            match self.try_on(n, |store| store.read(id)) {
                Tried::Done(Some(page)) => {
                    if let Some(first) = lacking {
                        Side::lacks(first, id);
                    }
                    return Ok(Some(page));
                }
                Tried::Done(None) => {
                    answered = true;
                    lacking = Some(side);
                }
                Tried::Failed(error) => failed = Some(error),
                Tried::Gone => {}
            }
        }
        if answered { Ok(None) } else { Err(failed.unwrap_or_else(|| self.both_gone())) }
    }

    fn write(&self, pages: &[(PageId, &RawPage)]) -> Result<(), EngineError> {
        let write = |n| self.try_on(n, |store| store.write(pages));
        let results = thread::scope(|scope| {
            // Two disks sync at the same time. Where no thread is to be had, one after the other.
            match thread::Builder::new().spawn_scoped(scope, || write(1)) {
                Ok(second) => {
                    let first = write(0);
                    [first, second.join().unwrap_or(Tried::Gone)]
                }
                Err(_) => [write(0), write(1)],
            }
        });
        self.settle(results)
    }

    /// First from `b`: a reader that misses the page in `a` must not find it in `b` and take `a` for damaged.
    fn remove(&self, ids: &[PageId]) -> Result<(), EngineError> {
        let second = self.try_on(1, |store| store.remove(ids));
        let first = self.try_on(0, |store| store.remove(ids));
        self.settle([first, second])
    }

    fn for_each_id(&self, visit: &mut dyn FnMut(PageId)) -> Result<(), EngineError> {
        let mut seen = HashSet::new();
        let results = [0, 1].map(|n| {
            self.try_on(n, |store| {
                store.for_each_id(&mut |id| {
                    if seen.insert(id) {
                        visit(id);
                    }
                })
            })
        });
        self.settle(results)
    }

    /// A copy that is gone has nothing; `ill` says why.
    fn read_copy(&self, id: &PageId, n: usize) -> Result<Option<Box<RawPage>>, EngineError> {
        match self.try_on(n, |store| store.read(id)) {
            Tried::Done(page) => Ok(page),
            Tried::Failed(_) | Tried::Gone => Ok(None),
        }
    }

    fn copies(&self) -> usize {
        2
    }

    /// A copy that is gone is left as it is: it is noted, and repaired when it is back.
    fn mend(&self, id: &PageId, n: usize, page: &RawPage) -> Result<(), EngineError> {
        match self.try_on(n, |store| store.write(&[(*id, page)])) {
            Tried::Done(()) => {
                if let Some(side) = self.copies.get(n) {
                    side.state().lacking.remove(id);
                }
                Ok(())
            }
            Tried::Failed(error) => Err(error),
            Tried::Gone => Ok(()),
        }
    }

    fn ill(&self) -> Vec<String> {
        let mut reasons = Vec::new();
        for (name, side) in NAMES.iter().zip(&self.copies) {
            let state = side.state();
            if state.standing.kind != Kind::Well {
                reasons.push(format!("key plane copy {name}: {}", state.standing.reason));
            }
            if !state.lacking.is_empty() {
                let lacking = state.lacking.len();
                reasons.push(format!(
                    "key plane copy {name} lacks {lacking} pages that the other has; mend it with fsck"
                ));
            }
        }
        reasons
    }

    fn close(&self) -> Result<(), EngineError> {
        let mut result = Ok(());
        for side in &self.copies {
            if let Some(store) = &side.store {
                result = result.and(store.close());
            }
        }
        result
    }
}
